"""A paravirtualized guest on a real Xen host: all that such a guest can live through (`make test-xen`)."""

import os
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.xen import XenZone
from tests.real.zone import PASSWORD, wait_for

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif("INN_TEST_XEN" not in os.environ, reason="minutes: make test-xen"),
]

STOPPED, SUSPENDED, POWEROFF, DONE = 4, 5, 8, 6
COMMAND = "root=LABEL=tinyroot console=hvc0 net.ifnames=0"
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Figures go where whoever runs this sees them."""

    def print_(text: str) -> None:
        with capsys.disabled():
            print(f"\nxen: {text}", end="", flush=True)

    return print_


@pytest.fixture(scope="module")
def xen() -> Iterator[XenZone]:
    zone = XenZone()
    with zone.running_host():
        try:
            zone.build_image()
            zone.start()
            began = time.monotonic()
            zone.furnish()
            zone.ready = time.monotonic() - began
            yield zone
            zone.stop()
        finally:
            zone.end()
    zone.remove()


def register(zone: XenZone, name: str, kind: str) -> None:
    path = Path(f"{zone.image}.{name}")
    image = zone.api.image.allocate(f'NAME="{name}"\nTYPE="{kind}"\nPATH="{path}"', 2)
    wait_for(lambda: zone.api.image.info(image).STATE == 1, f"image {name} is ready", 60)


def refused(zone: XenZone, vm: int, action: str) -> str:
    """What the front end says to an action that it refuses."""
    with xmlrpc.client.ServerProxy(f"{zone.url}/RPC2") as server:
        answer = server.one.vm.action(f"oneadmin:{PASSWORD}", action, vm)
    assert isinstance(answer, list) and answer[0] is False, answer
    return str(answer[1])


def timed(zone: XenZone, vm: int, action: str, state: tuple[int, int]) -> float:
    began = time.monotonic()
    zone.api.vm.action(action, vm)
    zone.wait_phase(vm, *state, seconds=600)
    return time.monotonic() - began


def another_boot(zone: XenZone, vm: int, boot: str) -> str | None:
    """The boot that the guest is in, if it answers and it is another one."""
    try:
        found = zone.answers(vm, 10)["boot_id"]
    except AssertionError:
        return None
    return found if found != boot else None


def test_a_guest_lives_through_everything_that_xen_can_do(xen: XenZone, say: Say) -> None:
    say(
        f"the host lets us in after {xen.booted:.0f} s, is monitored {xen.ready:.0f} s after it was added"
    )
    host = xen.api.host.info(xen.host)
    assert host.TEMPLATE["HYPERVISOR"] == "xen"
    assert "xen" in host.TEMPLATE["HYPERVISORS"].split(",")
    assert 0 < host.HOST_SHARE.TOTAL_MEM <= 1100 << 10
    for name, kind in (("kernel", "KERNEL"), ("initrd", "RAMDISK")):
        register(xen, name, kind)
    boots = f'OS=[KERNEL_DS="$FILE[IMAGE=kernel]",INITRD_DS="$FILE[IMAGE=initrd]",KERNEL_CMD="{COMMAND}"]'
    began = time.monotonic()
    vm = xen.instantiate("guest", f'MEMORY="128"\n{boots}')
    xen.wait_phase(vm, 3, 3, seconds=600)
    say(f"deployed in {time.monotonic() - began:.0f} s")
    boot = xen.answers(vm, 600)["boot_id"]
    say(f"it answers after {time.monotonic() - began:.0f} s")
    assert xen.guests() == [f"one-{vm}"]
    assert xen.answers(vm)["hostname"] == "guest"

    assert "not supported by hypervisor xen" in refused(xen, vm, "reboot-hard")

    assert "xen-42" in xen.typed(vm, "\necho xen-$((6*7))\n", quiet=5)
    began = time.monotonic()
    xen.api.vm.action("reboot", vm)
    boot = wait_for(lambda: another_boot(xen, vm, boot), "the guest has rebooted", 600)
    say(f"rebooted in {time.monotonic() - began:.0f} s")
    xen.running(vm)

    say(f"suspended in {timed(xen, vm, 'suspend', (SUSPENDED, 0)):.0f} s")
    assert xen.guests() == []
    say(f"resumed in {timed(xen, vm, 'resume', (3, 3)):.0f} s")
    assert xen.answers(vm, 300)["boot_id"] == boot

    say(f"stopped in {timed(xen, vm, 'stop', (STOPPED, 0)):.0f} s")
    assert xen.guests() == []
    say(f"it goes on in {timed(xen, vm, 'resume', (3, 3)):.0f} s")
    assert xen.answers(vm, 300)["boot_id"] == boot

    say(f"powered off in {timed(xen, vm, 'poweroff', (POWEROFF, 0)):.0f} s")
    assert xen.guests() == []
    say(f"booted again in {timed(xen, vm, 'resume', (3, 3)):.0f} s")
    assert xen.answers(vm, 600)["boot_id"] != boot
    say(f"switched off in {timed(xen, vm, 'poweroff-hard', (POWEROFF, 0)):.0f} s")
    assert xen.guests() == []

    say(f"ended in {timed(xen, vm, 'terminate-hard', (DONE, 0)):.0f} s\n")
    wait_for(lambda: not xen.leftovers(), "nothing left on the host", 120)
