"""Links to agents on this machine: a child process, or one that root's service starts for us.

A front end that is root starts the agent itself. One that is not asks the service (`host/listener.py`) for the agent of
its machine, by connecting to a socket; images it handles with a child all the same, which has no more rights than it.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .link import OnEvent, StreamLink
from .transfer import copied

log = logging.getLogger(__name__)

#: The distribution's own Python: it is the one that has the libvirt bindings.
PYTHON = "/usr/bin/python3"
#: Agents find the host's tools, and read their output, the same everywhere.
ENVIRONMENT = {
    "PATH": os.defpath + ":/usr/sbin:/sbin:/usr/local/sbin",
    "LC_ALL": "C.UTF-8",
}
#: Seconds that an agent has to end by itself, and to tell why it ended.
PATIENCE, LAST_WORDS = 10.0, 2.0
#: Bytes of the log's end in which its last line is looked for.
TAIL = 2000


async def open_local(agent: Path, log_file: Path, on_event: OnEvent) -> StreamLink:
    """Starts the agent as a child of ours; it ends when its standard input closes. Raises OSError."""
    return await open_child([PYTHON, str(agent)], log_file, on_event)


async def open_child(command: Sequence[str], log_file: Path, on_event: OnEvent) -> StreamLink:
    """Starts a command that speaks the agent's protocol. Raises OSError."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            env=ENVIRONMENT,
        )
    assert process.stdout is not None and process.stdin is not None
    return StreamLink(process.stdout, process.stdin, Child(process, log_file), on_event)


async def open_service(path: Path, on_event: OnEvent) -> StreamLink:
    """Connects to the service that starts agents for us. Raises OSError when there is none."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"the service that starts agents does not answer at {path}: {reason}"
        ) from None
    return Started(writer).link(reader, on_event)


class OnThisMachine:
    """An agent that has the front end's own files."""

    shares_files = True

    async def upload(self, source: str, target: str, sha256: str) -> None:
        """Nothing is brought to this machine: it has the front end's files."""
        raise OSError(f"there is no {source}")

    async def download(self, source: str, target: str, sha256: str) -> None:
        """The host's files are ours: a copy will do."""
        await asyncio.to_thread(copied, source, target, sha256)


class Started(OnThisMachine):
    """An agent at the other end of a socket; whoever started it says how it ended."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._why = "the agent ended, and the service that started it did not say how"

    def link(self, reader: asyncio.StreamReader, on_event: OnEvent) -> StreamLink:
        """The link; the service's own word is kept back."""

        def hear(message: dict[str, Any]) -> None:
            if message["event"] == "ended":
                self._why = str(message.get("why"))
            else:
                on_event(message)

        return StreamLink(reader, self._writer, self, hear)

    async def epitaph(self) -> str:
        """What the service said."""
        return self._why

    async def close(self) -> None:
        """The agent ends at the end of its input; one that does not is ended by the next one."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Child(OnThisMachine):
    """The agent's process."""

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self._process = process
        self._log_file = log_file

    async def epitaph(self) -> str:
        """How the process ended, and the last line of its log."""
        if not await self._ends_within(LAST_WORDS):
            return "the agent closed its output"
        return ended(self._process.returncode, last_line(tail(self._log_file)))

    async def close(self) -> None:
        """Closes the agent's input and waits for its end; kills it when it does not end by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            if not await self._ends_within(PATIENCE):
                log.warning("the agent (process %d) did not end by itself", self._process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        if self._process.stdin.transport.get_write_buffer_size():
            self._process.stdin.transport.abort()  # nobody reads it any more
        with contextlib.suppress(OSError):
            await self._process.stdin.wait_closed()
        await self._empty()

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    async def _empty(self) -> None:
        """Reads what it left in its pipe, without which the pipe is never closed here."""
        assert self._process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                while await self._process.stdout.read(1 << 16):
                    pass


def ended(status: int | None, last: str) -> str:
    """The reason that a process's end is, for people; a negative status is a signal's number."""
    if not status:
        return "the agent ended"
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    return f"the agent {how}" + (f": {last}" if last else "")


def last_line(log: bytes) -> str:
    """The last line of a log that says anything."""
    lines = log.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def tail(path: Path) -> bytes:
    """The end of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            return file.read()
    except OSError:
        return b""
