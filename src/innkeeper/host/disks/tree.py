"""Disks that are folders: the file systems of containers, unpacked from images.

An image is a tar archive, or a disk with an ext file system (in its first partition that has one, or on the whole of
it). The latter is read with debugfs: nothing is mounted, no loop device is needed. All owners are moved up by
``FIRST_ID``, because a container's root must not be the host's.

Images come from anybody, and names in them may point anywhere: what unpacks sees a machine on which nothing but the
folder to fill can be written to.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import FailedError, MissingError, RefusedError
from ..files import PART_SUFFIX, sync_folder
from ..tools import run
from .qcow2 import COPY_TIME, Disk, convert, info

#: A container's users and groups are those from here on, so many of them.
FIRST_ID, IDS = 1_000_000_000, 65536
#: Where an ext file system tells that it is one, and how.
_MAGIC_AT, _MAGIC = 1080, b"\x53\xef"
_SECTOR = 512
#: Run with a folder and a command in a mount namespace of its own. 442 is mount_setattr (Linux 5.12), called for
#: everything below / (0x8000: AT_RECURSIVE) to set what the kernel calls MOUNT_ATTR_RDONLY, for the folder to clear it.
_CONFINED = """
import ctypes, os, struct, sys
libc, folder = ctypes.CDLL(None, use_errno=True), sys.argv[1].encode()
def attributes(path, flags, to_set, to_clear):
    done = libc.syscall(442, -100, path, flags, struct.pack("QQQQ", to_set, to_clear, 0, 0), 32)
    if done:
        sys.exit("mount_setattr: " + os.strerror(ctypes.get_errno()))
if libc.mount(folder, folder, None, 4096, None):
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
attributes(b"/", 0x8000, 1, 0)
attributes(folder, 0, 0, 1)
os.dup2(1, 2)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@contextlib.contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Gives a folder beside ``target`` to fill; when the block ends well, that becomes ``target``."""
    part = target.with_name(f".{target.name}{PART_SUFFIX}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o755)
    try:
        yield part
        run("sync", "-f", str(part), timeout=COPY_TIME)
        part.rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def ensure(disk: Disk, target: Path) -> None:
    """Makes the folder unless it is there: what the base holds, or an empty one."""
    if target.is_dir():
        return
    if disk.base is not None and not disk.base.exists():
        raise MissingError(str(disk.base))
    with folder_beside(target) as part:
        if disk.base is not None:
            _unpack(disk.base, disk.base_format, part)
        _move_owners(part)


def write(target: Path, files: dict[str, str], attachments: dict[str, Path] | None = None) -> None:
    """Replaces the folder of a context; a container that runs sees the new files."""
    target.mkdir(mode=0o755, exist_ok=True)
    contents = {name: text.encode() for name, text in files.items()}
    contents |= {name: origin.read_bytes() for name, origin in (attachments or {}).items()}
    for name, content in contents.items():
        part = target / f".{name}{PART_SUFFIX}"
        part.write_bytes(content)
        os.chown(part, FIRST_ID, FIRST_ID)
        part.chmod(0o400)
        part.replace(target / name)
    for left in {entry.name for entry in target.iterdir()} - contents.keys():
        (target / left).unlink()


def _unpack(base: Path, base_format: str | None, into: Path) -> None:
    if _is_archive(base):
        _confined(
            into, "tar", "-xpf", str(base), "-C", str(into), "--numeric-owner", "--exclude=dev/*"
        )
        return
    image_format = base_format or info(base).format
    if image_format == "raw":
        _dump(base, into)
        return
    raw = into.with_name(f".{into.name.strip('.')}.raw{PART_SUFFIX}")
    try:
        convert(base, raw, "raw", image_format)
        _dump(raw, into)
    finally:
        raw.unlink(missing_ok=True)


def _is_archive(base: Path) -> bool:
    with base.open("rb") as file:
        return file.read(512)[257:262] == b"ustar"


def _dump(raw: Path, into: Path) -> None:
    """Copies everything out of the ext file system of a raw disk."""
    if '"' in str(into):
        raise RefusedError(f"{into}: debugfs cannot write into a folder with a quotation mark")
    image = f"{raw}?offset={_file_system(raw)}"
    said = _confined(into, "debugfs", "-R", f'rdump / "{into}"', image)
    # It ends with 0 whatever happens; the first line is its name.
    complaints = [line for line in said.splitlines() if not line.startswith("debugfs ")]
    if complaints:
        raise FailedError("debugfs: " + "; ".join(complaints[-3:])[:600])
    shutil.rmtree(into / "lost+found", ignore_errors=True)
    _restore_setuid(image, into)


def _restore_setuid(image: str, into: Path) -> None:
    """Gives files the setuid, setgid and sticky bits back, which debugfs loses as it sets their owners."""
    folders = [os.path.relpath(where, into) for where, _, _ in os.walk(into)]
    asked = "".join(f'ls -p "/{folder}"\n' for folder in folders if folder.isprintable())
    said = _confined(into, "debugfs", "-f", "-", image, stdin=asked)
    folder = into
    for line in said.splitlines():
        if line.startswith('debugfs: ls -p "/'):
            folder = into / line.removeprefix('debugfs: ls -p "/').removesuffix('"')
            continue
        _, _, mode, _, _, name, *_ = [*line.split("/"), *[""] * 6]
        path = folder / name
        if mode.startswith("10") and int(mode, 8) & 0o7000 and stat.S_ISREG(path.lstat().st_mode):
            path.chmod(stat.S_IMODE(int(mode, 8)))


def _confined(folder: Path, *command: str, stdin: str | None = None) -> str:
    """Runs a program that can write nowhere but in this folder; gives what it said."""
    alone = ("unshare", "--mount", "--propagation", "private", "--")
    confine = (sys.executable, "-c", _CONFINED, str(folder))
    return run(*alone, *confine, *command, timeout=COPY_TIME, stdin=stdin)


def _file_system(raw: Path) -> int:
    """Where on a disk the ext file system begins, in bytes."""
    for start in (0, *_partitions(raw)):
        with raw.open("rb") as disk:
            disk.seek(start + _MAGIC_AT)
            if disk.read(len(_MAGIC)) == _MAGIC:
                return start
    raise RefusedError(
        "the image is neither a tar archive nor a disk with an ext2, ext3 or ext4 file system"
    )


def _partitions(raw: Path) -> list[int]:
    try:
        table = json.loads(run("sfdisk", "--json", str(raw)))["partitiontable"]
    except FailedError:
        return []  # no partition table
    return [int(entry["start"]) * _SECTOR for entry in table.get("partitions", ())]


def _move_owners(folder: Path) -> None:
    """Moves all owners up; a number that has no place there becomes the container's root."""
    _move_owner(str(folder))
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _move_owner(f"{where}/{name}")


def _move_owner(path: str) -> None:
    status = os.lstat(path)
    owner, group = (FIRST_ID + (n if n < IDS else 0) for n in (status.st_uid, status.st_gid))
    os.lchown(path, owner, group)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(path, stat.S_IMODE(status.st_mode))  # noqa: PTH101 # a new owner drops setuid
