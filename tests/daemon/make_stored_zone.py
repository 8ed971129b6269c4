"""Writes the database of a small zone as this release stores it, for later releases to open: run once a release.

python -m tests.daemon.make_stored_zone tests/daemon/fixtures/<release>.db

The daemon is killed while deployments are under way, so that open operations are part of what is stored.
"""

import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.daemon.daemon import Daemon

SETTINGS = '[simulation.times]\n"context.ensure" = 3600.0\n"domain.reboot" = 3600.0\n'
#: VMs 0 to 3, each left in the state that an action leads to (the reboot is under way).
ACTIONS = {
    "done": "terminate-hard",
    "off": "poweroff-hard",
    "saved": "suspend",
    "restarting": "reboot",
}
NETWORK = """NAME="net"
VN_MAD="dummy"
BRIDGE="br0"
AR=[TYPE="IP4",IP="10.0.0.1",SIZE="50"]
AR=[TYPE="IP4_6",IP="10.1.0.1",SIZE="5",GLOBAL_PREFIX="2001:db8::"]
"""
VM = """CPU="0.5"
MEMORY="256"
DISK=[IMAGE="disk"]
NIC=[NETWORK="net"]
GRAPHICS=[TYPE="vnc"]
CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME"]
OWN="attribute"
"""


def waits(daemon: Daemon, method: str, number: int, text: str) -> None:
    while text not in daemon.call(method, number)[1]:
        time.sleep(0.05)


def furnish(daemon: Daemon) -> None:
    """One of each kind, and VMs in states of all sorts."""

    def do(method: str, *params: object) -> int:
        done = daemon.call(method, *params)
        assert done[0], done[1]
        number: int = done[1]
        return number

    group = do("one.group.allocate", "class")
    user = do("one.user.allocate", "pupil", "secret", "", [group])
    do("one.user.login", "pupil", "", 3600, -1)
    cluster = do("one.cluster.allocate", "lab")
    do("one.host.allocate", "node1", "dummy", "dummy", 0)
    do("one.host.allocate", "node2", "dummy", "dummy", cluster)
    network = do("one.vn.allocate", NETWORK, -1)
    do("one.vn.hold", network, 'LEASES=[IP="10.0.0.3"]')
    do("one.image.allocate", 'NAME="disk"\nSIZE="64"\nTYPE="DATABLOCK"\nFORMAT="qcow2"', 1)
    waits(daemon, "one.image.info", 0, "<STATE>1<")
    do("one.template.allocate", f'NAME="small"\n{VM}')
    waits(daemon, "one.host.info", 0, "<STATE>2<")
    plain = 'CPU="1"\nMEMORY="64"\n'
    for name, action in ACTIONS.items():
        vm = do("one.vm.allocate", f'NAME="{name}"\n{plain}', False)
        do("one.vm.chown", vm, user, group)
        waits(daemon, "one.vm.info", vm, "<LCM_STATE>3<")
        do("one.vm.action", action, vm)
    for vm, state in enumerate((6, 8, 5)):
        waits(daemon, "one.vm.info", vm, f"<STATE>{state}<")
    do("one.vm.allocate", f'NAME="held"\n{VM}', True)
    do("one.vm.allocate", f'NAME="deploying"\n{VM}', False)
    waits(daemon, "one.vm.info", 5, "<LCM_STATE>1<")
    do("one.vm.lock", 4, 2)


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        (data / "innkeeper.toml").write_text(SETTINGS)
        with Daemon(data, "--simulate") as daemon:
            furnish(daemon)
            daemon.process.kill()
            daemon.process.wait()
        with closing(sqlite3.connect(data / "db" / "innkeeper.db")) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode=DELETE")
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(data / "db" / "innkeeper.db", target)


if __name__ == "__main__":
    main()
