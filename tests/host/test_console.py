"""Consoles on real pseudo-terminals, the test holding QEMU's side."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import queue
import socket
import threading
import tty
from collections.abc import Iterator
from typing import Any

import pytest

from innkeeper.host.console import MOST, WINDOW, Consoles
from innkeeper.host.errors import RefusedError


class Guest:
    """QEMU's side of a pseudo-terminal."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        # QEMU keeps its copy of the other side open too.
        self.slave: int | None = slave

    def hang_up(self) -> None:
        if self.slave is not None:
            os.close(self.slave)
            os.close(self.master)
            self.slave = None


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest()
    yield guest
    guest.hang_up()


class Told:
    """The events that went to the front end."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.consoles = Consoles(self.events.put)
        self._numbers = itertools.count(1)

    def open(self, path: str) -> int:
        """A console on a pseudo-terminal; opening it again changes nothing."""
        number = next(self._numbers)
        for _ in range(2):
            self.consoles.open_terminal(number, path)
        return number

    def data(self, number: int) -> bytes:
        event = self.events.get(timeout=60)
        assert event["event"] == "console" and event["console"] == number
        return base64.b64decode(event["data"])

    def text(self, number: int, size: int) -> str:
        data = b""
        while len(data) < size:
            data += self.data(number)
        return data.decode()

    def closed(self) -> int:
        event = self.events.get(timeout=60)
        assert event["closed"] is True
        number: int = event["console"]
        return number


def test_bytes_go_both_ways(guest: Guest) -> None:
    told = Told()
    number = told.open(guest.path)
    os.write(guest.master, b"login: ")
    assert told.text(number, 7) == "login: "
    told.consoles.write(number, b"root\n")
    assert os.read(guest.master, 100) == b"root\n"
    told.consoles.close(number)
    told.consoles.close(number)
    assert told.closed() == number and told.events.empty()
    with pytest.raises(RefusedError, match=f"console {number} is not open"):
        told.consoles.write(number, b"x")


def test_everybody_sees_the_same(guest: Guest) -> None:
    told = Told()
    numbers = {told.open(guest.path) for _ in range(2)}
    os.write(guest.master, b"hi")
    seen = {told.events.get(timeout=60)["console"] for _ in range(2)}
    assert seen == numbers
    guest.hang_up()
    assert {told.closed(), told.closed()} == numbers


def test_a_console_is_opened_again_after_it_was_closed(guest: Guest) -> None:
    told = Told()
    first = told.open(guest.path)
    told.consoles.close(first)
    assert told.closed() == first
    second = told.open(guest.path)
    os.write(guest.master, b"again")
    assert told.text(second, 5) == "again"
    guest.hang_up()
    assert told.closed() == second


def test_a_guest_that_does_not_read_is_given_up_on(guest: Guest) -> None:
    told = Told()
    number = told.open(guest.path)
    terminal = told.consoles._streams[guest.path]
    with pytest.raises(RefusedError, match="does not read what is written"):
        terminal.write(b"x" * 1_000_000, seconds=0.1)
    told.consoles.close(number)


def test_many_consoles_leave_no_descriptor_open(guest: Guest) -> None:
    told = Told()
    for _ in range(20):
        number = told.open(guest.path)
        told.consoles.close(number)
        assert told.closed() == number
    for thread in [item for item in threading.enumerate() if guest.path in item.name]:
        thread.join(60)
    assert open_files().count(guest.path) == 1


def test_who_does_not_take_what_comes_keeps_nobody_waiting(guest: Guest) -> None:
    told = Told()
    slow, quick = told.open(guest.path), told.open(guest.path)
    heard = {slow: b"", quick: b""}

    def say(text: bytes) -> None:
        """The guest says something, the quick one hears it all."""
        os.write(guest.master, text)
        until = len(heard[quick]) + len(text)
        while len(heard[quick]) < until:
            event = told.events.get(timeout=60)
            data = base64.b64decode(event["data"])
            heard[event["console"]] += data
            if event["console"] == quick:
                told.consoles.passed_on(quick, len(data))

    line = b"x" * 1023 + b"\n"
    lines = WINDOW // len(line) + 100
    for _ in range(lines):
        say(line)
    assert heard[quick] == line * lines
    assert WINDOW - len(line) <= len(heard[slow]) <= WINDOW
    left_out = len(line) * lines - len(heard[slow])
    told.consoles.passed_on(slow, WINDOW)
    say(b"again\n")
    say(b"and again\n")
    note = b"\r\n[%d bytes left out: see the log]\r\nagain\n" % left_out
    assert note in heard[slow]


def test_a_screen_is_read_as_fast_as_its_console_takes_it() -> None:
    told = Told()
    ours, server = socket.socketpair()
    told.consoles.open_screen(1, ours.detach)
    told.consoles.open_screen(1, lambda: pytest.fail("it is open"))
    picture = os.urandom(4 * WINDOW)
    writer = threading.Thread(target=server.sendall, args=(picture,))
    writer.start()
    seen = b""
    while len(seen) < len(picture):
        part = told.data(1)
        seen += part
        if len(seen) % WINDOW == 0:
            # The window is full: nothing comes, however much the server has.
            assert told.events.empty()
            told.consoles.passed_on(1, WINDOW)
    assert seen == picture
    writer.join(60)
    told.consoles.write(1, b"keys")
    assert server.recv(100) == b"keys"
    server.close()
    assert told.closed() == 1
    with pytest.raises(RefusedError, match="console 1 is not open"):
        told.consoles.passed_on(1, 1)


def test_there_is_an_end_to_consoles(guest: Guest) -> None:
    told = Told()
    for _ in range(MOST):
        told.open(guest.path)
    ours, server = socket.socketpair()
    for refused in (
        lambda: told.open(guest.path),
        lambda: told.consoles.open_screen(-1, ours.detach),
    ):
        with pytest.raises(RefusedError, match="100 consoles are open"):
            refused()
    assert server.recv(1) == b""  # the connection that was made for it is closed
    server.close()


def open_files() -> list[str]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return found
