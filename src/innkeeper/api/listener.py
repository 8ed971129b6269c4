"""The application on a TCP port: uvicorn inside an event loop that already runs.

Theory of operation. uvicorn parses HTTP and frames WebSockets; it bounds the idle time between
requests and nothing else. The rest is added here: a sweep looks at each connection and ends those
that have waited too long for their client, be it for the end of the headers or for the client to
take what was sent to it. A sweep costs less than a timer a request, and its period (at most a
second) is fine enough for limits of seconds. How long a body may take is up to the application.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from innkeeper.api.messages import Limits, Receive, Scope, Send
from innkeeper.api.server import Application

log = logging.getLogger("innkeeper.api")

_REFUSALS: Final = {
    400: b"HTTP/1.1 400 Bad Request",
    408: b"HTTP/1.1 408 Request Timeout",
    431: b"HTTP/1.1 431 Request Header Fields Too Large",
}


class ListenError(Exception):
    """The address cannot be listened on; the text names it and says why."""


class _Swept:
    """What the sweep looks at, for both protocols. Times are the loop's, in seconds."""

    limits = Limits()
    transport: asyncio.Transport
    unsent = 0
    unsent_since = 0.0

    def peer(self) -> str:
        address: tuple[str, int] | None = getattr(self, "client", None)
        return f"{address[0]}:{address[1]}" if address else "-"

    def sweep(self, now: float) -> None:
        """Drop a client that takes nothing of what waits for it, also if only the close waits."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self.unsent:
            self.unsent, self.unsent_since = unsent, now
        elif now - self.unsent_since > self.limits.stalled_seconds:
            log.info("%s takes nothing of what is sent to it: dropped", self.peer())
            self.transport.abort()


class _Together:
    """What a response is written to: its head waits for what follows in the same turn of the loop.

    That is one system call less for each answer, and the client wakes once.
    """

    __slots__ = ("_head", "_loop", "_open", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._open = False

    def write(self, data: bytes) -> None:
        """The first words of all wait."""
        if not self._open:
            self._open, self._head = True, data
            self._loop.call_soon(self._flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Does the connection end?"""
        return self._transport.is_closing()

    def close(self) -> None:
        """Ends the connection behind what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)


class _Http(_Swept, HttpToolsProtocol):
    """uvicorn's HTTP connection with bounds on the headers and on stalled clients."""

    headers_since: float | None = None
    header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.headers_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.headers_since is None:
            return
        self.header_bytes += len(data)
        if self.header_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self.refuse(431, f"the headers are larger than {self.limits.header_bytes} bytes")

    def on_message_begin(self) -> None:
        self.headers_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.headers_since = None
        self.header_bytes = 0
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.transport is self.transport:
            self.cycle.transport = _Together(self.transport, self.loop)  # type: ignore[assignment]

    def sweep(self, now: float) -> None:
        super().sweep(now)
        since = self.headers_since
        if since is None or self.busy() or self.transport.is_closing():
            return
        if now - since <= self.limits.header_seconds:
            return
        if self.header_bytes:
            self.refuse(408, "the headers were not complete in time")
        else:  # never said a word: an answer would be taken for that of a later request
            self.transport.close()

    def busy(self) -> bool:
        """Is a request being answered?"""
        return self.cycle is not None and not self.cycle.response_complete

    def refuse(self, status: int, text: str) -> None:
        """Answer outside any request, and close."""
        log.info("%s gets %d: %s", self.peer(), status, text)
        head = b"%s\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n"
        body = text.encode() + b"\n"
        self.transport.write(head % (_REFUSALS[status], len(body)) + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self.busy() and self.cycle.response_started:
            log.info("%s goes on with what is not HTTP", self.peer())
            self.transport.close()
        else:
            self.refuse(400, "this is not an HTTP request")


class _WebSocket(_Swept, WebSocketsSansIOProtocol):
    """uvicorn's WebSocket with a bound on stalled clients, and quiet about clients' faults."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # a refusal ends it; uvicorn would log an error

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                log.info("%s sent text that is not UTF-8 over a WebSocket", self.peer())
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()


class _Server(uvicorn.Server):
    """Without signal handlers (the daemon's business); stops at once; sweeps."""

    def __init__(self, config: uvicorn.Config, limits: Limits) -> None:
        super().__init__(config)
        self.running = asyncio.Event()
        self.stopping = asyncio.Event()
        shortest = min(limits.header_seconds, limits.stalled_seconds)
        self.period = min(1.0, shortest / 4)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.running.set()

    async def main_loop(self) -> None:
        while not self.stopping.is_set():
            await self.on_tick(0)  # a multiple of ten renews the Date header
            self.sweep()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), self.period)

    def sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            assert isinstance(connection, _Swept)
            connection.sweep(now)

    def abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class Listener:
    """A running server; `address` is the host and port that it got."""

    def __init__(self, app: Application, server: _Server, task: asyncio.Task[None]) -> None:
        self.address: tuple[str, int] = ("", 0)
        self._app = app
        self._server = server
        self._task = task

    async def stop(self, grace: float = 5.0) -> None:
        """Accept nothing more, let requests under way end for `grace` seconds, then cut them."""
        self._app.end_streams()
        self._server.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]
        self._server.stopping.set()
        await self._task
        self._server.abort_connections()
        await self._app.stop()


async def serve(
    app: Application, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Listener:
    """Start `app` on `host` and `port` (0: any free one) within the running event loop.

    Raises ListenError, and whatever the application's `starting` hook raises.
    """
    bound = await _bind(host, port)
    try:
        await app.start()
    except BaseException:
        bound.close()
        raise
    server = _Server(_config(app, tls), app.limits)
    task = asyncio.create_task(server.serve(sockets=[bound]), name=f"listener {host}:{port}")
    listener = Listener(app, server, task)
    listener.address = bound.getsockname()[:2]
    await server.running.wait()
    return listener


async def _bind(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family, backlog=1024)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def _config(app: Application, tls: ssl.SSLContext | None) -> uvicorn.Config:
    limits = app.limits
    bounds = {"limits": limits}
    extra: dict[str, Any] = {"ssl_context_factory": lambda *_: tls} if tls else {}
    return uvicorn.Config(
        _uncancelled(app),
        http=type("_BoundHttp", (_Http,), bounds),
        ws=type("_BoundWebSocket", (_WebSocket,), bounds),
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type]
        ws_max_size=limits.socket_bytes,
        **extra,
    )


def _uncancelled(app: Application) -> Any:
    """uvicorn takes the cancellation of a request, at the end of a stop, for a crash."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            log.warning("%s was cut off by the stop", scope.get("path"))

    return run
