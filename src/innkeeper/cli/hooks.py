"""`inn hook log`: executions of hooks, and what they wrote."""

from __future__ import annotations

import base64
from datetime import datetime

import click

from innkeeper.cli import formats
from innkeeper.cli.document import Element, parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import emit_rows
from innkeeper.cli.kinds import Column
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current


def _how(row: Element) -> str:
    return "SUCCESS" if text_at(row, "EXECUTION_RESULT/CODE") == "0" else "ERROR"


def _said(row: Element) -> str:
    """The last line that it wrote, of errors if there are any."""
    for name in ("STDERR", "STDOUT"):
        text = base64.b64decode(text_at(row, f"EXECUTION_RESULT/{name}")).decode(errors="replace")
        if text.strip():
            return text.strip().splitlines()[-1]
    return ""


_COLUMNS = (
    Column("HOOK", 5, "HOOK_ID"),
    Column("ID", 5, "EXECUTION_ID"),
    Column("TIMESTAMP", 15, "TIMESTAMP", formats.moment, left=True),
    Column("RC", 4, "EXECUTION_RESULT/CODE"),
    Column("EXECUTION", 9, _how, left=True),
    Column("SAID", 40, _said, left=True),
)


@click.command(
    "log", cls=InnCommand, help="Show executions of hooks: when, how they ended, what they said last.",
    epilog=examples("inn hook log", "inn hook log --error --hook gone", "inn hook log --since '2026-12-01 22:00'"),
)  # fmt: skip
@click.option("--hook", type=ObjectType("hook"), metavar="HOOK", help="Only of this hook.")
@click.option("--error", is_flag=True, help="Only those that failed.")
@click.option("--success", is_flag=True, help="Only those that went well.")
@click.option("--since", metavar="TIME", help="From this local time on.")
@click.option("--until", metavar="TIME", help="Until this local time.")
def log(hook: str | None, error: bool, success: bool, since: str | None, until: str | None) -> None:
    """Show executions."""
    if error and success:
        raise CliError("--error and --success exclude each other", ExitCode.USAGE)
    client = current().client()
    number = -1 if hook is None else id_of(client, KINDS["hook"], hook)
    how = -1 if error else int(success)
    document = client.api.reports.hook_log(
        min_ts=_epoch(since), max_ts=_epoch(until), hook=number, rc=how
    )
    emit_rows(_COLUMNS, parse(document).findall("HOOK_EXECUTION_RECORD"))


def _epoch(text: str | None) -> int:
    if text is None:
        return -1
    try:
        return int(text) if text.isdigit() else int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        wanted = "a local time like '2026-12-01 22:00'"
        raise CliError(f"TIME: expected {wanted}, not {text!r}", ExitCode.USAGE) from None
