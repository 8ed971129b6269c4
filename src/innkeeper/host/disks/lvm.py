"""Disks that are logical volumes, as OpenNebula's fs_lvm has them: ``lv-one-<vm>-<disk>`` in ``vg-one-<datastore>``.

Theory of operation
-------------------
The hosts of a cluster share the volume group (a LUN that all of them see); a volume is active on the hosts that use it.
A thick volume is filled with zeros before a guest sees it, and has no snapshots. A thin one lies in a pool of its own,
``<name>-pool``, which can be active on one host alone. The pool is made as large as the disk, and grows by as much with
each snapshot before that is taken, so that it can never be full: a guest whose pool is full loses what it writes.

Commands and their words are those of the manual pages of LVM 2.03 (lvcreate, lvs, lvchange, lvextend, lvrename,
lvremove, vgs).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import FailedError, MissingError, RefusedError
from ..tools import run
from . import qcow2
from .place import Place, Source
from .qcow2 import MIB, Disk

DEVICES = Path("/dev")
#: Seconds that a command may take which copies nothing.
_TIME = 300.0


def _lvm(*command: str) -> str:
    try:
        return run(*command, timeout=_TIME)
    except FailedError as problem:
        text = str(problem)
        if "insufficient free space" in text or "Insufficient free extents" in text:
            raise RefusedError(
                f"no room in the datastore: its volume group is full ({text})"
            ) from problem
        if "cannot run" in text or "failed to execute" in text:
            raise RefusedError(
                f"this host cannot use LVM: the package lvm2 is not installed ({text})"
            ) from problem
        raise


def _reported(*command: str) -> list[dict[str, Any]]:
    said = json.loads(_lvm(*command, "--reportformat", "json", "--units", "b", "--nosuffix"))
    found: list[dict[str, Any]] = next(iter(said["report"][0].values()))
    return found


def room(group: str) -> dict[str, int]:
    """Room in a volume group, in MiB."""
    try:
        (found,) = _reported("vgs", group, "-o", "vg_size,vg_free")
    except FailedError as problem:
        raise RefusedError(f"there is no volume group {group} on this host: {problem}") from problem
    total, free = int(found["vg_size"]) // MIB, int(found["vg_free"]) // MIB
    return {"total_mib": total, "free_mib": free, "used_mib": total - free}


class LvmPlace(Place):
    """A logical volume."""

    def __init__(self, group: str, volume: str, thin: bool = False) -> None:
        self.group, self.volume, self.thin = group, volume, thin
        self.label = f"logical volume {group}/{volume}"

    def _path(self, volume: str) -> str:
        return f"{self.group}/{volume}"

    def _device(self, volume: str) -> Path:
        return DEVICES / self.group / volume

    @property
    def _pool(self) -> str:
        return f"{self.volume}-pool"

    def _volumes(self) -> dict[str, int]:
        """The volumes of the group that are this disk's, with their sizes in bytes."""
        try:
            listed = _reported("lvs", self.group, "-o", "lv_name,lv_size")
        except FailedError as problem:
            text = f"there is no volume group {self.group} on this host: {problem}"
            raise RefusedError(text) from problem
        return {
            str(v["lv_name"]): int(v["lv_size"]) for v in listed if self._is_ours(str(v["lv_name"]))
        }

    def _is_ours(self, name: str) -> bool:
        return name in (self.volume, self._pool) or name.startswith(
            (f"{self.volume}.", f"{self.volume}_s-")
        )

    def size(self) -> int | None:
        return self._volumes().get(self.volume)

    def source(self) -> Source:
        return Source(device=self._device(self.volume))

    # Making

    def ensure(self, disk: Disk) -> None:
        if disk.base is not None and not disk.base.exists():
            raise MissingError(str(disk.base))
        if not self.there():
            self._make(disk)
        self._activate(self.volume)
        if disk.size_mib is not None:
            self.grow(disk.size_mib)

    def _make(self, disk: Disk) -> None:
        found = qcow2.info(disk.base, disk.base_format) if disk.base else None
        size = max(disk.size_mib or 1, found.virtual_mib if found else 1)
        part = f"{self.volume}.part"
        self._remove(part)
        self._create(part, size)
        self._activate(part)
        device = self._device(part)
        if found is not None:
            self._write(disk.base, found.format, device)
        elif disk.kind == "swap" or disk.fs:
            qcow2.format_empty(device, "swap" if disk.kind == "swap" else disk.fs or "")
        _lvm("lvrename", self.group, part, self.volume)

    def _create(self, volume: str, size_mib: int) -> None:
        plain = ("lvcreate", "--yes", "--wipesignatures", "n", "--zero", "y")
        if not self.thin:
            _lvm(*plain, "--size", f"{size_mib}m", "--name", volume, self.group)
            self._wipe(volume, 0)
            return
        if self._pool not in self._volumes():
            _lvm(
                "lvcreate",
                "--yes",
                "--type",
                "thin-pool",
                "--size",
                f"{size_mib}m",
                "--name",
                self._pool,
                self.group,
            )
        pool = self._path(self._pool)
        _lvm(
            "lvcreate",
            "--yes",
            "--type",
            "thin",
            "--virtualsize",
            f"{size_mib}m",
            "--name",
            volume,
            "--thinpool",
            pool,
        )

    def _wipe(self, volume: str, start: int) -> None:
        """What a thick volume shows where nobody has written yet is what others wrote before."""
        self._activate(volume)
        run(
            "blkdiscard",
            "--zeroout",
            "--offset",
            str(start),
            str(self._device(volume)),
            timeout=qcow2.COPY_TIME,
        )

    def _write(self, base: Path | None, base_format: str, device: Path) -> None:
        run(
            "qemu-img", "convert", "-q", "-n", "-f", base_format, "-O", "raw", str(base), str(device),
            timeout=qcow2.COPY_TIME,
        )  # fmt: skip

    def _activate(self, volume: str) -> None:
        # Thin snapshots are skipped unless one insists (-K).
        _lvm("lvchange", "--activate", "y", "--ignoreactivationskip", self._path(volume))

    # Using

    def leave(self) -> None:
        if self.there():
            _lvm("lvchange", "--activate", "n", self._path(self.volume))

    def grow(self, size_mib: int) -> None:
        found = self._volumes()
        if self.volume not in found:
            raise self.missing()
        lacking = size_mib * MIB - found[self.volume]
        if lacking <= 0:
            return
        if self.thin:
            self._make_room_in_pool(found, lacking)
        _lvm("lvextend", "--size", f"{size_mib}m", self._path(self.volume))
        if not self.thin:
            self._wipe(self.volume, found[self.volume])

    make_room = grow

    def _make_room_in_pool(self, volumes: dict[str, int], more: int) -> None:
        """The pool is as large as all that it holds, and these bytes more, can become."""
        wanted = sum(size for name, size in volumes.items() if name != self._pool) + more
        if volumes[self._pool] < wanted:
            _lvm("lvextend", "--size", f"{-(-wanted // MIB)}m", self._path(self._pool))

    def copy(self, into: Path, tag: str | None = None) -> None:
        volume = self._snapshot(tag) if tag else self.volume
        self._activate(volume)
        qcow2.convert(self._device(volume), into, "qcow2", "raw")

    def put_back(self, disk: Disk) -> None:
        if disk.base is None or not disk.base.exists():
            raise MissingError(str(disk.base))
        found = qcow2.info(disk.base, disk.base_format)
        self.grow(found.virtual_mib)
        self._activate(self.volume)
        self._write(disk.base, found.format, self._device(self.volume))

    def _snapshot(self, tag: str) -> str:
        return f"{self.volume}_s-{tag}"

    def snapshots(self) -> set[str]:
        start = self._snapshot("")
        return {name.removeprefix(start) for name in self._volumes() if name.startswith(start)}

    def snapshot(self, tag: str) -> None:
        if not self.thin:
            super().snapshot(tag)
        found = self._volumes()
        if self.volume not in found:
            raise self.missing()
        if self._snapshot(tag) not in found:
            self._make_room_in_pool(found, found[self.volume])
            _lvm(
                "lvcreate",
                "--yes",
                "--snapshot",
                "--name",
                self._snapshot(tag),
                self._path(self.volume),
            )

    def forget(self, tag: str) -> None:
        if tag in self.snapshots():
            self._remove(self._snapshot(tag))

    def revert(self, tag: str) -> None:
        """A snapshot of the snapshot takes the disk's place."""
        if tag not in self.snapshots():
            raise RefusedError(f"{self.label} has no snapshot {tag}")
        new = f"{self.volume}.reverted"
        self._remove(new)
        _lvm("lvcreate", "--yes", "--snapshot", "--name", new, self._path(self._snapshot(tag)))
        self._remove(self.volume)
        _lvm("lvrename", self.group, new, self.volume)
        self._activate(self.volume)

    # Removing

    def remove(self) -> None:
        # The pool last: it holds the others.
        for name in sorted(self._volumes(), key=lambda name: name == self._pool):
            self._remove(name)

    def _remove(self, volume: str) -> None:
        if volume in self._volumes():
            _lvm("lvremove", "--yes", "--force", self._path(volume))
