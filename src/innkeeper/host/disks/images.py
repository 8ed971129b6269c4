"""Disk images in a datastore's folder: brought in, copied, looked at, removed."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from ..arguments import Arguments
from ..errors import BadArgsError, FailedError, MissingError, RefusedError
from ..files import remove_durably, remove_parts, scratch, written_beside
from ..tools import run
from . import formats, lvm, qcow2
from .ceph import Pool
from .fetch import Progress, Source, TooLargeError, fetch
from .qcow2 import COPY_TIME, FORMATS, MIB, info
from .rbd import RbdPlace
from .records import DRIVERS
from .web import Reach

#: Where an image keeps the hash of the bytes that it was made from.
_HASH_ATTRIBUTE = "user.innkeeper.sha256"
#: The start of a qcow2 file: magic, version, ..., virtual size in bytes at offset 24, big-endian
#: (QEMU's docs/interop/qcow2.txt).
_QCOW2_HEADER = struct.Struct(">4s20xQ")
_QCOW2_MAGIC = b"QFI\xfb"


def bring(request: Arguments, progress: Progress) -> dict[str, Any]:
    """The verb ``image.import``. An image that is there already is whole, and described again."""
    into = shelf_of(request)
    wanted = request.choice("format", FORMATS) if "format" in request else None
    size_mib = request.maybe_integer("size_mib", least=1)
    if request.flag("empty"):
        return _bring_empty(request, into, wanted or "raw", size_mib)
    source = _source(request)
    if not into.there():
        with into.made() as part:
            verbatim = request.flag("verbatim")
            most = into.room(request.maybe_integer("most_mib"))
            digest = fetch(source, part, not verbatim, progress, most)
            _check_hash(request, digest)
            if not verbatim:
                _settle(part, wanted, size_mib, source)
            _finish(part, digest)
    return into.answer("raw" if request.flag("verbatim") else None)


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
    request: Arguments, into: Shelf, image_format: str, size_mib: int | None
) -> dict[str, Any]:
    if size_mib is None:
        raise request.bad("size_mib", "the size of the empty image in MiB")
    fs = request.maybe_text("fs")
    if fs is not None and fs not in (*qcow2.MAKERS, "swap"):
        raise request.bad("fs", "one of " + ", ".join(sorted((*qcow2.MAKERS, "swap"))))
    if not into.there():
        with into.made() as part:
            swap = fs == "swap"
            qcow2.make_empty(part, image_format, size_mib, None if swap else fs, swap)
            _finish(part, "")
    return into.answer(None)


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
    known = request.choice("format", FORMATS) if "format" in request else None
    into = shelf_of(request)
    if not into.there():
        into.copy_from(request, known)
    return into.answer(known)


def _copy(origin: Path, part: Path, known: str | None) -> None:
    found = info(origin, known or formats.detect(origin))
    if found.backing:
        qcow2.convert(origin, part, found.format, found.format)
    else:
        run(
            "cp", "--reflink=auto", "--sparse=always", "--preserve=xattr", str(origin), str(part),
            timeout=COPY_TIME,
        )  # fmt: skip


def remove(request: Arguments) -> None:
    """The verb ``image.remove``; what interrupted imports left beside it goes too."""
    shelf_of(request, "path").remove()


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


def stat(request: Arguments) -> dict[str, int]:
    """The verb ``store.stat``: the room in a datastore, in MiB."""
    if "store" not in request:
        return space(Path(request.path("path")))
    described = request.part("store")
    if described.choice("driver", DRIVERS) == "lvm":
        return lvm.room(described.file_name("group"))
    return Pool.described(described).room()


def space(path: Path) -> dict[str, int]:
    """The room on the file system that holds a folder, in MiB."""
    present = path
    while not present.exists():
        present = present.parent
    room = os.statvfs(present)
    total = room.f_blocks * room.f_frsize // MIB
    free = room.f_bavail * room.f_frsize // MIB
    return {"total_mib": total, "free_mib": free, "used_mib": total - free}


# ---- where images lie ----------------------------------------------------------------------------


class Shelf(Protocol):
    """Where an image lies, or is to lie."""

    def there(self) -> bool: ...
    def made(self) -> contextlib.AbstractContextManager[Path]:
        """Gives a file to write to; when the block ends well, that is the image."""

    def room(self, most_mib: int | None) -> int:
        """Bytes that may be written to it."""

    def answer(self, known: str | None) -> dict[str, Any]:
        """What it is."""

    def copy_from(self, request: Arguments, known: str | None) -> None:
        """Makes it a copy of the image ``from``."""

    def remove(self) -> None: ...


def shelf_of(request: Arguments, key: str = "into") -> Shelf:
    """Where a request's image lies: in a pool of Ceph's when there is a ``store``, else a file."""
    if "store" in request:
        pool = Pool.described(request.part("store"))
        return _InPool(RbdPlace(pool, request.text(key)), Path(request.path("spool")))
    return _InFolder(Path(request.path(key)))


class _InFolder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def there(self) -> bool:
        return self._path.exists()

    def made(self) -> contextlib.AbstractContextManager[Path]:
        return made(self._path)

    def room(self, most_mib: int | None) -> int:
        return room(self._path.parent, 0, most_mib)

    def answer(self, known: str | None) -> dict[str, Any]:
        return _answer(self._path, known)

    def copy_from(self, request: Arguments, known: str | None) -> None:
        origin = Path(request.path("from"))
        if not origin.exists():
            raise MissingError(str(origin))
        with self.made() as part:
            _copy(origin, part, known)
            part.chmod(0o644)

    def remove(self) -> None:
        remove_parts(self._path)
        if self._path.is_dir():
            raise RefusedError(f"{self._path} is a folder, not an image")
        remove_durably(self._path)


class _InPool:
    """``spool``: a folder for what is on its way into the pool."""

    def __init__(self, place: RbdPlace, spool: Path) -> None:
        self._place, self._spool = place, spool

    @property
    def _passing(self) -> Path:
        return self._spool / self._place.name.replace("/", ".")

    def there(self) -> bool:
        return self._place.there()

    @contextlib.contextmanager
    def made(self) -> Iterator[Path]:
        try:
            with made(self._passing) as part:
                yield part
            self._place.fill(self._passing, formats.detect(self._passing))
        finally:
            remove_parts(self._passing)
            self._passing.unlink(missing_ok=True)

    def room(self, most_mib: int | None) -> int:
        free = min(self._place.pool.room()["free_mib"], space(self._spool)["free_mib"])
        most = (free if most_mib is None else min(free, most_mib)) * MIB
        if most == 0:
            raise self._place.pool.full()
        return most

    def answer(self, known: str | None) -> dict[str, Any]:
        size = self._place.size()
        if size is None:
            raise self._place.missing()
        return {"format": "raw", "virtual_mib": -(-size // MIB), "bytes": size, "sha256": None}

    def copy_from(self, request: Arguments, known: str | None) -> None:
        self._place.copy_of(request.text("from"))

    def remove(self) -> None:
        remove_parts(self._passing)
        self._passing.unlink(missing_ok=True)
        self._place.remove()
