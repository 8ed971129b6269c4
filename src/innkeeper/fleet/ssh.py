"""The link to an agent on another machine: one SSH connection, one process on it.

The agent's zip file is brought along when the host does not have this very version. A host whose key is not known
yet is taken at its word the first time; from then on its key must stay the same.
"""

import asyncio
import hashlib
from pathlib import Path

import asyncssh

from .link import LINE_LIMIT, OnEvent, StreamLink
from .local import PYTHON

#: Where a host keeps agents; one file a version, so that a running one is never overwritten.
FOLDER = "/var/lib/innkeeper"
CONNECT_TIMEOUT = 20.0


async def open_ssh(
    address: str, key: Path, known_hosts: Path, agent: Path, on_event: OnEvent
) -> StreamLink:
    """Connects to a host as root and starts the agent there."""
    connection = await _connect(address, key, known_hosts)
    try:
        remote = await _ship(connection, agent)
        process = await connection.create_process(
            f"exec {PYTHON} {remote}", encoding=None, stderr=asyncssh.DEVNULL
        )
    except BaseException:
        connection.close()
        raise

    async def close() -> None:
        process.stdin.write_eof()
        connection.close()
        await connection.wait_closed()

    async def upload(source: str, target: str) -> None:
        await _put(connection, source, target)

    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    pump = asyncio.create_task(_pump(process.stdout, reader))
    link = StreamLink(reader, process.stdin, on_event, close, upload)
    link.lost.add_done_callback(lambda _: pump.cancel())
    return link


async def _pump(source: asyncssh.SSHReader[bytes], reader: asyncio.StreamReader) -> None:
    """Carries bytes into a reader that knows lines of our length."""
    try:
        while data := await source.read(1 << 16):
            reader.feed_data(data)
    except (OSError, asyncssh.Error):
        pass
    reader.feed_eof()


async def _connect(address: str, key: Path, known_hosts: Path) -> asyncssh.SSHClientConnection:
    known = await asyncio.to_thread(_read, known_hosts)
    name, _, port = address.partition(":")
    entry = name if not port else f"[{name}]:{port}"
    seen = any(line.split(" ", 1)[0] == entry for line in known.splitlines())
    connection = await asyncio.wait_for(
        asyncssh.connect(
            name,
            port=int(port or 22),
            username="root",
            client_keys=[str(key)],
            known_hosts=str(known_hosts) if seen else None,
            keepalive_interval=10,
            config=None,
        ),
        CONNECT_TIMEOUT,
    )
    if not seen:
        host_key = connection.get_server_host_key()
        if host_key is not None:
            text = host_key.export_public_key("openssh").decode().strip()
            await asyncio.to_thread(_append, known_hosts, f"{entry} {text}\n")
    return connection


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(line)


async def _ship(connection: asyncssh.SSHClientConnection, agent: Path) -> str:
    content = await asyncio.to_thread(agent.read_bytes)
    remote = f"{FOLDER}/agent-{hashlib.sha256(content).hexdigest()[:16]}.pyz"
    async with connection.start_sftp_client() as files:
        if not await files.exists(remote):
            await files.makedirs(FOLDER, exist_ok=True)
            await _write(files, remote, content)
    return remote


async def _write(files: asyncssh.SFTPClient, remote: str, content: bytes) -> None:
    async with files.open(remote + ".part", "wb") as file:
        await file.write(content)
    await files.posix_rename(remote + ".part", remote)


async def _put(connection: asyncssh.SSHClientConnection, source: str, target: str) -> None:
    async with connection.start_sftp_client() as files:
        await files.makedirs(str(Path(target).parent), exist_ok=True)
        await files.put(source, target + ".part", sparse=True)
        await files.posix_rename(target + ".part", target)
