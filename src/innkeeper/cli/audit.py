"""`inn audit`: who asked for what, and whether anybody has tampered with the record of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.formats import moment
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.session import current

_PATH = "/api/v1/audit"
_PAGE = 1000
#: The hash that the first line follows.
_ORIGIN = "0" * 64

Row = dict[str, Any]


@click.group("audit", help="Who asked for what, from where, with what result (administrators).")
def audit() -> None:
    """The audit log."""


@audit.command(
    "list",
    cls=InnCommand,
    help="List calls that changed something, or were refused.",
    epilog=examples(
        "inn audit list", "inn audit list --user alice --after 1200", "inn audit list --json"
    ),
)
@click.option(
    "--after", type=click.IntRange(min=0), default=0, help="Only lines after this number."
)
@click.option("--user", help="Only those of this user, or who claimed to be it.")
@click.option("--refused", is_flag=True, help="Only what was refused.")
@click.option("--limit", type=click.IntRange(min=1), default=100, help="The last so many (100).")
def list_(after: int, user: str | None, refused: bool, limit: int) -> None:
    """Print lines."""
    session = current()
    client = session.client()
    if user is None and not refused:
        after = max(after, client.api.pages.audit(limit=1)["last"] - limit)
    lines = (json.loads(row["body"]) for row in _rows(client, after))
    found = [
        line
        for line in lines
        if user in (None, line.get("user"), line.get("claims"))
        and not (refused and line["result"] == "done")
    ][-limit:]
    if session.json:
        render.emit_json(found)
        return
    heads = ("SEQ", "TIME", "USER", "FROM", "WHAT", "RESULT", "CHANGED OR WHY")
    cells = [[render.plain(cell) for cell in _cells(line)] for line in found]
    render.emit_table([render.Head(head) for head in heads], cells)


def _cells(line: Row) -> list[str]:
    who = line.get("user") or f"({line.get('claims', '')})"
    told = line.get("why") or ", ".join(line.get("changed", ()))
    what = [line["what"], *_plain(line["arguments"])]
    when = moment(line["at"])
    return [str(line["seq"]), when, who, line["from"], " ".join(what), line["result"], told]


def _plain(arguments: Row) -> Iterator[str]:
    return (f"{name}={value}" for name, value in arguments.items() if not isinstance(value, dict))


@audit.command(
    "export",
    cls=InnCommand,
    help="Write all lines with their hashes, one JSON object a line, oldest first.",
    epilog=examples(
        "inn audit export > audit.jsonl", "inn audit export --after 1200 >> audit.jsonl"
    ),
)
@click.option(
    "--after", type=click.IntRange(min=0), default=0, help="Only lines after this number."
)
def export(after: int) -> None:
    """Print rows as they are."""
    for row in _rows(current().client(), after):
        click.echo(json.dumps(row))


@audit.command(
    "verify",
    cls=InnCommand,
    help="Check that no line was changed, taken out or put in; ends with code 1 if one was.\n\n"
    "Each line has a hash over itself and the hash before it. Note the last number and hash somewhere else: with "
    "--noted a log that was made anew, or cut short, is found out, too.",
    epilog=examples(
        "inn audit verify",
        "inn audit verify --noted 1200:9f86d0...",
        "inn audit verify --file audit.jsonl",
    ),
)
@click.option(
    "--file", "file", type=click.File("r"), help="Check what was exported, not what is there."
)
@click.option("--noted", metavar="SEQ:HASH", help="A line's number and hash, noted before.")
@click.pass_context
def verify(ctx: click.Context, file: Any, noted: str | None) -> None:
    """Say whether the chain holds."""
    session = current()
    rows = map(json.loads, file) if file else _rows(session.client(), 0)
    wrong, count, last = check(rows, _noted(noted))
    if session.json:
        render.emit_json({"ok": wrong is None, "wrong": wrong, "lines": count, "last": last})
    elif wrong:
        click.echo(f"the audit log is NOT whole: {wrong}")
    else:
        click.echo(f"{count} lines are as they were written; the last one is {last}")
    if wrong:
        ctx.exit(ExitCode.FAILED)


def _noted(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != len(_ORIGIN):
        raise CliError(
            f"--noted: SEQ:HASH is expected, with 64 hex digits, not {text!r}", ExitCode.USAGE
        )
    return int(number), digest


def check(rows: Iterable[Row], noted: tuple[int, str] | None = None) -> tuple[str | None, int, str]:
    """What is wrong with a log (None: nothing), how many lines are right, and the last of them as SEQ:HASH."""
    seq, digest, count = 0, _ORIGIN, 0
    seen = noted is None
    for row in rows:
        wrong = None
        if count == 0 and row["seq"] > 1:
            wrong = f"it begins with line {row['seq']}: what was before is missing"
        elif row["seq"] != seq + 1:
            wrong = f"line {seq + 1} is missing: line {row['seq']} follows {seq}"
        elif hashlib.sha256(f"{digest}\n{row['body']}".encode()).hexdigest() != row["link"]:
            wrong = f"line {row['seq']} is not what was written, or does not follow line {seq}"
        elif noted is not None and noted[0] == row["seq"]:
            seen = noted[1] == row["link"]
            wrong = None if seen else f"line {row['seq']} has another hash than was noted"
        if wrong:
            return wrong, count, f"{seq}:{digest}"
        seq, digest, count = row["seq"], row["link"], count + 1
    wrong = None if seen or noted is None else f"line {noted[0]} is missing: the last one is {seq}"
    return wrong, count, f"{seq}:{digest}"


def _rows(client: Client, after: int) -> Iterator[Row]:
    while rows := client.api.pages.audit(after=after, limit=_PAGE)["rows"]:
        yield from rows
        after = rows[-1]["seq"]
