"""The console against a web socket server: piped input, and a real terminal."""

import os
import pty
import select
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from innkeeper.cli.client import Client, Endpoint

from .conftest import Inn


class Guest:
    """Echoes what is typed, in capitals, and remembers who asked for what."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.authorizations: list[str] = []
        self.server: Server = serve(self._talk, "127.0.0.1", 0, process_request=self._check)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.socket.getsockname()[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join()

    def _check(self, connection: ServerConnection, request: object) -> object:
        self.paths.append(request.path)  # type: ignore[attr-defined]
        self.authorizations.append(request.headers["Authorization"])  # type: ignore[attr-defined]
        if "/vms/9/" in self.paths[-1]:
            return connection.respond(404, "no VM 9")
        return None

    def _talk(self, connection: ServerConnection) -> None:
        try:
            connection.send(b"login: ")
            for message in connection:
                data = message if isinstance(message, bytes) else message.encode()
                if data == b"bye\n":
                    return
                connection.send(data.upper())
        except ConnectionClosed:
            pass


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    started = Guest()
    monkeypatch.setenv("INN_ENDPOINT", started.endpoint)
    yield started
    started.stop()


def run_piped(data: bytes, *arguments: str) -> tuple[int, bytes, bytes]:
    """Run `inn` as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "innkeeper.cli.main", *arguments],
        input=data, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_piped_input_is_typed_and_the_answer_printed(guest: Guest) -> None:
    code, out, _ = run_piped(b"uptime\n", "vm", "console", "3", "--quiet-for", "0.5")
    assert (code, out) == (0, b"login: UPTIME\n")
    assert guest.paths == ["/api/v1/vms/3/console"]
    client = Client(Endpoint.parse(guest.endpoint), "ann:secret", timeout=1)
    assert guest.authorizations == [client.authorization()]


def test_a_guest_that_hangs_up_ends_it(guest: Guest) -> None:
    code, out, _ = run_piped(b"bye\n", "vm", "console", "3", "--quiet-for", "30")
    assert (code, out) == (0, b"login: ")


def test_a_vm_that_is_not_there_is_not_found(guest: Guest, inn: Inn) -> None:
    outcome = inn("vm", "console", "9")
    assert outcome.code == 3 and "no VM 9" in outcome.err


def test_nobody_listens(inn: Inn) -> None:
    outcome = inn("vm", "console", "3", "--endpoint", "http://127.0.0.1:1")
    assert outcome.code == 5


def test_on_a_terminal_keys_go_to_the_guest_until_the_escape(guest: Guest) -> None:
    """Neither echo, nor a signal for Ctrl-C: the keys go to the guest as they are."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    line = [sys.executable, "-m", "innkeeper.cli.main", "vm", "console", "3"]
    with subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        seen = read_until(ours, b"login: ")
        assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ISIG)
        os.write(ours, b"ls\x03\r")
        seen += read_until(ours, b"LS\x03\r")
        os.write(ours, b"\x1d")
        seen += read_until(ours, b"Console closed.")
        assert process.wait(timeout=30) == 0
    assert b"Ctrl-]" in seen and b"ls\x03" not in seen
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def read_until(terminal: int, expected: bytes, seconds: float = 30.0) -> bytes:
    seen = b""
    while expected not in seen:
        ready, _, _ = select.select([terminal], [], [], seconds)
        assert ready, f"waited for {expected!r}, saw {seen!r}"
        seen += os.read(terminal, 4096)
    return seen
