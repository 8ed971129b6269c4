"""`inn vm|image|host wait`: until an object is in a state, or a VM's address answers."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.document import Element, members, object_data, parse, state_name, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import info
from innkeeper.cli.kinds import Kind
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS, addresses
from innkeeper.cli.session import Session, current
from innkeeper.cli.states import HOST, IMAGE, LCM, VM

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_SSH_PORT = 22

Test = Callable[[Element], bool]


class _Watch:
    """Polls one object until a test holds, and tells the person about each change on the way.

    A goal is what the object is to do: "get to RUNNING".
    """

    def __init__(self, session: Session, kind: Kind, number: int, timeout: float) -> None:
        self._session = session
        self._client: Client = session.client()
        self._kind = kind
        self._number = number
        self._start = time.monotonic()
        self._deadline = self._start + timeout
        self._timeout = timeout
        self._shown = ""

    def until(self, test: Test, hopeless: Test, goal: str) -> Element:
        """The object once the test holds; an error when it cannot, or not in time."""
        pause = _FIRST_PAUSE
        while True:
            element = self._look()
            self._show(element)
            if test(element):
                self._end_line()
                return element
            self._check(element, hopeless, goal)
            time.sleep(min(pause, max(self._deadline - time.monotonic(), 0)))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _look(self) -> Element:
        """The object as it is now. A front end that was there before may be away for a while."""
        while True:
            try:
                return parse(info(self._client, self._kind, self._number))
            except CliError as error:
                away = error.code == ExitCode.UNREACHABLE and self._shown
                if not away or time.monotonic() >= self._deadline:
                    raise
            time.sleep(_LONGEST_PAUSE)

    def _check(self, element: Element, hopeless: Test, goal: str) -> None:
        state = state_name(element)
        name = f"{self._kind.noun} {self._number}"
        if hopeless(element):
            self._end_line()
            raise CliError(f"{name} is {state} and will not {goal}{_reason(element)}")
        if time.monotonic() >= self._deadline:
            self._end_line()
            raise CliError(
                f"{name} is {state} and did not {goal} within {self._timeout:g} s"
                f"{_reason(element)}",
                ExitCode.TIMED_OUT,
            )

    def _show(self, element: Element) -> None:
        """A running clock on a terminal, else a line for each new state."""
        state = state_name(element)
        seconds = time.monotonic() - self._start
        if sys.stderr.isatty():
            line = f"\r{text_at(element, 'NAME')}: {state} {seconds:.0f} s\x1b[K"
            click.echo(line, err=True, nl=False)
        elif state != self._shown and not self._session.json:
            render.note(f"{text_at(element, 'NAME')}: {state} ({seconds:.1f} s)")
        self._shown = state

    def _end_line(self) -> None:
        if sys.stderr.isatty():
            click.echo(err=True)


def _reason(element: Element) -> str:
    for path in ("USER_TEMPLATE/ERROR", "USER_TEMPLATE/SCHED_MESSAGE", "TEMPLATE/ERROR"):
        if text := text_at(element, path):
            return f": {text}"
    return ""


def _finish(session: Session, element: Element) -> None:
    if session.json:
        render.emit_json(object_data(element))


_TABLES = {"vm": (VM, LCM), "image": (IMAGE,), "host": (HOST,)}


def _check_states(kind: Kind, wanted: tuple[str, ...]) -> set[str]:
    """The full names of states that were given in long or short form."""
    known = [state for table in _TABLES[kind.name] for state in table.values()]
    found: set[str] = set()
    for word in wanted:
        names = {s.name for s in known if word.upper() == s.name or word.lower() == s.short}
        if not names:
            raise CliError(
                f"no state of a {kind.noun} is called {word!r}; there are"
                f" {', '.join(sorted({state.short for state in known}))}",
                ExitCode.USAGE,
            )
        found |= names
    return found


def _get_to(wanted: set[str]) -> str:
    return f"get to {' or '.join(sorted(wanted))}"


def _cannot_reach(wanted: set[str]) -> Test:
    """A VM that failed or is done will not come to another state by itself."""

    def hopeless(element: Element) -> bool:
        state = state_name(element)
        return state not in wanted and (state == "DONE" or state.endswith("FAILURE"))

    return hopeless


_STATES = click.argument("states", nargs=-1, metavar="[STATE...]")
_STATE = click.option(
    "--state", "more", multiple=True, metavar="STATE", help="A state, long or short; any of them."
)
_TIMEOUT = click.option(
    "--timeout", type=click.FloatRange(min=0), default=300.0, help="Seconds to wait (300)."
)


@click.command(
    "wait",
    cls=InnCommand,
    help="Wait until a VM is in a state (running), or until its address answers.\n\n"
    "Ends with code 6 when that takes too long, with 1 when it has failed.",
    epilog=examples(
        "inn vm wait web",
        "inn vm wait web poweroff --timeout 60",
        "inn vm wait web --address --port 80",
    ),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@_STATES
@_STATE
@click.option("--address", is_flag=True, help="Until a TCP port of its first address answers.")
@click.option("--port", type=click.IntRange(1, 65535), help="A port that must accept.")
@_TIMEOUT
def vm_wait(
    vm: str,
    states: tuple[str, ...],
    more: tuple[str, ...],
    address: bool,
    port: int | None,
    timeout: float,
) -> None:
    """Wait for a VM."""
    session = current()
    wanted = _check_states(KINDS["vm"], states + more or ("running",))
    number = _vm_number(session.client(), vm, wanted)
    watch = _Watch(session, KINDS["vm"], number, timeout)
    hopeless = _cannot_reach(wanted)
    element = watch.until(lambda vm: state_name(vm) in wanted, hopeless, _get_to(wanted))
    if address or port:
        where = _where(session, element, port)
        element = watch.until(lambda vm: _answers(vm, port), hopeless, f"answer at {where}")
        if not session.json:
            click.echo(addresses(element)[0])
    _finish(session, element)


def _where(session: Session, vm: Element, port: int | None) -> str:
    """What is waited for now; who waits is told, and why it may be in vain."""
    found = addresses(vm)
    name = text_at(vm, "NAME")
    if not found:
        raise CliError(f"{name} has no address that could answer: no NIC has one")
    where = f"{found[0]} port {port}" if port else found[0]
    if text_at(vm, "TEMPLATE/CONTEXT/NETWORK").upper() != "YES":
        where += ' (which it is not told of: CONTEXT=[NETWORK="YES"] is missing)'
    if not session.json:
        render.note(f"{name}: waiting for an answer at {where}")
    return where


_DONE = 6  # the state


def _vm_number(client: Client, text: str, wanted: set[str]) -> int:
    """The VM's number; by name also a VM that is done, where that is what is waited for."""
    try:
        return id_of(client, KINDS["vm"], text)
    except CliError as error:
        if error.code != ExitCode.NOT_FOUND or "DONE" not in wanted:
            raise
        done = members(parse(client.api.vms.documents(state=_DONE)), "VM")
        numbers = [int(text_at(vm, "ID")) for vm in done if text_at(vm, "NAME") == text]
        if not numbers:
            raise
        return max(numbers)


