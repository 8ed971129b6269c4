"""A disk as a file of its own, on its way to be an image: whole, depending on nothing, known by its hash."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import RefusedError
from ..files import written_beside
from ..folders import VmFolder
from ..hypervisor import snapshots
from ..hypervisor.libvirt_qemu import Hypervisor
from ..tools import run
from . import qcow2

_PIECE = 1 << 20


def save(
    hypervisor: Hypervisor, folder: VmFolder, disk: Arguments, number: int, tag: str | None
) -> dict[str, Any]:
    """Writes the disk as it is, or as it was at a snapshot, to a file beside it. One that is there is whole."""
    target = _file(folder, number)
    if not target.exists():
        with written_beside(target) as part:
            _copy(hypervisor, folder, disk, part, tag, number)
    found = qcow2.info(target, "qcow2")
    return {
        "path": str(target), "sha256": _hash(target), "bytes": target.stat().st_size,
        "virtual_mib": found.virtual_mib,
    }  # fmt: skip


def forget(hypervisor: Hypervisor, folder: VmFolder, disk: Arguments, number: int) -> None:
    """Removes the file, and the snapshot that it was copied from."""
    qcow2.remove(_file(folder, number))
    if disk.raw("format") == "qcow2" and folder.disk(disk.integer("disk")).exists():
        snapshots.drop(snapshots.Disk(hypervisor, folder, disk), _passing(number))


def _file(folder: VmFolder, number: int) -> Path:
    return folder.path / f"saved.{number}"


def _passing(number: int) -> str:
    """The tag of the snapshot that a disk in use is copied from."""
    return f"saving-{number}"


def _copy(
    hypervisor: Hypervisor,
    folder: VmFolder,
    disk: Arguments,
    part: Path,
    tag: str | None,
    number: int,
) -> None:
    """A disk that a guest writes to is copied from a snapshot of it."""
    running = hypervisor.find(folder.vm) is not None
    if disk.raw("format") != "qcow2":
        if running:
            text = f"disk {disk.integer('disk')} is raw and in use: it cannot be copied while its guest runs"
            raise RefusedError(text)
        qcow2.convert(folder.disk(disk.integer("disk")), part, "qcow2", "raw")
        return
    there = snapshots.Disk(hypervisor, folder, disk)
    if tag is not None and not there.has(tag):
        raise RefusedError(f"disk {there.number} has no snapshot {tag}")
    passing = there.node is not None and tag is None
    if passing:
        snapshots.take(there, _passing(number))
    source = ["-l", f"snapshot.name={tag or _passing(number)}"] if tag or passing else []
    run(
        "qemu-img", "convert", "-q", "-U", "-f", "qcow2", *source, "-O", "qcow2", str(there.file), str(part),
        timeout=qcow2.COPY_TIME,
    )  # fmt: skip
    if passing:
        snapshots.drop(snapshots.Disk(hypervisor, folder, disk), _passing(number))


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
