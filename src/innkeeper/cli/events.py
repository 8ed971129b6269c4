"""`inn events`: what happened in the cloud, and what happens now."""

from __future__ import annotations

import time
from typing import Any

import click

from innkeeper.cli import render
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.formats import moment
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.session import Session, current
from innkeeper.cli.telling import Names, sentence, subject

_PATH = "/api/v1/events"
_USUAL = 100  # events that are shown
_RETRY_PAUSE = 1.0  # seconds before the stream is opened again after it broke
_HEADS = [
    render.Head("SEQ", 6, left=False),
    render.Head("TIME", 14),
    render.Head("OBJECT", 16),
    render.Head("WHAT"),
]


@click.command(
    "events",
    cls=InnCommand,
    help="List what happened last; with --after, what came next; with --follow, go on with what happens.\n\n"
    "With --json --follow each event is one line.",
    epilog=examples("inn events", "inn events --kind vm --id 12", "inn events --follow --json"),
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens.")
@click.option("--after", type=click.IntRange(min=0), help="Only events after this number.")
@click.option("--kind", metavar="KIND", help="Only of this kind of object: vm, host, image, ...")
@click.option("--id", "number", type=int, metavar="N", help="Only of the object of this number.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many (100).")
def events(
    follow: bool, after: int | None, kind: str | None, number: int | None, limit: int | None
) -> None:
    """Print events."""
    session = current()
    chosen = {"after": after, "kind": kind, "id": number, "limit": limit}
    query = {name: value for name, value in chosen.items() if value is not None}
    if follow:
        _follow(session, query)
        return
    if after is None:
        query["last"] = query.pop("limit", _USUAL)
    found = _events(session, query)
    if session.json:
        render.emit_json(found)
    else:
        _print(found, Names(session.client()))


def _events(session: Session, query: dict[str, Any]) -> list[Any]:
    return [*session.client().api.events.page(**query)["events"]]


def _follow(session: Session, query: dict[str, Any]) -> None:
    """Print events as they come; opens the stream again where it broke, as long as one answers."""
    client = session.client()
    names = Names(client)
    left = query.pop("limit", None)
    while True:
        try:
            for record in client.stream(_PATH, follow=1, **query):
                if record.kind == "pruned":
                    render.note("the front end has forgotten some of what happened meanwhile")
                elif record.data is not None:
                    _print_one(session, record.data, names)
                    left = None if left is None else left - 1
                if record.id.isdecimal():
                    query["after"] = int(record.id)
                if left == 0:
                    return
        except CliError as error:
            if error.code != ExitCode.UNREACHABLE or "after" not in query:
                raise
            render.note(f"the stream broke ({error}); trying again")
        time.sleep(_RETRY_PAUSE)


def _print_one(session: Session, event: dict[str, Any], names: Names) -> None:
    if session.json:
        import json

        click.echo(json.dumps(event, ensure_ascii=False))
    else:
        _print([event], names, header=False)


def _print(events: list[dict[str, Any]], names: Names, header: bool = True) -> None:
    names.learn(events)
    rows = [
        [str(event["seq"]), moment(str(event["at"])), subject(event, names), sentence(event, names)]
        for event in events
    ]
    render.emit_table(_HEADS, rows, header=header)
