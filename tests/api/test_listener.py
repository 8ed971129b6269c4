"""The application behind a real server on a real socket, and clients that behave badly."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import xmlrpc.client
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyone
import pytest
import uvloop
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from innkeeper.api.listener import Listener, ListenError, serve
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

PATIENT = 20.0
"""Seconds after which a test that waits for a condition gives up."""
QUICK = Limits(
    body_bytes=100_000,
    body_seconds=0.2,
    header_seconds=0.2,
    idle_seconds=0.2,
    stalled_seconds=0.2,
    linger_seconds=0.2,
    socket_bytes=1000,
)
Address = tuple[str, int]


async def rpc(method: str, params: list[Any]) -> bytes | AsyncIterator[bytes]:
    if method == "one.vmpool.info":
        body = wire.escape("<VM><ID>1</ID><NAME>a &amp; b</NAME></VM>")
        parts = [b"&lt;VM_POOL>", *[body] * 10_000, b"&lt;/VM_POOL>"]
        return wire.stream(wire.Raw.of(parts))
    if method == "one.vm.info":
        return wire.success(f"<VM><ID>{params[1]}</ID></VM>")
    return wire.response([method, params])


async def body_length(request: Request) -> Response:
    return Response(str(len(await request.body())).encode())


async def flood(request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    return Response(chunks())


async def ticks(request: Request) -> Response:
    async def events() -> AsyncIterator[bytes]:
        yield event("tick")
        await asyncio.Event().wait()

    return event_stream(events())


async def echo_socket(client: WebSocket) -> None:
    if not client.request.query:
        raise HttpError(401, "who are you?")
    await client.accept("binary" if "binary" in client.protocols else None)
    async for message in client:
        await client.send(message)


ROUTES = [
    Route("PUT", "/length", body_length),
    Route("GET", "/flood", flood),
    Route("GET", "/ticks", ticks),
    SocketRoute("/echo", echo_socket),
]


@asynccontextmanager
async def running(app: Application, **options: Any) -> AsyncIterator[Listener]:
    listener = await serve(app, **options)
    try:
        yield listener
    finally:
        await listener.stop()


def on_a_server(
    test: Callable[[Address], Awaitable[None]],
    limits: Limits | None = None,
    loop: Callable[..., Any] = uvloop.run,
) -> None:
    """Run `test` with the address of a server that has the routes above."""

    async def run() -> None:
        async with asyncio.timeout(PATIENT):
            async with running(Application(rpc, ROUTES, limits)) as listener:
                await test(listener.address)

    loop(run())


async def talk(address: Address, *pieces: bytes) -> bytes:
    """Send the pieces and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


