"""What happens: a page of the event log, a page that is waited for, or a stream; each caller sees what is theirs.

A cursor is the number of the last event that was looked at. Whoever comes back with it, to this front end or to its
successor, misses nothing: only what is durable is told, and numbers have no gaps. Rows that the log has pruned
meanwhile are gone, and that is said.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from innkeeper.api.messages import HttpError, Request, Response, event, event_stream
from innkeeper.api.problems import malformed
from innkeeper.api.routing import Route
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.core import Core
from innkeeper.commands.happenings import PAGE, Look, Page
from innkeeper.model.errors import Refusal

from .access import answer, caller_of, option
from .waiting import LONGEST_WAIT, Waiting

#: Seconds after which a quiet stream says where it is, and whether its caller is still welcome is looked at again.
KEEP_ALIVE = 15.0
_QUERY = {
    "after": int, "limit": int, "wait": int, "last": int, "kind": str, "id": int, "follow": int,
}  # fmt: skip


class Happened(msgspec.Struct):
    """One line of the event log."""

    seq: int
    at: float
    kind: str
    id: int
    what: str
    detail: dict[str, Any]


class EventPage(msgspec.Struct):
    """Events, where to go on, and whether the log no longer has some that came before them."""

    events: list[Happened]
    next: int
    pruned: bool


class Events:
    """The endpoint."""

    def __init__(self, core: Core, authenticator: Authenticator, waiting: Waiting) -> None:
        self.core = core
        self.authenticator = authenticator
        self.waiting = waiting

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("GET", "/api/v1/events", self.events, _QUERY, answers=EventPage)]

    async def events(self, request: Request) -> Response:
        """The event log from a number on: a page, or a stream that goes on."""
        caller = await caller_of(request, self.authenticator)
        query = dict(request.query)
        number = option(request, "id", -1) if query.get("id") else -1
        look = Look(self.core, caller, self._kind(query.get("kind", "")), number)
        streams = "text/event-stream" in request.headers.get("accept", "")
        if query.get("follow") == "1" or streams:
            self.waiting.check(caller)
            return event_stream(self._follow(request, look, self._place(request, query)))
        if last := option(request, "last", 0, PAGE):
            return _page(look.latest(last))
        limit = option(request, "limit", 100, PAGE) or 1
        after, seconds = option(request, "after", 0), option(request, "wait", 0, LONGEST_WAIT)
        found = look.search(after, limit)
        if seconds and not found.rows:
            self.waiting.check(caller)
            with self.waiting.held(caller):
                found = await self._awaited(look, found, limit, seconds)
        return _page(found)

    def _kind(self, text: str) -> str:
        """A kind of object that there is, or "" for all."""
        kinds = self.core.world.tables
        if text and text not in kinds:
            raise malformed("kind", f"one of {', '.join(sorted(kinds))}", repr(text[:40]))
        return text

    async def _awaited(self, look: Look, found: Page, limit: int, seconds: float) -> Page:
        def came() -> bool:
            nonlocal found
            pruned, found = found.pruned, look.search(found.next, limit)
            found.pruned = found.pruned or pruned
            return bool(found.rows)

        await self.core.until(lambda: came() or self.waiting.over, seconds)
        return found

    def _place(self, request: Request, query: dict[str, str]) -> int:
        """Where a stream begins: behind what the client has, else with what comes now."""
        last = request.headers.get("last-event-id", "")
        if last.isdecimal() and len(last) < 19:
            return int(last)
        return option(request, "after", 0) if "after" in query else self.core.last_event

    async def _follow(self, request: Request, look: Look, after: int) -> AsyncIterator[bytes]:
        with self.waiting.held(look.caller):
            yield _mark(after)
            while True:
                found = look.page(after, PAGE)
                if found.pruned:
                    yield event(msgspec.json.encode({"after": after}).decode(), kind="pruned")
                for row in found.rows:
                    yield event(msgspec.json.encode(_told(row)).decode(), number=row[0])
                moved, after = found.next != after, found.next
                if found.more:
                    continue
                if moved and not found.rows:
                    yield _mark(after)
                if not await self.core.until(lambda: self.core.last_event > after, KEEP_ALIVE):  # noqa: B023
                    yield _mark(after)
                    try:
                        look.caller = await caller_of(request, self.authenticator)
                    except (Refusal, HttpError):
                        return


def _mark(after: int) -> bytes:
    """Tells a client where it is, and nothing else; keeps the connection up."""
    return f"id: {after}\n\n".encode()


def _page(found: Page) -> Response:
    return answer(
        {"events": list(map(_told, found.rows)), "next": found.next, "pruned": found.pruned}
    )


def _told(row: tuple[int, Any]) -> dict[str, Any]:
    return {"seq": row[0], **msgspec.structs.asdict(row[1])}
