"""`inn vm sched-add`, `sched-update`, `sched-delete` and `sched-list`: what happens to a VM by the clock."""

from __future__ import annotations

from typing import Any

import click

from innkeeper.cli import formats, template_text
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current
from innkeeper.cli.when import attributes, options

_VM = click.argument("vm", type=ObjectType("vm"), metavar="VM")
_NUMBER = click.argument("number", type=int, metavar="SCHEDULE")


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
@options(required=True)
def add(vm: str, action: str, **given: Any) -> None:
    """Schedule an action."""
    client = current().client()
    text = template_text.vector("SCHED_ACTION", {"ACTION": action, **attributes(given)})
    made = client.api.vms.schedule(id_of(client, KINDS["vm"], vm), template=text)
    click.echo(f"SCHEDULE: {made['result']}")


@click.command(
    "sched-update",
    cls=InnCommand,
    help="Change a scheduled action; what is not given stays.",
    epilog=examples("inn vm sched-update web 3 --time '2026-12-01 23:00'"),
)
@_VM
@_NUMBER
@click.option("--action", metavar="ACTION", help="Another action.")
@options(required=False)
def update(vm: str, number: int, action: str | None, **given: Any) -> None:
    """Change a scheduled action."""
    changed = attributes(given) | ({"ACTION": action} if action else {})
    if not changed:
        raise CliError("nothing to change: see --help for what can be", ExitCode.USAGE)
    client = current().client()
    text = template_text.vector("SCHED_ACTION", changed)
    vm_id = id_of(client, KINDS["vm"], vm)
    client.api.vms.update_schedule(vm_id, number=number, template=text)


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
        client.api.vms.delete_schedule(vm_id, number=number)


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
    document = parse(client.api.vms.document(id_of(client, KINDS["vm"], vm)))
    click.echo(f"{'ID':>4} {'ACTION':<16}{'ARGS':<12}{'TIME':<17}{'DONE':<17}MESSAGE")
    for entry in document.findall("TEMPLATE/SCHED_ACTION"):
        name, args = text_at(entry, "ACTION"), text_at(entry, "ARGS")
        due, done = (_shown(text_at(entry, tag)) for tag in ("TIME", "DONE"))
        number, message = text_at(entry, "ID"), text_at(entry, "MESSAGE")
        click.echo(f"{number:>4} {name:<16}{args:<12}{due:<17}{done:<17}{message}".rstrip())


def _shown(seconds: str) -> str:
    return formats.moment_with_year(seconds) if seconds and int(seconds) > 0 else "-"
