"""The disks of a VM: made from base images, or empty, with qemu-img and mkfs."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import FailedError, MissingError, RefusedError
from ..files import remove_durably, remove_parts, scratch, sync_folder, written_beside
from ..tools import run

MIB = 1024 * 1024
#: Seconds that making one disk may take: a full copy of a large image on a slow disk.
COPY_TIME = 6 * 3600.0
KINDS = ("overlay", "copy", "clone", "empty", "swap", "link", "tree")
FORMATS = ("raw", "qcow2")
#: Kinds that are no disks of stores.
FILES_ALONE = ("overlay", "tree")
#: File systems that an empty disk may be given, and how each is made.
MAKERS = {
    "ext2": ("mkfs.ext2", "-q", "-F"),
    "ext3": ("mkfs.ext3", "-q", "-F"),
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
    "vfat": ("mkfs.vfat",),
}


@dataclasses.dataclass(frozen=True)
class ImageInfo:
    """What qemu-img says about a disk image. Sizes in bytes; ``used`` is what it takes on disk."""

    format: str
    virtual: int
    used: int
    backing: str | None
    #: A file outside the image that holds its data (a qcow2 feature); hostile in a foreign image.
    data_file: str | None

    @property
    def virtual_mib(self) -> int:
        return -(-self.virtual // MIB)


def info(path: Path, image_format: str | None = None) -> ImageInfo:
    """Reads an image's header; of which format it is, is found out unless it is given."""
    given = ["-f", image_format] if image_format else []
    said = json.loads(run("qemu-img", "info", "-U", "--output=json", *given, str(path)))
    details: dict[str, Any] = said.get("format-specific", {}).get("data", {})
    return ImageInfo(
        format=said["format"],
        virtual=said["virtual-size"],
        used=said.get("actual-size", 0),
        backing=said.get("backing-filename"),
        data_file=details.get("data-file"),
    )


def snapshots(path: Path) -> set[str]:
    """The tags of the snapshots that lie in a qcow2 image."""
    said = json.loads(run("qemu-img", "info", "-U", "--output=json", "-f", "qcow2", str(path)))
    return {snapshot["name"] for snapshot in said.get("snapshots", ())}


def snapshot(path: Path, action: str, tag: str) -> None:
    """Makes (-c), removes (-d) or goes back to (-a) a snapshot inside a qcow2 image that nobody has open."""
    run("qemu-img", "snapshot", action, tag, str(path), timeout=COPY_TIME)


def bitmaps(path: Path) -> dict[str, bool]:
    """The bitmaps of a qcow2 image by name, and whether each can be used; none where there is no file."""
    if not path.exists():
        return {}
    said = json.loads(run("qemu-img", "info", "-U", "-f", "qcow2", "--output=json", str(path)))
    found = said.get("format-specific", {}).get("data", {}).get("bitmaps", [])
    return {bitmap["name"]: "in-use" not in bitmap["flags"] for bitmap in found}


def drop_bitmaps(path: Path, keep: str | None = None) -> None:
    """Removes the bitmaps of a qcow2 image that nobody has open, but for one."""
    for name in bitmaps(path):
        if name != keep:
            run("qemu-img", "bitmap", "--remove", "-f", "qcow2", str(path), name)


def backing_chain(path: Path) -> list[tuple[str, str]]:
    """The files that a qcow2 image is layered on, nearest first, each with its format."""
    layers = json.loads(
        run("qemu-img", "info", "-U", "--backing-chain", "--output=json", "-f", "qcow2", str(path))
    )
    return [(layer["filename"], layer["format"]) for layer in layers[1:]]


@dataclasses.dataclass(frozen=True)
class Disk:
    """A disk as the front end describes it."""

    number: int
    kind: str
    format: str
    base: Path | None = None
    base_format: str | None = None
    size_mib: int | None = None
    fs: str | None = None
    #: The store that it lies in and its name there; a file of the VM's folder when there is none.
    store: int | None = None
    name: str = ""
    #: The image in the same store that it begins as (kind ``clone``).
    origin: str = ""


