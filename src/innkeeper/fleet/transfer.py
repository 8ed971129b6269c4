"""Files on their way to a host, or from one, by SFTP: written beside, checked against their hash, then renamed.

What a cut transfer leaves has a name that no file is ever asked for by, and is removed by the next transfer into the
same folder: a front end brings one file after the other to a host.
"""

import asyncio
import errno
import hashlib
import logging
import os
import posixpath
import secrets
import shlex
from collections import deque
from collections.abc import Callable
from pathlib import Path

import asyncssh

log = logging.getLogger(__name__)

PART = ".part"
#: Seconds without a byte after which a transfer is given up, and that checking what came may take.
STALLED, CHECKING = 60.0, 3600.0
#: Seconds between lines in the log about a transfer.
TOLD_EVERY = 10.0
#: Bytes in one write (SFTP servers take at least 32 KiB), and how many are under way at once.
_PIECE, _WINDOW = 32 << 10, 64
#: Bytes read from our file at a time.
_READ = 1 << 20
#: The grain in which holes are kept here.
_HOLE = 64 << 10
_MIB = 1 << 20

Moved = Callable[[int], None]


async def put(
    connection: asyncssh.SSHClientConnection, host: str, source: str, target: str, sha256: str
) -> None:
    """Brings a file to a host. Raises OSError or asyncssh.Error; then `target` is as it was.

    The connection is broken off when the host does not answer, or nobody wants the file any more.
    """
    async with connection.start_sftp_client() as files:
        part = f"{target}.{secrets.token_hex(4)}{PART}"
        try:
            async with asyncio.timeout(STALLED):
                await files.makedirs(posixpath.dirname(target), exist_ok=True)
                await _sweep(files, posixpath.dirname(target))
            await _copy_telling(files, host, source, part)
            await _check(connection, part, sha256)
            async with asyncio.timeout(STALLED):
                await files.posix_rename(part, target)
        except TimeoutError:
            connection.abort()
            raise OSError(f"{host} has not answered for {STALLED:g} s") from None
        except (OSError, asyncssh.Error):
            await _drop(files, part)
            raise
        except BaseException:
            connection.abort()
            raise
    log.info("%s has %s", host, target)


async def get(
    connection: asyncssh.SSHClientConnection, host: str, source: str, target: str, sha256: str
) -> None:
    """Brings a host's file here, from where an earlier try ended. Raises OSError or asyncssh.Error."""
    if await asyncio.to_thread(Path(target).exists):
        return
    async with connection.start_sftp_client() as files:
        try:
            async with asyncio.timeout(STALLED):
                file = await files.open(source, "rb")
                size = (await file.stat()).size or 0
            with _Part(target, sha256) as part:
                log.info(
                    "bringing %s (%d MiB) of %s from byte %d", source, size // _MIB, host, part.size
                )
                while part.size < size:
                    async with asyncio.timeout(STALLED):
                        data = await file.read(_READ, part.size)
                    if not isinstance(data, bytes) or not data:
                        raise OSError(f"{source} has become shorter")
                    await asyncio.to_thread(part.append, data)
            await asyncio.to_thread(part.finish)
        except TimeoutError:
            connection.abort()
            raise OSError(f"{host} has not answered for {STALLED:g} s") from None
        except (OSError, asyncssh.Error):
            raise
        except BaseException:
            connection.abort()
            raise


def copied(source: str, target: str, sha256: str) -> None:
    """The same for a file of this machine."""
    if Path(target).exists():
        return
    with _Part(target, sha256) as part, Path(source).open("rb") as file:
        file.seek(part.size)
        while data := file.read(_READ):
            part.append(data)
    part.finish()


