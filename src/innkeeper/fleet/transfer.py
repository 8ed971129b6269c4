"""Files on their way to a host by SFTP: written beside, checked against their hash, then renamed.

What a cut transfer leaves has a name that no file is ever asked for by, and is removed by the next transfer into the
same folder: a front end brings one file after the other to a host.
"""

import asyncio
import logging
import posixpath
import secrets
import shlex
from pathlib import Path

import asyncssh

log = logging.getLogger(__name__)

PART = ".part"
#: Seconds without a byte after which a transfer is given up, and that checking what came may take.
STALLED, CHECKING = 60.0, 3600.0
#: Seconds between lines in the log about a transfer.
TOLD_EVERY = 10.0
_MIB = 1 << 20


async def put(
    connection: asyncssh.SSHClientConnection, host: str, source: str, target: str, sha256: str
) -> None:
    """Brings a file to a host. Raises OSError or asyncssh.Error; then `target` is as it was.

    The connection is broken off when the host does not answer, or nobody wants the file any more.
    """
    async with connection.start_sftp_client() as files:
        part = f"{target}.{secrets.token_hex(4)}{PART}"
        try:
            await _steps(connection, files, host, source, part, target, sha256)
        except TimeoutError:
            connection.abort()
            raise OSError(f"{host} has not answered for {STALLED:g} s") from None
        except (OSError, asyncssh.Error):
            await _drop(files, part)
            raise
        except BaseException:
            connection.abort()
            raise


async def _steps(
    connection: asyncssh.SSHClientConnection,
    files: asyncssh.SFTPClient,
    host: str,
    source: str,
    part: str,
    target: str,
    sha256: str,
) -> None:
    size = await asyncio.to_thread(_size, source)
    log.info("bringing %s (%d MiB) to %s as %s", source, size // _MIB, host, target)
    async with asyncio.timeout(STALLED):
        await files.makedirs(posixpath.dirname(target), exist_ok=True)
        await _sweep(files, posixpath.dirname(target))
    await _copy(connection, files, host, source, part)
    async with asyncio.timeout(STALLED):
        # a hole at the end is not written
        await files.truncate(part, size)
        await files.chmod(part, 0o644)
    await _check(connection, part, sha256)
    async with asyncio.timeout(STALLED):
        await files.posix_rename(part, target)
    log.info("%s has %s", host, target)


def _size(path: str) -> int:
    return Path(path).stat().st_size


async def _copy(
    connection: asyncssh.SSHClientConnection,
    files: asyncssh.SFTPClient,
    host: str,
    source: str,
    part: str,
) -> None:
    """Copies, keeping holes. Raises TimeoutError when nothing moves any more."""
    loop = asyncio.get_running_loop()
    told = loop.time()

    def moved(_source: bytes, _target: bytes, done: int, total: int) -> None:
        nonlocal told
        limit.reschedule(loop.time() + STALLED)
        if loop.time() - told >= TOLD_EVERY:
            told = loop.time()
            log.info("%s on its way to %s: %d of %d MiB", source, host, done // _MIB, total // _MIB)

    copying = asyncio.create_task(files.put(source, part, sparse=True, progress_handler=moved))
    try:
        async with asyncio.timeout(STALLED) as limit:
            # a copy that is cancelled asks the host to close its file, which may never answer
            await asyncio.shield(copying)
    finally:
        if not copying.done():
            connection.abort()
            await asyncio.wait({copying})
            copying.exception()


async def _check(connection: asyncssh.SSHClientConnection, part: str, sha256: str) -> None:
    """Makes what came durable, and compares its hash with what was sent for."""
    name = shlex.quote(part)
    done = await connection.run(f"sync {name} && sha256sum {name}", timeout=CHECKING)
    came = str(done.stdout or "").split(" ", 1)[0].lstrip("\\")
    if done.exit_status != 0:
        raise OSError(f"checking it there failed: {str(done.stderr or '').strip()}")
    if came != sha256:
        raise OSError(
            f"its SHA-256 is {came} there, {sha256} was expected: has it changed meanwhile?"
        )


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


async def put_small(files: asyncssh.SFTPClient, target: str, content: bytes) -> None:
    """Writes a small file on the host, whole or not at all."""
    part = f"{target}.{secrets.token_hex(4)}{PART}"
    async with files.open(part, "wb") as file:
        await file.write(content)
        await file.fsync()
    await files.posix_rename(part, target)