def described(disk: Arguments, bases: Path) -> Disk:
    """Reads one DISK. ``base`` in the cache of bases falls back to ``origin``, when that is here."""
    kind = disk.choice("kind", KINDS)
    store = disk.maybe_integer("store")
    if kind in (FILES_ALONE if store is not None else ("clone",)):
        what = "no kind that is a file, in a store" if store is not None else "a store for a clone"
        raise disk.bad("kind", what)
    has_base = kind in ("overlay", "copy") or (kind == "link" and store is None)
    has_base = has_base or (kind == "tree" and "base" in disk)
    if kind in ("empty", "swap") and "size_mib" not in disk:
        raise disk.bad("size_mib", f"a size, because a disk of kind {kind} has no base")
    fs = disk.maybe_text("fs")
    if fs is not None and fs not in MAKERS:
        raise disk.bad("fs", "one of " + ", ".join(sorted(MAKERS)))
    return Disk(
        number=disk.integer("disk"),
        kind=kind,
        format="qcow2" if kind == "overlay" else disk.choice("format", FORMATS, "raw"),
        base=base_path(disk, bases) if has_base else None,
        base_format=disk.choice("base_format", FORMATS) if "base_format" in disk else None,
        size_mib=disk.maybe_integer("size_mib", least=1),
        fs=fs,
        store=store,
        name=disk.text("name") if store is not None else "",
        origin=disk.text("image") if kind == "clone" else "",
    )


def base_path(disk: Arguments, bases: Path) -> Path:
    """Where a base lies: in the cache of bases, or, when it is not there, at its origin if that is here."""
    name = disk.text("base")
    if not name.startswith("bases/"):
        return Path(disk.path("base"))
    cached = bases / Arguments({"base": name.removeprefix("bases/")}).file_name("base")
    if not cached.exists() and "origin" in disk and os.access(disk.path("origin"), os.R_OK):
        return Path(disk.path("origin"))
    return cached


def ensure(disk: Disk, target: Path) -> None:
    """Makes a disk unless it is there. One that is there is whole, because it was renamed."""
    if disk.base is not None and not disk.base.exists():
        raise MissingError(str(disk.base))
    if disk.kind == "link" and target.is_symlink() and target.readlink() != disk.base:
        target.unlink()
    if target.is_symlink() or target.exists():
        remove_parts(target)
        return
    if disk.kind == "link":
        target.symlink_to(disk.base or "")
        sync_folder(target.parent)
        return
    with written_beside(target) as part:
        if disk.kind == "overlay":
            _overlay(disk, part)
        elif disk.kind == "copy":
            _copy(disk, part)
        else:
            make_empty(part, disk.format, disk.size_mib or 1, disk.fs, disk.kind == "swap")
        part.chmod(0o600)


def remove(target: Path) -> None:
    """Removes a disk and what interrupted makers left beside it; a link goes, not what it leads to."""
    remove_parts(target)
    remove_durably(target)


def put_back(disk: Disk, target: Path) -> None:
    """Gives a disk another content, whole or not at all. A persistent image's is its own file's."""
    if disk.base is None or not disk.base.exists():
        raise MissingError(str(disk.base))
    place = target.resolve()
    with written_beside(place) as part:
        convert(disk.base, part, disk.format, disk.base_format)
        part.chmod(0o600 if place == target else 0o644)


def ensure_in(store: Path | None, vm: int, disk: Disk, target: Path) -> None:
    """Makes a disk; with a `store`, a folder that hosts share, there, and a link to it in the VM's own folder."""
    if store is None or disk.kind == "link":
        ensure(disk, target)
        return
    if not store.is_dir():
        raise RefusedError(f"this host lacks {store}, which hosts share for disks")
    shared = store / str(vm) / target.name
    shared.parent.mkdir(mode=0o711, exist_ok=True)
    ensure(disk, shared)
    ensure(Disk(disk.number, "link", disk.format, base=shared), target)


