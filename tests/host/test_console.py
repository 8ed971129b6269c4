"""Consoles on real pseudo-terminals, the test holding QEMU's side."""

from __future__ import annotations

import base64
import contextlib
import os
import queue
import threading
import tty
from collections.abc import Iterator
from typing import Any

import pytest

from innkeeper.host.console import Consoles
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

    def text(self, number: int, size: int) -> str:
        data = b""
        while len(data) < size:
            event = self.events.get(timeout=60)
            assert event["event"] == "console" and event["console"] == number
            data += base64.b64decode(event["data"])
        return data.decode()

    def closed(self) -> int:
        event = self.events.get(timeout=60)
        assert event["closed"] is True
        number: int = event["console"]
        return number


def test_bytes_go_both_ways(guest: Guest) -> None:
    told = Told()
    number = told.consoles.open(guest.path)
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
    numbers = {told.consoles.open(guest.path) for _ in range(2)}
    os.write(guest.master, b"hi")
    seen = {told.events.get(timeout=60)["console"] for _ in range(2)}
    assert seen == numbers
    guest.hang_up()
    assert {told.closed(), told.closed()} == numbers


def test_a_console_is_opened_again_after_it_was_closed(guest: Guest) -> None:
    told = Told()
    first = told.consoles.open(guest.path)
    told.consoles.close(first)
    assert told.closed() == first
    second = told.consoles.open(guest.path)
    os.write(guest.master, b"again")
    assert told.text(second, 5) == "again"
    guest.hang_up()
    assert told.closed() == second


def test_a_guest_that_does_not_read_is_given_up_on(guest: Guest) -> None:
    told = Told()
    number = told.consoles.open(guest.path)
    terminal = told.consoles._terminals[guest.path]
    with pytest.raises(RefusedError, match="does not read its serial port"):
        terminal.write(b"x" * 1_000_000, seconds=0.1)
    told.consoles.close(number)


def test_many_consoles_leave_no_descriptor_open(guest: Guest) -> None:
    told = Told()
    for _ in range(20):
        number = told.consoles.open(guest.path)
        told.consoles.close(number)
        assert told.closed() == number
    for thread in [item for item in threading.enumerate() if guest.path in item.name]:
        thread.join(60)
    assert open_files().count(guest.path) == 1


def open_files() -> list[str]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return found
