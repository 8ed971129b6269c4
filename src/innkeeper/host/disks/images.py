"""Disk images in a datastore's folder: brought in, copied, looked at, removed."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import BadArgsError, FailedError, MissingError, RefusedError
from ..files import remove_durably, remove_parts, scratch, written_beside
from ..tools import run
from . import formats, qcow2
from .fetch import Progress, Source, TooLargeError, fetch
from .qcow2 import COPY_TIME, FORMATS, MIB, info
from .web import Reach

#: Where an image keeps the hash of the bytes that it was made from.
_HASH_ATTRIBUTE = "user.innkeeper.sha256"
#: The start of a qcow2 file: magic, version, ..., virtual size in bytes at offset 24, big-endian
#: (QEMU's docs/interop/qcow2.txt).
_QCOW2_HEADER = struct.Struct(">4s20xQ")
_QCOW2_MAGIC = b"QFI\xfb"


def bring(request: Arguments, progress: Progress) -> dict[str, Any]:
    """The verb ``image.import``. An image that is there already is whole, and described again."""
    into = Path(request.path("into"))
    wanted = request.choice("format", FORMATS) if "format" in request else None
    size_mib = request.maybe_integer("size_mib", least=1)
    if request.flag("empty"):
        return _bring_empty(request, into, wanted or "raw", size_mib)
    source = _source(request)
    if not into.exists():
        with made(into) as part:
            verbatim = request.flag("verbatim")
            most = room(into.parent, 0, request.maybe_integer("most_mib"))
            digest = fetch(source, part, not verbatim, progress, most)
            _check_hash(request, digest)
            if not verbatim:
                _settle(part, wanted, size_mib, source)
            _finish(part, digest)
    return _answer(into, "raw" if request.flag("verbatim") else None)


@contextlib.contextmanager
def made(into: Path) -> Iterator[Path]:
    """Gives a path beside ``into`` to write to; a full datastore is called by its name."""
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        with written_beside(into) as part:
            yield part
    except TooLargeError as full:
        raise RefusedError(f"no room in the datastore at {into.parent}: {full}") from full
    except (OSError, FailedError) as problem:
        if getattr(problem, "errno", 0) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(
            problem
        ):
            raise RefusedError(f"no room in the datastore at {into.parent}: {problem}") from problem
        raise


def room(folder: Path, needed: int = 0, most_mib: int | None = None) -> int:
    """Bytes that may be written into a datastore's folder; TooLargeError when they are fewer than are needed."""
    free = space(folder)["free_mib"]
    most = (free if most_mib is None else min(free, most_mib)) * MIB
    if needed > most:
        raise TooLargeError(needed, most)
    return most


def _source(request: Arguments) -> Source:
    if "url" in request and "path" not in request:
        return Source(request.text("url"), reach=_reach(request))
    if "path" in request and "url" not in request:
        return Source(request.path("path"), _folders(request))
    raise BadArgsError("path", "one of path, url or empty", request.raw("path"))


def _reach(request: Arguments) -> Reach:
    """The networks that an address may lie in besides the public ones; None when it may lie anywhere."""
    given = request.raw("reach")
    if given is None:
        return None
    try:
        return [ipaddress.ip_network(network) for network in given]
    except (TypeError, ValueError) as wrong:
        raise request.bad("reach", "a list of networks such as 10.0.0.0/8") from wrong


def _folders(request: Arguments) -> tuple[str, ...]:
    """The folders in which a file to be brought in must lie."""
    given = request.raw("within")
    if given is None:
        return ()
    if not (isinstance(given, list) and given and all(isinstance(path, str) for path in given)):
        raise request.bad("within", "a list of folders")
    return tuple(given)


def _bring_empty(
    request: Arguments, into: Path, image_format: str, size_mib: int | None
) -> dict[str, Any]:
    if size_mib is None:
        raise request.bad("size_mib", "the size of the empty image in MiB")
    fs = request.maybe_text("fs")
    if fs is not None and fs not in (*qcow2.MAKERS, "swap"):
        raise request.bad("fs", "one of " + ", ".join(sorted((*qcow2.MAKERS, "swap"))))
    if not into.exists():
        with made(into) as part:
            swap = fs == "swap"
            qcow2.make_empty(part, image_format, size_mib, None if swap else fs, swap)
            _finish(part, "")
    return _answer(into)


