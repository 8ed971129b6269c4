"""What travels through our ASGI application: requests, responses, WebSockets. No routing.

Every wait is bounded (`Limits`), and everything that a client can do wrong ends in one of two
exceptions: `HttpError`, which is answered, and `ClientGone`, which cannot be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[str, str], ...]

PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one client may take. Seconds and bytes."""

    body_bytes: int = 4 * 1024 * 1024
    body_seconds: float = 30.0
    """From the end of the headers to the end of the body."""
    header_bytes: int = 64 * 1024
    header_seconds: float = 10.0
    """From the first byte (or the connection) to the end of the headers."""
    idle_seconds: float = 60.0
    """Between two requests on one connection."""
    stalled_seconds: float = 60.0
    """Without the client taking any of what is being sent to it."""
    linger_seconds: float = 1.0
    """How long a refused body is still read, so that the client gets to see the refusal."""
    socket_bytes: int = 1024 * 1024
    """One WebSocket message."""
    connections: int = 4096


class ClientGone(Exception):
    """The client left before the exchange was over. The text says at which point."""


class HttpError(Exception):
    """A request that is answered with `status` and a line of text; `close` ends the connection."""

    def __init__(self, status: int, text: str, headers: Headers = (), close: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers
        self.close = close


@dataclass(slots=True)
class Response:
    """An answer. A body that is iterated is sent as it comes; see `endless` for event streams."""

    body: bytes | AsyncIterable[bytes] = b""
    status: int = 200
    content_type: str = PLAIN
    headers: Headers = ()
    endless: bool = field(default=False, kw_only=True)
    """The body only ends with the client or the server: it is cut, not waited for, at the stop."""


class Request:
    """One HTTP request, or the opening request of a WebSocket (which has no body)."""

    __slots__ = ("_headers", "_read", "_receive", "limits", "parameters", "path", "scope", "verb")

    def __init__(
        self, scope: Scope, receive: Receive, limits: Limits, parameters: dict[str, str]
    ) -> None:
        self.scope = scope
        self.limits = limits
        self.parameters = parameters
        self.verb: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self._receive = receive
        self._read = False
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; several of one name are joined with commas."""
        if self._headers is None:
            headers: dict[str, str] = {}
            for raw_name, raw_value in self.scope["headers"]:
                name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            self._headers = headers
        return self._headers

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded pairs of the query string, in order, blank values kept."""
        text = self.scope.get("query_string", b"").decode("latin-1")
        try:
            return parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise HttpError(400, "more than 1000 fields in the query") from None

    @property
    def client(self) -> str:
        """Address and port of the peer, for logs."""
        peer = self.scope.get("client")
        return f"{peer[0]}:{peer[1]}" if peer else "-"

    @property
    def has_unread_body(self) -> bool:
        if self._read:
            return False
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in self.scope["headers"]
        )

    async def body(self, limit: int | None = None) -> bytes:
        """The whole body, at most `limit` bytes (default: `Limits.body_bytes`)."""
        chunks = [chunk async for chunk in self.chunks(limit)]
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def chunks(
        self, limit: int | None = None, seconds: float | None = None, silence: float | None = None
    ) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises HttpError 413 beyond `limit` bytes and 408 if it is not complete after `seconds`
        (both default to `Limits`), ClientGone if the client leaves in the middle. With `silence`
        it may take any time, but no pause longer than that.
        """
        limit = self.limits.body_bytes if limit is None else limit
        seconds = self.limits.body_seconds if seconds is None else seconds
        self._refuse_if_announced_too_large(limit)
        deadline = asyncio.get_running_loop().time() + seconds
        received, more = 0, True
        while more:
            if silence is not None:
                deadline = asyncio.get_running_loop().time() + silence
            message = await self._next_message(deadline, received)
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            received += len(chunk)
            if received > limit:
                raise HttpError(413, f"the body is larger than {limit} bytes", close=True)
            if chunk:
                yield chunk
        self._read = True

    def _refuse_if_announced_too_large(self, limit: int) -> None:
        for name, value in self.scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > limit:
                raise HttpError(413, f"the body is larger than {limit} bytes", close=True)

    async def _next_message(self, deadline: float, received: int) -> Message:
        try:
            async with asyncio.timeout_at(deadline):
                message = await self._receive()
        except TimeoutError:
            text = f"the body was not complete in time ({received} bytes came)"
            raise HttpError(408, text, close=True) from None
        if message["type"] == "http.disconnect":
            raise ClientGone(f"after {received} bytes of the body")
        return message


class WebSocket:
    """One WebSocket. `accept` or `refuse` first; `receive` and `send` raise ClientGone at the end.

    Iterating gives the client's messages until it leaves.
    """

    __slots__ = ("_receive", "_send", "request", "state")

    def __init__(self, request: Request, receive: Receive, send: Send) -> None:
        self.request = request
        self.state = "asked"
        self._receive = receive
        self._send = send

    @property
    def protocols(self) -> list[str]:
        """The subprotocols that the client offers."""
        offered: list[str] = self.request.scope.get("subprotocols", [])
        return offered

    async def accept(self, protocol: str | None = None) -> None:
        await self._expect("websocket.connect")
        await self._send({"type": "websocket.accept", "subprotocol": protocol, "headers": []})
        self.state = "open"

    async def refuse(self, status: int, text: str) -> None:
        """Answer the opening request with an HTTP status instead of a WebSocket."""
        if "websocket.http.response" not in self.request.scope.get("extensions", {}):
            await self._send({"type": "websocket.close", "code": 1008, "reason": text[:100]})
        else:
            body = text.encode()
            headers = response_headers(PLAIN, (), len(body))
            start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
            await self._send(start)
            await self._send({"type": "websocket.http.response.body", "body": body})
        self.state = "closed"

    async def receive(self) -> str | bytes:
        message = await self._expect("websocket.receive")
        text: str | None = message.get("text")
        data: str | bytes = message.get("bytes", b"") if text is None else text
        return data

    async def send(self, data: str | bytes) -> None:
        key = "text" if isinstance(data, str) else "bytes"
        await self._deliver({"type": "websocket.send", key: data})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends the WebSocket; nothing happens if it has ended."""
        if self.state == "open":
            self.state = "closed"
            await self._deliver({"type": "websocket.close", "code": code, "reason": reason})

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        try:
            while True:
                yield await self.receive()
        except ClientGone:
            return

    async def _expect(self, kind: str) -> Message:
        message = await self._receive()
        if message["type"] != kind:
            self.state = "closed"
            raise ClientGone(f"WebSocket code {message.get('code', 1005)}")
        return message

    async def _deliver(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:  # how ASGI servers say that the peer has gone
            self.state = "closed"
            raise ClientGone("while a WebSocket message was sent") from None


_SECURITY: Final[Headers] = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
)


def response_headers(
    content_type: str, own: Headers, length: int | None = None
) -> list[tuple[bytes, bytes]]:
    """Encoded headers of a response: its own, and those security headers that it does not set."""
    headers = list(_encoded_headers(content_type, own))
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    return headers


@lru_cache(maxsize=256)
def _encoded_headers(content_type: str, own: Headers) -> tuple[tuple[bytes, bytes], ...]:
    set_already = {name for name, _ in own}
    default = (pair for pair in _SECURITY if pair[0] not in set_already)
    pairs = (("content-type", content_type), *default, *own)
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)


def event(data: str, kind: str | None = None, number: int | None = None) -> bytes:
    """One server-sent event (text/event-stream) as the HTML standard writes it."""
    lines = [] if kind is None else [f"event: {kind}"]
    lines += [] if number is None else [f"id: {number}"]
    lines += [
        f"data: {line}" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ]
    return ("\n".join(lines) + "\n\n").encode()


def event_stream(events: AsyncIterable[bytes]) -> Response:
    """A response that lasts; `events` are made with `event`, a comment (b":\\n\\n") keeps it up."""
    return Response(events, content_type="text/event-stream; charset=utf-8", endless=True)
