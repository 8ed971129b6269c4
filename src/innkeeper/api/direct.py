"""One HTTP request to an ASGI application without a socket: for simulation, tools and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from innkeeper.api.messages import Message, Receive, Scope, Send


@dataclass(slots=True)
class Reply:
    """What the application sent. `complete` is False if it stopped in the middle."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False


async def exchange(
    app: Callable[[Scope, Receive, Send], Awaitable[None]],
    verb: str,
    target: str,
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
    http_version: str = "1.1",
) -> Reply:
    """Send one request and collect the whole reply. `target` is the path with any query.

    To leave in the middle, as a client may, cancel the task that runs this: the application then
    sees a cancellation and not a disconnect.
    """
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    answered = asyncio.Event()
    reply = Reply()
    chunks: list[bytes] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = _decoded(message["headers"])
            return
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            reply.complete = True
            answered.set()

    await app(_scope(verb, target, body, headers, http_version), receive, send)
    reply.body = b"".join(chunks)
    return reply


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def _scope(
    verb: str, target: str, body: bytes, headers: Iterable[tuple[str, str]], http_version: str
) -> Scope:
    path, _, query = target.partition("?")
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if body:
        pairs.append((b"content-length", b"%d" % len(body)))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": http_version,
        "method": verb,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": pairs,
        "client": None,
        "server": None,
    }
