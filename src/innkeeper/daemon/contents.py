"""The files behind images, on their way to users and from them.

Theory of operation
-------------------
What is on its way lies in one folder, `DATA/transit`: an upload until an image has been made of it, a converted copy
until it has been sent. A file there is wanted as long as somebody in this process works with it, or an open import
has it as its path. Whatever else lies there was left by a front end that died, and is removed: at the start, and
whenever something happens to an image.
"""

import asyncio
import errno
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from innkeeper.api.v1.ports import ContentUnavailable, NoRoom
from innkeeper.commands.core import Core
from innkeeper.fleet.bases import sha256_of
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle import stores
from innkeeper.lifecycle.messages import FRONT_END, SIMULATED
from innkeeper.lifecycle.operations.images import COPY_TIME
from innkeeper.model import storage
from innkeeper.model.objects import Image
from innkeeper.store.journal import EventRow

#: Bytes read or written at a time, and the grain in which holes are kept.
PIECE, HOLE = 1 << 20, 64 << 10
_ZEROS = bytes(HOLE)


class Contents:
    """Opens images' files, and takes up new ones."""

    def __init__(self, core: Core, fleet: Fleet, folder: Path) -> None:
        self.folder = str(folder)
        self._core = core
        self._fleet = fleet
        self._path = folder
        self._busy: set[str] = set()

    # -- what lies there

    def follow(self, events: tuple[EventRow, ...]) -> None:
        """Something happened to images: what they came from may go."""
        if any(row.kind == Image.KIND for row in events):
            self.sweep()

    def sweep(self) -> None:
        """Removes what nobody wants any more."""
        if self._path.is_dir():
            for path in self._path.iterdir():
                if not (self._own(path) or self._wanted(str(path))):
                    path.unlink(missing_ok=True)

    def _own(self, path: Path) -> bool:
        """Is it one that we work with, or that the agent writes beside one?"""
        return any(path.name.lstrip(".").startswith(Path(busy).name) for busy in self._busy)

    def _wanted(self, path: str) -> bool:
        world = self._core.world
        return any(
            image.path == path and world.operation_on(image) is not None for image in world.images
        )

    def _take(self) -> str:
        """A path of our own, until it is given back."""
        self._path.mkdir(mode=0o711, exist_ok=True)
        path = str(self._path / secrets.token_hex(8))
        self._busy.add(path)
        return path

    def _give_back(self, path: str) -> None:
        """We are done with it: what lies there goes, unless it is wanted."""
        self._busy.discard(path)
        self.sweep()

    # -- out

    async def open(self, image: Image, wanted: str) -> "FileContent":
        """An image's bytes in a format; converted first, unless it is stored so."""
        if self._core.world.datastores[image.datastore_id].simulated:
            raise ContentUnavailable(f"image {image.id} is simulated: it has no content")
        stored = image.format or "raw"
        datastore = self._core.world.datastores[image.datastore_id]
        if wanted == stored and not storage.in_pool(datastore):
            return await self._opened(image.source)
        path = self._take()
        try:
            await self._convert(image, stored, path, wanted)
            content = await self._opened(path)
        except BaseException:
            self._give_back(path)
            raise
        content.closed = lambda: self._give_back(path)
        return content

    async def _opened(self, path: str) -> "FileContent":
        try:
            return await asyncio.to_thread(FileContent, path)
        except OSError as error:
            raise ContentUnavailable(f"{path} cannot be read: {error.strerror}") from None

    async def _convert(self, image: Image, stored: str, path: str, wanted: str) -> None:
        args = {"path": image.source, "format": stored, "into": path, "as": wanted}
        args |= stores.for_image(self._core.world.datastores[image.datastore_id])
        try:
            await self._fleet.ask(FRONT_END, "image.export", args, COPY_TIME)
        except AgentError as error:
            kind = NoRoom if error.message.startswith("no room") else ContentUnavailable
            text = f"image {image.id} cannot be converted to {wanted}: {error.message}"
            raise kind(text) from None

    async def verify(self, image: Image, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Which files of a backup are not what they were."""
        simulated = self._core.world.datastores[image.datastore_id].simulated
        place = SIMULATED if simulated else FRONT_END
        try:
            said = await self._fleet.ask(place, "backup.verify", {"files": parts}, COPY_TIME)
        except AgentError as error:
            raise ContentUnavailable(
                f"image {image.id} cannot be gone through: {error.message}"
            ) from None
        damaged: list[dict[str, Any]] = said["damaged"]
        return damaged

    # -- in

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes], most: int) -> AsyncIterator["Arrival"]:
        """Writes what comes into a file of the folder, which stays only if an image is made of it."""
        path = self._take()
        try:
            with closing(await asyncio.to_thread(Arrival, path, most)) as arrival:
                async for piece in _gathered(chunks):
                    await asyncio.to_thread(arrival.write, piece)
                await asyncio.to_thread(arrival.finish)
                yield arrival
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise NoRoom(f"no room in {self._path}: it is full") from None
        finally:
            self._give_back(path)


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


class Arrival:
    """A file that is being written, with its holes."""

    def __init__(self, path: str, most: int) -> None:
        self.path = path
        self.digest = b""
        self._file = Path(path).open("xb")  # noqa: SIM115  closed by `close`
        self._hash = hashlib.sha256()
        self._most = most
        self._size = self._written = 0

    def write(self, piece: bytes) -> None:
        """Appends; raises NoRoom beyond what may be written."""
        self._hash.update(piece)
        for start in range(0, len(piece), HOLE):
            part = piece[start : start + HOLE]
            if part != _ZEROS[: len(part)]:
                self._file.seek(self._size + start)
                self._written += self._file.write(part)
        self._size += len(piece)
        if self._written > self._most:
            raise NoRoom(f"no room: there are only {self._most >> 20} MiB for the image")

    def finish(self) -> None:
        """Makes what came durable."""
        self._file.truncate(self._size)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.digest = self._hash.digest()

    def close(self) -> None:
        """Writes no more."""
        self._file.close()


class FileContent:
    """A file's bytes, or a part of them."""

    def __init__(self, path: str) -> None:
        #: Told when nobody wants the bytes any more.
        self.closed: Callable[[], None] = lambda: None
        self._path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(self._file)
        self.size = found.st_size
        self.etag = f'"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"'
        self._start, self._end = 0, self.size

    def only(self, start: int, end: int) -> None:
        """Gives the bytes from `start` up to `end` alone."""
        self._start, self._end = start, end

    async def sha256(self) -> bytes:
        """The hash of all bytes."""
        return bytes.fromhex(await asyncio.to_thread(sha256_of, self._path))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self._start
        while at < self._end:
            wanted = min(PIECE, self._end - at)
            data = await asyncio.to_thread(os.pread, self._file, wanted, at)
            if not data:
                raise OSError(f"{self._path} became shorter")
            at += len(data)
            yield data

    async def aclose(self) -> None:
        """Closes the file; a converted copy goes."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self.closed()
