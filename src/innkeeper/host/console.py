"""Serial consoles: a guest's pseudo-terminal, to and from the front end.

QEMU holds one side of a pseudo-terminal, we open the other. Whoever opens it takes bytes away from
others, so each VM's terminal is opened once and what comes goes to everybody who asked for it.
What a guest says while nobody listens is in its serial log.
"""

from __future__ import annotations

import base64
import itertools
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from .errors import RefusedError

_PIECE = 16384


class _Terminal:
    """An open pseudo-terminal and the numbers of the consoles that show it."""

    def __init__(self, path: str, received: Callable[[_Terminal, bytes | None], None]) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.consoles: set[int] = set()
        self._received = received
        # Held while the descriptor is used or closed: its number may be another file's afterwards.
        self._lock = threading.Lock()
        self._gone = False
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC)
        threading.Thread(target=self._read, name=f"console {path}", daemon=True).start()

    def _read(self) -> None:
        while self._wait(select.POLLIN):
            try:
                data = os.read(self.descriptor, _PIECE)
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
            os.close(self.descriptor)
        os.close(self._wake_reader)

    def _wait(self, event: int) -> bool:
        """Waits until the terminal is ready; False when the console is to be closed."""
        poll = select.poll()
        poll.register(self.descriptor, event)
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
                    raise RefusedError("the guest does not read its serial port")
                time.sleep(0.02)

    def _write_some(self, data: bytes) -> int:
        with self._lock:
            if self._gone:
                raise RefusedError("the console was closed")
            try:
                return os.write(self.descriptor, data)
            except BlockingIOError:
                return 0

    def close(self) -> None:
        os.close(self._wake_writer)


class Consoles:
    """The open consoles of an agent."""

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._terminals: dict[str, _Terminal] = {}
        self._paths: dict[int, str] = {}

    def open(self, path: str) -> int:
        """Opens another console on a pseudo-terminal; gives its number."""
        with self._lock:
            terminal = self._terminals.get(path)
            if terminal is None:
                terminal = _Terminal(path, self._received)
                self._terminals[path] = terminal
            number = next(self._numbers)
            terminal.consoles.add(number)
            self._paths[number] = path
            return number

    def write(self, number: int, data: bytes) -> None:
        """Sends bytes to the guest."""
        with self._lock:
            terminal = self._terminals.get(self._paths.get(number, ""))
        if terminal is None:
            raise RefusedError(f"console {number} is not open")
        terminal.write(data)

    def close(self, number: int) -> None:
        """Closes a console; one that is closed already is fine."""
        with self._lock:
            path = self._paths.pop(number, None)
            terminal = self._terminals.get(path or "")
            if path is None or terminal is None:
                return
            terminal.consoles.discard(number)
            last = not terminal.consoles
            if last:
                del self._terminals[path]
        if last:
            terminal.close()
        self._report({"event": "console", "console": number, "closed": True})

    def _received(self, terminal: _Terminal, data: bytes | None) -> None:
        with self._lock:
            numbers = sorted(terminal.consoles)
            if data is None and self._terminals.get(terminal.path) is terminal:
                del self._terminals[terminal.path]
                terminal.close()
                for number in numbers:
                    del self._paths[number]
        said = {"closed": True} if data is None else {"data": base64.b64encode(data).decode()}
        for number in numbers:
            self._report({"event": "console", "console": number, **said})
