"""One base image, many clones of it on three real hosts, from one command: time, memory, bytes.

    python bench/bench_clones.py [--clones N] [--room N]     (root; a machine of namespaces is made for it)

As many run at a time as the hosts have room for (`--room`, on each), the rest is queued; once they are full, those that
run are ended, and others come. The guests are real QEMU guests with a disk that is a layer on the base, but do not boot
from it: what is measured is what Innkeeper, libvirt and QEMU cost, and not the guests' kernels.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MEMORY = 16
MIB = 1 << 20
_BODY = re.compile(r"<VM><ID>(\d+)</ID>.*?<STATE>(\d+)</STATE><LCM_STATE>(\d+)</LCM_STATE>", re.S)


def memory_of(process: int) -> int:
    """KiB that a process takes, its share of what it has in common with others."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.findall(r"^Pss:\s+(\d+)", text, re.M)[0])


class Bench:
    """A lab with a template, and what is seen of its VMs."""

    def __init__(self, lab: Any, room: int, password: str) -> None:
        self.lab = lab
        self.room = room
        self.secret = f"oneadmin:{password}"
        self.plain: Any = xmlrpc.client.ServerProxy(f"{lab.url}/RPC2")
        self.ran: set[int] = set()
        self.most_guests = self.most_memory = 0

    def prepare(self, idle: str, clones: int) -> None:
        """Hosts with room for so many, a network with addresses for all, and the template."""
        self.lab.api.vn.add_ar(self.lab.network, f'AR=[TYPE="ETHER",SIZE="{clones}"]')
        for host in self.lab.hosts.values():
            total = int(self.lab.host_document(host).findtext("HOST_SHARE/TOTAL_MEM"))
            reserved = total - self.room * MEMORY * 1024
            self.lab.api.host.update(host.number, f'RESERVED_MEM="{reserved}"', 1)
        self.lab.api.template.allocate(f'NAME="clone"\nDISK=[IMAGE="tiny"]\n{idle}')

    def order(self, clones: int) -> None:
        """The one command."""
        inn = [sys.executable, "-m", "innkeeper.cli.main", "template", "instantiate", "clone"]
        inn += ["--name", "clone-%i", "--count", str(clones), "--endpoint", f"{self.lab.url}/RPC2"]
        environment = {**os.environ, "INN_DATA": str(self.lab.data)}
        subprocess.run(inn, check=True, stdout=subprocess.DEVNULL, env=environment)

    def look(self) -> list[int]:
        """The VMs that run now."""
        document = self.plain.one.vmpool.info(self.secret, -2, -1, -1, -1)[1]
        found = [tuple(map(int, each)) for each in _BODY.findall(document)]
        running = [vm for vm, state, lcm in found if (state, lcm) == (3, 3)]
        failed = [vm for vm, state, lcm in found if state == 3 and lcm in self.failures()]
        assert not failed, self.lab.story(failed[0])
        self.ran.update(running)
        return running

    @staticmethod
    def failures() -> set[int]:
        from innkeeper.model.states import FAILURES

        return set(map(int, FAILURES))

    def measure(self) -> None:
        guests = [p for host in self.lab.hosts.values() for p in host.qemus().values()]
        self.most_guests = max(self.most_guests, len(guests))
        self.most_memory = max(self.most_memory, sum(map(memory_of, guests)))

    def until_full(self, clones: int) -> None:
        """As many run as there is room for."""
        while len(self.look()) < min(clones, self.room * len(self.lab.hosts)):
            time.sleep(0.5)

    def until_all_ran(self, clones: int) -> None:
        """Those that run make room for those that wait."""
        while len(self.ran) < clones:
            for vm in self.look():
                self.plain.one.vm.action(self.secret, "terminate-hard", vm)
            time.sleep(0.5)


def run(clones: int, room: int) -> dict[str, Any]:
    """The figures."""
    from tests.real.lab import Lab
    from tests.real.zone import IDLE, PASSWORD

    lab = Lab()
    with lab.furnished():
        bench = Bench(lab, room, PASSWORD)
        bench.prepare(IDLE, clones)
        return measured(bench, clones)


def measured(bench: Bench, clones: int) -> dict[str, Any]:
    lab, began = bench.lab, time.monotonic()
    base = lab.image.stat().st_size
    sent, received = lab.sent(), lab.received()
    bench.order(clones)
    ordered = time.monotonic() - began
    bench.until_full(clones)
    full = time.monotonic() - began
    bench.measure()
    overlays = [
        d.stat().st_blocks * 512 for h in lab.hosts.values() for d in h.root.glob("vms/*/disk.0")
    ]
    bench.until_all_ran(clones)
    return {
        "clones": clones,
        "one command answered, s": round(ordered, 1),
        "as many as fit run": bench.most_guests,
        "after, s": round(full, 1),
        "all have run after, s": round(time.monotonic() - began, 1),
        "guests' memory, MiB": bench.most_memory // 1024,
        "front end's memory, MiB": memory_of(lab.daemon.pid) // 1024,
        "base, MiB": round(base / MIB, 1),
        "front end sent, MiB": round((lab.sent() - sent) / MIB, 1),
        "hosts received, MiB": round((lab.received() - received) / MIB, 1),
        "a clone's disk, KiB": round(sum(overlays) / max(1, len(overlays)) / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clones", type=int, default=200)
    parser.add_argument("--room", type=int, default=24, help="guests that each host has room for")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if os.environ.get("INN_TEST_MACHINE") != "inside":
        machine = str(ROOT / "tests" / "real" / "machine.sh")
        os.execv(machine, [machine, sys.executable, *sys.argv])
    figures = run(given.clones, given.room)
    for name, value in figures.items():
        print(f"{name:>28}  {value}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
