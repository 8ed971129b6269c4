"""A guest from a template to the network and back, in every state of its life; then nothing is left."""

import os
import random
import signal
import time

import pytest

from tests.real.zone import NETWORK, Zone, wait_for

pytestmark = pytest.mark.real

POWEROFF, SUSPENDED, DONE = 8, 5, 6


def test_guest_answers_with_the_name_and_address_we_gave_it(zone: Zone, guest: int) -> None:
    said = zone.answers(guest)
    assert said["hostname"] == "shared"
    assert said["addr"].endswith(f"{zone.address(guest)}/24") or zone.address(guest).startswith(
        NETWORK
    )
    assert "Linux version" in zone.serial(guest) or "TINY READY" in zone.serial(guest)
    assert f"began-{guest}" in zone.serial(guest)


def test_clone_does_not_copy(zone: Zone, guest: int) -> None:
    overlay = zone.data / "host" / "vms" / str(guest) / "disk.0"
    base = zone.data / "datastores" / "1"
    image = next(path for path in base.iterdir() if path.name.startswith("image-"))
    assert overlay.stat().st_blocks * 512 < image.stat().st_size


def test_suspend_and_resume_keeps_the_same_boot(zone: Zone, guest: int) -> None:
    boot = zone.answers(guest)["boot_id"]
    zone.api.vm.action("suspend", guest)
    zone.wait_phase(guest, SUSPENDED)
    assert zone.qemu_pid(guest) is None
    zone.api.vm.action("resume", guest)
    zone.running(guest)
    assert zone.answers(guest)["boot_id"] == boot


def test_death_of_qemu_is_seen_and_told(zone: Zone, guest: int) -> None:
    pid = zone.qemu_pid(guest)
    os.kill(pid, signal.SIGKILL)
    zone.wait_phase(guest, POWEROFF, seconds=5)
    last = [event for event in zone.events_of(guest) if event["what"] == "observed"][-1]
    assert last["detail"] == {"state": "off", "why": "failed"}
    zone.api.vm.action("resume", guest)
    zone.running(guest)
    zone.answers(guest)


def test_poweroff_by_the_guests_own_power_button(zone: Zone, guest: int) -> None:
    zone.api.vm.action("poweroff", guest)
    zone.wait_phase(guest, POWEROFF, seconds=130)
    assert "power button" in zone.serial(guest)
    zone.api.vm.action("resume", guest)
    zone.running(guest)
    zone.answers(guest)


def test_front_end_dies_twenty_times(zone: Zone, guest: int) -> None:
    """A running guest does not notice; deployments under way finish or are undone by themselves."""
    dice = random.Random(7)
    pid = zone.qemu_pid(guest)
    assert pid
    started: list[int] = []
    for round_number in range(20):
        if len(started) < 3 or round_number % 5 == 0:
            started += [
                zone.instantiate(f"round{round_number}-{i}") for i in range(3 if not started else 1)
            ]
        time.sleep(dice.uniform(0.0, 1.2))
        zone.kill()
        assert zone.qemu_pid(guest) == pid
        zone.start()
        if round_number % 4 == 3:
            victim = started.pop(0)
            wait_for(
                lambda v=victim: zone.api.vm.recover(v, 3) == v,
                "an interrupted deployment can be deleted",
            )
    for vm in started:
        wait_for(lambda v=vm: zone.phase(v) in ((3, 3), (3, 36), (3, 39)), f"VM {vm} comes to rest")
    assert zone.qemu_pid(guest) == pid
    assert [f for f in zone.doctor() if f["severity"] == "error"] == []
    for vm in started:
        zone.api.vm.action("terminate-hard", vm)
    for vm in started:
        zone.wait_phase(vm, DONE)
    assert zone.answers(guest)["hostname"] == "shared"


def test_nothing_is_left_over(zone: Zone, guest: int) -> None:
    for vm in zone.api.vmpool.info(-2, -1, -1, -1).VM:
        zone.api.vm.action("terminate-hard", vm.ID)
    for vm in zone.api.vmpool.info(-2, -1, -1, -2).VM:
        zone.wait_phase(vm.ID, DONE)
    wait_for(lambda: not zone.leftovers(), f"nothing left: {zone.leftovers()}", 30)
    network = zone.api.vn.info(zone.network)
    assert network.USED_LEASES == 0
    assert zone.api.host.info(zone.host).HOST_SHARE.RUNNING_VMS == 0
