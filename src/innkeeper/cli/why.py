"""`inn why VM`: where a VM could run, where not, and what would help."""

from __future__ import annotations

from typing import Any

import click

from innkeeper.cli import render
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current


@click.command(
    "why",
    cls=InnCommand,
    help="Say why a VM is where it is, or why it still waits, and what would help.",
    epilog=examples("inn why web", "inn why 12 --json"),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.option("--all", "show_all", is_flag=True, help="Show passed checks too.")
def why(vm: str, show_all: bool) -> None:
    """Explain a VM's placement."""
    session = current()
    client = session.client()
    answer = client.api.pages.vms_why(id_of(client, KINDS["vm"], vm))
    if session.json:
        render.emit_json(answer)
        return
    click.echo(f"VM {answer['vm']}: {answer['summary']}")
    rows = [row for host in answer["hosts"] for row in _host_rows(host, show_all)]
    if rows:
        click.echo()
        render.emit_table([render.Head(title) for title in _TITLES], rows)
    for advice in answer["advice"]:
        click.echo(f"\n* {advice}")


_ROOM = frozenset({"cpu", "memory"})
_TITLES = ("HOST", "VERDICT", "SCORE", "CHECK", "NEEDED", "HAD")


def _host_rows(host: dict[str, Any], show_all: bool) -> list[list[str]]:
    """A host's line, with one line for each check that failed; of a host that fits, for its room."""
    fits = host["verdict"] != "refused"
    checks = [
        check
        for check in host["checks"]
        if show_all or not check["ok"] or (fits and check["name"] in _ROOM)
    ]
    head = [str(host["name"]), str(host["verdict"]), render.plain(host["score"])]
    if not checks:
        return [[*head, "", "", ""]]
    return [
        [*(head if first else ["", "", ""]), _mark(check), *_amounts(check)]
        for first, check in zip([True] + [False] * len(checks), checks, strict=False)
    ]


def _mark(check: dict[str, Any]) -> str:
    return f"{check['name']}: ok" if check["ok"] else str(check["name"])


def _amounts(check: dict[str, Any]) -> list[str]:
    return [render.plain(check["needed"]), render.plain(check["had"])]
