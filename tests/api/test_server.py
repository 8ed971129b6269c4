"""The application called directly, as the simulator does, without any server."""

from __future__ import annotations

import asyncio
import logging
import xmlrpc.client
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from innkeeper.api.direct import Reply, exchange
from innkeeper.api.messages import (
    HttpError,
    Limits,
    Request,
    Response,
    WebSocket,
    event,
    event_stream,
)
from innkeeper.api.routing import Route, SocketRoute
from innkeeper.api.server import Application
from innkeeper.api.xmlrpc import wire


async def echo_rpc(method: str, params: list[Any]) -> bytes | AsyncIterator[bytes]:
    """Answers with its parameters; some names misbehave."""
    if method == "one.crash":
        raise RuntimeError("a fault of ours")
    if method == "one.few":
        raise wire.CallError("too few parameters", -501)
    if method == "one.pool":
        return wire.stream(wire.Raw(*[wire.escape("<VM/>")] * 10), chunk=20)
    return wire.response([method, params])


def ask(app: Application, verb: str, target: str, body: bytes = b"", **options: Any) -> Reply:
    return asyncio.run(exchange(app, verb, target, body, **options))


def call(app: Application, method: str, *params: Any, path: str = "/RPC2") -> Any:
    reply = ask(app, "POST", path, xmlrpc.client.dumps(params, method).encode())
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/xml; charset=utf-8"
    assert reply.complete
    return xmlrpc.client.loads(reply.body)[0][0]


def one_line(caplog: pytest.LogCaptureFixture) -> str:
    """The only record that was logged, which must not carry a traceback."""
    (record,) = caplog.records
    assert record.exc_info is None
    return record.getMessage()


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="innkeeper.api")


# --- XML-RPC -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/RPC2", "/"])
def test_calls_reach_the_handler(path: str) -> None:
    app = Application(echo_rpc)
    assert call(app, "one.vm.info", "u:p", 5, path=path) == ["one.vm.info", ["u:p", 5]]


@pytest.mark.parametrize("kind", ["text/xml", "application/json", "text/xml; charset=utf-16", ""])
def test_any_content_type_will_do(kind: str) -> None:
    body = xmlrpc.client.dumps((1,), "m").encode()
    reply = ask(Application(echo_rpc), "POST", "/RPC2", body, headers=[("Content-Type", kind)])
    assert xmlrpc.client.loads(reply.body)[0][0] == ["m", [1]]


def test_a_streamed_document_is_whole() -> None:
    assert call(Application(echo_rpc), "one.pool") == [True, "<VM/>" * 10, 0]


def test_a_streamed_document_is_gathered_for_http_1_0() -> None:
    body = xmlrpc.client.dumps((), "one.pool").encode()
    reply = ask(Application(echo_rpc), "POST", "/RPC2", body, http_version="1.0")
    assert reply.headers["content-length"] == str(len(reply.body))
    assert xmlrpc.client.loads(reply.body)[0][0] == [True, "<VM/>" * 10, 0]


