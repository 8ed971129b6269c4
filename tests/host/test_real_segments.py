"""VLANs, VXLANs between two hosts, and rate limits, shown by packets; and nothing of them stays."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.client import AgentClient, Message, RefusalError
from tests.host.conftest import new_root
from tests.host.guest_image import network
from tests.host.lab import Lab
from tests.host.stand_ins import StandIn, plugged_in
from tests.host.trace import traces

FAR = ("-n", "far")
STATIC = {"peers": ["10.30.0.1", "10.30.0.2"]}


@pytest.fixture
def nothing_left(lab: Lab) -> Iterator[None]:
    before = traces(lab)
    yield
    assert traces(lab) == before


@pytest.fixture
def far(lab: Lab) -> Iterator[AgentClient]:
    """The agent of a second host, which the first one reaches by its device `innup`."""
    lab.run("ip", "netns", "add", "far")
    lab.run("ip", "link", "add", "innup", "type", "veth", "peer", "name", "innup", "netns", "far")
    for host, address in (((), "10.30.0.1/24"), (FAR, "10.30.0.2/24")):
        lab.run("ip", *host, "address", "add", address, "dev", "innup")
        lab.run("ip", *host, "link", "set", "innup", "up")
    root = new_root(lab, "far")
    program = ["ip", "netns", "exec", "far", "/usr/bin/python3", str(lab.agent_file)]
    agent = AgentClient(lab.command(*program), lab.agent_log)
    agent.ask("hello", zone="tests", host=1, root=str(root))
    yield agent
    agent.close()
    assert "vxlan" not in lab.run("ip", *FAR, "-d", "link")
    lab.run("ip", "link", "delete", "innup")
    lab.run("ip", "netns", "delete", "far")
    shutil.rmtree(root)


pytestmark = [pytest.mark.real, pytest.mark.usefixtures("nothing_left")]


def vxlan(number: int, vni: int, **more: object) -> Message:
    how = more or {"group": f"239.0.0.{vni}"}
    return network(number, f"onebr.{vni}", driver="vxlan", vlan=vni, phydev="innup") | how


def ensure(agent: AgentClient, vm: int, wanted: Message, *nics: Message) -> None:
    agent.ask("network.ensure", vm=vm, generation=1, networks=[wanted], nics=list(nics))


@pytest.mark.parametrize("how", [{}, STATIC], ids=["multicast", "static"])
def test_vxlans_reach_over_hosts_and_not_each_other(
    lab: Lab, agent: AgentClient, far: AgentClient, how: Message
) -> None:
    one = StandIn(lab, 1, "onebr.111", "10.40.0.1", "02:00:0a:28:00:01")
    two = StandIn(lab, 2, "onebr.111", "10.40.0.2", "02:00:0a:28:00:02", FAR)
    other = StandIn(lab, 3, "onebr.112", "10.40.0.3", "02:00:0a:28:00:03", FAR)
    ensure(agent, 1, vxlan(1, 111, **how))
    ensure(far, 2, vxlan(1, 111, **how))
    ensure(far, 3, vxlan(2, 112, **how))
    ensure(far, 3, vxlan(2, 112, **how))
    with plugged_in(one, two, other):
        for inner in (one, two):
            inner.run("ip", "link", "set", "eth0", "mtu", "1450")
        assert one.pings(two.ip) and two.pings(one.ip)
        assert one.pings(two.ip, "-M", "do", "-s", "1422"), "1,450 bytes fit"
        assert not one.pings(other.ip) and not other.pings(two.ip), "another segment"
        assert "mtu 1450" in lab.run("ip", "link", "show", "onebr.111")
    for host, vm in ((agent, 1), (far, 2), (far, 3)):
        host.ask("network.release", vm=vm, generation=1)


def test_a_device_that_is_something_else_is_left_alone(
    lab: Lab, agent: AgentClient, far: AgentClient
) -> None:
    lab.run(
        "ip",
        "link",
        "add",
        "vxlan111",
        "type",
        "vxlan",
        "id",
        "9",
        "dev",
        "innup",
        "dstport",
        "4789",
    )
    with pytest.raises(RefusalError, match=r"vxlan111 is there and is no vxlan 111"):
        ensure(agent, 1, vxlan(1, 111))
    lab.run("ip", "link", "delete", "vxlan111")
    ensure(agent, 1, vxlan(1, 111))
    mixed = vxlan(2, 112) | {"bridge": "onebr.111"}
    with pytest.raises(
        RefusalError, match=r"onebr.111 is for vxlan111 here .network 1., network 2 needs"
    ):
        ensure(agent, 2, mixed)
    with pytest.raises(RefusalError, match="there is no device innnone on this host for vxlan113"):
        ensure(agent, 1, vxlan(3, 113) | {"phydev": "innnone"})
    for vm in (1, 2):
        agent.ask("network.release", vm=vm, generation=1)
    assert "vxlan" not in lab.run("ip", "-o", "link")


def test_a_vlan_is_made_where_the_kernel_has_them(
    lab: Lab, agent: AgentClient, far: AgentClient
) -> None:
    wanted = network(1, "onebr.5", driver="802.1Q", vlan=5, phydev="innup")
    if has_vlans(lab):
        ensure(agent, 1, wanted)
        assert "master onebr.5" in lab.run("ip", "link", "show", "innup.5")
        agent.ask("network.release", vm=1, generation=1)
        assert "innup.5" not in lab.run("ip", "-o", "link")
    else:
        with pytest.raises(
            RefusalError, match=r"kernel has no 8021q, which networks of driver 802.1Q need"
        ):
            ensure(agent, 1, wanted)
        agent.ask("network.release", vm=1, generation=1)


def has_vlans(lab: Lab) -> bool:
    try:
        lab.run("ip", "link", "add", "link", "innup", "name", "innup.9", "type", "vlan", "id", "9")
    except RuntimeError:
        return False
    lab.run("ip", "link", "delete", "innup.9")
    return True


def test_limits_hold_back_both_directions(lab: Lab, agent: AgentClient) -> None:
    """A lower bound for how long it takes, whatever the machine does meanwhile."""
    one = StandIn(lab, 1, "inngrd", "10.20.0.1", "02:00:0a:14:00:01")
    two = StandIn(lab, 2, "inngrd", "10.20.0.2", "02:00:0a:14:00:02")
    limit = {"average": 250, "peak": 0, "burst": 0}
    ensure(agent, 1, network(1, "inngrd"))
    with plugged_in(one, two):
        nic = two.nic(1, inbound=limit, outbound=limit)
        ensure(agent, 2, network(1, "inngrd"), nic)
        ensure(agent, 2, network(1, "inngrd"), nic)
        assert "ifb-2-0" in lab.run("ip", "-o", "link")
        for sender, receiver in ((one, two), (two, one)):
            assert seconds_for_a_megabyte(sender, receiver) > 2.5
        agent.ask("network.guard", vm=2, generation=1, nics=[two.nic(1)])
        assert "ifb-2-0" not in lab.run("ip", "-o", "link")
        assert "tbf" not in lab.run("tc", "qdisc", "show", "dev", two.interface)
        agent.ask("network.guard", vm=2, generation=1, nics=[nic])
    for vm in (1, 2):
        agent.ask("network.release", vm=vm, generation=1)


_SINK = "import socket;s=socket.create_server(('',9));c=s.accept()[0]\nwhile c.recv(65536):pass\nc.send(b'.')"
_SOURCE = "import socket;s=socket.create_connection(('{ip}',9));s.sendall(bytes(10**6));s.shutdown(1);s.recv(1)"


def seconds_for_a_megabyte(sender: StandIn, receiver: StandIn) -> float:
    receiver.run("sh", "-c", f'python3 -c "{_SINK}" >/dev/null 2>&1 &')
    while ":9 " not in receiver.run("ss", "-ltn"):
        time.sleep(0.05)
    start = time.monotonic()
    sender.run("python3", "-c", _SOURCE.format(ip=receiver.ip))
    return time.monotonic() - start


def test_fifty_rounds_leave_nothing(
    lab: Lab, agent: AgentClient, far: AgentClient, root: Path
) -> None:
    rule = {
        "direction": "inbound",
        "protocol": "tcp",
        "ports": [[22, 22]],
        "type": None,
        "peers": None,
    }
    limit = {"average": 250, "peak": 0, "burst": 0}
    for number in range(50):
        wanted = vxlan(number, 100 + number % 7)
        guest = StandIn(lab, number, wanted["bridge"], "10.40.0.1", "02:00:0a:28:00:01")
        nic = guest.nic(
            number, [rule], filter_mac=True, filter_ip=True, inbound=limit, outbound=limit
        )
        ensure(agent, number, wanted, nic)
        if number % 3:
            agent.ask("network.release", vm=number, generation=1)
        agent.ask("vm.remove", vm=number, generation=1)
    assert agent.ask("observe") == {"vms": [], "networks": [], "strays": []}
    assert list((root / "networks").glob("**/*.json")) == []
