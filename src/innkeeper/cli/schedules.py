"""`inn vm sched-add`, `sched-update`, `sched-delete` and `sched-list`: what happens to a VM by the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from innkeeper.cli import formats, template_text
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_VM = click.argument("vm", type=ObjectType("vm"), metavar="VM")
_NUMBER = click.argument("number", type=int, metavar="SCHEDULE")
_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: An END that is a number up to this counts repetitions; what is larger is a time.
_MOST_REPETITIONS = 100_000


def _options(required: bool) -> Callable[[Any], Any]:
    when = (
        "+SECONDS from the VM's start, now, epoch seconds, or a local time like '2026-12-01 22:00'."
    )
    options = (
        click.option("-t", "--time", required=required, metavar="TIME", help=when),
        click.option("--args", metavar="A,B", help="What the action needs to know."),
        click.option("--weekly", metavar="DAYS", help="On days of the week: mon,thu or 1,4."),
        click.option("--monthly", metavar="DAYS", help="On days of the month: 1,15."),
        click.option("--yearly", metavar="DAYS", help="On days of the year, from 0."),
        click.option("--hourly", metavar="N", help="Every N hours."),
        click.option("--end", metavar="N|TIME", help="After N times, or at a time."),
    )

    def apply(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


@click.command(
    "sched-add",
    cls=InnCommand,
    help="Schedule an action on a VM: at a time, once or again and again.",
    epilog=examples(
        "inn vm sched-add web poweroff --time '2026-12-01 22:00'",
        "inn vm sched-add web poweroff --time '2026-12-01 22:00' --weekly mon,tue,wed,thu,fri",
        "inn vm sched-add web terminate --time +86400",
        "inn vm sched-add web reboot --time now --hourly 12 --end 10",
    ),
)
@_VM
@click.argument("action")
@_options(required=True)
def add(vm: str, action: str, **options: Any) -> None:
    """Schedule an action."""
    client = current().client()
    text = template_text.vector("SCHED_ACTION", {"ACTION": action, **_attributes(options)})
    number = client.number("vm.schedadd", id_of(client, KINDS["vm"], vm), text)
    click.echo(f"SCHEDULE: {number}")


@click.command(
    "sched-update",
    cls=InnCommand,
    help="Change a scheduled action; what is not given stays.",
    epilog=examples("inn vm sched-update web 3 --time '2026-12-01 23:00'"),
)
@_VM
@_NUMBER
@click.option("--action", metavar="ACTION", help="Another action.")
@_options(required=False)
def update(vm: str, number: int, action: str | None, **options: Any) -> None:
    """Change a scheduled action."""
    attributes = _attributes(options) | ({"ACTION": action} if action else {})
    if not attributes:
        raise CliError("nothing to change: see --help for what can be", ExitCode.USAGE)
    client = current().client()
    text = template_text.vector("SCHED_ACTION", attributes)
    client.call("vm.schedupdate", id_of(client, KINDS["vm"], vm), number, text)


@click.command(
    "sched-delete",
    cls=InnCommand,
    help="Take scheduled actions away.",
    epilog=examples("inn vm sched-delete web 3"),
)
@_VM
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="SCHEDULE...")
def delete(vm: str, numbers: tuple[int, ...]) -> None:
    """Take scheduled actions away."""
    client = current().client()
    vm_id = id_of(client, KINDS["vm"], vm)
    for number in numbers:
        client.call("vm.scheddelete", vm_id, number)


@click.command(
    "sched-list",
    cls=InnCommand,
    help="List a VM's scheduled actions, when they are due, and what became of them.",
    epilog=examples("inn vm sched-list web"),
)
@_VM
def list_all(vm: str) -> None:
    """List scheduled actions."""
    client = current().client()
    document = parse(client.document("vm.info", id_of(client, KINDS["vm"], vm), False))
    click.echo(f"{'ID':>4} {'ACTION':<16}{'ARGS':<12}{'TIME':<17}{'DONE':<17}MESSAGE")
    for entry in document.findall("TEMPLATE/SCHED_ACTION"):
        name, args = text_at(entry, "ACTION"), text_at(entry, "ARGS")
        due, done = (_shown(text_at(entry, tag)) for tag in ("TIME", "DONE"))
        number, message = text_at(entry, "ID"), text_at(entry, "MESSAGE")
        click.echo(f"{number:>4} {name:<16}{args:<12}{due:<17}{done:<17}{message}".rstrip())


def _shown(seconds: str) -> str:
    return formats.moment_with_year(seconds) if seconds and int(seconds) > 0 else "-"


def _attributes(options: dict[str, Any]) -> dict[str, str]:
    """The options as attributes of a SCHED_ACTION."""
    found = {}
    if options["time"]:
        found["TIME"] = _moment(options["time"], "--time")
    if options["args"]:
        found["ARGS"] = options["args"]
    kinds = [kind for kind in ("weekly", "monthly", "yearly", "hourly") if options[kind]]
    if len(kinds) > 1:
        raise CliError(f"--{kinds[0]} and --{kinds[1]} exclude each other", ExitCode.USAGE)
    for number, kind in enumerate(("weekly", "monthly", "yearly", "hourly")):
        if options[kind]:
            found |= {"REPEAT": str(number), "DAYS": _days(options[kind])}
    if options["end"]:
        found |= _end(options["end"])
    return found


def _days(text: str) -> str:
    parts = [part.strip().lower() for part in text.split(",")]
    return ",".join(str(_WEEK.index(part[:3])) if part[:3] in _WEEK else part for part in parts)


def _end(text: str) -> dict[str, str]:
    if text.isdecimal() and int(text) <= _MOST_REPETITIONS:
        return {"END_TYPE": "1", "END_VALUE": text}
    return {"END_TYPE": "2", "END_VALUE": _moment(text, "--end")}


def _moment(text: str, option: str) -> str:
    """A point in time as the API takes it: epoch seconds, or +seconds."""
    if text == "now":
        return "0"
    if text.removeprefix("+").isdecimal():
        return text
    try:
        return str(int(datetime.fromisoformat(text).timestamp()))
    except ValueError:
        expected = "+SECONDS, now, epoch seconds or a time like '2026-12-01 22:00'"
        raise CliError(f"{option}: expected {expected}, not {text!r}", ExitCode.USAGE) from None
