"""What reaches the terminal: tables and fact sheets for people, JSON and CSV for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import click

from innkeeper.cli import states


class Head(NamedTuple):
    """A column's title, least width in characters, and side."""

    title: str
    width: int = 0
    left: bool = True


# Control characters as Unicode's pictures of them: others' texts must not command the reader's terminal.
_PICTURES = (
    {code: 0x2400 + code for code in range(0x20)}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
)


def harmless(text: str) -> str:
    """A text in one line that does nothing to a terminal."""
    return text if text.isprintable() else text.translate(_PICTURES)


def in_colour() -> bool:
    """Whether standard output is a terminal whose user did not forbid colour."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def emit_json(data: object) -> None:
    """Print data as JSON: indented for people, compact when piped."""
    import json

    indent = 2 if sys.stdout.isatty() else None
    click.echo(json.dumps(data, indent=indent, ensure_ascii=False))


def emit_csv(titles: Iterable[str], rows: Iterable[Iterable[str]], delimiter: str = ",") -> None:
    """Print rows as CSV with a header line."""
    import csv

    writer = csv.writer(sys.stdout, delimiter=delimiter, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([cell.strip() for cell in row] for row in rows)


def emit_table(heads: Sequence[Head], rows: Sequence[Sequence[str]], header: bool = True) -> None:
    """Print a table: cut to the terminal's width there, never cut when piped."""
    rows = [[harmless(cell) for cell in row] for row in rows]
    widths = _widths(heads, rows)
    lines = []
    if header:
        titles = _line([head.title for head in heads], heads, widths)
        lines.append(click.style(titles, bold=True, underline=True) if in_colour() else titles)
    lines.extend(_painted(row, heads, widths) for row in rows)
    if lines:
        click.echo("\n".join(lines), color=in_colour())


def _widths(heads: Sequence[Head], rows: Sequence[Sequence[str]]) -> list[int]:
    widths = [
        max([head.width, len(head.title), *(len(row[i]) for row in rows)])
        for i, head in enumerate(heads)
    ]
    if not sys.stdout.isatty():
        return widths
    from shutil import get_terminal_size

    return _fit(widths, heads, get_terminal_size().columns)


def _fit(widths: list[int], heads: Sequence[Head], columns: int) -> list[int]:
    """Take what is too much from the widest left-aligned columns, one character at a time."""
    excess = sum(widths) + len(widths) - 1 - columns
    while excess > 0:
        spare = [
            (width, i)
            for i, width in enumerate(widths)
            if heads[i].left and width > max(len(heads[i].title), 8)
        ]
        if not spare:
            break
        widths[max(spare)[1]] -= 1
        excess -= 1
    return widths


def _line(cells: Sequence[str], heads: Sequence[Head], widths: Sequence[int]) -> str:
    return " ".join(map(_pad, cells, heads, widths)).rstrip()


def _pad(text: str, head: Head, width: int) -> str:
    if len(text) > width:
        text = text[: width - 2] + ".."
    return text.ljust(width) if head.left else text.rjust(width)


def _painted(cells: Sequence[str], heads: Sequence[Head], widths: Sequence[int]) -> str:
    if not in_colour():
        return _line(cells, heads, widths)
    padded = [
        click.style(text, fg=colour_of(cell)) if head.title in _STATE_TITLES else text
        for cell, head, text in zip(cells, heads, map(_pad, cells, heads, widths), strict=True)
    ]
    return " ".join(padded).rstrip()


_STATE_TITLES = frozenset({"STAT", "STATE", "VERDICT", "SEVERITY"})


def colour_of(state: str) -> str | None:
    """Green for well, red for broken, yellow for a state on the way, none when it rests."""
    word = state.strip().lower()
    if word in states.GOOD:
        return "green"
    if word in states.BAD:
        return "red"
    if word in ("done", "poff", "susp", "stop", "unde", "hold", "off", "dsbl", "disa", "info", "-"):
        return None
    return "yellow"


def emit_title(title: str) -> None:
    """Print the heading of a section, 80 wide."""
    text = title.ljust(80)
    click.echo(click.style(text, bold=True, underline=True) if in_colour() else text.rstrip())


def emit_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print `NAME : value` lines."""
    for label, value in facts:
        click.echo(f"{label:<20}: {value}".rstrip())


def emit_id(number: int, as_json: bool) -> None:
    """Print the id of a new object."""
    if as_json:
        emit_json({"ID": number})
    else:
        click.echo(f"ID: {number}")


def note(message: str) -> None:
    """Say something to the person, on standard error."""
    click.echo(message, err=True)


def complain(message: str) -> None:
    """Print an error in one line on standard error."""
    line = harmless(" ".join(str(message).split()))
    painted = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    prefix = click.style("inn:", fg="red", bold=True) if painted else "inn:"
    click.echo(f"{prefix} {line}", err=True)


def plain(value: Any) -> str:
    """A JSON value as a table cell."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
