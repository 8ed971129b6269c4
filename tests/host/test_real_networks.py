"""Bridges, addresses and firewall rules, through the packed agent, in a host of namespaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.client import AgentClient, Message, RefusalError
from tests.host.conftest import hello, new_root
from tests.host.guest_image import network
from tests.host.lab import Lab
from tests.host.trace import traces

pytestmark = pytest.mark.real


def ensure(agent: AgentClient, vm: int, *networks: Message) -> None:
    agent.ask("network.ensure", vm=vm, generation=1, networks=list(networks))


def release(agent: AgentClient, vm: int, *numbers: int) -> None:
    more = {"networks": list(numbers)} if numbers else {}
    agent.ask("network.release", vm=vm, generation=1, **more)


def link(lab: Lab, name: str) -> Message | None:
    """An interface as ip(8) shows it."""
    shown: list[Message] = json.loads(lab.run("ip", "-j", "-d", "address"))
    return next((item for item in shown if item["ifname"] == name), None)


def addresses(lab: Lab, name: str) -> list[str]:
    found = link(lab, name)
    assert found is not None
    return [a["local"] for a in found["addr_info"] if a["scope"] == "global"]


@pytest.fixture
def nothing_left(lab: Lab) -> Iterator[None]:
    before = traces(lab)
    yield
    assert traces(lab) == before


@pytest.fixture
def port(lab: Lab) -> Iterator[str]:
    """A network device that can be put into a bridge."""
    lab.run("ip", "link", "add", "innport", "type", "veth", "peer", "name", "innpeer")
    yield "innport"
    lab.run("ip", "link", "delete", "innport")


pytestmark = [pytest.mark.real, pytest.mark.usefixtures("nothing_left")]


def test_a_bridge_is_made_for_its_first_user_and_goes_with_its_last(
    lab: Lab, agent: AgentClient
) -> None:
    wanted = network(5, "innbr0", address="10.5.0.1/24", nat=True, mtu=1400)
    for vm in (1, 2, 1):
        ensure(agent, vm, wanted)
    made = link(lab, "innbr0")
    assert made is not None
    assert (made["mtu"], "UP" in made["flags"]) == (1400, True)
    assert made["linkinfo"]["info_data"]["stp_state"] == 0
    assert made["linkinfo"]["info_data"]["forward_delay"] == 0
    assert addresses(lab, "innbr0") == ["10.5.0.1"]
    rules = lab.run("nft", "list", "table", "inet", "innkeeper")
    assert rules.count('ip saddr 10.5.0.0/24 ip daddr != 10.5.0.0/24 oifname != "innbr0" masq') == 1
    assert lab.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert agent.ask("observe")["networks"] == [{"network": 5, "bridge": "innbr0", "vms": [1, 2]}]

    release(agent, 1)
    assert link(lab, "innbr0")
    release(agent, 2)
    release(agent, 2)
    assert link(lab, "innbr0") is None


def test_only_the_named_networks_are_released(lab: Lab, agent: AgentClient) -> None:
    ensure(agent, 1, network(1, "innbr1"), network(2, "innbr2"))
    release(agent, 1, 2)
    assert link(lab, "innbr1") and not link(lab, "innbr2")
    release(agent, 1)


def test_a_bridge_that_somebody_else_made_stays(lab: Lab, agent: AgentClient) -> None:
    lab.run("ip", "link", "add", "innown", "type", "bridge")
    lab.run("ip", "address", "add", "10.6.0.2/24", "dev", "innown")
    ensure(agent, 1, network(1, "innown", address="10.6.0.1/24"))
    assert addresses(lab, "innown") == ["10.6.0.2", "10.6.0.1"]
    release(agent, 1)
    assert addresses(lab, "innown") == ["10.6.0.2"]
    lab.run("ip", "link", "delete", "innown")


def test_two_networks_share_a_bridge_until_the_last_is_gone(lab: Lab, agent: AgentClient) -> None:
    one = network(1, "innbr3", address="10.7.0.1/24", nat=True)
    two = network(2, "innbr3", address="10.8.0.1/24")
    ensure(agent, 1, one)
    ensure(agent, 2, two)
    release(agent, 1)
    assert addresses(lab, "innbr3") == ["10.8.0.1"]
    assert "innkeeper" not in lab.run("nft", "list", "ruleset")
    release(agent, 2)


def test_hardware_is_plugged_in_unless_that_would_cut_something(
    lab: Lab, agent: AgentClient, port: str
) -> None:
    ensure(agent, 1, network(1, "innbr4", phydev=port))
    assert link(lab, port)["master"] == "innbr4"  # type: ignore[index]
    with pytest.raises(RefusalError, match="innport is in innbr4 already"):
        ensure(agent, 2, network(2, "innbr5", phydev=port))
    release(agent, 2)
    release(agent, 1)
    lab.run("ip", "address", "add", "10.9.0.1/24", "dev", port)
    with pytest.raises(RefusalError, match=r"innport has addresses \(10.9.0.1/24\)"):
        ensure(agent, 1, network(1, "innbr4", phydev=port))
    with pytest.raises(RefusalError, match="there is no device innnone"):
        ensure(agent, 1, network(1, "innbr4", phydev="innnone"))
    with pytest.raises(RefusalError, match="innport is there and is no bridge"):
        ensure(agent, 1, network(1, port))
    release(agent, 1)


def test_a_bridge_with_something_foreign_in_it_is_not_torn_away(
    lab: Lab, agent: AgentClient, port: str
) -> None:
    ensure(agent, 1, network(1, "innbr6"))
    lab.run("ip", "link", "set", port, "master", "innbr6")
    release(agent, 1)
    assert link(lab, "innbr6")
    assert agent.ask("observe")["networks"] == [{"network": 1, "bridge": "innbr6", "vms": []}]
    lab.run("ip", "link", "set", port, "nomaster")
    agent.ask("retire")
    assert agent.ask("observe")["networks"] == []


def test_a_network_that_moved_to_another_bridge(lab: Lab, agent: AgentClient) -> None:
    ensure(agent, 1, network(1, "innbr7", address="10.10.0.1/24", nat=True))
    ensure(agent, 1, network(1, "innbr8", address="10.10.0.1/24"))
    assert link(lab, "innbr7") is None
    ensure(agent, 2, network(1, "innbr8", address="10.11.0.1/24"))
    assert addresses(lab, "innbr8") == ["10.11.0.1"]
    with pytest.raises(RefusalError, match=r"network 1 is on innbr8 here, for VMs \[2\]"):
        ensure(agent, 1, network(1, "innbr9"))
    release(agent, 1)
    release(agent, 2)


def test_after_the_host_was_restarted_networks_are_made_again(lab: Lab, agent: AgentClient) -> None:
    wanted = network(1, "innbra", address="10.12.0.1/24", nat=True)
    ensure(agent, 1, wanted)
    lab.run("ip", "link", "delete", "innbra")
    lab.run("nft", "flush", "ruleset")
    ensure(agent, 1, wanted)
    assert addresses(lab, "innbra") == ["10.12.0.1"]
    assert "masquerade" in lab.run("nft", "list", "ruleset")
    release(agent, 1)


def test_a_root_of_another_front_end_is_refused_and_roots_do_not_meet(
    lab: Lab, agent: AgentClient, root: Path
) -> None:
    stranger = lab.agent()
    with pytest.raises(RefusalError, match="belongs to zone 'tests', this front end is 'other'"):
        stranger.ask("hello", zone="other", host=0, root=str(root))
    stranger.close()
    other = hello(lab, new_root(lab, "other networks"))
    ensure(agent, 1, network(1, "innbrb", address="10.13.0.1/24", nat=True))
    ensure(other, 1, network(1, "innbrc", address="10.14.0.1/24", nat=True))
    release(agent, 1)
    assert "10.14.0.0/24" in lab.run("nft", "list", "ruleset")
    release(other, 1)
    other.close()
