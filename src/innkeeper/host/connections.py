"""TCP connections into guests' networks, to and from the front end.

Theory of operation
-------------------
A connection leaves through the guest's bridge and nothing else (the socket is bound to it), so that it ends at a guest,
or nowhere: whatever address is asked for, no other network of the host is reached. Addresses are tried in the order
given, those that the host has no way to are passed over.

One thread serves all of them, and never waits for one: sockets do not block, and each direction has a window of bytes.
What the guest says is read as long as the front end has room for it (it tells what it has passed on); what the
front end sends beyond what the guest has taken (it is told that, too) and the window ends the connection.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .errors import RefusedError

#: Bytes of a connection that may be on their way, in each direction.
WINDOW = 256 * 1024
#: Connections at most; each takes a descriptor, and two windows at worst.
MOST = 400
#: Seconds in which a guest must accept one, at each of its addresses.
PATIENCE = 5.0
_PIECE = 32768

Way = tuple[int, tuple[Any, ...]]


def ways(bridge: str, on_bridge: tuple[str, ...], addresses: list[str], port: int) -> list[Way]:
    """How each address can be reached from a bridge that has these addresses itself: family and socket address."""
    own = [ipaddress.ip_interface(address).network for address in on_bridge]
    found: list[Way] = []
    for text in addresses:
        address = ipaddress.ip_address(text)
        if address.version == 6 and address.is_link_local:
            found.append((socket.AF_INET6, (text, port, 0, socket.if_nametoindex(bridge))))
        elif any(address in network for network in own):
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            found.append((family, (text, port)))
    return found


class _Connection:
    """One connection, in the hands of the one thread."""

    def __init__(self, number: int, bridge: str, ways: list[Way]) -> None:
        self.number = number
        self.bridge = bridge
        self.ways = deque(ways)
        self.socket: socket.socket | None = None
        self.deadline: float | None = None
        self.room = WINDOW
        self.unsent = bytearray()
        self.ending = False
        self.ended = False
        self.heard_all = False
        self.why = "none of its addresses can be reached"

    @property
    def connecting(self) -> bool:
        return self.deadline is not None

    @property
    def interest(self) -> int:
        """What the thread waits for."""
        if self.connecting:
            return selectors.EVENT_WRITE
        reading = selectors.EVENT_READ if self.room > 0 and not self.heard_all else 0
        return reading | (selectors.EVENT_WRITE if self.unsent else 0)


class Connections:
    """The open connections of an agent, by the numbers that the front end gave them."""

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._asked: deque[Callable[[], None]] = deque()
        self._open: dict[int, _Connection] = {}
        self._selector: selectors.BaseSelector | None = None
        self._wake = -1

    def open(self, number: int, bridge: str, ways: list[Way]) -> None:
        """Begins to connect; an event tells when it is open, or why it is not."""
        if len(self._open) >= MOST:
            raise RefusedError(f"{MOST} connections are open on this host already")
        if not ways:
            raise RefusedError(
                f"this host has no way to the guest: no address of its own on {bridge} is in the guest's network"
            )
        self._ask(lambda: self._begin(_Connection(number, bridge, ways)))

    def send(self, number: int, data: bytes) -> None:
        """Bytes for the guest; what comes for a connection that has ended is dropped."""
        self._ask(lambda: self._queue(number, data))

    def end(self, number: int) -> None:
        """Nothing more comes for the guest, which may say more."""
        self._ask(lambda: self._finish_sending(number))

    def passed_on(self, number: int, size: int) -> None:
        """The front end has room for as many bytes more."""
        self._ask(lambda: self._widen(number, size))

    def close(self, number: int) -> None:
        """Closes a connection; one that is closed already is fine."""
        self._ask(lambda: self._close(number))

    # What follows is the thread's.

    def _ask(self, what: Callable[[], None]) -> None:
        with self._lock:
            if self._selector is None:
                self._start()
            self._asked.append(what)
        os.write(self._wake, b"x")

    def _start(self) -> None:
        self._selector = selectors.DefaultSelector()
        reader, self._wake = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        threading.Thread(target=self._run, name="connections", daemon=True).start()

    def _run(self) -> None:
        assert self._selector is not None
        while True:
            for key, ready in self._selector.select(self._patience()):
                if key.data is None:
                    os.read(key.fd, 4096)
                elif key.data.number in self._open:
                    self._serve(key.data, ready)
            while self._asked:
                self._asked.popleft()()
            self._give_up_late()

    def _patience(self) -> float | None:
        deadlines = [each.deadline for each in self._open.values() if each.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _give_up_late(self) -> None:
        now = time.monotonic()
        for connection in list(self._open.values()):
            if connection.deadline is not None and connection.deadline <= now:
                connection.why = f"nothing answers within {PATIENCE:g} s"
                self._try_next(connection)

    def _begin(self, connection: _Connection) -> None:
        if connection.number not in self._open:
            self._open[connection.number] = connection
            self._try_next(connection)

    def _try_next(self, connection: _Connection) -> None:
        """Goes on with the next address; without one it is over."""
        self._let_go(connection)
        while connection.ways:
            try:
                connection.socket = _begun(connection.bridge, connection.ways.popleft())
            except OSError as problem:
                connection.why = problem.strerror or str(problem)
            else:
                connection.deadline = time.monotonic() + PATIENCE
                self._watch(connection)
                return
        self._close(connection.number, connection.why)

    def _serve(self, connection: _Connection, ready: int) -> None:
        try:
            if connection.connecting:
                self._connected(connection)
                return
            if ready & selectors.EVENT_WRITE:
                self._write(connection)
            if ready & selectors.EVENT_READ and connection.number in self._open:
                self._read(connection)
        except OSError as broken:
            self._close(connection.number, broken.strerror or str(broken))

    def _connected(self, connection: _Connection) -> None:
        assert connection.socket is not None
        problem = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            connection.why = os.strerror(problem)
            self._try_next(connection)
            return
        connection.deadline = None
        self._say(connection.number, open=True)
        if connection.ending and not connection.unsent:
            self._write(connection)
        self._watch(connection)

    def _read(self, connection: _Connection) -> None:
        assert connection.socket is not None
        with contextlib.suppress(BlockingIOError):
            data = connection.socket.recv(min(_PIECE, connection.room))
            if data:
                connection.room -= len(data)
                self._say(connection.number, data=base64.b64encode(data).decode())
            else:
                connection.heard_all = True
                self._say(connection.number, ended=True)
        self._watch(connection)

    def _write(self, connection: _Connection) -> None:
        assert connection.socket is not None
        taken = 0
        with contextlib.suppress(BlockingIOError):
            taken = connection.socket.send(connection.unsent)
        del connection.unsent[:taken]
        if taken:
            self._say(connection.number, took=taken)
        if connection.ending and not connection.unsent:
            connection.socket.shutdown(socket.SHUT_WR)
            connection.ending, connection.ended = False, True
        self._watch(connection)

    def _queue(self, number: int, data: bytes) -> None:
        connection = self._open.get(number)
        if connection is None or connection.ending or connection.ended:
            return
        connection.unsent += data
        if len(connection.unsent) > WINDOW:
            self._close(number, "more was sent than there is room for")
        else:
            self._watch(connection)

    def _finish_sending(self, number: int) -> None:
        connection = self._open.get(number)
        if connection is None:
            return
        connection.ending = True
        if not connection.unsent and not connection.connecting:
            self._serve(connection, selectors.EVENT_WRITE)

    def _widen(self, number: int, size: int) -> None:
        connection = self._open.get(number)
        if connection is not None:
            connection.room = min(connection.room + size, WINDOW)
            self._watch(connection)

    def _watch(self, connection: _Connection) -> None:
        """Waits for what the connection needs now; both ends done, it is closed."""
        if connection.heard_all and connection.ended:
            self._close(connection.number, "")
            return
        if connection.socket is None or self._selector is None:
            return
        known = connection.socket in self._selector.get_map()
        wanted = connection.interest
        if not wanted:
            if known:
                self._selector.unregister(connection.socket)
        elif known:
            self._selector.modify(connection.socket, wanted, connection)
        else:
            self._selector.register(connection.socket, wanted, connection)

    def _let_go(self, connection: _Connection) -> None:
        if connection.socket is not None and self._selector is not None:
            if connection.socket in self._selector.get_map():
                self._selector.unregister(connection.socket)
            connection.socket.close()
        connection.socket = connection.deadline = None

    def _close(self, number: int, why: str = "") -> None:
        connection = self._open.pop(number, None)
        if connection is not None:
            self._let_go(connection)
            self._say(number, closed=True, why=why)

    def _say(self, number: int, **what: Any) -> None:
        self._report({"event": "connection", "connection": number, **what})


def _begun(bridge: str, way: Way) -> socket.socket:
    """A socket that connects; OSError when it cannot even begin to."""
    family, where = way
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bridge.encode())
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        problem = made.connect_ex(where)
        if problem not in (0, errno.EINPROGRESS):
            raise OSError(problem, os.strerror(problem))
    except OSError:
        made.close()
        raise
    return made
