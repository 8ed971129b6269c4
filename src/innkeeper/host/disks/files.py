"""Disks that are files of the VM's folder, or links from there into a folder that hosts share."""

from __future__ import annotations

from pathlib import Path

from ..errors import MissingError, RefusedError
from ..folders import VmFolder
from ..tools import run
from . import qcow2
from .place import Place
from .qcow2 import Disk


class FilePlace(Place):
    """A qcow2 or raw file. What a guest wrote into it does not tell which: the front end does."""

    def __init__(self, folder: VmFolder, number: int, image_format: str) -> None:
        self.file = folder.disk(number)
        self.format = image_format
        self.inside = image_format == "qcow2"
        self.label = f"disk {number} of VM {folder.vm}"
        self._own_link = (str(folder.vm), self.file.name)

    def size(self) -> int | None:
        return qcow2.info(self.file, self.format).virtual if self.file.exists() else None

    def there(self) -> bool:
        return self.file.exists()

    def ensure(self, disk: Disk) -> None:
        qcow2.ensure(disk, self.file)

    def remove(self) -> None:
        if self.file.is_symlink() and self.file.readlink().parts[-2:] == self._own_link:
            qcow2.remove(self.file.readlink())
        qcow2.remove(self.file)

    def grow(self, size_mib: int) -> None:
        self._need()
        qcow2.grow(self.file, self.format, size_mib)

    def copy(self, into: Path, tag: str | None = None) -> None:
        self._need()
        source = ["-l", f"snapshot.name={tag}"] if tag else []
        run(
            "qemu-img", "convert", "-q", "-U", "-f", self.format, *source, "-O", "qcow2", str(self.file), str(into),
            timeout=qcow2.COPY_TIME,
        )  # fmt: skip

    def put_back(self, disk: Disk) -> None:
        qcow2.put_back(disk, self.file)

    def snapshots(self) -> set[str]:
        return qcow2.snapshots(self.file) if self.inside else set()

    def snapshot(self, tag: str) -> None:
        self._need_snapshots()
        if tag not in self.snapshots():
            qcow2.snapshot(self.file, "-c", tag)

    def forget(self, tag: str) -> None:
        if self.inside and tag in self.snapshots():
            qcow2.snapshot(self.file, "-d", tag)

    def revert(self, tag: str) -> None:
        self._need_snapshots()
        qcow2.drop_bitmaps(self.file)
        qcow2.snapshot(self.file, "-a", tag)

    def missing(self) -> MissingError:
        return MissingError(str(self.file))

    def _need(self) -> None:
        if not self.file.exists():
            raise self.missing()

    def _need_snapshots(self) -> None:
        self._need()
        if not self.inside:
            raise RefusedError(f"{self.label} is raw: it has no snapshots")
