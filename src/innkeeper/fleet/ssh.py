"""The link to an agent on another machine: one SSH connection, one process at its end.

The agent's zip file is brought along when the host does not have this very version. When the connection is lost, the
host's sshd closes the agent's input, and the agent ends. Large files have connections of their own, so that pings do
not wait behind them, and so that one that hangs can be broken off.
"""

import asyncio
import contextlib
import hashlib
import logging
import shlex
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from .keys import PORT, Doorkeeper, KnownHosts
from .link import OnEvent, StreamLink
from .local import ENVIRONMENT, LAST_WORDS, PYTHON, TAIL, ended, last_line
from .transfer import get, put, put_small

log = logging.getLogger(__name__)

#: Where a host keeps agents; one file a version, so that a running one is never overwritten.
FOLDER = "/var/lib/innkeeper"
CONNECT_TIMEOUT = 20.0
#: Seconds that an orderly end of the connection may take.
FAREWELL = 5.0
#: How a connection ends when the host has no key of a kind that it is known by.
_NO_AGREEMENT = (asyncssh.ConnectionLost, asyncssh.KeyExchangeFailed, ConnectionResetError)


@dataclass(frozen=True)
class Door:
    """How a host is entered: as root at `name`, with our key."""

    name: str
    key: Path
    known: KnownHosts
    port: int = PORT
    folder: str = FOLDER


async def open_ssh(door: Door, agent: Path, log_file: Path, on_event: OnEvent) -> StreamLink:
    """Connects to a host and starts the agent there; its log goes to `log_file` here.

    Raises OSError with a reason that says what to do about it.
    """
    connection = await connect(door)
    try:
        remote = await _ship(connection, door.folder, agent)
        process = await connection.create_process(_command(remote), encoding=None)
    except BaseException as error:
        connection.abort()
        if isinstance(error, asyncssh.Error):
            raise OSError(f"{door.name} takes our key, but: {error.reason}") from error
        raise
    remote_agent = RemoteAgent(door, connection, process, log_file)
    return StreamLink(process.stdout, process.stdin, remote_agent, on_event)


def _command(agent: str) -> str:
    """The shell's command that becomes the agent."""
    settings = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    return "exec " + shlex.join(["env", *settings, PYTHON, agent])


async def connect(door: Door) -> asyncssh.SSHClientConnection:
    """An SSH connection to a host that shows the key by which it is known. Raises OSError."""
    known = await asyncio.to_thread(door.known.of, door.name, door.port)
    keeper = Doorkeeper()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            connection = await asyncssh.connect(
                door.name,
                port=door.port,
                username="root",
                client_keys=[str(door.key)],
                agent_path=None,
                known_hosts=known,
                client_factory=lambda: keeper,
                keepalive_interval=10,
                # Nothing of a home folder counts, which the front end's user may not even look into.
                config=None,
                x509_trusted_certs=None,
                x509_trusted_cert_paths=None,
            )
    except TimeoutError:
        text = f"{door.name} does not answer on port {door.port} within {CONNECT_TIMEOUT:g} s"
        raise OSError(text) from None
    except (OSError, asyncssh.Error, ValueError) as error:
        if known is not None and isinstance(error, _NO_AGREEMENT):
            keeper.offered = await _key_of_another_kind(door, known)
        raise OSError(_refusal(door, keeper, error)) from error
    if known is None:
        await _learn(door, connection)
    return connection


async def _learn(door: Door, connection: asyncssh.SSHClientConnection) -> None:
    key = connection.get_server_host_key()
    try:
        if key is None:
            raise OSError(f"{door.name} has shown no key")
        await asyncio.to_thread(door.known.learn, door.name, door.port, key)
    except BaseException:
        connection.abort()
        raise
    log.warning("%s is known from now on by its key %s", door.name, key.get_fingerprint())


