"""The boot sector of guest.s as a disk image, and descriptions of VMs that run it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent


def assembled(source: Path, folder: Path) -> bytes:
    """The boot sector that an assembler source describes."""
    objects, binary = folder / "sector.o", folder / "sector.bin"
    subprocess.run(["as", "--64", "-o", objects, source], check=True)
    link = ["ld", "-m", "elf_x86_64", "-Ttext", "0x7c00", "--oformat", "binary"]
    subprocess.run([*link, "-o", binary, objects], check=True)
    return binary.read_bytes()


def write_guest_image(path: Path) -> Path:
    """A raw disk image of 1 MiB with the guest's boot sector."""
    sector = assembled(SOURCES / "guest.s", path.parent)
    path.write_bytes(sector + bytes(1024 * 1024 - len(sector)))
    path.chmod(0o644)
    return path


def overlay(base: Path, disk: int = 0) -> dict[str, Any]:
    """The DISK description of a disk over the guest image."""
    return {
        "disk": disk,
        "kind": "overlay",
        "base": str(base),
        "base_format": "raw",
        "format": "qcow2",
        "size_mib": 4,
    }


def network(number: int, bridge: str, **more: Any) -> dict[str, Any]:
    """A network's description."""
    plain = {"address": None, "nat": False, "mtu": None, "phydev": None}
    return {"network": number, "bridge": bridge, **plain, **more}


def domain(vm: int, bridge: str | None = None, **more: Any) -> dict[str, Any]:
    """The DOMAIN description of a VM with a disk, and a NIC if there is a bridge for it."""
    nic = {"nic": 0, "mac": f"02:00:00:00:00:{vm % 256:02x}", "bridge": bridge, "model": "virtio"}
    return {
        "name": f"one-{vm}",
        "uuid": f"00000000-0000-4000-8000-{vm:012d}",
        "title": f"test {vm}",
        "memory_mib": 32,
        "vcpus": 1,
        "cpu_shares": 512,
        "arch": "x86_64",
        "machine": None,
        "firmware": "bios",
        "disks": [
            {"disk": 0, "target": "vda", "device": "disk", "format": "qcow2", "readonly": False}
        ],
        "nics": [{**nic, "target": f"one-{vm}-0", "boot": None}] if bridge else [],
        "graphics": None,
        "features": {"acpi": True, "apic": True, "guest_agent": False},
        "inputs": [],
        **more,
    }
