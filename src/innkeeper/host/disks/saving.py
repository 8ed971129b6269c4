"""A disk as a file of its own, on its way to be an image: whole, depending on nothing, known by its hash."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import bounds
from ..arguments import Arguments
from ..errors import RefusedError
from ..files import written_beside
from ..folders import VmFolder
from ..hypervisor import snapshots
from ..hypervisor.libvirt_qemu import Hypervisor
from . import places, qcow2

_PIECE = 1 << 20


def save(
    hypervisor: Hypervisor, folder: VmFolder, request: Arguments, number: int, tag: str | None
) -> dict[str, Any]:
    """Writes the disk as it is, or as it was at a snapshot, to a file beside it. One that is there is whole.

    With ``into`` it becomes an image of that name in the store where it lies, and nothing is copied between machines.
    """
    disk = snapshots.Disk(hypervisor, folder, request.part("disk"))
    if "into" in request:
        with _resting(disk, tag, number) as shown:
            return disk.place.publish(request.text("into"), shown)
    target = _file(folder, number)
    if not target.exists():
        with written_beside(target) as part, _resting(disk, tag, number) as shown:
            disk.place.copy(part, shown)
    bounds.hand_over(target)
    found = qcow2.info(target, "qcow2")
    return {
        "path": str(target), "sha256": _hash(target), "bytes": target.stat().st_size,
        "virtual_mib": found.virtual_mib,
    }  # fmt: skip


def forget(hypervisor: Hypervisor, folder: VmFolder, request: Arguments, number: int) -> None:
    """Removes the file (or the image ``into``), and the snapshot that it was copied from."""
    qcow2.remove(_file(folder, number))
    described = request.part("disk")
    place = places.of(folder, described.integer("disk"), described.choice("format", qcow2.FORMATS))
    if "into" in request:
        place.withdraw(request.text("into"))
    if place.there():
        snapshots.drop(snapshots.Disk(hypervisor, folder, described), _passing(number))


def _file(folder: VmFolder, number: int) -> Path:
    return folder.path / f"saved.{number}"


def _passing(number: int) -> str:
    """The tag of the snapshot that a disk in use is copied from."""
    return f"saving-{number}"


@contextlib.contextmanager
def _resting(disk: snapshots.Disk, tag: str | None, number: int) -> Iterator[str | None]:
    """The snapshot to copy from: a disk that a guest writes to is copied from one that passes."""
    if tag is not None and not disk.has(tag):
        raise RefusedError(f"disk {disk.number} has no snapshot {tag}")
    if tag is not None or disk.node is None:
        yield tag
        return
    snapshots.take(disk, _passing(number))
    yield _passing(number)
    snapshots.drop(disk.again(), _passing(number))


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
