"""`inn doctor`: ask the front end to look for anything wrong."""

from __future__ import annotations

import click

from innkeeper.cli import render
from innkeeper.cli.errors import ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.session import current


@click.command(
    "doctor",
    cls=InnCommand,
    help="Look for anything wrong; ends with code 1 when there is.",
    epilog=examples("inn doctor", "inn doctor --json"),
)
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Print what is wrong."""
    session = current()
    answer = session.client().api.pages.doctor()
    findings = answer["findings"]
    if session.json:
        render.emit_json(answer)
    elif findings:
        heads = [render.Head(t) for t in ("SEVERITY", "OBJECT", "WHAT", "ADVICE")]
        render.emit_table(
            heads,
            [[render.plain(f[key]) for key in ("severity", "object", "what", "advice")]
             for f in findings],
        )  # fmt: skip
    else:
        click.echo("nothing is wrong")
    if not answer["ok"]:
        ctx.exit(ExitCode.FAILED)
