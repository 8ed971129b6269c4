"""Addresses of users' images: public ones and allowed networks only, redirections and all disguises looked through."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks import web
from innkeeper.host.disks.images import _reach
from innkeeper.host.disks.web import Reach, open_url
from innkeeper.host.errors import BadArgsError, RefusedError

NOWHERE: Reach = ()
LOOPBACK: Reach = (ipaddress.ip_network("127.0.0.0/8"),)


class Handler(http.server.BaseHTTPRequestHandler):
    """``/to/ADDRESS`` leads there, anything else says its own path."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def read(place: str, reach: Reach) -> bytes:
    stream, _ = open_url(place, reach)
    with stream:
        return stream.read()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1",
        "192.168.7.7", "172.16.0.1", "169.254.169.254", "[fe80::1]", "[fd00::1]", "[64:ff9b::a00:1]", "[2002:7f00:1::]",
        "100.64.0.1", "224.0.0.1", "[ff02::1]",
    ],
)  # fmt: skip
def test_what_only_this_machine_reaches_is_refused(host: str, port: int) -> None:
    with pytest.raises(RefusedError, match="not fetched from loopback, link-local or private"):
        open_url(f"http://{host}:{port}/image", NOWHERE)


def test_administrators_and_allowed_networks_go_on(port: int) -> None:
    at = f"http://127.0.0.1:{port}/an%20image?v=1"
    assert read(at, None) == read(at, LOOPBACK) == b"/an%20image?v=1"


def test_redirections_are_checked_again(port: int) -> None:
    at = f"http://127.0.0.1:{port}"
    assert read(f"{at}/to//there", LOOPBACK) == b"/there"
    for target in ("http://169.254.169.254/latest", "http://10.1.2.3/x", "file:///etc/shadow"):
        with pytest.raises(RefusedError, match=r"not fetched from|only http and https"):
            open_url(f"{at}/to/{target}", LOOPBACK)
    with pytest.raises(RefusedError, match="redirected more than"):
        open_url(f"{at}/to/{'/to/' * 9}x", LOOPBACK)


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers otherwise the second time gains nothing by it."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **more: Any) -> Any:
        if host == "rebinding.example":
            asked.append(host)
            host = ("127.0.0.1", "127.0.0.2")[len(asked) - 1]
        return real(host, *args, **more)

    monkeypatch.setattr(web.socket, "getaddrinfo", resolve)
    assert read(f"http://rebinding.example:{port}/x", LOOPBACK) == b"/x"
    assert asked == ["rebinding.example"]


def test_networks_are_checked(port: int) -> None:
    assert _reach(Arguments({})) is None
    assert _reach(Arguments({"reach": []})) == []
    for wrong in (["10.0.0.0/99"], "everywhere", 7):
        with pytest.raises(BadArgsError, match="reach"):
            _reach(Arguments({"reach": wrong}))
