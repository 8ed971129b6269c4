"""A link to one agent: requests out, replies and events in (docs/agent-protocol.md)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import msgspec

log = logging.getLogger(__name__)

#: Longest line of the protocol, in bytes, its end included.
LINE_LIMIT = 4 << 20
_PIECE = 1 << 16

Result = dict[str, Any]
OnEvent = Callable[[dict[str, Any]], None]


class LinkLost(Exception):
    """The link ended; what was asked may or may not have been done."""


class AgentError(Exception):
    """The agent answered that it did not do it; `code` is one of the protocol's, `detail` the whole answer."""

    def __init__(self, code: str, message: str, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail or {}


class Link(Protocol):
    """What the fleet needs of a link, whatever carries it.

    `lost` gets the reason when the link ends. `shares_files`: the front end's paths mean the same files there.
    """

    lost: "asyncio.Future[str]"
    shares_files: bool

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        """Asks and waits for the answer; raises AgentError or LinkLost. Requests leave in the order of the calls."""
        ...

    async def upload(self, source: str, target: str, sha256: str) -> None:
        """Brings a file of the front end to the host, whole and with this hash, or not at all.

        Raises OSError with the reason, or LinkLost.
        """
        ...

    async def download(self, source: str, target: str, sha256: str) -> None:
        """Brings a file of the host here, whole and with this hash, or not at all; goes on where an earlier try ended.

        Raises OSError with the reason, or LinkLost.
        """
        ...

    async def close(self) -> None:
        """Ends the link; the guests do not notice."""
        ...


class Source(Protocol):
    """Bytes from the agent."""

    async def read(self, n: int) -> bytes:
        """Up to n bytes; none at the end."""
        ...


class Sink(Protocol):
    """Bytes to the agent."""

    def write(self, data: bytes) -> None:
        """Queues bytes."""
        ...

    async def drain(self) -> None:
        """Waits while too much is queued; raises when the other end is gone."""
        ...


class Carrier(Protocol):
    """What runs the agent: a child process, or an SSH connection with a process at its end."""

    shares_files: bool

    async def epitaph(self) -> str:
        """Why the agent's output ended, as far as can be told in a short time."""
        ...

    async def upload(self, source: str, target: str, sha256: str) -> None:
        """See `Link.upload`."""
        ...

    async def download(self, source: str, target: str, sha256: str) -> None:
        """See `Link.download`."""
        ...

    async def close(self) -> None:
        """Ends the agent, and waits for its end."""
        ...


class StreamLink:
    """A link over a pair of byte streams."""

    def __init__(self, reader: Source, writer: Sink, carrier: Carrier, on_event: OnEvent) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.shares_files = carrier.shares_files
        self._reader = reader
        self._writer = writer
        self._carrier = carrier
        self._on_event = on_event
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._turn = asyncio.Lock()
        self._closed = False
        self._task = asyncio.create_task(self._read())

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        self._next += 1
        number = self._next
        line = msgspec.json.encode({"id": number, "verb": verb, "args": args}) + b"\n"
        if len(line) > LINE_LIMIT:
            text = f"{verb}: the request has {len(line)} bytes, a line may have {LINE_LIMIT}"
            raise AgentError("bad-args", text)
        await self._write(line)
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _write(self, line: bytes) -> None:
        """Writes when what was written before has found its way; one after the other, in the order of the calls."""
        async with self._turn:
            if not self.lost.done():
                try:
                    await self._writer.drain()
                    self._writer.write(line)
                except Exception as error:  # whatever the carrier's library calls it
                    log.debug("writing to the agent failed: %s", error or type(error).__name__)
                    # Nobody reads there: how the agent ended says more than how its pipe did.
                    self._end(await self._carrier.epitaph())
            if self.lost.done():
                raise LinkLost(self.lost.result())

    async def upload(self, source: str, target: str, sha256: str) -> None:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        await self._carrier.upload(source, target, sha256)

    async def download(self, source: str, target: str, sha256: str) -> None:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        await self._carrier.download(source, target, sha256)

    async def close(self) -> None:
        self._end("closed")
        if not self._closed:
            self._closed = True
            self._task.cancel()
            await asyncio.wait({self._task})
            await self._carrier.close()

    async def _read(self) -> None:
        said = ""
        try:
            async for line in lines(self._reader):
                if line:
                    self._take(line)
        except Exception as error:  # whatever the carrier's library calls it
            said = f" ({error or type(error).__name__})"
        self._end(await self._carrier.epitaph() + said)

    def _take(self, line: bytes) -> None:
        try:
            message = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            log.warning("the agent sent a line that is not a JSON object: %.200r", line)
            return
        if "event" in message:
            try:
                self._on_event(message)
            except Exception:
                log.exception("taking an event of the agent: %.200r", message)
            return
        number = message.get("id")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is not None and not answer.done():
            _settle(answer, message)

    def _end(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkLost(why))
        self._waiting.clear()


def _settle(answer: "asyncio.Future[Result]", message: dict[str, Any]) -> None:
    """Hands an answer to whoever waits for it."""
    result = message.get("result")
    if message.get("ok") is True and isinstance(result, dict | None):
        answer.set_result(result or {})
    elif message.get("ok") is False:
        code, text = str(message.get("code", "failed")), str(message.get("message", ""))
        answer.set_exception(AgentError(code, text, message))
    else:
        text = f"the agent's answer makes no sense: {message!r:.200}"
        answer.set_exception(AgentError("failed", text))


async def lines(source: Source) -> AsyncIterator[bytes]:
    """The whole lines of a stream, without their ends; one that is too long is left out, as is an unfinished last."""
    held: list[bytes] = []
    size = 0
    while piece := await source.read(_PIECE):
        *ends, rest = piece.split(b"\n")
        for end in ends:
            size += len(end)
            if size < LINE_LIMIT:
                yield b"".join((*held, end))
            else:
                log.warning("the agent sent a line of %d bytes, %d are allowed", size, LINE_LIMIT)
            held, size = [], 0
        size += len(rest)
        held = [*held, rest] if size < LINE_LIMIT else []
