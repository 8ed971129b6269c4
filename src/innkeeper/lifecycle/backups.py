"""What backups are called, and which files make up a disk at one of their points."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from innkeeper.model.objects import Image, Increment, Vm


def checkpoint(number: int) -> str:
    """The name of a VM's n-th backup on its host."""
    return f"backup-{number}"


def file_name(disk: int) -> str:
    """The name of a disk's file within a backup."""
    return f"disk.{disk}"


def named(vm: Vm, now: float) -> str:
    """An image's name as OpenNebula gives it: the VM's number, and when."""
    return f"{vm.id} {datetime.fromtimestamp(now, UTC):%d-%b %H.%M.%S}"


def over(increments: Iterable[Increment]) -> int:
    """MiB that increments take."""
    size = sum(file.size for increment in increments for file in increment.files)
    return -(-size // (1 << 20))


def chain(image: Image, increment: int, disk: int) -> list[dict[str, Any]]:
    """The files of a disk from the full copy up to an increment, as agents are told them."""
    return [
        {
            "name": f"increment {each.id} of image {image.id}, disk {disk}",
            "path": file.path,
            "sha256": file.sha256,
        }
        for each in image.increments
        if each.id <= increment
        for file in each.files
        if file.disk == disk
    ]
