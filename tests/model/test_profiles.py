"""What can be declared of hosts, what cannot, and whose word counts."""

from typing import Any

import pytest

from innkeeper.model import profiles
from innkeeper.model.errors import BadValue
from innkeeper.model.profiles import Bridge, Folder, Profile


def test_all_that_can_be_declared() -> None:
    declared = {
        "bridges": [{"name": "br0", "member": "eth1", "mtu": 1400}],
        "folders": [{"path": "/srv/vms", "mount": True, "free_mib": 100}],
        "sysctls": {"vm.swappiness": 1, "net/ipv4/conf/eth0.5/forwarding": "1"},
        "commands": ["ovs-vsctl"],
        "packages": ["nftables"],
        "agent": "0.1.0",
        "repair": True,
    }
    profile = profiles.read(declared)
    assert profile.bridges == (Bridge("br0", "eth1", 1400),)
    assert profiles.read(profiles.told(profile)) == profile


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ([], "Expected `object`, got `array`"),
        ({"bridge": []}, "unknown field `bridge`"),
        ({"bridges": [{"name": "br0", "mtu": "big"}]}, r"Expected `int`, got `str` - at `\$.bridges\[0\].mtu`"),
        ({"bridges": [{"name": "br0", "mtu": -1}]}, r">= 0"),
        ({"bridges": [{"name": "br 0"}]}, "bridges: name must be an interface's name .*, not 'br 0'"),
        ({"bridges": [{"name": "br0", "member": "../x"}]}, "bridges: member must be"),
        ({"bridges": [{"name": "br0"}, {"name": "br0"}]}, "bridges must name each once, not 'br0' twice"),
        ({"folders": [{"path": "srv"}]}, "path must be absolute, without '..', not 'srv'"),
        ({"folders": [{"path": "/srv/../etc"}]}, "path must be absolute"),
        ({"sysctls": {"../../etc/passwd": "x"}}, "sysctls must be a kernel setting"),
        ({"sysctls": {"net..x": "x"}}, "sysctls must be a kernel setting"),
        ({"commands": ["rm -rf /"]}, "commands must be a command's name, not 'rm -rf /'"),
        ({"packages": ["-o=x"]}, "packages must be a package's name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(declared: Any, says: str) -> None:
    with pytest.raises(BadValue, match=says):
        profiles.read(declared)


def test_the_hosts_word_counts_over_its_clusters() -> None:
    wide = Profile(
        bridges=(Bridge("br0", "eth1"), Bridge("br1")), sysctls={"vm.swappiness": 1, "fs.file-max": 9},
        folders=(Folder("/srv"),), commands=("a", "b"), agent="1", repair=True,
    )  # fmt: skip
    own = Profile(
        bridges=(Bridge("br0", "eth2"),), sysctls={"vm.swappiness": 5}, commands=("b", "c")
    )
    both = profiles.together(wide, own)
    assert both.bridges == (Bridge("br0", "eth2"), Bridge("br1"))
    assert both.sysctls == {"vm.swappiness": 5, "fs.file-max": 9}
    assert (both.folders, both.commands, both.agent) == ((Folder("/srv"),), ("a", "b", "c"), "1")
    assert (both.repair, profiles.together(wide, None)) == (False, wide)
    assert profiles.together(None, None) == profiles.EMPTY