def remove_shared(store: Path, vm: int) -> None:
    """Removes a VM's disks from a folder that hosts share."""
    shutil.rmtree(store / str(vm), ignore_errors=True)


def _overlay(disk: Disk, part: Path) -> None:
    assert disk.base is not None
    base_format = disk.base_format or info(disk.base).format
    options = ["-b", str(disk.base), "-F", base_format]
    run("qemu-img", "create", "-q", "-f", "qcow2", *options, str(part))
    grow(part, "qcow2", disk.size_mib)


def _copy(disk: Disk, part: Path) -> None:
    assert disk.base is not None
    convert(disk.base, part, disk.format, disk.base_format)
    grow(part, disk.format, disk.size_mib)


def convert(
    source: Path, target: Path, image_format: str, source_format: str | None = None
) -> None:
    """Copies an image, whole (without its backing file) and sparse, into another file."""
    given = ["-f", source_format] if source_format else []
    run(
        "qemu-img", "convert", "-q", *given, "-O", image_format, str(source), str(target),
        timeout=COPY_TIME,
    )  # fmt: skip


def copy_parts(
    origin: str, parts: list[tuple[int, int]], target: Path, files: tuple[int, ...] = ()
) -> None:
    """Parts (offset and length) of what QEMU reads at an address, as a qcow2 file of which all else is empty.

    ``files`` are open ones that reading it takes.
    """
    run(
        "qemu-img", "create", "-q", "-f", "qcow2", "-b", origin, "-F", "raw", str(target), fds=files
    )
    reads = "".join(f"read {offset} {length}\n" for offset, length in parts)
    if reads:  # what is read is copied into the file
        run("qemu-io", "-C", "-f", "qcow2", str(target), stdin=reads, timeout=COPY_TIME, fds=files)
    run("qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-b", "", str(target))


def grow(image: Path, image_format: str, size_mib: int | None) -> None:
    """Grows an image to a size; one that is larger stays as it is."""
    if size_mib is not None and info(image, image_format).virtual < size_mib * MIB:
        run("qemu-img", "resize", "-q", "-f", image_format, str(image), f"{size_mib}M")


def lay_on(image: Path, base: str, base_format: str) -> None:
    """Says where the file lies on this host that an image is a layer on; its content is the same."""
    run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", base, "-F", base_format, str(image))


def set_size(image: Path, image_format: str, size: int) -> None:
    """Makes an image that nobody uses as large as another is."""
    run("qemu-img", "resize", "-q", "--shrink", "-f", image_format, str(image), str(size))


def make_empty(
    target: Path, image_format: str, size_mib: int, fs: str | None = None, swap: bool = False
) -> None:
    """Makes an empty disk, formatted when ``fs`` or ``swap`` asks for it."""
    maker = ("mkswap",) if swap else MAKERS[fs] if fs else None
    if maker is None or image_format == "raw":
        run("qemu-img", "create", "-q", "-f", image_format, str(target), f"{size_mib}M")
        if maker:
            _format(target, maker)
        return
    with scratch(target, "raw") as raw:
        run("qemu-img", "create", "-q", "-f", "raw", str(raw), f"{size_mib}M")
        _format(raw, maker)
        convert(raw, target, image_format, "raw")


def format_empty(device: Path, fs: str) -> None:
    """Formats a device that has its size already; ``fs`` may be swap."""
    _format(device, ("mkswap",) if fs == "swap" else MAKERS[fs])


def _format(target: Path, maker: tuple[str, ...]) -> None:
    try:
        run(*maker, str(target), timeout=COPY_TIME)
    except FailedError as problem:
        if "cannot run" in str(problem):
            raise RefusedError(f"{maker[0]} is not installed on this host") from problem
        raise
