"""The connection: kept, renewed, and never used twice for a change that may have been done."""

import socket
import threading
from collections.abc import Iterator

import pytest

from innkeeper.cli.client import Client, Endpoint
from innkeeper.cli.errors import CliError, ExitCode

from .conftest import CannedFrontEnd

OK = b'{"id": 1, "result": "fine", "object": null, "operation": null}'


def rename(client: Client, name: str) -> object:
    return client.api.vms.update(1, name=name)["result"]


class Scripted:
    """Answers one request per entry of a script: bytes to send, then "keep" or "close"."""

    def __init__(self, script: list[tuple[bytes, str]]) -> None:
        self._script = script
        self._server = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def client(self) -> Client:
        port = self._server.getsockname()[1]
        return Client(Endpoint("http", "127.0.0.1", port, "/RPC2"), "a:b", timeout=5)

    def stop(self) -> None:
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        script = iter(self._script)
        step = next(script, None)
        while step:
            connection, _ = self._server.accept()
            self.connections += 1
            with connection:
                while step:
                    request = connection.recv(65536)
                    if not request:
                        break
                    self.requests.append(request)
                    answer, then = step
                    connection.sendall(answer)
                    step = next(script, None)
                    if then == "close":
                        break


def whole(body: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), extra, body)


def in_chunks(body: bytes) -> bytes:
    pieces = b"".join(b"%x;x=y\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7])
                      for i in range(0, len(body), 7))  # fmt: skip
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + pieces + b"0\r\nT: 1\r\n\r\n"


@pytest.fixture
def scripted() -> Iterator[list[Scripted]]:
    started: list[Scripted] = []
    yield started
    for server in started:
        server.stop()


def start(started: list[Scripted], *script: tuple[bytes, str]) -> Scripted:
    started.append(Scripted(list(script)))
    return started[-1]


@pytest.mark.parametrize("answer", [whole(OK), in_chunks(OK)])
def test_one_connection_serves_several_calls(scripted: list[Scripted], answer: bytes) -> None:
    server = start(scripted, (answer, "keep"), (answer, "close"))
    client = server.client()
    assert [rename(client, "a"), rename(client, "b")] == ["fine"] * 2
    client.close()
    assert server.connections == 1


def test_a_length_may_be_left_to_the_end_of_the_connection(scripted: list[Scripted]) -> None:
    server = start(scripted, (b"HTTP/1.0 200 OK\r\n\r\n" + OK, "close"))
    client = server.client()
    assert rename(client, "a") == "fine"
    client.close()


def test_a_connection_that_is_said_to_close_is_not_used_again(scripted: list[Scripted]) -> None:
    closing = whole(OK, b"Connection: Close\r\n")
    server = start(scripted, (closing, "close"), (closing, "close"))
    client = server.client()
    assert [rename(client, "a"), rename(client, "b")] == ["fine"] * 2
    client.close()
    assert server.connections == 2


def test_reading_is_repeated_when_the_kept_connection_was_closed(
    scripted: list[Scripted],
) -> None:
    server = start(scripted, (whole(OK), "close"), (whole(OK), "close"))
    client = server.client()
    assert [client.api.vms.documents(), client.api.vms.documents()] == [OK.decode()] * 2
    client.close()
    assert (len(server.requests), server.connections) == (2, 2)


def test_a_change_is_never_sent_twice(scripted: list[Scripted]) -> None:
    """The front end took the second request and died before its answer: was it done?"""
    server = start(scripted, (whole(OK), "keep"), (b"", "close"))
    client = server.client()
    client.api.vms.create(template="x")
    with pytest.raises(CliError) as caught:
        client.api.vms.create(template="x")
    assert caught.value.code == ExitCode.UNREACHABLE
    client.close()
    assert len(server.requests) == 2


def test_the_authorization_of_pages_is_the_same_secret(canned: CannedFrontEnd) -> None:
    canned.pages["/api/v1/doctor"] = {"ok": True, "findings": []}
    client = Client(Endpoint.parse(canned.endpoint), "ann:pass:word", timeout=5)
    assert client.api.pages.doctor() == {"ok": True, "findings": []}
    client.close()
    assert canned.headers[-1]["Authorization"] == "Basic YW5uOnBhc3M6d29yZA=="