def _answers(vm: Element, port: int | None) -> bool:
    """Whether the VM runs and its first address takes a connection.

    Without a port of its own choice, a refusal will do: a machine that refuses is there.
    """
    found = addresses(vm)
    if state_name(vm) != "RUNNING" or not found:
        return False
    try:
        socket.create_connection((found[0], port or _SSH_PORT), timeout=2.0).close()
    except ConnectionRefusedError:
        return port is None
    except OSError:
        return False
    return True


def _plain_wait(kind: Kind, usual: str, hopeless_states: frozenset[str]) -> InnCommand:
    def callback(
        thing: str, states: tuple[str, ...], more: tuple[str, ...], timeout: float
    ) -> None:
        session = current()
        wanted = _check_states(kind, states + more or (usual,))
        watch = _Watch(session, kind, id_of(session.client(), kind, thing), timeout)
        element = watch.until(
            lambda found: state_name(found) in wanted,
            lambda found: state_name(found) in hopeless_states - wanted,
            _get_to(wanted),
        )
        _finish(session, element)

    params = [
        click.Argument(["thing"], type=ObjectType(kind.name), metavar=kind.name.upper()),
        click.Argument(["states"], nargs=-1, metavar="[STATE...]"),
        click.Option(["--state", "more"], multiple=True, metavar="STATE",
                     help=f"A state, long or short; any of them ({usual})."),
        click.Option(["--timeout"], type=click.FloatRange(min=0), default=300.0,
                     help="Seconds to wait (300)."),
    ]  # fmt: skip
    return command("wait", callback, params, help=f"Wait until a {kind.noun} is in a state.")


image_wait = _plain_wait(KINDS["image"], "ready", frozenset({"ERROR"}))
host_wait = _plain_wait(KINDS["host"], "monitored", frozenset())