def post(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    announced = len(body) if length is None else length
    lines = [b"POST /RPC2 HTTP/1.1", b"host: x", b"content-length: %d" % announced, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def rpc_call(*params: Any, method: str = "echo") -> bytes:
    return xmlrpc.client.dumps(params, method).encode()


async def assert_alive(address: Address) -> None:
    answer = await talk(address, post(rpc_call("still here"), b"connection: close"))
    assert b"still here" in answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture(autouse=True)
def _no_tracebacks(caplog: pytest.LogCaptureFixture) -> Any:
    """Nothing that a client does may leave a traceback, whichever library logs it."""
    caplog.set_level(logging.INFO)
    yield
    assert [record for record in caplog.records if record.exc_info] == []


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What our own logger said, and everything from warnings upward from others."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "innkeeper.api" or record.levelno >= logging.WARNING
    ]


# --- clients that behave -------------------------------------------------------------------------


@pytest.mark.parametrize("loop", [uvloop.run, asyncio.run])
def test_the_standard_client_and_pyone(loop: Callable[..., Any]) -> None:
    def clients(url: str) -> None:
        with xmlrpc.client.ServerProxy(url) as proxy:
            assert proxy.echo("é", 1) == ["echo", ["é", 1]]
            assert proxy.echo([True]) == ["echo", [[True]]]
        one = pyone.OneServer(url, session="u:p")
        assert one.vm.info(7).ID == 7
        pool = one.vmpool.info(-2, -1, -1, -1)
        assert len(pool.VM) == 10_000
        assert pool.VM[9_999].NAME == "a & b"

    async def test(address: Address) -> None:
        await asyncio.to_thread(clients, "http://{}:{}/RPC2".format(*address))

    on_a_server(test, loop=loop)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def test(address: Address) -> None:
        requests = [post(rpc_call(f"call {n}")) for n in range(20)]
        last = post(rpc_call("last"), b"connection: close")
        answer = await talk(address, b"".join(requests) + last)
        assert answer.count(b"HTTP/1.1 200 OK") == 21
        places = [answer.index(b"call %d<" % n) for n in range(20)] + [answer.index(b"last")]
        assert places == sorted(places)

    on_a_server(test)


def test_a_body_byte_by_byte() -> None:
    async def test(address: Address) -> None:
        request = post(rpc_call("drops"), b"connection: close")
        answer = await talk(address, *[request[n : n + 1] for n in range(len(request))])
        assert b"drops" in answer

    on_a_server(test)


def test_http_1_0_gets_a_length_and_a_close() -> None:
    async def test(address: Address) -> None:
        body = rpc_call(method="one.vmpool.info")
        head = b"POST / HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body)
        answer = await talk(address, head + body)
        headers, _, document = answer.partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(document) in headers
        assert b"chunked" not in headers
        assert xmlrpc.client.loads(document)[0][0][0] is True

    on_a_server(test)


def test_a_client_that_waits_for_100_continue() -> None:
    async def test(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address)
        request = post(rpc_call("polite"), b"expect: 100-continue", b"connection: close")
        head, _, body = request.partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(body)
        assert b"polite" in await reader.read()
        writer.close()

    on_a_server(test)


def test_a_refusal_comes_before_100_continue() -> None:
    async def test(address: Address) -> None:
        answer = await talk(address, post(b"", b"expect: 100-continue", length=10**9))
        assert status(answer) == 413

    on_a_server(test, QUICK)


def test_the_server_says_little_about_itself() -> None:
    async def test(address: Address) -> None:
        answer = await talk(address, post(b"", b"connection: close"))
        headers = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in headers
        assert b"\r\ndate:" in headers
        assert b"x-content-type-options: nosniff" in headers

    on_a_server(test)


# --- clients that do not -------------------------------------------------------------------------


def test_a_truncated_body(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        _, writer = await asyncio.open_connection(*address)
        writer.write(post(b"<methodCall>", length=500))
        writer.write_eof()
        while not told(caplog):
            await asyncio.sleep(0.01)
        writer.close()
        await assert_alive(address)

    on_a_server(test)
    (line,) = told(caplog)
    assert "left: after 12 bytes of the body" in line


def test_a_reset_in_the_body(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        _, writer = await asyncio.open_connection(*address)
        writer.write(post(b"<methodCall>", length=500))
        await asyncio.sleep(0.05)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        while not told(caplog):
            await asyncio.sleep(0.01)
        await assert_alive(address)

    on_a_server(test)
    assert len(told(caplog)) == 1


def test_a_body_longer_than_announced() -> None:
    """What is too much can only be read as the next request, which it is not."""

    async def test(address: Address) -> None:
        body = rpc_call("honest part")
        reader, writer = await asyncio.open_connection(*address)
        writer.write(post(body))
        head = await reader.readuntil(b"\r\n\r\n")
        assert status(head) == 200
        writer.write(b"<surplus/>")
        assert b"HTTP/1.1 400" in await reader.read()
        writer.close()
        assert status(await talk(address, post(body + b"<surplus/>", length=len(body)))) == 400
        await assert_alive(address)

    on_a_server(test)


def test_a_slow_body(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        answer = await talk(address, post(b"<methodCall>", length=500))
        assert status(answer) == 408
        assert b"connection: close" in answer

    on_a_server(test, QUICK)
    assert len(told(caplog)) == 1


def test_slow_headers(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        answer = await talk(address, b"POST /RPC2 HTTP/1.1\r\nhost: x\r\n")
        assert status(answer) == 408
        # also on a connection that has already had its answer
        answer = await talk(address, post(b"") + b"POST /RPC2 HTTP/1.1\r\n")
        assert b"HTTP/1.1 200" in answer
        assert b"HTTP/1.1 408" in answer

    on_a_server(test, replace(QUICK, idle_seconds=PATIENT))
    assert len([line for line in told(caplog) if "408" in line]) == 2


def test_a_trickle_of_headers_gains_no_time() -> None:
    async def test(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /RPC2 HTTP/1.1\r\n")
        while not reader.at_eof():
            writer.write(b"a: b\r\n")
            try:
                async with asyncio.timeout(0.02):
                    assert status(await reader.read()) == 408
            except TimeoutError:
                continue
        writer.close()

    on_a_server(test, QUICK)


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def test(address: Address) -> None:
        assert await talk(address) == b""

    on_a_server(test, QUICK)


def test_an_idle_connection_is_closed() -> None:
    async def test(address: Address) -> None:
        answer = await talk(address, post(rpc_call("once")))
        assert answer.count(b"HTTP/1.1") == 1

    on_a_server(test, QUICK)


@pytest.mark.parametrize("size", [100_001, 3_000_000])
def test_an_oversized_body_is_told_so(size: int, caplog: pytest.LogCaptureFixture) -> None:
    """The client sends all of its body and still gets to see the answer."""

    async def test(address: Address) -> None:
        answer = await talk(address, post(b"x" * size))
        assert status(answer) == 413
        assert b"connection: close" in answer
        await assert_alive(address)

    on_a_server(test, QUICK)
    (line,) = told(caplog)
    assert "larger than 100000 bytes" in line


def test_an_oversized_chunked_body() -> None:
    async def test(address: Address) -> None:
        head = b"POST /RPC2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        chunk = b"c350\r\n" + b"x" * 50_000 + b"\r\n"
        assert status(await talk(address, head, *[chunk] * 3)) == 413
        assert status(await talk(address, head, *[chunk] * 2, b"0\r\n\r\n")) == 200

    on_a_server(test, QUICK)


def test_a_body_for_nothing_ends_the_connection() -> None:
    """Otherwise a slow client could keep a connection by dripping a body nobody waits for."""

    async def test(address: Address) -> None:
        head = b"POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
        answer = await talk(address, head + b"x")
        assert status(answer) == 404
        assert b"connection: close" in answer

    on_a_server(test, QUICK)


@pytest.mark.parametrize(
    "request_head",
    [
        b"hello there\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /RPC2 HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /RPC2 HTTP/1.1\r\ncontent-length: 1e3\r\n\r\n",
        b"POST /RPC2 HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
        b"POST /RPC2 HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    ],
)
def test_what_is_not_http(request_head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        assert status(await talk(address, request_head)) in (400, 405)
        await assert_alive(address)

    on_a_server(test, QUICK)
    assert len(told(caplog)) == 1


def test_a_body_that_stops_being_http(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        head = b"POST /RPC2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        assert status(await talk(address, head + b"zz\r\n")) == 400
        await assert_alive(address)

    on_a_server(test)
    assert "gets 400" in told(caplog)[0]
    assert "left: after 0 bytes of the body" in told(caplog)[1]


def test_noise_during_the_response(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /ticks HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"data: tick\n\n")
        writer.write(b"noise\r\n\r\n")
        rest = await reader.read()
        assert b"HTTP/1.1" not in rest
        writer.close()

    on_a_server(test)
    assert "goes on with what is not HTTP" in told(caplog)[0]


def test_endless_headers(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        head = b"POST /RPC2 HTTP/1.1\r\n" + b"x: " + b"y" * 1000
        assert status(await talk(address, head, *[b"y" * 10_000] * 7)) == 431
        await assert_alive(address)

    on_a_server(test)
    assert "headers are larger" in told(caplog)[0]


def test_a_client_that_reads_nothing_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        writer.write(b"GET /flood HTTP/1.1\r\nhost: x\r\n\r\n")
        while not told(caplog):
            await asyncio.sleep(0.02)
        with suppress(ConnectionResetError):
            while await reader.read(1 << 20):
                pass
        writer.close()
        await assert_alive(address)

    on_a_server(test, QUICK)
    assert "takes nothing of what is sent" in told(caplog)[0]


def test_a_client_that_leaves_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /ticks HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"data: tick\n\n")
        writer.close()
        while not told(caplog):
            await asyncio.sleep(0.01)

    on_a_server(test)
    (line,) = told(caplog)
    assert "left: before the end of the response" in line


def test_noise_never_disturbs_the_server() -> None:
    """Requests changed at random: some answer or a closed connection, and no traceback."""

    async def test(address: Address) -> None:
        rng = random.Random(503)
        good = post(rpc_call("noise", 5), b"x-header: a", b"connection: close")
        for _ in range(150):
            noisy = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                place = rng.randrange(len(noisy))
                noisy[place : place + rng.choice((0, 1, 1, 20))] = rng.randbytes(rng.randint(0, 3))
            reader, writer = await asyncio.open_connection(*address)
            writer.write(bytes(noisy))
            writer.write_eof()
            answer = await reader.read()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
            writer.close()
        await assert_alive(address)

    on_a_server(test)


def test_more_connections_than_allowed() -> None:
    async def test(address: Address) -> None:
        held = [await asyncio.open_connection(*address) for _ in range(3)]
        answer = await talk(address, post(rpc_call("one too many")))
        assert status(answer) == 503
        for _, writer in held:
            writer.close()

    on_a_server(test, Limits(connections=4))


# --- WebSockets ----------------------------------------------------------------------------------


def test_websocket_echo() -> None:
    async def test(address: Address) -> None:
        url = "ws://{}:{}/echo?me".format(*address)
        async with websockets.connect(url, subprotocols=["binary"]) as client:  # type: ignore[list-item]
            assert client.subprotocol == "binary"
            for message in ("text é", b"\0binary"):
                await client.send(message)
                assert await client.recv() == message

    on_a_server(test)


@pytest.mark.parametrize(("path", "expected"), [("/echo", 401), ("/nothing", 404), ("/RPC2", 405)])
def test_refused_websockets(path: str, expected: int, caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        with pytest.raises(InvalidStatus) as caught:
            await websockets.connect("ws://{}:{}".format(*address) + path)
        assert caught.value.response.status_code == expected

    on_a_server(test)
    assert len(told(caplog)) == 1


def test_websocket_messages_are_bounded() -> None:
    async def test(address: Address) -> None:
        async with websockets.connect("ws://{}:{}/echo?me".format(*address)) as client:
            await client.send("x" * 1001)
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1009

    on_a_server(test, QUICK)


def test_websocket_text_that_is_not_utf_8(caplog: pytest.LogCaptureFixture) -> None:
    async def test(address: Address) -> None:
        async with websockets.connect("ws://{}:{}/echo?me".format(*address)) as client:
            await client.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1007

    on_a_server(test)
    assert "not UTF-8" in told(caplog)[0]


# --- starting and stopping -----------------------------------------------------------------------


def test_a_taken_port_is_told_plainly() -> None:
    async def run() -> None:
        async with running(Application(rpc)) as listener:
            host, port = listener.address
            with pytest.raises(ListenError, match=rf"cannot listen on {host}:{port}: .*in use"):
                await serve(Application(rpc), host, port)
        with pytest.raises(ListenError, match=r"no\.such\.host\.invalid"):
            await serve(Application(rpc), "no.such.host.invalid", 0)

    uvloop.run(run())


def test_ipv6() -> None:
    async def run() -> None:
        async with running(Application(rpc), host="::1") as listener:
            assert listener.address[0] == "::1"
            await assert_alive(listener.address)

    uvloop.run(run())


def test_hooks_run_around_the_server() -> None:
    done: list[str] = []

    async def starting() -> None:
        done.append("started")

    async def stopping() -> None:
        done.append("stopped")

    async def run() -> None:
        async with running(Application(rpc, starting=starting, stopping=stopping)) as listener:
            await assert_alive(listener.address)
            done.append("served")

    uvloop.run(run())
    assert done == ["started", "served", "stopped"]


def test_a_start_that_fails_leaves_the_port_free() -> None:
    async def broken() -> None:
        raise RuntimeError("no database")

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            port = chosen.getsockname()[1]
        with pytest.raises(RuntimeError, match="no database"):
            await serve(Application(rpc, starting=broken), port=port)
        async with running(Application(rpc), port=port) as listener:
            await assert_alive(listener.address)

    uvloop.run(run())


async def _begin(
    address: Address, path: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path)
    return reader, writer


def test_stopping_lets_a_request_finish_and_ends_streams() -> None:
    async def run() -> None:
        asked, go = asyncio.Event(), asyncio.Event()

        async def slow(request: Request) -> Response:
            asked.set()
            await go.wait()
            return Response(b"finished")

        listener = await serve(Application(rpc, [*ROUTES, Route("GET", "/slow", slow)]))
        slow_reader, slow_writer = await _begin(listener.address, b"/slow")
        tick_reader, tick_writer = await _begin(listener.address, b"/ticks")
        idle_reader, idle_writer = await asyncio.open_connection(*listener.address)
        await tick_reader.readuntil(b"data: tick\n\n")
        await asked.wait()
        stop = asyncio.ensure_future(listener.stop(grace=PATIENT))
        assert (await tick_reader.read()).endswith(b"0\r\n\r\n")
        assert await idle_reader.read() == b""
        go.set()
        assert (await slow_reader.read()).endswith(b"finished")
        await stop
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*listener.address)
        for writer in (slow_writer, tick_writer, idle_writer):
            writer.close()

    uvloop.run(run())


def test_stopping_cuts_what_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        asked = asyncio.Event()

        async def forever(request: Request) -> Response:
            asked.set()
            await asyncio.Event().wait()
            return Response()

        listener = await serve(Application(rpc, [*ROUTES, Route("GET", "/forever", forever)]))
        reader, writer = await _begin(listener.address, b"/forever")
        flooded, flood_writer = await _begin(listener.address, b"/flood")
        await asked.wait()
        await flooded.readexactly(1)
        await listener.stop(grace=0.1)
        assert (await reader.read())[:12] in (b"", b"HTTP/1.1 500")
        writer.close()
        flood_writer.close()

    async def bounded() -> None:
        async with asyncio.timeout(PATIENT):
            await run()

    uvloop.run(bounded())
    assert any("was cut off by the stop" in line for line in told(caplog))


def test_tls(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=str(certificate))

    async def run() -> None:
        async with running(Application(rpc), tls=server_side) as listener:
            url = f"https://localhost:{listener.address[1]}/RPC2"
            answer = await asyncio.to_thread(_secure_call, url, client_side)
            assert answer == ["echo", ["secret"]]

    uvloop.run(run())


def _secure_call(url: str, context: ssl.SSLContext) -> Any:
    with xmlrpc.client.ServerProxy(url, context=context) as proxy:
        return proxy.echo("secret")


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"
