"""A whole Debian guest, deployed by us: cloud-init's own OpenNebula data source reads the context that we wrote."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.real.zone import ROOT, Zone, wait_for

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif("INN_TEST_DEBIAN" not in os.environ, reason="minutes: make test-debian"),
]
SSH = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
)


def test_cloud_init_takes_name_address_and_key_from_our_context(zone: Zone, tmp_path: Path) -> None:
    image, key = zone.data / "images" / "debian.qcow2", tmp_path / "key"
    subprocess.run([ROOT / "guest" / "build-debian.sh", image], check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    number = zone.api.image.allocate(f'NAME="debian"\nPATH="{image}"\nDEV_PREFIX="vd"', 1)
    public = key.with_suffix(".pub").read_text().strip()
    vm = zone.api.vm.allocate(
        'NAME="whole-debian"\nCPU="1"\nMEMORY="512"\nDISK=[IMAGE="debian"]\nNIC=[NETWORK="lan"]\n'
        f'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",SSH_PUBLIC_KEY="{public}"]'
    )
    zone.running(vm)
    address = zone.address(vm)

    def ssh(command: str) -> str:
        words = [
            "ssh",
            "-n",
            "-i",
            str(key),
            *SSH,
            "-o",
            "ConnectTimeout=5",
            f"root@{address}",
            command,
        ]
        return subprocess.run(words, capture_output=True, text=True).stdout

    assert wait_for(lambda: ssh("hostname"), "the guest's ssh server", 900) == "whole-debian\n"
    assert ssh("cloud-id") == "opennebula\n"
    assert f"inet {address}/24" in ssh("ip -4 addr show")
    zone.api.vm.action("poweroff", vm)
    zone.wait_phase(vm, 8, seconds=150)
    zone.api.vm.action("terminate", vm)
    zone.wait_phase(vm, 6)
    zone.api.image.delete(number)
