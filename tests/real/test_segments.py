"""Networks of their own over several real hosts: guests reach whom they shall, and nobody else."""

import pytest

from tests.real.lab import Lab
from tests.real.zone import wait_for

pytestmark = pytest.mark.real

DONE = 6
NETWORK = """NAME=segment-{n}
VN_MAD=vxlan
PHYDEV=eth0
AUTOMATIC_VLAN_ID=YES
AR=[TYPE=IP4,IP=10.40.0.10,SIZE=9]"""
#: Tells on the guest's serial port whether it reached somebody.
SCRIPT = (
    "n=0; until ping -c 1 -W 2 {ip} || [ $n = {tries} ]; do n=$((n+1)); sleep 1; done; ping -c 1 -W 2 {ip} "
    "&& echo it-is-there > /dev/console || echo nobody-there > /dev/console"
)


def nic(network: int, last: int) -> str:
    return f"NIC=[NETWORK_ID={network},IP=10.40.0.{last}]\n"


def context(ip: str, tries: int) -> str:
    script = SCRIPT.format(ip=ip, tries=tries)
    return f'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",START_SCRIPT="{script}"]'


def test_two_segments_with_the_same_addresses(lab: Lab) -> None:
    one = lab.api
    first, second = (one.vn.allocate(NETWORK.format(n=n), -1) for n in range(2))
    numbers = [one.vn.info(number).VLAN_ID for number in (first, second)]
    assert numbers[0] != numbers[1]
    here = lab.on("h1", "here", nic(first, 10) + context("10.40.0.11", 200))
    there = lab.on("h2", "there", nic(first, 11) + context("10.40.0.10", 200))
    # as the first, in the other segment: the one that it looks for is not in it
    alone = lab.on("h2", "alone", nic(second, 10) + context("10.40.0.11", 5))
    for vm, host, said in (
        (here, "h1", "it-is-there"),
        (there, "h2", "it-is-there"),
        (alone, "h2", "nobody-there"),
    ):
        log = lab.hosts[host].root / "vms" / str(vm) / "serial.log"
        wait_for(lambda log=log, said=said: log.exists() and said in log.read_text(errors="replace"),
                 f"VM {vm} says {said}", 300)  # fmt: skip
    for vm in (here, there, alone):
        one.vm.action("terminate-hard", vm)
    for vm in (here, there, alone):
        lab.wait_phase(vm, DONE)
    for host in lab.hosts.values():
        assert "vxlan" not in host.run("ip", "-o", "link")
        assert "onebr" not in host.run("ip", "-o", "link")
