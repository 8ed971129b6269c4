"""Open vSwitch on a real host: VLANs of ports, who may speak, and that nothing stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import openvswitch
from tests.host.client import AgentClient, Message, RefusalError, wait_for
from tests.host.guest_image import domain, network, overlay
from tests.host.lab import Lab
from tests.host.stand_ins import StandIn, plugged_in, rule
from tests.host.trace import traces

SWITCH = "innovs"
#: ETHTOOL_STXCSUM 0 (linux/ethtool.h).
_NO_OFFLOAD = """
import array, fcntl, socket, struct
off = array.array("B", struct.pack("II", 0x17, 0))
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", b"eth0", off.buffer_info()[0]))
"""


@pytest.fixture
def switches(lab: Lab) -> Iterator[None]:
    """Open vSwitch runs; in the end it has nothing, and neither has the host."""
    before = traces(lab)
    lab.run("bash", "-ec", openvswitch.START)
    yield
    assert lab.run("ovs-vsctl", "list-br") == ""
    lab.run("bash", "-c", openvswitch.STOP)
    wait_for(lambda: traces(lab) == before, "all is as before", 30)


class SwitchedStandIn(StandIn):
    """One that is plugged into a switch, as libvirt does it."""

    port: tuple[str, ...] = ()

    def plug_in(self) -> None:
        super().plug_in()
        self.lab.run("ovs-vsctl", "add-port", self.bridge, self.interface, *self.port)
        # The userspace datapath does not finish checksums that a guest leaves to its card.
        self.run("python3", "-c", _NO_OFFLOAD)

    def pull_out(self) -> None:
        self.lab.run("ovs-vsctl", "--if-exists", "del-port", self.bridge, self.interface)
        super().pull_out()


pytestmark = [pytest.mark.real]


def wanted(number: int = 1) -> Message:
    return network(number, SWITCH, driver="ovswitch")


def ensure(agent: AgentClient, guest: StandIn, **more: object) -> None:
    nics = [guest.nic(1, **more)]  # type: ignore[arg-type]
    agent.ask("network.ensure", vm=guest.vm, generation=1, networks=[wanted()], nics=nics)


def guests(lab: Lab, *ports: tuple[str, ...]) -> list[SwitchedStandIn]:
    made = []
    for number, port in enumerate(ports, 1):
        guest = SwitchedStandIn(
            lab, number, SWITCH, f"10.50.0.{number}", f"02:00:0a:32:00:0{number}"
        )
        guest.master, guest.port = "", port
        made.append(guest)
    return made


@pytest.mark.usefixtures("switches")
def test_ports_are_in_their_vlans_and_nobody_speaks_for_another(
    lab: Lab, agent: AgentClient
) -> None:
    one, two, other, trunk = all_of_them = guests(
        lab, ("tag=10",), ("tag=10",), ("tag=20",), ("trunks=10",)
    )
    for guest in all_of_them:
        ensure(agent, guest)
    with plugged_in(*all_of_them):
        assert one.pings(two.ip)
        assert not other.pings(one.ip), "another VLAN"
        assert not trunk.pings(one.ip), "untagged on a trunk"
        nic = two.nic(1, filter_mac=True, filter_ip=True)
        agent.ask("network.guard", vm=2, generation=1, nics=[nic])
        assert two.pings(one.ip) and one.pings(two.ip)
        two.add_address("10.50.0.77")
        assert not two.pings(one.ip, "-I", "10.50.0.77")
        two.run("ip", "link", "set", "eth0", "address", "02:00:0a:32:00:99")
        assert not two.pings(one.ip)
        agent.ask("network.guard", vm=2, generation=1, nics=[two.nic(1)])
        assert two.pings(one.ip), "the rules are gone"
    for guest in all_of_them:
        agent.ask("network.release", vm=guest.vm, generation=1)


@pytest.mark.usefixtures("switches")
def test_a_guest_is_plugged_into_its_vlan(lab: Lab, agent: AgentClient, base: Path) -> None:
    described = domain(7, SWITCH)
    described["nics"][0] |= {"switched": True, "vlan": 10, "tagged": [20, 21]}
    guest = StandIn(lab, 7, SWITCH, "10.50.0.7", described["nics"][0]["mac"])
    ensure(agent, guest, filter_mac=True)
    agent.ask("disk.ensure", vm=7, generation=1, disks=[overlay(base)])
    agent.ask("domain.ensure", vm=7, generation=1, domain=described)
    shown = lab.run(
        "ovs-vsctl", "--format=json", "--columns=tag,trunks,vlan_mode", "list", "port", "one-7-0"
    )
    ((tag, trunks, mode),) = json.loads(shown)["data"]
    assert (tag, sorted(trunks[1]), mode) == (10, [10, 20, 21], "native-untagged")
    assert f"dl_src={guest.mac}" in lab.run("ovs-ofctl", "dump-flows", SWITCH)
    agent.ask("vm.remove", vm=7, generation=1)


@pytest.mark.usefixtures("switches")
def test_vlans_inside_a_vxlan(lab: Lab, agent: AgentClient) -> None:
    """The VXLAN becomes a port of the switch; another switch is reached through it in the tests of segments."""
    lab.run("ip", "link", "add", "innup", "type", "veth", "peer", "name", "inndown")
    inside = network(
        1, SWITCH, driver="ovswitch_vxlan", vlan=300, group="239.0.1.44", phydev="innup"
    )
    agent.ask("network.ensure", vm=1, generation=1, networks=[inside])
    assert lab.run("ovs-vsctl", "list-ports", SWITCH).split() == ["vxlan300"]
    assert "id 300" in lab.run("ip", "-d", "link", "show", "vxlan300")
    agent.ask("network.release", vm=1, generation=1)
    assert "vxlan300" not in lab.run("ip", "-o", "link")
    lab.run("ip", "link", "delete", "innup")


def test_a_host_without_open_vswitch_says_so(agent: AgentClient) -> None:
    with pytest.raises(RefusalError, match="Open vSwitch does not run on this host"):
        agent.ask("network.ensure", vm=1, generation=1, networks=[wanted()])
    agent.ask("vm.remove", vm=1, generation=1)
    assert agent.ask("observe")["networks"] == [{"network": 1, "bridge": SWITCH, "vms": []}]


def guard(agent: AgentClient, guest: StandIn, *rules: Message) -> None:
    nic = guest.nic(1, list(rules) or None)
    agent.ask("network.guard", vm=guest.vm, generation=1, nics=[nic])


@pytest.mark.usefixtures("switches")
def test_rules_let_pass_what_they_list_and_what_belongs_to_it(lab: Lab, agent: AgentClient) -> None:
    one, two, other = all_of_them = guests(lab, ("tag=10",), ("tag=10",), ("tag=20",))
    for guest in all_of_them:
        ensure(agent, guest)
    web = rule("inbound", "tcp", ports=[[80, 81]])
    with plugged_in(*all_of_them), two.serving(80), two.serving(82), one.serving(80):
        assert one.connects(two.ip, 82) and two.connects(one.ip, 80)
        guard(agent, two, web)
        assert one.connects(two.ip, 80), "the listed port, and the answers to it"
        assert not one.connects(two.ip, 82)
        assert not one.pings(two.ip)
        assert not two.connects(one.ip, 80), "nothing is listed for the way out"
        one.run("ip", "neigh", "flush", "dev", "eth0")
        lab.run("ovs-appctl", "fdb/flush", SWITCH)
        assert one.connects(two.ip, 80), "nobody knows where it is: it is asked for, and found"
        assert not other.connects(two.ip, 80), "another VLAN"
        everybody = "ff:ff:ff:ff:ff:ff"
        one.run("ip", "neigh", "replace", two.ip, "lladdr", everybody, "dev", "eth0")
        assert not one.pings(two.ip), "what goes to everybody is under the rules, too"
        assert one.connects(two.ip, 80)
        one.run("ip", "neigh", "del", two.ip, "dev", "eth0")
        guard(agent, two, web, rule("outbound", "all"), rule("inbound", "icmp", type=8))
        assert two.connects(one.ip, 80), "rules change while the guest runs"
        assert one.pings(two.ip)
        near = [["10.50.0.3", "10.50.0.9"]]
        guard(agent, two, rule("inbound", "tcp", ports=[[82, 82]], peers=near))
        assert not one.connects(two.ip, 82), "not a peer"
        guard(agent, two, rule("inbound", "tcp", peers=[["10.50.0.0", "10.50.0.9"]]))
        assert one.connects(two.ip, 82)
        guard(agent, one, rule("outbound", "udp"))
        assert not one.connects(two.ip, 82), "both have rules"
        guard(agent, one)
        guard(agent, two)
        assert one.connects(two.ip, 82) and one.pings(two.ip)
        assert lab.run("ovs-ofctl", "dump-flows", SWITCH).count("actions=") == 1, "all as before"
        assert "NO_FLOOD" not in lab.run("ovs-ofctl", "show", SWITCH)
        assert "static" not in lab.run("ovs-appctl", "fdb/show", SWITCH)
    for guest in all_of_them:
        agent.ask("network.release", vm=guest.vm, generation=1)


@pytest.mark.usefixtures("switches")
def test_rules_come_back_when_the_switch_is_started_anew(lab: Lab, agent: AgentClient) -> None:
    one, two = both = guests(lab, (), ())
    for guest in both:
        ensure(agent, guest)
    with plugged_in(one, two), two.serving(80), two.serving(82):
        guard(agent, two, rule("inbound", "tcp", ports=[[80, 80]]))
        lab.run("bash", "-ec", openvswitch.RESTART)
        wait_for(lambda: one.connects(two.ip, 82), "its rules are forgotten", 20)
        agent.ask("monitor", interval=0.3)
        wait_for(lambda: not one.connects(two.ip, 82), "they are back", 20)
        agent.ask("monitor", interval=0)
        assert one.connects(two.ip, 80)
    told = lab.agent_log.read_text().count("rules were missing")
    agent.ask("monitor", interval=0.3)
    agent.wait_event(lambda event: event["event"] == "metrics", len(agent.events))
    agent.ask("monitor", interval=0)
    again = lab.agent_log.read_text().count("rules were missing")
    assert again == told > 0, "where nobody is plugged in, nothing is missing"
    for guest in both:
        agent.ask("network.release", vm=guest.vm, generation=1)


@pytest.mark.usefixtures("switches")
def test_ipv6_finds_its_neighbours_and_is_filtered_as_well(lab: Lab, agent: AgentClient) -> None:
    one, two = guests(lab, (), ())
    for guest in (one, two):
        ensure(agent, guest)
    family = "socket.AF_INET6"
    with plugged_in(one, two), two.serving(80, family), two.serving(81, family):
        one.add_address("fd00::1")
        two.add_address("fd00::2")
        guard(agent, two, rule("inbound", "tcp", ports=[[80, 80]], peers=[["fd00::", "fd00::ff"]]))
        assert one.connects("fd00::2", 80)
        assert not one.connects("fd00::2", 81)
        assert not one.pings("fd00::2")
        guard(agent, two, rule("inbound", "icmpv6"))
        assert one.pings("fd00::2")
    for guest in (one, two):
        agent.ask("network.release", vm=guest.vm, generation=1)
