"""Consoles: a guest's serial port or screen, to and from the front end.

Theory of operation
-------------------
A stream is an open file of a guest: its pseudo-terminal, or a connection to its VNC server. Whoever
reads a pseudo-terminal takes bytes away from others, so each is opened once and what comes goes to
everybody who asked for it; a screen's connection is of one console alone.

The front end may be slow to pass on what it gets, and shares its link with all consoles. So each
console has room for a window of bytes, which grows again only when the front end says that it has
passed bytes on. A screen that has no room is not read: its server waits. A terminal is read on, since
others look at it too and the guest would hang: what finds no room is left out, and a line says so. It
is in the serial log, as is what a guest says while nobody listens.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import select
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from .errors import RefusedError

#: Bytes of a console that may be on their way to whoever looks at it.
WINDOW = 256 * 1024
#: Consoles at most; each may take a thread and four descriptors.
MOST = 100
_PIECE = 16384


@dataclasses.dataclass
class _Console:
    """One that looks at a stream: how many bytes it has room for, and how many were left out."""

    number: int
    stream: _Stream
    room: int = WINDOW
    left_out: int = 0


class _Stream:
    """An open file of a guest and the consoles that show it. ``lossless``: it is read as fast as they take it."""

    def __init__(
        self,
        key: Hashable,
        descriptor: int,
        lossless: bool,
        received: Callable[[_Stream, bytes | None], None],
    ) -> None:
        self.key = key
        self.consoles: dict[int, _Console] = {}
        self.changed = threading.Condition()
        self._descriptor = descriptor
        self._lossless = lossless
        self._received = received
        # Held while the descriptor is used or closed: its number may be another file's afterwards.
        self._lock = threading.Lock()
        self._gone = False
        self._closing = False
        os.set_blocking(descriptor, False)
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC)
        threading.Thread(target=self._read, name=f"console {key}", daemon=True).start()

    def _read(self) -> None:
        while (size := self._wanted()) and self._wait():
            try:
                data = os.read(self._descriptor, size)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                break
            self._received(self, data)
        self._received(self, None)
        with self._lock:
            self._gone = True
            os.close(self._descriptor)
        os.close(self._wake_reader)

    def _wanted(self) -> int:
        """How much to read at most, as soon as there is room for anything; 0 when it is to be closed."""
        with self.changed:
            self.changed.wait_for(lambda: self._closing or self._room() > 0)
            return 0 if self._closing else self._room()

    def _room(self) -> int:
        rooms = [console.room if self._lossless else _PIECE for console in self.consoles.values()]
        return min([_PIECE, *rooms]) if rooms else 0

    def _wait(self) -> bool:
        """Waits until something comes; False when it is to be closed."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        return not any(ready == self._wake_reader for ready, _ in poll.poll())

    def write(self, data: bytes, seconds: float = 10.0) -> None:
        """Writes to the guest, which may be slow to take it; RefusedError when it does not."""
        deadline = time.monotonic() + seconds
        while data:
            written = self._write_some(data)
            data = data[written:]
            if not written:
                if time.monotonic() > deadline:
                    raise RefusedError("the guest does not read what is written to its console")
                time.sleep(0.02)

    def _write_some(self, data: bytes) -> int:
        with self._lock:
            if self._gone:
                raise RefusedError("the console was closed")
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                return 0
            except OSError as broken:
                raise RefusedError(f"the console was closed ({broken.strerror})") from broken

    def close(self) -> None:
        with self.changed:
            self._closing = True
            self.changed.notify()
        os.close(self._wake_writer)


class Consoles:
    """The open consoles of an agent, by the numbers that the front end gave them."""

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._streams: dict[Hashable, _Stream] = {}
        self._consoles: dict[int, _Console] = {}

    def open_terminal(self, number: int, path: str) -> None:
        """Opens a console on a pseudo-terminal; one that is open stays."""
        flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
        self._open(number, path, lambda: os.open(path, flags), lossless=False)

    def open_screen(self, number: int, connect: Callable[[], int]) -> None:
        """Opens a console on a connection of its own to a screen; one that is open stays."""
        if number in self._consoles:
            return
        descriptor = connect()
        try:
            self._open(number, f"screen {number}", lambda: descriptor, lossless=True)
        except RefusedError:
            os.close(descriptor)
            raise

    def _open(self, number: int, key: str, connect: Callable[[], int], lossless: bool) -> None:
        with self._lock:
            if number in self._consoles:
                return
            if len(self._consoles) >= MOST:
                raise RefusedError(f"{MOST} consoles are open on this host already")
            stream = self._streams.get(key)
            if stream is None:
                stream = _Stream(key, connect(), lossless, self._received)
                self._streams[key] = stream
            console = self._consoles[number] = _Console(number, stream)
            with stream.changed:
                stream.consoles[number] = console
                stream.changed.notify()

    def _found(self, number: int) -> _Console:
        with self._lock:
            console = self._consoles.get(number)
        if console is None:
            raise RefusedError(f"console {number} is not open")
        return console

    def write(self, number: int, data: bytes) -> None:
        """Sends bytes to the guest."""
        self._found(number).stream.write(data)

    def passed_on(self, number: int, size: int) -> None:
        """The front end has passed bytes of a console on: there is room for as many more."""
        console = self._found(number)
        with console.stream.changed:
            console.room = min(console.room + size, WINDOW)
            console.stream.changed.notify()

    def close(self, number: int) -> None:
        """Closes a console; one that is closed already is fine."""
        with self._lock:
            console = self._consoles.pop(number, None)
            if console is None:
                return
            stream = console.stream
            with stream.changed:
                del stream.consoles[number]
            last = not stream.consoles
            if last:
                del self._streams[stream.key]
        if last:
            stream.close()
        self._report({"event": "console", "console": number, "closed": True})

    def _received(self, stream: _Stream, data: bytes | None) -> None:
        """What a stream's thread read; None at the end."""
        if data is None:
            self._ended(stream)
            return
        with stream.changed:
            told = [(console.number, _taken(console, data)) for console in stream.consoles.values()]
        for number, part in told:
            if part:
                text = base64.b64encode(part).decode()
                self._report({"event": "console", "console": number, "data": text})

    def _ended(self, stream: _Stream) -> None:
        with self._lock:
            numbers = sorted(stream.consoles)
            for number in numbers:
                del self._consoles[number]
            if self._streams.get(stream.key) is stream:
                del self._streams[stream.key]
                stream.close()
        for number in numbers:
            self._report({"event": "console", "console": number, "closed": True})


def _taken(console: _Console, data: bytes) -> bytes:
    """What there is room for, with a word about what was left out before."""
    note = b""
    if console.left_out:
        note = b"\r\n[%d bytes left out: see the log]\r\n" % console.left_out
    if console.room < len(note) + len(data):
        console.left_out += len(data)
        return b""
    console.left_out = 0
    console.room -= len(note) + len(data)
    return note + data
