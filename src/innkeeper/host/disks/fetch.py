"""Bringing bytes in: from a file or a web server, checked, unpacked and written sparsely."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import hashlib
import io
import lzma
import os
import stat
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from ..errors import FailedError, MissingError, RefusedError
from .web import Reach, open_url

#: Bytes read at a time; also the grain in which holes are kept.
BLOCK = 1024 * 1024
_HOLE = 64 * 1024
_REPORT_EVERY = 0.5
_UNPACKERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ\0": lzma.open,
    b"BZh": bz2.open,
}

#: Gets the bytes done so far and the bytes in all (None: not known).
Progress = Callable[[int, int | None], None]


@dataclasses.dataclass(frozen=True)
class Source:
    """Where an image comes from: a file's path, or an http(s) address."""

    place: str
    #: The folders in one of which a file must really lie, wherever links lead; empty: anywhere.
    within: tuple[str, ...] = ()
    #: The networks from which an address may be fetched besides the public ones; None: from anywhere.
    reach: Reach = None

    @property
    def remote(self) -> bool:
        return "://" in self.place

    def open(self, most: int | None = None) -> tuple[IO[bytes], int | None]:
        """The bytes (of a remote source ``most`` will do), and how many there are in all, if known."""
        if self.remote:
            return open_url(self.place, self.reach, most)
        try:
            # A pipe would keep us waiting for somebody to write.
            descriptor = os.open(self.place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as absent:
            raise MissingError(self.place) from absent
        file = os.fdopen(descriptor, "rb")
        try:
            return file, self._checked_size(descriptor)
        except BaseException:
            file.close()
            raise

    def _checked_size(self, descriptor: int) -> int:
        """Bytes of the file that was opened. Checked is that one, not what its path leads to a moment later."""
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise RefusedError(f"{self.place} is no file: an image is expected")
        real = Path(f"/proc/self/fd/{descriptor}").readlink()
        folders = [Path(folder).resolve() for folder in self.within]
        if folders and not any(real.is_relative_to(folder) for folder in folders):
            raise RefusedError(f"{self.place} leads to {real}, out of the folders for images")
        return found.st_size

    def room(self) -> int | None:
        """Bytes that its copy takes, as far as that is known before."""
        if self.remote:
            return None
        found = Path(self.place).stat()
        return min(found.st_size, found.st_blocks * 512)


class _Watched(io.RawIOBase):
    """A stream that counts and hashes what is read from it."""

    def __init__(self, stream: IO[bytes], total: int | None, progress: Progress) -> None:
        self._stream = stream
        self._total = total
        self._progress = progress
        self._reported = time.monotonic()
        self.done = 0
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        self.done += len(data)
        if time.monotonic() - self._reported > _REPORT_EVERY:
            self._reported = time.monotonic()
            self._progress(self.done, self._total)
        return len(data)

    def drain(self) -> None:
        """Reads to the end: what follows a compressed part counts for the hash."""
        while self.read(BLOCK):
            pass


def fetch(
    source: Source, target: Path, unpack: bool, progress: Progress, most: int | None = None
) -> str:
    """Writes what ``source`` holds into ``target``, keeping holes; gives the SHA-256 of its bytes.

    Compressed content (gzip, xz, bzip2) is unpacked if ``unpack``; the hash is of the bytes as they came.
    More than ``most`` bytes are refused, at the latest when they have come.
    """
    stream, total = source.open()
    with stream:
        _check_room(source, total, most)
        watched = _Watched(stream, total, progress)
        buffered = io.BufferedReader(watched, BLOCK)
        try:
            _write_sparse(_unpacked(buffered) if unpack else buffered, target, most)
            watched.drain()
        except (EOFError, gzip.BadGzipFile, lzma.LZMAError, HTTPException) as broken:
            raise FailedError(f"{source.place}: broken or cut short ({broken})") from broken
    if total is not None and watched.done != total:
        raise FailedError(f"{source.place}: {watched.done} of {total} bytes came")
    progress(watched.done, total)
    return watched.digest.hexdigest()


def _unpacked(stream: io.BufferedReader[Any]) -> IO[bytes]:
    head = stream.peek(8)
    for magic, opener in _UNPACKERS.items():
        if head.startswith(magic):
            unpacked: IO[bytes] = opener(stream, "rb")
            return unpacked
    return stream


def _check_room(source: Source, total: int | None, most: int | None) -> None:
    needed = source.room() or total
    if most is not None and needed is not None and needed > most:
        raise TooLargeError(needed, most)


class TooLargeError(RefusedError):
    """There is no room for what is to be written."""

    def __init__(self, needed: int, most: int) -> None:
        super().__init__(f"{-(-needed // BLOCK)} MiB are needed, there is room for {most // BLOCK}")


def _write_sparse(stream: IO[bytes], target: Path, most: int | None) -> None:
    zeros = bytes(_HOLE)
    with target.open("wb") as file:
        size = written = 0
        while block := stream.read(BLOCK):
            for start in range(0, len(block), _HOLE):
                piece = block[start : start + _HOLE]
                if piece != zeros[: len(piece)]:
                    file.seek(size + start)
                    written += file.write(piece)
            size += len(block)
            if most is not None and written > most:
                raise TooLargeError(written, most)
        file.truncate(size)
