"""Connections into a guest's network; the loopback device stands for the bridge, this process for the guest."""

from __future__ import annotations

import base64
import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from innkeeper.host import connections
from innkeeper.host.connections import MOST, WINDOW, Connections, ways
from innkeeper.host.errors import RefusedError


class Guest:
    """A server of one port; `taken` are its ends of connections."""

    def __init__(self, family: int = socket.AF_INET, address: str = "127.0.0.1") -> None:
        self.listener = socket.socket(family)
        self.listener.bind((address, 0))
        self.listener.listen()
        self.listener.settimeout(20)
        self.address, self.port = address, self.listener.getsockname()[1]
        self.taken: list[socket.socket] = []

    def accept(self) -> socket.socket:
        taken = self.listener.accept()[0]
        taken.settimeout(20)
        self.taken.append(taken)
        return taken


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest()
    yield guest
    for each in (guest.listener, *guest.taken):
        each.close()


class Told:
    """The events that went to the front end, by connection."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.connections = Connections(self.events.put)

    def open(self, number: int, guest: Guest, *addresses: str) -> None:
        found = ways("lo", ("127.0.0.1/8",), list(addresses or (guest.address,)), guest.port)
        self.connections.open(number, "lo", found)

    def next(self, number: int = 1) -> dict[str, Any]:
        event = self.events.get(timeout=20)
        assert (event.pop("event"), event.pop("connection")) == ("connection", number)
        return event

    def opened(self, guest: Guest) -> socket.socket:
        self.open(1, guest)
        taken = guest.accept()
        assert self.next() == {"open": True}
        return taken

    def end(self) -> None:
        """Closes what is open still."""
        deadline = time.monotonic() + 20
        for number in list(self.connections._open):
            self.connections.close(number)
        while self.connections._open and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not self.connections._open


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    yield told
    told.end()


def text(event: dict[str, Any]) -> bytes:
    return base64.b64decode(event["data"])


def test_bytes_go_both_ways_and_each_side_ends_by_itself(told: Told, guest: Guest) -> None:
    end = told.opened(guest)
    told.connections.send(1, b"hello")
    assert end.recv(10) == b"hello"
    assert told.next() == {"took": 5}
    told.connections.end(1)
    assert end.recv(10) == b""
    end.sendall(b"goodbye")  # one side has ended, the other goes on
    assert text(told.next()) == b"goodbye"
    end.close()
    assert told.next() == {"ended": True}
    assert told.next() == {"closed": True, "why": ""}
    told.connections.send(1, b"nobody is there")
    told.connections.close(1)
    with pytest.raises(queue.Empty):
        told.events.get(timeout=0.1)


def test_only_by_way_of_the_bridge(told: Told) -> None:
    """Whatever is asked for: addresses outside of the bridge's networks are no way."""
    index = socket.if_nametoindex("lo")
    asked = ["127.0.0.5", "10.0.0.1", "192.0.2.7", "fe80::1", "2001:db8::1", "::1"]
    assert ways("lo", ("127.0.0.1/8",), asked, 22) == [
        (socket.AF_INET, ("127.0.0.5", 22)),
        (socket.AF_INET6, ("fe80::1", 22, 0, index)),
    ]
    with pytest.raises(RefusedError, match="no way to the guest: no address of its own on br7"):
        told.connections.open(1, "br7", [])


def test_the_next_address_is_tried(told: Told, guest: Guest) -> None:
    told.open(1, guest, "127.0.0.9", "127.0.0.1")  # the guest listens on one of them
    guest.accept()
    assert told.next() == {"open": True}


def test_nobody_listens_there(told: Told, guest: Guest) -> None:
    told.open(1, guest, "127.0.0.9")
    assert told.next() == {"closed": True, "why": "Connection refused"}


def test_a_bridge_that_is_not_there(told: Told) -> None:
    told.connections.open(1, "no-bridge", [(socket.AF_INET, ("127.0.0.1", 1))])
    assert told.next() == {"closed": True, "why": "No such device"}


def test_nothing_answers(told: Told, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.05)
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = []
    for _ in range(3):  # its queue is full: further ones are not answered
        one = socket.socket()
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(full.getsockname())
        waiting.append(one)
    told.connections.open(1, "lo", [(socket.AF_INET, full.getsockname())])
    assert told.next() == {"closed": True, "why": "nothing answers within 0.05 s"}
    for one in (*waiting, full):
        one.close()


def test_a_slow_front_end_costs_a_window_and_holds_up_nobody(told: Told, guest: Guest) -> None:
    end = told.opened(guest)
    pump = threading.Thread(target=lambda: end.sendall(bytes(8 * WINDOW)), daemon=True)
    pump.start()
    heard = 0
    while heard < WINDOW:
        heard += len(text(told.next()))
    assert heard == WINDOW
    told.open(2, guest)
    other = guest.accept()
    assert told.next(2) == {"open": True}  # and no byte of the first one
    other.sendall(b"quick")
    assert text(told.next(2)) == b"quick"
    told.connections.passed_on(1, WINDOW)
    while heard < 2 * WINDOW:
        heard += len(text(told.next()))
    told.connections.close(1)
    assert told.next() == {"closed": True, "why": ""}


def test_a_guest_that_does_not_read_costs_a_window(told: Told, guest: Guest) -> None:
    end = told.opened(guest)
    sent = took = 0
    while sent - took < WINDOW:  # the kernel takes some
        piece = WINDOW - (sent - took)
        told.connections.send(1, bytes(piece))
        sent += piece
        with contextlib.suppress(queue.Empty):
            while True:
                took += told.events.get(timeout=0.05)["took"]
    told.open(2, guest)
    guest.accept()
    assert told.next(2) == {"open": True}
    heard = 0
    while heard < took:
        heard += len(end.recv(65536))
    told.connections.send(1, bytes(WINDOW + 1))  # more than was allowed
    events = [told.next()]
    while "closed" not in events[-1]:
        events.append(told.next())
    assert events[-1] == {"closed": True, "why": "more was sent than there is room for"}


def test_a_guest_that_breaks_off(told: Told, guest: Guest) -> None:
    end = told.opened(guest)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    end.close()
    assert told.next() == {"closed": True, "why": "Connection reset by peer"}


def test_so_many_at_most(told: Told, guest: Guest) -> None:
    found = ways("lo", ("127.0.0.1/8",), ["127.0.0.1"], guest.port)
    guest.listener.listen(MOST)
    for number in range(MOST):
        told.connections.open(number, "lo", found)
    deadline = time.monotonic() + 20
    while len(told.connections._open) < MOST and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(RefusedError, match=f"{MOST} connections are open"):
        told.connections.open(MOST, "lo", found)
