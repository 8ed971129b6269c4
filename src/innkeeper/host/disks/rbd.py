"""Disks that are images in a pool of Ceph's. QEMU reaches them itself; nothing is copied when a guest moves.

Theory of operation
-------------------
A disk that begins as an image is a clone of the image's snapshot ``inn``, which is taken and protected when the first
clone is made. An image that is written to itself (a persistent one) has no such snapshot, because it would show what
was there before: it goes when the image is plugged in. What is copied into a pool is written under another name and
renamed. Ceph gives up an image only when nobody has it open, which for a host that has died it notices after half a
minute: so long is waited.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import FailedError, MissingError, RefusedError
from . import qcow2
from .ceph import ABSENT, COPY_TIME, NoPoolError, Pool
from .place import Place, Source
from .qcow2 import MIB, Disk

#: The snapshot that clones are made of.
BASE = "inn"
#: What the snapshots are called that backups refer to.
_MARK = "inn-"
#: Seconds that a dead host's hold on an image lasts at most (Ceph's own is 30), and between two looks.
_HELD, _PAUSE = 60.0, 3.0


class RbdPlace(Place):
    """An image, called ``pool/image``. ``own``: it is the VM's; else an image of a datastore, which stays."""

    def __init__(self, pool: Pool, name: str, own: bool = True) -> None:
        self.pool, self.name, self.own = pool, name, own
        self.label = f"RBD image {name}"
        self.notes = own

    def size(self) -> int | None:
        found = self.pool.info(self.name)
        return None if found is None else int(found["size"])

    def source(self) -> Source:
        pool = self.pool
        return Source(
            protocol="rbd", name=self.name, hosts=pool.hosts, user=pool.user, secret=pool.secret
        )

    # Making

    def ensure(self, disk: Disk) -> None:
        if disk.kind == "link":
            self._open_itself()
            return
        if not self.there():
            if disk.kind == "clone":
                self._clone(disk.origin)
            else:
                self._fill(disk)
        if disk.size_mib is not None:
            self.grow(disk.size_mib)

    def _open_itself(self) -> None:
        """The image itself is used: what clones were made of shows what was."""
        if not self.there():
            raise self.missing()
        if self.own or BASE not in self.snapshots():
            return
        self._drop_base(self.name)

    def _clone(self, origin: str) -> None:
        self._need(origin)
        snapshot = f"{origin}@{BASE}"
        for words in (("snap", "create", "--no-progress", snapshot), ("snap", "protect", snapshot)):
            self._unless_done(*words)
        self._unless_done("clone", snapshot, self.name)

    def _need(self, image: str) -> None:
        if self.pool.info(image) is None:
            raise RbdPlace(self.pool, image).missing()

    def _unless_done(self, *words: str) -> None:
        """Others may do the same at the same time."""
        try:
            self.pool.rbd(*words)
        except FailedError as problem:
            if "File exists" not in str(problem) and "already protected" not in str(problem):
                raise

    def _fill(self, disk: Disk) -> None:
        plain = disk.kind == "empty" and not disk.fs
        if plain:
            self.need_room(0)
            self._unless_done("create", self.name, "--size", f"{disk.size_mib}M")
            return
        with tempfile.TemporaryDirectory(prefix="inn-", dir="/var/tmp") as folder:
            file = disk.base
            if disk.kind != "copy" or file is None:
                file = Path(folder) / "disk"
                qcow2.make_empty(file, "raw", disk.size_mib or 1, disk.fs, disk.kind == "swap")
                self.fill(file, "raw")
            else:
                self.fill(file, disk.base_format)

    def fill(self, file: Path, image_format: str | None) -> None:
        """Makes it of a file, whole or not at all; what has been there goes when that is complete."""
        if not file.exists():
            raise MissingError(str(file))
        found = qcow2.info(file, image_format)
        self.need_room(min(found.used, found.virtual))
        part = f"{self.name}.{os.getpid()}.part"
        self._sweep_parts()
        self.pool.qemu_img("convert", "-q", "-f", found.format, "-O", "raw", str(file), image=part)
        self._remove(self.name)
        self.pool.rbd("rename", part, self.name)

    def need_room(self, needed: int) -> None:
        """Refuses what does not fit: Ceph itself would make it wait."""
        free = self.pool.room()["free_mib"] * MIB
        if free == 0 or needed > free:
            raise self.pool.full()

    def copy_of(self, origin: str, tag: str | None = None) -> None:
        """Makes it a copy of another image of the cluster, as that is or was, which depends on nothing."""
        if self.there():
            return
        self._need(origin)
        self.need_room(0)
        part = f"{self.name}.{os.getpid()}.part"
        self._sweep_parts()
        self.pool.copy(f"{origin}@{tag}" if tag else origin, part)
        self.pool.rbd("rename", part, self.name)

    # Using

    def grow(self, size_mib: int) -> None:
        size = self.size()
        if size is None:
            raise self.missing()
        if size < size_mib * MIB:
            self.pool.rbd("resize", "--no-progress", self.name, "--size", f"{size_mib}M")

    def copy(self, into: Path, tag: str | None = None) -> None:
        image = f"{self.name}@{tag}" if tag else self.name
        self.pool.qemu_img(
            "convert", "-q", "-U", "-f", "raw", "-O", "qcow2", image=image, after=(str(into),)
        )

    def put_back(self, disk: Disk) -> None:
        if disk.base is None or not disk.base.exists():
            raise MissingError(str(disk.base))
        self.fill(disk.base, disk.base_format)

    def publish(self, name: str, tag: str | None) -> dict[str, Any]:
        image = RbdPlace(self.pool, name)
        image.copy_of(self.name, tag)
        return {"name": name, "virtual_mib": -(-(image.size() or 0) // MIB)}

    def withdraw(self, name: str) -> None:
        RbdPlace(self.pool, name).remove()

    def snapshots(self) -> set[str]:
        return {str(each["name"]) for each in json.loads(self._listed(self.name))}

    def _listed(self, image: str) -> str:
        try:
            return self.pool.rbd("snap", "ls", image, "--format", "json")
        except FailedError as problem:
            if ABSENT.search(str(problem)):
                raise RbdPlace(self.pool, image).missing() from problem
            raise

    def snapshot(self, tag: str) -> None:
        if tag not in self.snapshots():
            self._unless_done("snap", "create", "--no-progress", f"{self.name}@{tag}")

    def forget(self, tag: str) -> None:
        if tag in self.snapshots():
            self.pool.rbd("snap", "rm", "--no-progress", f"{self.name}@{tag}")

    def revert(self, tag: str) -> None:
        if tag not in self.snapshots():
            raise RefusedError(f"{self.label} has no snapshot {tag}")
        self.unmark(None)  # what was noted since is not what differs then
        self.pool.rbd("snap", "rollback", "--no-progress", f"{self.name}@{tag}", timeout=COPY_TIME)

    # Backups

    def mark(self, name: str) -> None:
        self.snapshot(_MARK + name)

    def marks(self) -> set[str]:
        return {tag.removeprefix(_MARK) for tag in self.snapshots() if tag.startswith(_MARK)}

    def unmark(self, keep: str | None) -> None:
        for name in sorted(self.marks() - {keep}):
            self.forget(_MARK + name)

    def copy_marked(self, into: Path, name: str, since: str | None) -> None:
        if since is None:
            self.copy(into, _MARK + name)
            return
        image = f"{self.name}@{_MARK}{name}"
        said = self.pool.rbd(
            "diff", "--from-snap", _MARK + since, image, "--format", "json", timeout=COPY_TIME
        )
        parts = [(int(part["offset"]), int(part["length"])) for part in json.loads(said)]
        with self.pool.reading(image) as (address, files):
            qcow2.copy_parts(address, parts, into, files)

    # Removing

    def remove(self) -> None:
        if self.own:
            with contextlib.suppress(NoPoolError):
                self._sweep_parts()
                self._remove(self.name)

    def _remove(self, image: str) -> None:
        if self.pool.info(image) is None:
            return
        self._drop_snapshots(image)
        deadline = time.monotonic() + _HELD
        while True:
            try:
                self.pool.rbd("rm", "--no-progress", image)
                return
            except FailedError as problem:
                held = "watchers" in str(problem) or "in use" in str(problem)
                if not held or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _drop_snapshots(self, image: str) -> None:
        found = json.loads(self._listed(image))
        if any(each["name"] == BASE for each in found):
            self._drop_base(image)
        if any(each["name"] != BASE for each in found):
            self.pool.rbd("snap", "purge", "--no-progress", image)

    def _drop_base(self, image: str) -> None:
        snapshot = f"{image}@{BASE}"
        try:
            self.pool.rbd("snap", "unprotect", snapshot)
        except FailedError as problem:
            if "not protected" not in str(problem) and "unprotected" not in str(problem):
                if "busy" in str(problem):
                    raise RefusedError(f"RBD image {image} has clones still") from problem
                raise
        self.pool.rbd("snap", "rm", "--no-progress", snapshot)

    def _sweep_parts(self) -> None:
        """What interrupted makers left; the image's own name is before the number of the agent."""
        pool, _, image = self.name.partition("/")
        for name in json.loads(self.pool.rbd("ls", pool, "--format", "json")):
            if name.startswith(f"{image}.") and name.endswith(".part"):
                self._remove(f"{pool}/{name}")
