"""A container beside a QEMU guest, on one host and one network: the same verbs, states and addresses."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyone
import pytest

from tests.real.zone import Zone, wait_for

pytestmark = pytest.mark.real

POWEROFF, DONE, PENDING = 8, 6, 1


@pytest.fixture(scope="module")
def container(zone: Zone) -> Iterator[int]:
    """A container that has answered."""
    vm = zone.instantiate("ct", 'HYPERVISOR="lxc"')
    zone.running(vm)
    zone.answers(vm)
    yield vm
    with contextlib.suppress(pyone.OneException):
        zone.api.vm.action("terminate-hard", vm)
    zone.wait_phase(vm, DONE)


def init(vm: int) -> int:
    """The container's first process, as the host numbers it."""
    keeper = Path(f"/run/libvirt/lxc/one-{vm}.pid").read_text().strip()
    found = subprocess.run(["pgrep", "-P", keeper], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def inside(vm: int, *command: str) -> str:
    """What a command says that runs on the container's network."""
    alone = ["nsenter", "-t", str(init(vm)), "--net", "--"]
    return subprocess.run([*alone, *command], capture_output=True, text=True, timeout=60).stdout


def test_it_is_told_who_it_is_and_its_root_is_nobody(zone: Zone, container: int) -> None:
    said = zone.answers(container)
    assert said["hostname"] == "ct"
    assert said["context"] == "applied from /context"
    assert os.stat(f"/proc/{init(container)}").st_uid >= 1_000_000_000
    info = zone.api.vm.info(container)
    assert info.HISTORY_RECORDS.HISTORY[0].VM_MAD == "lxc"
    assert "lxc" in zone.api.host.info(zone.host).TEMPLATE["HYPERVISORS"].split(",")


def test_container_and_guest_reach_each_other(zone: Zone, container: int, guest: int) -> None:
    zone.answers(guest)
    assert " 0% packet loss" in inside(container, "ping", "-c2", "-W5", zone.address(guest))
    asked = f"\nping -c 2 -W 5 {zone.address(container)} && echo reached-$((40+2))\n"

    def reached() -> bool:
        return "reached-42" in zone.typed(guest, asked)

    wait_for(reached, "the guest reaches the container")


def test_its_console_is_a_shell(zone: Zone, container: int) -> None:
    wait_for(
        lambda: "0-root-42" in zone.typed(container, "\necho $(id -u)-root-$((40+2))\n"), "a shell"
    )


@pytest.mark.parametrize("action", ["suspend", "reboot-hard"])
def test_what_a_container_cannot_do_is_refused_with_the_reason(
    zone: Zone, container: int, action: str
) -> None:
    before = init(container)
    with pytest.raises(pyone.OneActionException, match=r"not supported by hypervisor lxc: .+"):
        zone.api.vm.action(action, container)
    assert zone.phase(container) == (3, 3)
    assert init(container) == before


def test_reboot_starts_it_anew(zone: Zone, container: int) -> None:
    before = init(container)

    def anew() -> bool:
        with contextlib.suppress(OSError, subprocess.CalledProcessError, IndexError):
            return init(container) != before
        return False

    zone.api.vm.action("reboot", container)
    wait_for(anew, "another init")
    zone.answers(container)
    assert zone.phase(container) == (3, 3)


def test_poweroff_and_resume_keep_its_files(zone: Zone, container: int) -> None:
    root = zone.host_root / "vms" / str(container) / "disk.0"
    (root / "www" / "kept").write_text("as it was\n")
    zone.api.vm.action("poweroff", container)
    zone.wait_phase(container, POWEROFF)
    assert not Path(f"/sys/class/net/one-{container}-0").exists()
    zone.api.vm.action("resume", container)
    zone.running(container)
    zone.answers(container)
    assert "as it was" in (root / "www" / "kept").read_text()


def test_its_death_is_seen(zone: Zone, container: int) -> None:
    os.kill(init(container), signal.SIGKILL)
    zone.wait_phase(container, POWEROFF)
    zone.api.vm.action("resume", container)
    zone.running(container)
    zone.answers(container)


def test_front_end_dies_and_finds_it_again(zone: Zone, container: int) -> None:
    before = init(container)
    zone.kill()
    zone.start()
    wait_for(lambda: zone.api.host.info(zone.host).STATE == 2, "the host is monitored", 120)
    assert init(container) == before
    assert zone.phase(container) == (3, 3)


def test_it_is_monitored(zone: Zone, container: int) -> None:
    def measured() -> bool:
        sample = zone.api.vm.info(container).MONITORING
        return all(int(getattr(sample, name, 0) or 0) > 0 for name in ("MEMORY", "NETRX"))

    wait_for(measured, "memory and traffic of the container")


def test_terminate_leaves_nothing(zone: Zone, container: int) -> None:
    zone.api.vm.action("terminate", container)
    zone.wait_phase(container, DONE)
    left = [str(path) for path in Path("/run/libvirt/lxc").glob(f"one-{container}.*")]
    left += [found for found in zone.leftovers() if f"one-{container}" in found]
    assert left == []
    assert not (zone.host_root / "vms" / str(container)).exists()


@pytest.mark.parametrize(
    "extra",
    [
        'HYPERVISOR="esx"',
        'HYPERVISOR="lxc"\nDISK=[TYPE="swap",SIZE="8"]',
        'HYPERVISOR="lxc"\nOS=[ARCH="aarch64"]',
    ],
)
def test_what_no_hypervisor_here_can_do_waits_and_says_why(zone: Zone, extra: str) -> None:
    vm = zone.instantiate("never", extra)
    wait_for(lambda: zone.api.vm.info(vm).USER_TEMPLATE.get("SCHED_MESSAGE"), "a reason", 30)
    assert (
        "whose hypervisors or CPUs cannot run it"
        in (zone.api.vm.info(vm).USER_TEMPLATE["SCHED_MESSAGE"])
    )
    with pytest.raises(pyone.OneActionException, match=f"VM {vm} cannot run on host"):
        zone.api.vm.deploy(vm, zone.host, False, -1, "")
    zone.api.vm.action("terminate-hard", vm)
    zone.wait_phase(vm, DONE)
