"""`inn operation`: work that is under way, how it ended, waiting for it, giving it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from innkeeper.cli import render
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.formats import moment
from innkeeper.cli.lazy import Entry, InnCommand, LazyGroup, examples, from_module, session_options
from innkeeper.cli.session import current

if TYPE_CHECKING:
    from innkeeper.client import shapes

_OPERATION = click.argument("operation", type=click.IntRange(min=0), metavar="OPERATION")
_HEADS = [
    render.Head("ID", 6, left=False),
    render.Head("NAME", 16),
    render.Head("OF", 14),
    render.Head("STATE", 9),
    render.Head("STEP", 18),
    render.Head("SINCE"),
]
#: Endings of which somebody who waits should hear.
_BAD = ("failed", "undone")


def _print(found: list[shapes.Operation]) -> None:
    rows = [
        [str(o["id"]), o["name"], f"{o['target_kind']} {o['target']}", o["state"],
         o["step"] or o["failure"], moment(str(o["started"]))]
        for o in found
    ]  # fmt: skip
    render.emit_table(_HEADS, rows)


@click.command(
    "list", cls=InnCommand, help="List the work that is under way on what you may use.",
    epilog=examples("inn operation list"),
)  # fmt: skip
def list_all() -> None:
    """List open operations."""
    session = current()
    found = list(session.api().operations.all())
    if session.json:
        render.emit_json(found)
    else:
        _print(found)


@click.command(
    "show", cls=InnCommand, help="Show one operation; one that has ended too.",
    epilog=examples("inn operation show 12"),
)  # fmt: skip
@_OPERATION
def show(operation: int) -> None:
    """Show an operation."""
    _tell(current().api().operations.get(operation))


def _tell(found: shapes.Operation) -> None:
    if current().json:
        render.emit_json(found)
    else:
        _print([found])


@click.command(
    "wait", cls=InnCommand,
    help="Wait for the end of an operation. Fails when it failed or was undone.",
    epilog=examples("inn operation wait 12", "inn operation wait 12 --limit 600"),
)  # fmt: skip
@_OPERATION
@click.option("--limit", type=click.IntRange(min=1), default=300, help="Seconds at most (300).")
def wait(operation: int, limit: int) -> None:
    """Wait for an operation."""
    operations = current().api().operations
    left, found = limit, operations.get(operation)
    while found["ended"] is None and left > 0:
        found = operations.wait(operation, wait=min(left, 30))
        left -= 30
    _tell(found)
    if found["ended"] is None:
        raise CliError(f"operation {operation} did not end within {limit} s", ExitCode.TIMED_OUT)
    if found["state"] in _BAD:
        raise CliError(f"operation {operation} {found['state']}: {found['failure']}")


@click.command(
    "cancel", cls=InnCommand,
    help="Give an operation up: what was done is undone. Refused from its point of no return on.",
    epilog=examples("inn operation cancel 12"),
)  # fmt: skip
@_OPERATION
def cancel(operation: int) -> None:
    """Cancel an operation."""
    done = current().api().operations.cancel(operation)
    if current().json:
        render.emit_json(done)


group = LazyGroup(
    "operation",
    {
        name: Entry("Operations", summary, from_module("operations", function))
        for name, summary, function in (
            ("list", "List what is under way.", "list_all"),
            ("show", "Show one, ended or not.", "show"),
            ("wait", "Wait for its end.", "wait"),
            ("cancel", "Give it up.", "cancel"),
        )
    },
    params=[*session_options(hidden=True)],
    help="Work that is under way: deploying, moving, copying.",
    epilog=examples("inn operation list", "inn operation wait 12", "inn operation cancel 12"),
)
