"""A guest of a foreign architecture: UEFI, a whole boot, the power button, all of it emulated; its cost is printed."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.real.zone import ROOT, Zone, wait_for

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif("INN_TEST_ARCH" not in os.environ, reason="packages of its own: make test-arch"),
]  # fmt: skip


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def booted(zone: Zone, vm: int) -> tuple[float, float]:
    """Seconds until the guest answers, and how many of the processor that took."""
    started = time.monotonic()
    zone.running(vm)
    zone.answers(vm, 600)
    return time.monotonic() - started, cpu_seconds(zone.qemu_pid(vm))


def test_an_arm_guest_boots_answers_and_hears_its_power_button(
    zone: Zone, guest: int, capsys: pytest.CaptureFixture[str]
) -> None:
    zone.answers(guest)
    native = cpu_seconds(zone.qemu_pid(guest))
    image = zone.data / "images" / "arm.qcow2"
    subprocess.run([ROOT / "guest" / "build-arm.sh", image], check=True)
    number = zone.api.image.allocate(f'NAME="arm"\nPATH="{image}"\nDEV_PREFIX="vd"', 1)
    wait_for(lambda: zone.api.image.info(number).STATE == 1, "the image is ready", 60)
    assert "aarch64" in zone.api.host.info(zone.host).TEMPLATE["ARCHITECTURES"].split(",")
    vm = zone.api.vm.allocate(
        'NAME="arm"\nCPU="0.5"\nMEMORY="256"\nOS=[ARCH="aarch64"]\nDISK=[IMAGE="arm"]\n'
        'NIC=[NETWORK="lan"]\nGRAPHICS=[TYPE="vnc"]\nCONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME"]'
    )
    wall, used = booted(zone, vm)
    said = zone.answers(vm)
    assert (said["machine"], said["hostname"]) == ("aarch64", "arm")
    with capsys.disabled():
        print(f"\naarch64: {wall:.0f} s to answer, {used:.1f} s of CPU (x86-64: {native:.1f} s)")
    zone.api.vm.action("poweroff", vm)
    zone.wait_phase(vm, 8, seconds=150)
    zone.api.vm.action("terminate", vm)
    zone.wait_phase(vm, 6)
    zone.api.image.delete(number)
