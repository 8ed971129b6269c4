"""`inn vm log` and `inn vm story`: what a guest and its hypervisor wrote, and what happened."""

from __future__ import annotations

import re
import sys
import time

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.formats import moment
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

# What commands a terminal (ECMA-48): sequences but for colours, strings, single characters but for line ends and tabs.
_COLOUR = r"(?!\[[0-9;]*m)"
_COMMANDS = re.compile(
    rf"\x1b{_COLOUR}(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\-~])?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
_PAUSE = 0.5  # seconds between two looks at a log that is followed


@click.command(
    "log",
    cls=InnCommand,
    help="Show what a guest wrote to its serial console, or QEMU to its log.",
    epilog=examples("inn vm log web", "inn vm log web --follow", "inn vm log web --qemu"),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows.")
@click.option("--qemu", is_flag=True, help="The hypervisor's log.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last so many lines.")
def log(vm: str, follow: bool, qemu: bool, lines: int | None) -> None:
    """Print a log."""
    session = current()
    client = session.client()
    number = id_of(client, KINDS["vm"], vm)
    which = "qemu" if qemu else "serial"
    text, offset = _read_all(client, number, which, 0)
    if lines is not None:
        text = "".join(text.splitlines(keepends=True)[-lines:]) if lines else ""
    if session.json and not follow:
        render.emit_json({"ID": number, "which": which, "data": text})
        return
    _write(text)
    while follow:
        time.sleep(_PAUSE)
        text, offset = _read_all(client, number, which, offset)
        _write(text)


def _read_all(client: Client, number: int, which: str, offset: int) -> tuple[str, int]:
    """All that the log holds beyond an offset, and the offset beyond that."""
    pieces = []
    while True:
        part = client.api.pages.vms_log(number, which=which, offset=offset)
        if part["size"] < offset:  # the guest was started anew, and with it the log
            offset = 0
            continue
        pieces.append(part["data"])
        if part["offset"] >= part["size"] or part["offset"] == offset:
            return "".join(pieces), part["offset"]
        offset = part["offset"]


def _write(text: str) -> None:
    """Print it as it is, but a terminal gets nothing from a guest than text and colours: no questions, no titles."""
    sys.stdout.write(_COMMANDS.sub("", text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


@click.command(
    "story",
    cls=InnCommand,
    help="Show all that happened to a VM, from its creation on.",
    epilog=examples("inn vm story web"),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
def story(vm: str) -> None:
    """Print a VM's events."""
    session = current()
    client = session.client()
    events = client.api.pages.vms_story(id_of(client, KINDS["vm"], vm))["events"]
    if session.json:
        render.emit_json(events)
        return
    from innkeeper.cli.telling import Names, sentence

    names = Names(client)
    names.learn(events)
    heads = [render.Head("TIME", 14), render.Head("SECONDS", 7, left=False), render.Head("WHAT")]
    before = [None, *(event["at"] for event in events)]
    render.emit_table(
        heads,
        [
            [moment(str(event["at"])), _since(earlier, event["at"]), sentence(event, names)]
            for event, earlier in zip(events, before, strict=False)
        ],
    )


def _since(earlier: float | None, now: float) -> str:
    """Seconds since the event before."""
    return "" if earlier is None else f"+{max(now - earlier, 0):.2f}"
