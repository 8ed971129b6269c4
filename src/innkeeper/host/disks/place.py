"""Where a disk lies: what every technology for disks can do, or refuses by name.

Theory of operation
-------------------
A disk is a file (``files.py``), an image in a pool of Ceph's (``rbd.py``) or a logical volume (``lvm.py``): one class
each, and nothing outside of them asks which. All verbs that touch a disk's content go through a place. What a place
does is idempotent, and whole or not at all: a disk is made under another name, and gets its own when it is finished.

A disk that is no file is noted in the VM's ``state.json`` before it is made (``places.py``), so that whatever becomes
of the agent there is a record of whose it is.
"""

from __future__ import annotations

import abc
import dataclasses
from pathlib import Path
from typing import Any

from ..errors import MissingError, RefusedError
from .qcow2 import Disk


@dataclasses.dataclass(frozen=True)
class Source:
    """How QEMU reaches a disk that is no file of the VM's folder: a block device, or something in the network.

    ``hosts`` are names with ports; ``secret`` is the number of libvirt's secret that holds the key of ``user``.
    """

    device: Path | None = None
    protocol: str = ""
    name: str = ""
    hosts: tuple[tuple[str, str], ...] = ()
    user: str = ""
    secret: str = ""


class Place(abc.ABC):
    """Where one disk lies, and what can be done with it there."""

    #: What QEMU is to read it as.
    format = "raw"
    #: Whether its snapshots lie inside a file that QEMU has open while a guest runs, so that QEMU must make them.
    inside = False
    #: Whether it can tell what differs between two moments (``mark``), as qcow2 files do with bitmaps.
    notes = False
    #: How messages call it.
    label = "disk"

    @abc.abstractmethod
    def size(self) -> int | None:
        """Its size in bytes; None when there is no such disk."""

    @abc.abstractmethod
    def ensure(self, disk: Disk) -> None:
        """Makes it as described unless it is there, and ready for use on this host."""

    @abc.abstractmethod
    def remove(self) -> None:
        """Removes it, with its snapshots and what interrupted makers left."""

    @abc.abstractmethod
    def grow(self, size_mib: int) -> None:
        """Grows it to a size while no guest has it; one that is larger stays as it is."""

    @abc.abstractmethod
    def copy(self, into: Path, tag: str | None = None) -> None:
        """Writes it, as it is or as it was at a snapshot, into a qcow2 file that depends on nothing."""

    @abc.abstractmethod
    def put_back(self, disk: Disk) -> None:
        """Gives it the content of ``disk.base`` instead of its own."""

    def there(self) -> bool:
        """Whether there is such a disk."""
        return self.size() is not None

    def leave(self) -> None:  # noqa: B027  most have nothing to do
        """This host uses it no more; others may."""

    def make_room(self, size_mib: int) -> None:  # noqa: B027  most have nothing to do
        """What must be done before a guest that has it can be told that it has grown."""

    def source(self) -> Source | None:
        """How QEMU reaches it; None: as the file in the VM's folder."""
        return None

    def publish(self, name: str, tag: str | None) -> dict[str, Any]:
        """Makes an image of it in the same store, as it is or as it was at a snapshot; what that is."""
        raise RefusedError(f"{self.label} cannot become an image where it lies")

    def withdraw(self, name: str) -> None:  # noqa: B027  most have nothing to do
        """Removes such an image."""

    def missing(self) -> MissingError:
        """What is raised when there is no such disk."""
        return MissingError(self.label, f"there is no {self.label}")

    # Moments to which backups refer, by name; only of those that note what changes.

    def mark(self, name: str) -> None:
        """Remembers the disk as it is now, unless it does under this name."""
        raise RefusedError(f"{self.label} does not note what changes")

    def marks(self) -> set[str]:
        """The names of the moments that it remembers."""
        return set()

    def unmark(self, keep: str | None) -> None:  # noqa: B027  most have nothing to do
        """Forgets all moments but one."""

    def copy_marked(self, into: Path, name: str, since: str | None) -> None:
        """Writes it as it was at a moment into a qcow2 file: whole, or what differs from an earlier moment."""
        raise RefusedError(f"{self.label} does not note what changes")

    # Snapshots; a technology that has none says so.

    def snapshots(self) -> set[str]:
        """The tags of its snapshots."""
        return set()

    def snapshot(self, tag: str) -> None:
        """Takes a snapshot, unless there is one of this tag."""
        raise RefusedError(f"{self.label} has no snapshots")

    def forget(self, tag: str) -> None:  # noqa: B027  most have nothing to do
        """No snapshot of this tag any more."""

    def revert(self, tag: str) -> None:
        """The disk as it was at the snapshot; no guest has it."""
        raise RefusedError(f"{self.label} has no snapshots")
