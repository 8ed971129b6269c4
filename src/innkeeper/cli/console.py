"""`inn vm console`: a VM's serial console over a web socket.

On a terminal every key goes to the guest, but Ctrl-] ends the session. Otherwise standard input is
sent, and what comes back is printed until the guest has been quiet for a while.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client, tls_context
from innkeeper.cli.errors import CliError, ExitCode, exit_code_of_status
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_ESCAPE = b"\x1d"  # Ctrl-]
_CHUNK = 4096


@click.command(
    "console",
    cls=InnCommand,
    help="Talk to a VM's serial console; Ctrl-] ends it.",
    epilog=examples("inn vm console web", "echo 'uptime' | inn vm console web --quiet-for 3"),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.option(
    "--quiet-for", type=click.FloatRange(min=0), default=2.0, metavar="SECONDS",
    help="With piped input: end when the guest was silent for so long after it (2).",
)  # fmt: skip
def console(vm: str, quiet_for: float) -> None:
    """Open the console."""
    client = current().client()
    number = id_of(client, KINDS["vm"], vm)
    with _connected(client, number) as socket:
        if sys.stdin.isatty() and sys.stdout.isatty():
            _interact(socket, number)
        else:
            _feed(socket, quiet_for)


@contextmanager
def _connected(client: Client, number: int) -> Iterator[ClientConnection]:
    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect

    where = client.endpoint
    tls = where.scheme == "https"
    url = f"{'wss' if tls else 'ws'}://{where.authority}/api/v1/vms/{number}/console"
    options: dict[str, Any] = {"ssl": tls_context(client.verify)} if tls else {}
    try:
        socket = connect(
            url, additional_headers={"Authorization": client.authorization()}, **options
        )
    except InvalidStatus as error:
        status = error.response.status_code
        text = (error.response.body or b"").decode(errors="replace").strip()
        raise CliError(
            f"no console of VM {number}: {text or f'HTTP status {status}'}",
            exit_code_of_status(status),
        ) from error
    except (OSError, InvalidHandshake) as error:
        raise CliError(f"no console at {url}: {error}", ExitCode.UNREACHABLE) from error
    with socket:
        yield socket


def _interact(socket: ClientConnection, number: int) -> None:
    """Join the terminal and the guest until either side ends it."""
    render.note(f"Console of VM {number}; Ctrl-] ends it.")
    ended = threading.Event()
    reader = threading.Thread(target=_print_all, args=(socket, ended), daemon=True)
    with _raw_terminal(sys.stdin.fileno()):
        reader.start()
        _send_keys(socket, ended)
    socket.close()
    reader.join()
    render.note("\nConsole closed.")


def _send_keys(socket: ClientConnection, ended: threading.Event) -> None:
    from websockets.exceptions import ConnectionClosed

    keyboard = sys.stdin.fileno()
    while not ended.is_set():
        ready, _, _ = select.select([keyboard], [], [], 0.2)
        if not ready:
            continue
        keys = os.read(keyboard, _CHUNK)
        before, escape, _ = keys.partition(_ESCAPE)
        try:
            if before:
                socket.send(before)
        except ConnectionClosed:
            return
        if escape or not keys:
            return


def _print_all(socket: ClientConnection, ended: threading.Event) -> None:
    from websockets.exceptions import ConnectionClosed

    try:
        for message in socket:
            _write(message)
    except ConnectionClosed:
        pass
    finally:
        ended.set()


def _feed(socket: ClientConnection, quiet_for: float) -> None:
    """Send standard input, then print until the guest is quiet."""
    from websockets.exceptions import ConnectionClosed

    try:
        socket.send(sys.stdin.buffer.read())
        while True:
            _write(socket.recv(timeout=quiet_for))
    except (TimeoutError, ConnectionClosed):
        return


def _write(message: str | bytes) -> None:
    data = message.encode() if isinstance(message, str) else message
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextmanager
def _raw_terminal(handle: int) -> Iterator[None]:
    """The terminal without line editing and signals, restored afterwards."""
    import termios
    import tty

    before = termios.tcgetattr(handle)
    try:
        tty.setraw(handle)
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
