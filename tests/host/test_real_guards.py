"""Security groups and anti-spoofing, shown by packets: what passes, what does not, and that nothing stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.client import AgentClient, Message, RefusalError, wait_for
from tests.host.guest_image import network
from tests.host.lab import Lab
from tests.host.stand_ins import StandIn, plugged_in, rule
from tests.host.trace import traces

BRIDGE = "inngrd"


@pytest.fixture
def nothing_left(lab: Lab) -> Iterator[None]:
    before = traces(lab)
    yield
    assert traces(lab) == before


pytestmark = [pytest.mark.real, pytest.mark.usefixtures("nothing_left")]


def ensure(agent: AgentClient, guest: StandIn, rules: list[Message] | None, **more: object) -> None:
    wanted = [network(1, guest.bridge)]
    nics = [guest.nic(1, rules, **more)]
    agent.ask("network.ensure", vm=guest.vm, generation=1, networks=wanted, nics=nics)


def guard(agent: AgentClient, guest: StandIn, rules: list[Message] | None) -> None:
    agent.ask("network.guard", vm=guest.vm, generation=1, nics=[guest.nic(1, rules)])


def release(agent: AgentClient, *guests: StandIn) -> None:
    for guest in guests:
        agent.ask("network.release", vm=guest.vm, generation=1)


def tables(lab: Lab) -> list[str]:
    return [line for line in lab.run("nft", "list", "tables").splitlines() if "innkeeper" in line]


@pytest.fixture
def pair(lab: Lab) -> tuple[StandIn, StandIn]:
    return (
        StandIn(lab, 1, BRIDGE, "10.20.0.1", "02:00:0a:14:00:01"),
        StandIn(lab, 2, BRIDGE, "10.20.0.2", "02:00:0a:14:00:02"),
    )


def test_rules_let_pass_what_they_list_and_what_belongs_to_it(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    one, two = pair
    ensure(agent, one, None)
    assert tables(lab) == []
    web = [rule("inbound", "tcp", ports=[[80, 81]])]
    ensure(agent, two, web)
    assert len(tables(lab)) == 2
    with plugged_in(one, two), two.serving(80), two.serving(82), one.serving(80):
        assert one.connects(two.ip, 80), "the listed port, and the answers to it"
        assert not one.connects(two.ip, 82)
        assert not one.pings(two.ip)
        assert not two.connects(one.ip, 80), "nothing is listed for the way out"
        guard(agent, two, [*web, rule("outbound", "all"), rule("inbound", "icmp", type=8)])
        assert two.connects(one.ip, 80), "rules change while the guest runs"
        assert one.pings(two.ip)
        guard(
            agent,
            two,
            [rule("inbound", "tcp", ports=[[82, 82]], peers=[["10.20.0.3", "10.20.0.9"]])],
        )
        assert not one.connects(two.ip, 82), "not a peer"
        guard(agent, two, [rule("inbound", "tcp", peers=[["10.20.0.0", "10.20.0.9"]])])
        assert one.connects(two.ip, 82)
        guard(agent, two, None)
        assert tables(lab) == []
        assert two.connects(one.ip, 80)
        assert "nf_call_iptables 0" in lab.run("ip", "-d", "link", "show", BRIDGE)
    release(agent, one, two)


def test_rules_come_back_when_somebody_flushes_the_firewall(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    one, two = pair
    ensure(agent, one, None)
    nics = [two.nic(1, [rule("inbound", "tcp", ports=[[80, 80]])])]
    outside = network(1, BRIDGE, address="10.20.0.254/24", nat=True)
    agent.ask("network.ensure", vm=2, generation=1, networks=[outside], nics=nics)
    all_of_them = sorted(tables(lab))
    with plugged_in(one, two), two.serving(80), two.serving(81):
        lab.run("nft", "flush", "ruleset")
        assert one.connects(two.ip, 81)
        agent.ask("monitor", interval=0.3)
        wait_for(lambda: sorted(tables(lab)) == all_of_them, "they are back", 20)
        agent.ask("monitor", interval=0)
        assert one.connects(two.ip, 80) and not one.connects(two.ip, 81)
    release(agent, one, two)


def test_ipv6_finds_its_neighbours_and_is_filtered_as_well(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    one, two = pair
    ensure(agent, one, None)
    ensure(agent, two, [rule("inbound", "tcp", ports=[[80, 80]], peers=[["fd00::", "fd00::ff"]])])
    with (
        plugged_in(one, two),
        two.serving(80, "socket.AF_INET6"),
        two.serving(81, "socket.AF_INET6"),
    ):
        one.add_address("fd00::1")
        two.add_address("fd00::2")
        assert one.connects("fd00::2", 80)
        assert not one.connects("fd00::2", 81)
        assert not one.pings("fd00::2")
        guard(agent, two, [rule("inbound", "icmpv6")])
        assert one.pings("fd00::2")
    release(agent, one, two)


def test_the_host_itself_is_under_the_rules_too(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    _, two = pair
    nics = [two.nic(1, [rule("inbound", "icmp")])]
    wanted = [network(1, BRIDGE, address="10.20.0.254/24")]
    agent.ask("network.ensure", vm=2, generation=1, networks=wanted, nics=nics)
    with plugged_in(two), two.serving(80):
        lab.run("ping", "-c", "1", "-W", "2", two.ip)
        with pytest.raises(RuntimeError):
            lab.run("timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{two.ip}/80")
        assert not two.pings("10.20.0.254")
    release(agent, two)


def test_a_guest_cannot_speak_in_anothers_name(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    one, two = pair
    ensure(agent, one, None)
    ensure(agent, two, None, filter_mac=True, filter_ip=True)
    with plugged_in(one, two):
        assert two.pings(one.ip) and one.pings(two.ip)
        two.add_address("10.20.0.7")
        assert not two.pings(one.ip, "-I", "10.20.0.7"), "another's IP"
        one.run("ip", "neigh", "flush", "dev", "eth0")
        assert not one.pings("10.20.0.7"), "no answer to a question for another's address"
        assert two.pings(one.ip)
        two.add_address("fd00::7")
        one.add_address("fd00::1")
        assert not two.pings("fd00::1", "-I", "fd00::7")
        two.run("ip", "link", "set", "eth0", "address", "02:00:0a:14:00:09")
        assert not two.pings(one.ip), "another's MAC"
        two.run("ip", "link", "set", "eth0", "address", two.mac)
        assert two.pings(one.ip)
    release(agent, one, two)


def test_isolated_networks_with_the_same_addresses_share_no_connections(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    """A connection that is allowed in one network must not open the other."""
    one, two = pair
    others = [
        StandIn(lab, 11, "inngrd2", one.ip, one.mac),
        StandIn(lab, 12, "inngrd2", two.ip, two.mac),
    ]
    for each in (one, two):
        ensure(agent, each, None)
    outward = [rule("outbound", "all"), rule("inbound", "icmp")]
    guard(agent, two, outward)
    for each in others:
        wanted, nics = [network(2, "inngrd2")], [each.nic(2, [rule("inbound", "icmp", type=0)])]
        agent.ask("network.ensure", vm=each.vm, generation=1, networks=wanted, nics=nics)
    with plugged_in(one, two, *others):
        assert one.pings(two.ip, "-e", "7")
        assert not others[0].pings(two.ip, "-e", "7")
    release(agent, one, two, *others)


def test_rules_are_made_again_on_a_host_that_lost_them_and_go_with_the_vm(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    _, two = pair
    ensure(agent, two, [])
    lab.run("nft", "flush", "ruleset")
    ensure(agent, two, [])
    assert len(tables(lab)) == 2
    agent.ask("network.guard", vm=77, generation=1, nics=[two.nic(1, [])])
    assert "one-2-0" in lab.run("nft", "list", "ruleset")
    agent.ask("vm.remove", vm=2, generation=1)
    assert tables(lab) == []


def test_a_bridge_of_somebody_elses_is_as_it_was(
    lab: Lab, agent: AgentClient, pair: tuple[StandIn, StandIn]
) -> None:
    _, two = pair
    lab.run("ip", "link", "add", BRIDGE, "type", "bridge")
    ensure(agent, two, [])
    assert "nf_call_iptables 1" in lab.run("ip", "-d", "link", "show", BRIDGE)
    release(agent, two)
    assert "nf_call_iptables 0" in lab.run("ip", "-d", "link", "show", BRIDGE)
    lab.run("ip", "link", "delete", BRIDGE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mac": "x; drop"}, "mac: expected a MAC"),
        ({"addresses": ["10.0.0.1 }"]}, "addresses: expected IP addresses"),
        ({"rules": [{"direction": "in"}]}, "direction: expected one of inbound, outbound"),
        ({"rules": [rule("inbound", "tcp", ports=[["a", 2]])]}, "ports: expected pairs"),
    ],
)
def test_what_is_no_description_is_refused(
    agent: AgentClient, pair: tuple[StandIn, StandIn], change: Message, words: str
) -> None:
    nics = [{**pair[0].nic(1), **change}]
    with pytest.raises(RefusalError, match=words):
        agent.ask("network.guard", vm=1, generation=1, nics=nics)
