"""Three real hosts on one machine: what they are, and one that loses its power and comes back."""

import pytest

from tests.real.lab import ELSEWHERE, Lab
from tests.real.zone import wait_for

pytestmark = pytest.mark.real


def test_hosts_are_three_machines(lab: Lab) -> None:
    hosts = lab.hosts.values()
    assert {host.run("hostname").strip() for host in hosts} == {"h1", "h2", "h3"}
    told = [host.run("virsh", "-c", "qemu:///system", "capabilities") for host in hosts]
    assert len({text.partition("<uuid>")[2].partition("<")[0] for text in told}) == 3


def test_a_host_whose_power_is_cut_comes_back(lab: Lab) -> None:
    host = lab.hosts["h2"]
    facts = (host.root / "zone.json").read_text()
    host.power_cut()
    assert not host.is_up
    host.up()
    wait_for(
        lambda: f"{ELSEWHERE}/agent-" in host.run("ps", "-A", "-o", "args="),
        "an agent serves it again",
        90,
    )
    assert (host.root / "zone.json").read_text() == facts


def test_nothing_is_left(lab: Lab) -> None:
    wait_for(lambda: not lab.leftovers(), f"nothing left: {lab.leftovers()}", 30)
