"""`inn KIND create` of kinds that are made from a template alone, or little more."""

from __future__ import annotations

from typing import Any

import click

from innkeeper.cli import template_text
from innkeeper.cli.client import Client
from innkeeper.cli.create import emit_new, gather, named
from innkeeper.cli.kinds import Given, Kind
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current


def create_command(kind: Kind) -> InnCommand:
    """`inn KIND create`, for kinds that are made from a template alone, or little more."""
    params = [
        click.Argument(["file"], required=False),
        click.Option(["--name"], metavar="NAME", help="Its name."),
        *(_given(each) for each in kind.creation),
        click.Option(["--set", "settings"], multiple=True, metavar="NAME=VALUE",
                     help="Any other attribute; a vector is NAME=[A=b,C=d]."),
    ]  # fmt: skip
    return command(
        "create", lambda **options: _create(kind, **options), params,
        help=f"Make a {kind.noun} from a template file, piped text, or options.",
        epilog=examples(f"inn {kind.name} create {kind.name}.txt",
                        f"inn {kind.name} create --name NAME --set DESCRIPTION=mine"),
    )  # fmt: skip


def _given(each: Given) -> click.Option:
    needed = each.default is None
    kind = ObjectType(each.kind) if each.kind else int
    metavar = each.kind.upper() or "N"
    return click.Option(
        [each.option, each.option.strip("-")],
        type=kind,
        required=needed,
        help=each.help,
        metavar=metavar,
    )


def _create(
    kind: Kind, file: str | None, name: str | None, settings: tuple[str, ...], **given: Any
) -> None:
    client = current().client()
    text = gather(file, named(name) + template_text.assignments(settings))
    more = {
        each.field: _number(client, each, given[each.option.strip("-")]) for each in kind.creation
    }
    emit_new(kind.of(client).create(template=text, **more)["id"])


def _number(client: Client, each: Given, value: Any) -> int:
    if value is None:
        return int(each.default or 0)
    return id_of(client, KINDS[each.kind], value) if each.kind else int(value)