class _Part:
    """A file that comes here: known by its hash, so that the next try goes on with it; holes are kept."""

    def __init__(self, target: str, sha256: str) -> None:
        self._target = Path(target)
        self._sha256 = sha256
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._path = self._target.with_name(f"{self._target.name}.{sha256[:16]}{PART}")
        self._file = os.fdopen(
            os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b"
        )
        self.size = self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> "_Part":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.truncate(self.size)
        self._file.close()

    def append(self, data: bytes) -> None:
        """Writes what comes next, but for zeros."""
        for start in range(0, len(data), _HOLE):
            piece = data[start : start + _HOLE]
            if piece.count(0) != len(piece):
                self._file.seek(self.size + start)
                self._file.write(piece)
        self.size += len(data)

    def finish(self) -> None:
        """Makes what came durable, and compares it with the hash; then it has its name."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
            came = hashlib.file_digest(file, "sha256").hexdigest()
        if came != self._sha256:
            self._path.unlink()
            raise OSError(f"its SHA-256 is {came} here, not {self._sha256}")
        self._path.replace(self._target)


async def put_small(files: asyncssh.SFTPClient, source: str, target: str) -> None:
    """Brings a small file to a host, whole or not at all."""
    part = f"{target}.{secrets.token_hex(4)}{PART}"
    await _copy(files, source, part, lambda _: None)
    await files.posix_rename(part, target)


async def _copy_telling(files: asyncssh.SFTPClient, host: str, source: str, part: str) -> None:
    """Copies, with lines in the log. Raises TimeoutError when nothing moves any more."""
    loop = asyncio.get_running_loop()
    size = await asyncio.to_thread(_size, source)
    told = loop.time()
    log.info("bringing %s (%d MiB) to %s as %s", source, size // _MIB, host, part)

    def moved(done: int) -> None:
        nonlocal told
        limit.reschedule(loop.time() + STALLED)
        if loop.time() - told >= TOLD_EVERY:
            told = loop.time()
            log.info("%s on its way to %s: %d of %d MiB", source, host, done // _MIB, size // _MIB)

    async with asyncio.timeout(STALLED) as limit:
        await _copy(files, source, part, moved)


def _size(path: str) -> int:
    return Path(path).stat().st_size


async def _copy(files: asyncssh.SFTPClient, source: str, part: str, moved: Moved) -> None:
    """Copies a file, keeping its holes. Pieces are read beside the loop, and many are on their way at once."""
    under_way: deque[asyncio.Task[int]] = deque()
    try:
        file = await files.open(part, "wb", block_size=0)
        at, size = 0, await asyncio.to_thread(_size, source)
        while found := await asyncio.to_thread(_next_data, source, at, size):
            start, data = found
            at = start + len(data)
            for begin in range(0, len(data), _PIECE):
                if len(under_way) >= _WINDOW:
                    await under_way[0]
                    under_way.popleft()
                piece = data[begin : begin + _PIECE]
                under_way.append(asyncio.create_task(file.write(piece, start + begin)))
            moved(at)
        while under_way:
            await under_way[0]
            moved(at)
            under_way.popleft()
        await file.truncate(size)
        await file.close()
        await files.chmod(part, 0o644)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _next_data(source: str, at: int, size: int) -> tuple[int, bytes] | None:
    """The next bytes of a file that are no hole, and where they are; None at its end.

    The file is opened anew each time: nobody may be left who could close it, while a thread still reads.
    """
    with Path(source).open("rb", buffering=0) as file:
        try:
            start = file.seek(at, os.SEEK_DATA)
            end = min(file.seek(start, os.SEEK_HOLE), start + _READ, size)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return None
            raise
        file.seek(start)
        data = file.read(max(0, end - start))
    return (start, data) if data else None


async def _check(connection: asyncssh.SSHClientConnection, part: str, sha256: str) -> None:
    """Makes what came durable, and compares its hash with what was sent for."""
    name = shlex.quote(part)
    done = await connection.run(f"sync {name} && sha256sum {name}", timeout=CHECKING)
    came = str(done.stdout or "").split(" ", 1)[0].lstrip("\\")
    if done.exit_status != 0:
        raise OSError(f"checking it there failed: {str(done.stderr or '').strip()}")
    if came != sha256:
        raise OSError(f"its SHA-256 is {came} there, not {sha256}: has it changed meanwhile?")


async def _sweep(files: asyncssh.SFTPClient, folder: str) -> None:
    """Removes what cut transfers left in a folder."""
    for name in await files.listdir(folder):
        if name.endswith(PART):
            await _drop(files, posixpath.join(folder, name))


async def _drop(files: asyncssh.SFTPClient, path: str) -> None:
    """Removes a file, if it is there and the host answers."""
    try:
        async with asyncio.timeout(STALLED):
            await files.remove(path)
    except (OSError, asyncssh.Error) as error:
        log.debug("removing %s: %s", path, error)
