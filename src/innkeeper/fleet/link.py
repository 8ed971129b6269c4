"""A link to one agent: requests out, replies and events in (docs/agent-protocol.md)."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Protocol

log = logging.getLogger(__name__)

#: Longest line of the protocol, in bytes.
LINE_LIMIT = 4 << 20

Result = dict[str, Any]
OnEvent = Callable[[dict[str, Any]], None]


class LinkLost(Exception):
    """The link ended; what was asked may or may not have been done."""


class AgentError(Exception):
    """The agent answered that it did not do it; `code` is one of the protocol's."""

    def __init__(self, code: str, message: str, detail: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail or {}


class Link(Protocol):
    """What the fleet needs of a link, whatever carries it."""

    lost: "asyncio.Future[str]"

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        """Asks and waits for the answer; raises AgentError or LinkLost."""
        ...

    async def upload(self, source: str, target: str) -> None:
        """Brings a file of the front end to the host."""
        ...

    async def close(self) -> None:
        """Ends the link; the guests do not notice."""
        ...


class StreamLink:
    """A link over a pair of byte streams: a child process's, or an SSH channel's."""

    def __init__(
        self,
        reader: "asyncio.StreamReader | Any",
        writer: "asyncio.StreamWriter | Any",
        on_event: OnEvent,
        on_close: Callable[[], Any],
        upload: Callable[[str, str], Any],
    ) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        self._on_event = on_event
        self._on_close = on_close
        self._upload = upload
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._task = asyncio.create_task(self._read())

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        self._next += 1
        number = self._next
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        line = json.dumps({"id": number, "verb": verb, "args": args}, separators=(",", ":"))
        try:
            self._writer.write(line.encode() + b"\n")
            return await answer
        except (OSError, BrokenPipeError) as error:
            self._end(f"writing to the agent failed: {error}")
            raise LinkLost(str(error)) from error
        finally:
            self._waiting.pop(number, None)

    async def upload(self, source: str, target: str) -> None:
        await self._upload(source, target)

    async def close(self) -> None:
        self._end("closed")
        self._task.cancel()
        closed = self._on_close()
        if asyncio.iscoroutine(closed):
            await closed

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(line)
            self._end("the agent ended")
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            self._end(f"reading from the agent failed: {error}")

    def _take(self, line: bytes | str) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            log.warning("the agent sent a line that is not JSON: %.200r", line)
            return
        if "event" in message:
            self._on_event(message)
            return
        answer = self._waiting.get(message.get("id", -1))
        if answer is None or answer.done():
            return
        if message.get("ok"):
            answer.set_result(message.get("result") or {})
        else:
            code, text = str(message.get("code", "failed")), str(message.get("message", ""))
            answer.set_exception(AgentError(code, text, message))

    def _end(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(LinkLost(why))
        self._waiting.clear()
