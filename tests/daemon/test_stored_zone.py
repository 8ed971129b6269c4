"""Zones that earlier releases stored: this one opens them, and goes on with what was under way."""

import re
import shutil
from pathlib import Path

import pytest

from tests.daemon.daemon import Daemon
from tests.daemon.make_stored_zone import waits

RELEASES = sorted(Path(__file__).with_name("fixtures").glob("*.db"))


def test_there_is_one_of_this_release() -> None:
    assert [path.stem for path in RELEASES] != []


@pytest.mark.parametrize("stored", RELEASES, ids=lambda path: path.stem)
def test_a_stored_zone_is_opened_and_goes_on(stored: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "db").mkdir(parents=True)
    shutil.copyfile(stored, data / "db" / "innkeeper.db")
    with Daemon(data) as daemon:
        waits(daemon, "one.vm.info", 5, "<LCM_STATE>3<")
        vms = daemon.call("one.vmpool.infoextended", -2, -1, -1, -2)[1]
        names = re.findall(r"<DEPLOY_ID>.*?</DEPLOY_ID>|<NAME>([a-z]+)</NAME>", vms)
        assert {"held", "deploying", "off", "saved", "restarting", "done"} <= set(names)
        network = daemon.call("one.vn.info", 0)[1]
        assert "<IP><![CDATA[10.0.0.1]]></IP>" in network
        assert "<USED_LEASES>3</USED_LEASES>" in network
        assert "<VM><![CDATA[-1]]></VM>" in network
        assert daemon.call("one.user.info", 2)[1].count("<LOGIN_TOKEN>") == 1
        states = [
            re.findall(r"<STATE>(\d+)</STATE>", daemon.call("one.vm.info", vm)[1])[0]
            for vm in range(5)
        ]
        assert states == ["6", "8", "5", "3", "2"]
        for vm, action in ((1, "resume"), (2, "resume"), (4, "release")):
            assert daemon.call("one.vm.action", action, vm)[0] is (vm != 4)
        waits(daemon, "one.vm.info", 1, "<LCM_STATE>3<")
        waits(daemon, "one.vm.info", 2, "<LCM_STATE>3<")
        assert daemon.call("one.vm.action", "terminate-hard", 5)[0]
        waits(daemon, "one.vm.info", 5, "<STATE>6<")
        assert daemon.call("one.vm.allocate", 'CPU="1"\nMEMORY="64"', True)[1] == 6
        assert daemon.stop() == 0
