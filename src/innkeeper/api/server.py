"""The front end's ASGI application: finds the handler of a request and sends what it returns.

It runs under `listener.serve` (uvicorn) or is called directly, for instance by the simulator. The
XML-RPC door (`POST /RPC2` and `POST /`) is one of its routes. What a client does wrong is answered
and logged in one line; only a fault of ours leaves a traceback in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from innkeeper.api import problems
from innkeeper.api.messages import (
    ClientGone,
    Headers,
    HttpError,
    Limits,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    WebSocket,
    response_headers,
)
from innkeeper.api.routing import SOCKET, Route, SocketRoute, Table
from innkeeper.api.xmlrpc.wire import CallError, XmlRpcValue, fault, parse_call
from innkeeper.commands import audit
from innkeeper.model.errors import Refusal

log = logging.getLogger("innkeeper.api")

RpcHandler: TypeAlias = Callable[[str, list[XmlRpcValue]], Awaitable[bytes | AsyncIterator[bytes]]]
Hook: TypeAlias = Callable[[], Awaitable[None]]

INTERNAL_FAULT: Final = -500
_XML: Final = "text/xml; charset=utf-8"
_CLOSE: Final[Headers] = (("connection", "close"),)


class Application:
    """`rpc` answers XML-RPC calls, `routes` everything else.

    `starting` and `stopping` run before the first and after the last request. `end_streams` cuts
    endless responses, so that a server that stops need not wait for them, and has `leave` end what
    requests wait for. `refused` is told of refused calls.
    """

    def __init__(
        self,
        rpc: RpcHandler | None = None,
        routes: Sequence[Route | SocketRoute] = (),
        limits: Limits | None = None,
        starting: Hook | None = None,
        stopping: Hook | None = None,
        refused: Callable[[Refusal], None] = lambda _: None,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        doors = rpc_routes(rpc) if rpc else []
        self.table = Table([*doors, *routes])
        self.limits = limits or Limits()
        self._tell_refused = refused
        self._leave = leave
        self._hooks = {"startup": starting, "shutdown": stopping}
        self._endless: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"unknown kind of ASGI connection: {kind}")

    async def start(self) -> None:
        """Run the `starting` hook."""
        await self._run_hook("startup")

    async def stop(self) -> None:
        """Run the `stopping` hook."""
        self.end_streams()
        await self._run_hook("shutdown")

    def end_streams(self) -> None:
        """End every endless response now, and those still to come as soon as they start; nobody waits any more."""
        self._stopping = True
        self._leave()
        for task in self._endless:
            task.cancel()

    # --- HTTP ------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, self.limits, {})
        what, reads = f"{request.verb} {request.path}"[:200], request.verb in ("GET", "HEAD")
        try:
            with audit.answering(audit.Call("rest", request.client, what, reads)):
                response, close = await self._answer(request)
            if isinstance(response.body, bytes):
                await _send_whole(request, receive, send, response, close)
            else:
                await self._send_stream(request, receive, send, response, close)
        except ClientGone as gone:
            log.info("%s left: %s", _label(request), gone)

    async def _answer(self, request: Request) -> tuple[Response, bool]:
        """The response, and whether the connection must not be used again after it."""
        try:
            handler, request.parameters = self.table.find(request.verb, request.path)
            return await handler(request), False
        except Refusal as refusal:
            self._tell_refused(refusal)
            return self._refused(request, problems.of(refusal))
        except HttpError as error:
            return self._refused(request, error)
        except ClientGone:
            raise
        except Exception:
            log.exception("%s failed", _label(request))
            return problems.response(HttpError(500, "internal error"), request.path), False

    def _refused(self, request: Request, error: HttpError) -> tuple[Response, bool]:
        log.info("%s gets %d: %s", _label(request), error.status, error)
        return problems.response(error, request.path), error.close

    async def _send_stream(
        self, request: Request, receive: Receive, send: Send, response: Response, close: bool
    ) -> None:
        body = response.body
        assert not isinstance(body, bytes)
        if request.verb == "HEAD":
            response.body = b""
            await _close(body)
            return await _send_whole(request, receive, send, response, close)
        if request.scope.get("http_version") == "1.0" and not _says_length(response):
            # It knows no chunks, and needs the length first.
            response = await _gathered(request, response, body)
            return await _send_whole(request, receive, send, response, close)
        headers = response_headers(response.content_type, response.headers + _CLOSE * close)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        pump = asyncio.ensure_future(_pump(body, send))
        if response.endless:
            self._note_endless(pump)
        if await _finished(pump, receive, _label(request)):
            await send({"type": "http.response.body", "body": b""})
        return None

    def _note_endless(self, pump: asyncio.Task[None]) -> None:
        self._endless.add(pump)
        pump.add_done_callback(self._endless.discard)
        if self._stopping:
            pump.cancel()

    # --- the rest --------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, self.limits, {})
        socket = WebSocket(request, receive, send)
        try:
            handler, request.parameters = self.table.find(SOCKET, request.path)
            await handler(socket)
            await _end(socket)
        except (HttpError, Refusal) as refused:
            error = problems.of(refused) if isinstance(refused, Refusal) else refused
            log.info("%s gets %d: %s", _label(request), error.status, error)
            await _give_up(socket, error.status, str(error))
        except ClientGone as gone:
            log.info("%s left: %s", _label(request), gone)
        except Exception:
            log.exception("%s failed", _label(request))
            await _give_up(socket, 500, "internal error")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            try:
                await self._run_hook(phase)
            except Exception as error:
                log.exception("%s failed", phase)
                await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
                return
            await send({"type": f"lifespan.{phase}.complete"})

    async def _run_hook(self, phase: str) -> None:
        hook = self._hooks[phase]
        if hook is not None:
            await hook()


def rpc_routes(rpc: RpcHandler) -> list[Route]:
    """The XML-RPC door at the paths where OpenNebula's server answers. Any content type will do."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        return Response(await _rpc_document(rpc, request, body), content_type=_XML)

    return [Route("POST", path, answer) for path in ("/RPC2", "/")]


