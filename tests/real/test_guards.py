"""Security groups around a real guest: what they list passes, also when they change while it runs."""

import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.host import openvswitch
from tests.real.zone import Zone, wait_for

pytestmark = pytest.mark.real

WEB = "RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=80]"
SSH = "RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=22]"
DONE = 6


def open_port(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(params=["bridge", "ovswitch"])
def driver(request: pytest.FixtureRequest) -> Iterator[str]:
    """What the network is made of; what that takes runs."""
    if request.param == "bridge":
        yield request.param
        return
    subprocess.run(["bash", "-ec", openvswitch.START], check=True, stdin=subprocess.DEVNULL)
    yield request.param
    assert subprocess.run(["ovs-vsctl", "list-br"], check=True, capture_output=True).stdout == b""
    subprocess.run(["bash", "-c", openvswitch.STOP], check=True)


def test_a_guest_is_under_its_groups_from_its_first_packet_on(zone: Zone, driver: str) -> None:
    one = zone.api
    group = one.secgroup.allocate(f"NAME=web\n{WEB}")
    network = one.vn.allocate(
        f"NAME=guarded\nVN_MAD={driver}\nBRIDGE=inntest1\nNAT=YES\nGATEWAY=10.113.8.1\n"
        "NETWORK_MASK=255.255.255.0\nFILTER_MAC_SPOOFING=YES\nFILTER_IP_SPOOFING=YES\n"
        'AR=[TYPE=IP4_6,IP=10.113.8.10,SIZE=9,GLOBAL_PREFIX="2001:db8:8::"]',
        -1,
    )
    one.vn.update(network, f"SECURITY_GROUPS={group}", 1)
    vm = zone.instantiate("guarded", f"NIC=[NETWORK_ID={network}]")
    said = zone.answers(vm)
    address = zone.address(vm)
    assert said["hostname"] == "guarded"
    assert list(one.secgroup.info(group).UPDATED_VMS.ID) == [vm]
    assert not open_port(address, 22)
    subprocess.run(
        ["ip", "addr", "add", "2001:db8:8::1/64", "dev", "inntest1", "nodad"], check=True
    )
    global_address = one.vm.info(vm).TEMPLATE["NIC"]["IP6_GLOBAL"]
    wait_for(lambda: open_port(global_address, 80), "the guest has its IPv6 address", 60)
    assert not open_port(global_address, 22)

    one.secgroup.update(group, SSH, 0)
    wait_for(lambda: open_port(address, 22), "the new rules are there", 60)
    assert not open_port(address, 80)
    assert not one.secgroup.info(group).ERROR_VMS.ID

    more = one.secgroup.allocate(f"NAME=web-too\n{WEB}")
    one.vm.attachsg(vm, 0, more)
    wait_for(lambda: open_port(address, 80), "the NIC is under one more group", 60)
    zone.running(vm)
    one.vm.detachsg(vm, 0, group)
    wait_for(lambda: not open_port(address, 22), "the NIC is out of the other group", 60)
    assert open_port(address, 80)

    one.vm.action("terminate-hard", vm)
    zone.wait_phase(vm, DONE)
    assert [each for each in zone.leftovers() if "innkeeper-" in each or "inntest1" in each] == []
    one.vn.delete(network)
    one.secgroup.delete(group)
    one.secgroup.delete(more)