@pytest.mark.parametrize("body", [b"", b"hello", b"<methodCall>", b"\xff" * 100])
def test_a_malformed_call_is_a_fault(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    reply = ask(Application(echo_rpc), "POST", "/RPC2", body)
    assert reply.status == 200
    with pytest.raises(xmlrpc.client.Fault, match="malformed call") as caught:
        xmlrpc.client.loads(reply.body)
    assert caught.value.faultCode == -503
    assert "gets fault -503: malformed call" in one_line(caplog)


def test_faults_of_the_method_layer_pass(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(xmlrpc.client.Fault, match="too few") as caught:
        call(Application(echo_rpc), "one.few")
    assert caught.value.faultCode == -501
    assert "one.few" in one_line(caplog)


def test_a_crash_is_a_fault_without_details(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(xmlrpc.client.Fault, match=r"internal error in one\.crash") as caught:
        call(Application(echo_rpc), "one.crash")
    assert caught.value.faultCode == -500
    (record,) = caplog.records
    assert record.exc_info is not None


# --- routes --------------------------------------------------------------------------------------


async def show(request: Request) -> Response:
    await request.body()
    text = f"{request.verb} {request.path} {request.parameters} {request.query}"
    return Response(text.encode())


async def crash(request: Request) -> Response:
    raise RuntimeError("a fault of ours")


ROUTES = [
    Route("GET", "/vms", show),
    Route("POST", "/vms", show),
    Route("GET", "/vms/{id}", show),
    Route("DELETE", "/vms/{id}", show),
    Route("GET", "/vms/{id}/disks/{disk}", show),
    Route("GET", "/files/{path...}", show),
    Route("GET", "/crash", crash),
]


@pytest.mark.parametrize(
    ("verb", "target", "expected"),
    [
        ("GET", "/vms", "GET /vms {} []"),
        ("GET", "/vms?a=1&b=%C3%A9&c", "GET /vms {} [('a', '1'), ('b', 'é'), ('c', '')]"),
        ("DELETE", "/vms/7", "DELETE /vms/7 {'id': '7'} []"),
        ("GET", "/vms/7/disks/0", "GET /vms/7/disks/0 {'id': '7', 'disk': '0'} []"),
        ("GET", "/files/a/b%20c", "GET /files/a/b c {'path': 'a/b c'} []"),
        ("GET", "/files/", "GET /files/ {'path': ''} []"),
    ],
)
def test_patterns(verb: str, target: str, expected: str) -> None:
    reply = ask(Application(routes=ROUTES), verb, target)
    assert (reply.status, reply.body.decode()) == (200, expected)


@pytest.mark.parametrize("target", ["/", "/vms/", "/vms/7/", "/vms//disks/0", "/VMS", "/vmsx"])
def test_unknown_paths(target: str, caplog: pytest.LogCaptureFixture) -> None:
    reply = ask(Application(routes=ROUTES), "GET", target)
    assert reply.status == 404
    assert target in reply.body.decode()
    assert "gets 404" in one_line(caplog)


@pytest.mark.parametrize(
    ("verb", "target", "allow"),
    [
        ("PUT", "/vms", "GET, HEAD, POST"),
        ("POST", "/vms/7", "DELETE, GET, HEAD"),
        ("GET", "/RPC2", "POST"),
    ],
)
def test_wrong_verbs(verb: str, target: str, allow: str) -> None:
    reply = ask(Application(echo_rpc, ROUTES), verb, target)
    assert (reply.status, reply.headers["allow"]) == (405, allow)
    assert f"expected {allow}, got {verb}" in reply.body.decode()


def test_a_later_pattern_may_have_the_verb() -> None:
    app = Application(echo_rpc, [Route("GET", "/{path...}", show)])
    assert ask(app, "GET", "/").status == 200
    assert call(app, "m", path="/") == ["m", []]


def test_two_handlers_for_one_thing_are_refused() -> None:
    with pytest.raises(ValueError, match="two routes for GET /vms"):
        Application(routes=[*ROUTES, Route("GET", "/vms", crash)])


def test_head_has_the_headers_of_get() -> None:
    app = Application(routes=ROUTES)
    got, headed = ask(app, "GET", "/vms/1"), ask(app, "HEAD", "/vms/1")
    assert headed.body == b""
    assert abs(int(headed.headers["content-length"]) - len(got.body)) == len("HEAD") - len("GET")


def test_security_headers_and_their_replacement() -> None:
    async def page(request: Request) -> Response:
        own = (("content-security-policy", "default-src 'self'"), ("x-own", "1"))
        return Response(b"<p>", content_type="text/html", headers=own)

    app = Application(routes=[*ROUTES, Route("GET", "/page", page)])
    plain, html = ask(app, "GET", "/vms").headers, ask(app, "GET", "/page").headers
    assert plain["x-content-type-options"] == html["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in plain["content-security-policy"]
    assert html["content-security-policy"] == "default-src 'self'"
    assert html["x-own"] == "1"
    assert ask(app, "GET", "/nothing").headers["x-content-type-options"] == "nosniff"


def test_a_crash_is_a_500_with_one_traceback(caplog: pytest.LogCaptureFixture) -> None:
    reply = ask(Application(routes=ROUTES), "GET", "/crash")
    assert (reply.status, reply.body) == (500, b"internal error\n")
    (record,) = caplog.records
    assert record.exc_info is not None


def test_a_handler_may_refuse() -> None:
    async def teapot(request: Request) -> Response:
        raise HttpError(418, "no coffee", headers=(("retry-after", "9"),))

    reply = ask(Application(routes=[Route("GET", "/coffee", teapot)]), "GET", "/coffee")
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (418, b"no coffee\n", "9")


def test_204_has_no_length() -> None:
    async def nothing(request: Request) -> Response:
        return Response(status=204)

    reply = ask(Application(routes=[Route("GET", "/", nothing)]), "GET", "/")
    assert reply.status == 204
    assert "content-length" not in reply.headers


def test_too_many_query_fields() -> None:
    reply = ask(Application(routes=ROUTES), "GET", "/vms?" + "a=1&" * 1001)
    assert reply.status == 400


# --- bodies --------------------------------------------------------------------------------------

SMALL = Limits(body_bytes=1000, body_seconds=0.05, linger_seconds=0.05)


def test_a_body_over_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    reply = ask(Application(echo_rpc, limits=SMALL), "POST", "/RPC2", b"x" * 1001)
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert "1000 bytes" in one_line(caplog)


def converse(
    app: Application, messages: list[dict[str, Any]], headers: list[tuple[bytes, bytes]]
) -> list[Any]:
    """POST /RPC2 with these messages from the client, then silence. What the application sent."""

    async def run() -> list[Any]:
        sent: list[Any] = []
        left = list(messages)

        async def receive() -> Any:
            if left:
                return left.pop(0)
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/RPC2", "headers": headers}
        await app(scope, receive, send)
        return sent

    return asyncio.run(run())


def piece(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces() -> None:
    body = xmlrpc.client.dumps(("x" * 300,), "m").encode()
    pieces = [piece(body[start : start + 7]) for start in range(0, len(body), 7)]
    sent = converse(Application(echo_rpc), [*pieces, piece(b"", more=False)], [])
    assert xmlrpc.client.loads(sent[1]["body"])[0][0] == ["m", ["x" * 300]]


def test_an_unannounced_body_over_the_limit() -> None:
    pieces = [piece(b"x" * 600), piece(b"x" * 600), piece(b"", more=False)]
    sent = converse(
        Application(echo_rpc, limits=SMALL), pieces, [(b"transfer-encoding", b"chunked")]
    )
    assert sent[0]["status"] == 413
    assert [message.get("more_body", False) for message in sent[1:]] == [True, False]


@pytest.mark.parametrize("length", [b"10", b"", b"-5", b"abc", b"1_0", b"99999999999999999999999"])
def test_a_lying_length_is_not_believed(length: bytes) -> None:
    """uvicorn never lets these in; called directly the application must not trip over them."""
    body = xmlrpc.client.dumps((), "m").encode()
    sent = converse(Application(echo_rpc), [piece(body, more=False)], [(b"content-length", length)])
    assert sent[0]["status"] == (413 if length.startswith(b"999") else 200)


def test_a_body_that_never_ends(caplog: pytest.LogCaptureFixture) -> None:
    headers = [(b"content-length", b"100")]
    sent = converse(Application(echo_rpc, limits=SMALL), [piece(b"<methodCall>")], headers)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert "12 bytes came" in one_line(caplog)


def test_a_client_that_leaves_in_its_body(caplog: pytest.LogCaptureFixture) -> None:
    sent = converse(
        Application(echo_rpc), [piece(b"<methodCall>"), {"type": "http.disconnect"}], []
    )
    assert sent == []
    assert "left: after 12 bytes of the body" in one_line(caplog)


def test_a_body_that_nobody_read_ends_the_connection() -> None:
    async def ignorant(request: Request) -> Response:
        return Response(b"done")

    app = Application(routes=[Route("POST", "/RPC2", ignorant)])
    length = [(b"content-length", b"9")]
    sent = converse(app, [piece(b"123"), piece(b"456789", more=False)], length)
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sent[-1] == {"type": "http.response.body", "body": b""}
    assert converse(app, [], [])[0]["status"] == 200


def test_an_upload_of_its_own_size() -> None:
    async def upload(request: Request) -> Response:
        total = 0
        async for chunk in request.chunks(limit=5000, seconds=10):
            total += len(chunk)
        return Response(str(total).encode())

    app = Application(routes=[Route("PUT", "/image", upload)], limits=SMALL)
    assert ask(app, "PUT", "/image", b"x" * 5000).body == b"5000"
    assert ask(app, "PUT", "/image", b"x" * 5001).status == 413


# --- streams -------------------------------------------------------------------------------------


class Ticker:
    """A source of events that notes how it ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def events(self) -> AsyncIterator[bytes]:
        try:
            yield event("one\ntwo", "greeting", 7)
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def watch(
    ticker: Ticker, app: Application, leave: Callable[[], Awaitable[None]] | None
) -> list[Any]:
    """Take the event stream at /events until the first event, then do `leave`."""
    sent: list[Any] = []
    gone, first = asyncio.Event(), asyncio.Event()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            first.set()

    scope = {"type": "http", "method": "GET", "path": "/events", "headers": []}
    task = asyncio.ensure_future(app(scope, receive, send))
    await first.wait()
    if leave is not None:
        await leave()
    else:
        gone.set()
    await task
    await ticker.ended.wait()
    return sent


def streaming(ticker: Ticker) -> Application:
    async def answer(request: Request) -> Response:
        return event_stream(ticker.events())

    return Application(routes=[Route("GET", "/events", answer)])


def test_an_event_stream_ends_with_its_client(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[Any]:
        ticker = Ticker()
        return await watch(ticker, streaming(ticker), None)

    sent = asyncio.run(run())
    assert sent[1]["body"] == b"event: greeting\nid: 7\ndata: one\ndata: two\n\n"
    assert "left: before the end" in one_line(caplog)


def test_an_event_stream_ends_with_the_server() -> None:
    async def run() -> list[Any]:
        ticker = Ticker()
        app = streaming(ticker)

        async def stop() -> None:
            app.end_streams()

        sent = await watch(ticker, app, stop)
        late = await exchange(app, "GET", "/events")
        assert late.complete
        return sent

    sent = asyncio.run(run())
    assert sent[-1] == {"type": "http.response.body", "body": b""}


def test_an_event_stream_needs_http_1_1() -> None:
    async def run() -> Reply:
        return await exchange(streaming(Ticker()), "GET", "/events", http_version="1.0")

    assert asyncio.run(run()).status == 505


def test_head_of_a_stream_does_not_run_it() -> None:
    async def run() -> Reply:
        return await exchange(streaming(Ticker()), "HEAD", "/events")

    reply = asyncio.run(run())
    assert (reply.status, reply.body, reply.complete) == (200, b"", True)


def test_a_stream_that_breaks_stays_incomplete(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("a fault of ours")

    async def answer(request: Request) -> Response:
        return Response(broken())

    reply = ask(Application(routes=[Route("GET", "/", answer)]), "GET", "/")
    assert (reply.status, reply.body, reply.complete) == (200, b"first", False)
    (record,) = caplog.records
    assert record.exc_info is not None


# --- WebSockets ----------------------------------------------------------------------------------


async def echo_socket(socket: WebSocket) -> None:
    name = socket.request.parameters["name"]
    if name == "forbidden":
        raise HttpError(401, "who are you?")
    if name == "crash":
        raise RuntimeError("a fault of ours")
    if name == "silent":
        return
    await socket.accept("binary" if "binary" in socket.protocols else None)
    async for message in socket:
        await socket.send(message)
        if message == "bye":
            return
        if message == "crash":
            raise RuntimeError("a fault of ours")


def socket_talk(path: str, messages: list[dict[str, Any]], **scope: Any) -> list[Any]:
    async def run() -> list[Any]:
        sent: list[Any] = []
        left = [{"type": "websocket.connect"}, *messages]

        async def receive() -> Any:
            return left.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        app = Application(routes=[SocketRoute("/console/{name}", echo_socket)])
        await app({"type": "websocket", "path": path, "headers": [], **scope}, receive, send)
        return sent

    return asyncio.run(run())


def said(text: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": text}


def test_a_websocket_conversation() -> None:
    data = {"type": "websocket.receive", "bytes": b"\0", "text": None}
    sent = socket_talk("/console/a", [said("hi"), data, said("bye")], subprotocols=["binary"])
    assert sent == [
        {"type": "websocket.accept", "subprotocol": "binary", "headers": []},
        {"type": "websocket.send", "text": "hi"},
        {"type": "websocket.send", "bytes": b"\0"},
        {"type": "websocket.send", "text": "bye"},
        {"type": "websocket.close", "code": 1000, "reason": ""},
    ]


def test_a_websocket_client_that_leaves() -> None:
    sent = socket_talk("/console/a", [{"type": "websocket.disconnect", "code": 1001}])
    assert [message["type"] for message in sent] == ["websocket.accept"]


EXTENDED = {"extensions": {"websocket.http.response": {}}}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/forbidden", 401),
        ("/console/crash", 500),
        ("/console/silent", 403),
        ("/nothing", 404),
    ],
)
def test_refused_websockets(path: str, status: int) -> None:
    assert socket_talk(path, [], **EXTENDED)[0]["status"] == status
    plain = socket_talk(path, [])[0]
    assert (plain["type"], plain["code"]) == ("websocket.close", 1008)


def test_a_crash_closes_the_websocket() -> None:
    sent = socket_talk("/console/a", [said("crash")])
    assert sent[-1] == {"type": "websocket.close", "code": 1011, "reason": "internal error"}


def test_a_path_without_a_websocket_is_no_http_either() -> None:
    app = Application(routes=[SocketRoute("/console/{name}", echo_socket)])
    assert ask(app, "GET", "/console/a").status == 404


# --- lifespan ------------------------------------------------------------------------------------


def live(app: Application) -> list[Any]:
    async def run() -> list[Any]:
        sent: list[Any] = []
        left = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return left.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "lifespan"}, receive, send)
        return sent

    return asyncio.run(run())


def test_lifespan_runs_the_hooks() -> None:
    done: list[str] = []

    async def starting() -> None:
        done.append("started")

    async def stopping() -> None:
        done.append("stopped")

    sent = live(Application(starting=starting, stopping=stopping))
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert done == ["started", "stopped"]


def test_a_start_that_fails_is_told() -> None:
    async def starting() -> None:
        raise RuntimeError("no database")

    sent = live(Application(starting=starting))
    assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]


def test_other_kinds_of_connection_are_refused() -> None:
    async def run() -> None:
        await Application()({"type": "mail"}, None, None)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="mail"):
        asyncio.run(run())