async def _rpc_document(
    rpc: RpcHandler, request: Request, body: bytes
) -> bytes | AsyncIterator[bytes]:
    name = "?"
    try:
        name, parameters = parse_call(body)
        return await rpc(name, parameters)
    except CallError as error:
        log.info("%s %s gets fault %d: %s", _label(request), name, error.code, error)
        return fault(error.code, error.text)
    except Exception:
        log.exception("%s %s failed", _label(request), name)
        return fault(INTERNAL_FAULT, f"internal error in {name}")


def _label(request: Request) -> str:
    return f"{request.client} {request.verb} {request.path[:200]!r}"


async def _send_whole(
    request: Request, receive: Receive, send: Send, response: Response, close: bool
) -> None:
    body = response.body
    assert isinstance(body, bytes)
    unread = request.has_unread_body
    own = response.headers + _CLOSE if close or unread else response.headers
    length = None if response.status in (204, 304) or _says_length(response) else len(body)
    headers = response_headers(response.content_type, own, length)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    shown = b"" if request.verb == "HEAD" else body
    if not unread:
        await send({"type": "http.response.body", "body": shown})
        return
    await send({"type": "http.response.body", "body": shown, "more_body": True})
    await _linger(receive, request.limits.linger_seconds)
    await send({"type": "http.response.body", "body": b""})


async def _linger(receive: Receive, seconds: float) -> None:
    """Read on for a while what nobody wants.

    To close while the client still sends would reset the connection, and the reset would overtake
    the answer that tells the client what was wrong.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive()).get("more_body", False):
                pass


def _says_length(response: Response) -> bool:
    return any(name == "content-length" for name, _ in response.headers)


async def _gathered(request: Request, response: Response, body: AsyncIterable[bytes]) -> Response:
    if response.endless:
        return Response(b"an event stream needs HTTP/1.1\n", 505)
    response.body = b"".join([chunk async for chunk in body])
    return response


async def _pump(body: AsyncIterable[bytes], send: Send) -> None:
    try:
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # a send need not wait, and to nobody it never does
    finally:
        await _close(body)


async def _close(body: AsyncIterable[bytes]) -> None:
    """Tells a body that nobody wants more of it."""
    close: Any = getattr(body, "aclose", None)
    if close is not None:
        await close()


async def _finished(pump: asyncio.Task[None], receive: Receive, label: str) -> bool:
    """Wait for the end of a stream, or of the client (ClientGone).

    False if our side broke in the middle: the response is left incomplete, which a client notices.
    """
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
        if not pump.done():
            raise ClientGone("before the end of the response")
    finally:
        for task in (pump, gone):
            task.cancel()
        await asyncio.wait((pump, gone))
    failure = None if pump.cancelled() else pump.exception()
    if failure is not None:
        log.error("%s failed in the middle of the response", label, exc_info=failure)
    return failure is None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(socket: WebSocket) -> None:
    """After a handler that returned: what it left open is closed."""
    if socket.state == "asked":
        await socket.refuse(403, "refused")
    else:
        await socket.close()


async def _give_up(socket: WebSocket, status: int, text: str) -> None:
    """Tell a WebSocket's client what went wrong, before or after the opening."""
    with suppress(ClientGone):
        if socket.state == "asked":
            await socket.refuse(status, text)
        else:
            await socket.close(1011, text[:100])