def _check_hash(request: Arguments, digest: str) -> None:
    expected = request.maybe_text("sha256")
    if expected is not None and expected.lower() != digest:
        raise RefusedError(f"the SHA-256 is {digest}, {expected} was expected")


def _settle(part: Path, wanted: str | None, size_mib: int | None, source: Source) -> None:
    """Checks what came and brings it into the wanted format and size."""
    found = formats.check(part, source.place)
    target = wanted or (found if found in FORMATS else "qcow2")
    if target != found:
        with scratch(part, "converted") as converted:
            qcow2.convert(part, converted, target, found)
            converted.replace(part)
    qcow2.grow(part, target, size_mib)


def _finish(part: Path, digest: str) -> None:
    if digest:
        # A file system without attributes only loses the hash in the answer to a repeated request.
        with contextlib.suppress(OSError):
            os.setxattr(part, _HASH_ATTRIBUTE, digest.encode())
    part.chmod(0o644)


def _answer(path: Path, image_format: str | None = None) -> dict[str, Any]:
    found = info(path, image_format or formats.detect(path))
    try:
        digest: str | None = os.getxattr(path, _HASH_ATTRIBUTE).decode()
    except OSError:
        digest = None
    return {
        "format": found.format,
        "virtual_mib": found.virtual_mib,
        "bytes": found.used,
        "sha256": digest,
    }


def clone(request: Arguments) -> dict[str, Any]:
    """The verb ``image.clone``: a copy that depends on nothing.

    The format is the front end's word where it has one: a guest that wrote to a raw image may have made it look
    like a qcow2 image, one that refers to any file of this machine.
    """
    origin, into = Path(request.path("from")), Path(request.path("into"))
    known = request.choice("format", FORMATS) if "format" in request else None
    if not into.exists():
        if not origin.exists():
            raise MissingError(str(origin))
        with made(into) as part:
            _copy(origin, part, known)
            part.chmod(0o644)
    return _answer(into, known)


def _copy(origin: Path, part: Path, known: str | None) -> None:
    found = info(origin, known or formats.detect(origin))
    if found.backing:
        qcow2.convert(origin, part, found.format, found.format)
    else:
        run(
            "cp", "--reflink=auto", "--sparse=always", "--preserve=xattr", str(origin), str(part),
            timeout=COPY_TIME,
        )  # fmt: skip


def remove(path: Path) -> None:
    """The verb ``image.remove``; what interrupted imports left beside it goes too."""
    remove_parts(path)
    if path.is_dir():
        raise RefusedError(f"{path} is a folder, not an image")
    remove_durably(path)


def look(request: Arguments) -> dict[str, Any]:
    """The verb ``image.stat``: what an image is, before it is brought in."""
    source = _source(request)
    if not source.remote:
        if not Path(source.place).exists():
            raise MissingError(source.place)
        return _answer(Path(source.place))
    stream, total = source.open(most=4096)
    with stream:
        head = stream.read(_QCOW2_HEADER.size)
    image_format, virtual = "raw", total
    if len(head) == _QCOW2_HEADER.size:
        magic, size = _QCOW2_HEADER.unpack(head)
        if magic == _QCOW2_MAGIC:
            image_format, virtual = "qcow2", size
    virtual_mib = None if virtual is None else -(-virtual // MIB)
    return {"format": image_format, "virtual_mib": virtual_mib, "bytes": total, "sha256": None}


def space(path: Path) -> dict[str, int]:
    """The verb ``store.stat``: the room on the file system that holds a folder, in MiB."""
    present = path
    while not present.exists():
        present = present.parent
    room = os.statvfs(present)
    total = room.f_blocks * room.f_frsize // MIB
    free = room.f_bavail * room.f_frsize // MIB
    return {"total_mib": total, "free_mib": free, "used_mib": total - free}