async def _key_of_another_kind(door: Door, known: asyncssh.SSHKnownHosts) -> asyncssh.SSHKey | None:
    """The key of a host that has none of the kinds that it is known by; None when that is not so."""
    keys = known.match(door.name, "", None if door.port == PORT else door.port)[0]
    kinds = [kind.decode() for key in keys for kind in key.sig_algorithms]
    if not kinds or await _shown_key(door, kinds) is not None:
        return None
    return await _shown_key(door, ())


async def _shown_key(door: Door, kinds: Sequence[str]) -> asyncssh.SSHKey | None:
    """The key that a host shows to one who takes these kinds (none given: any); None when it shows none."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return await asyncssh.get_server_host_key(
                door.name, door.port, server_host_key_algs=kinds, config=None
            )
    except (OSError, asyncssh.Error):
        return None


def _refusal(door: Door, keeper: Doorkeeper, error: Exception) -> str:
    """What went wrong, for whoever is to put it right."""
    if keeper.offered is not None:
        return (
            f"the host key of {door.name} has changed: {keeper.offered.get_fingerprint()} is not what "
            f"{door.known.path} has. Either another machine answers in its place, or it was installed anew; then "
            f"remove its lines from that file"
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return f"{door.name} does not let root in with our key: append {door.key}.pub to its authorized_keys"
    return f"SSH to {door.name}: {getattr(error, 'reason', '') or error}"


class RemoteAgent:
    """The agent's process at the other end of a connection."""

    shares_files = False

    def __init__(
        self,
        door: Door,
        connection: asyncssh.SSHClientConnection,
        process: "asyncssh.SSHClientProcess[bytes]",
        log_file: Path,
    ) -> None:
        self._door = door
        self._connection = connection
        self._process = process
        self._log_file = log_file
        self._said = b""
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        """Keeps the agent's log."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab", buffering=0) as file:
            while piece := await self._process.stderr.read(1 << 16):
                file.write(piece)
                self._said = (self._said + piece)[-TAIL:]

    async def epitaph(self) -> str:
        """How the process ended, and the last that it said; or that the connection is gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._process.wait_closed()
                await asyncio.wait({self._listening})
        if self._process.exit_signal is not None:
            return f"the agent was killed by SIG{self._process.exit_signal[0]}"
        if self._process.exit_status is None:
            return "the SSH connection was lost"
        return ended(self._process.exit_status, last_line(self._said))

    async def upload(self, source: str, target: str, sha256: str) -> None:
        """Brings a file to the host."""
        async with self._own_connection() as connection:
            await put(connection, self._door.name, source, target, sha256)

    async def download(self, source: str, target: str, sha256: str) -> None:
        """Brings a file of the host here."""
        async with self._own_connection() as connection:
            await get(connection, self._door.name, source, target, sha256)

    @contextlib.asynccontextmanager
    async def _own_connection(self) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A connection for one file. Raises OSError."""
        connection = await connect(self._door)
        try:
            yield connection
        except asyncssh.Error as error:
            raise OSError(f"SFTP to {self._door.name}: {error.reason}") from error
        finally:
            await _leave(connection)

    async def close(self) -> None:
        """Closes the agent's input and the connection."""
        with contextlib.suppress(OSError):
            self._process.stdin.write_eof()
        await _leave(self._connection)
        self._listening.cancel()
        await asyncio.wait({self._listening})


async def _leave(connection: asyncssh.SSHClientConnection) -> None:
    """Closes a connection; breaks it off when the other end does not answer."""
    connection.close()
    try:
        async with asyncio.timeout(FAREWELL):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


async def _ship(connection: asyncssh.SSHClientConnection, folder: str, agent: Path) -> str:
    """Brings the agent unless it is there, whole; gives its place."""
    content = await asyncio.to_thread(agent.read_bytes)
    remote = f"{folder}/agent-{hashlib.sha256(content).hexdigest()[:16]}.pyz"
    async with connection.start_sftp_client() as files:
        try:
            size = await files.getsize(remote)
        except asyncssh.SFTPNoSuchFile:
            size = None
        if size != len(content):
            await files.makedirs(folder, exist_ok=True)
            await put_small(files, str(agent), remote)
    return remote
