"""A whole Debian with cloud-init reads our context CD (minutes: `make test-debian`)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.guest.machine import Machine, wait_for, write_context
from tests.guest.netns import NetworkNamespace

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif("INN_TEST_DEBIAN" not in os.environ, reason="minutes: make test-debian"),
]

REPOSITORY = Path(__file__).parents[2]
ADDRESS = "10.95.0.9"
MAC = "02:00:0a:5f:00:09"
SSH = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
SSH += ["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-n"]


def test_cloud_init_takes_name_address_and_key_from_the_context(tmp_path: Path) -> None:
    image, key = tmp_path / "debian.qcow2", tmp_path / "key"
    subprocess.run([REPOSITORY / "guest/build-debian.sh", image], check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    variables = {
        "SET_HOSTNAME": "whole-debian",
        "SSH_PUBLIC_KEY": key.with_suffix(".pub").read_text().strip(),
        "ETH0_MAC": MAC,
        "ETH0_IP": ADDRESS,
        "ETH0_MASK": "255.255.255.0",
        "ETH0_NETWORK": "10.95.0.0",
    }
    write_context(tmp_path / "context.iso", variables)
    with NetworkNamespace(f"inn-debian-{os.getpid()}") as space:
        space.add_tap("tap0", "10.95.0.1/24")

        def ssh(command: str) -> str:
            return space.run("ssh", "-i", str(key), *SSH, f"root@{ADDRESS}", command)

        machine = Machine(
            tmp_path, space, image, tmp_path / "context.iso", [("tap0", MAC)], memory_mib=512
        )
        with machine:
            name = wait_for(lambda: ssh("hostname"), "the guest's ssh server", seconds=900)
            assert name == "whole-debian\n"
            assert ssh("cloud-id") == "opennebula\n"
            assert f"inet {ADDRESS}/24" in ssh("ip -4 addr show")
            machine.qmp("system_powerdown")
            assert machine.process.wait(300) == 0
