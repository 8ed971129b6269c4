"""When something is to happen by the clock: the options, and what they are in a SCHED_ACTION."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from innkeeper.cli import template_text
from innkeeper.cli.errors import CliError, ExitCode

_WHEN = "+TIME from the VM's start (+90, +30m, +8h, +7d), now, epoch seconds, or a local time like '2026-12-01 22:00'."
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: In the order of REPEAT's numbers.
_REPEATED = ("weekly", "monthly", "yearly", "hourly")
_REPEATING = (
    ("--weekly", "DAYS", "On days of the week: mon,thu or 1,4."),
    ("--monthly", "DAYS", "On days of the month: 1,15."),
    ("--yearly", "DAYS", "On days of the year, from 0."),
    ("--hourly", "N", "Every N hours."),
    ("--end", "N|TIME", "After N times, or at a time."),
)
#: An END that is a number up to this counts repetitions; what is larger is a time.
_MOST_REPETITIONS = 100_000


def options(required: bool) -> Callable[[Any], Any]:
    """The options of a command that is about a scheduled action."""

    def apply(command: Any) -> Any:
        for flag, metavar, text in reversed(_REPEATING):
            command = click.option(flag, metavar=metavar, help=text)(command)
        args = click.option("--args", metavar="A,B", help="What the action needs to know.")
        time = click.option("-t", "--time", required=required, metavar="TIME", help=_WHEN)
        return time(args(command))

    return apply


def later() -> list[click.Parameter]:
    """The options by which a verb is scheduled and not carried out now."""
    help_text = f"Not now but at this time: {_WHEN}"
    repeating = [click.Option([flag], metavar=m, help=text) for flag, m, text in _REPEATING]
    return [click.Option(["--schedule"], metavar="TIME", help=help_text), *repeating]


def is_later(given: dict[str, Any]) -> bool:
    """Is a verb to be scheduled? How often is of no use without a time."""
    if given["schedule"]:
        return True
    for name in (*_REPEATED, "end"):
        if given[name]:
            raise CliError(f"--{name} needs --schedule TIME", ExitCode.USAGE)
    return False


def described(action: str, args: str, given: dict[str, Any]) -> str:
    """The SCHED_ACTION of a verb that is scheduled."""
    what = {"ACTION": action, **({"ARGS": args} if args else {})}
    when = attributes({**given, "time": _moment(given["schedule"], "--schedule"), "args": ""})
    return template_text.vector("SCHED_ACTION", {**what, **when})


def attributes(given: dict[str, Any]) -> dict[str, str]:
    """The options as attributes of a SCHED_ACTION."""
    found = {}
    if given["time"]:
        found["TIME"] = _moment(given["time"], "--time")
    if given["args"]:
        found["ARGS"] = given["args"]
    kinds = [kind for kind in _REPEATED if given[kind]]
    if len(kinds) > 1:
        raise CliError(f"--{kinds[0]} and --{kinds[1]} exclude each other", ExitCode.USAGE)
    for number, kind in enumerate(_REPEATED):
        if given[kind]:
            found |= {"REPEAT": str(number), "DAYS": _days(given[kind])}
    if given["end"]:
        found |= _end(given["end"])
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
    if text.isdecimal():
        return text
    if after := re.fullmatch(r"\+([0-9]+)([smhdw]?)", text):
        return f"+{int(after[1]) * _UNITS[after[2]]}"
    try:
        return str(int(datetime.fromisoformat(text).timestamp()))
    except ValueError:
        expected = (
            "+TIME (+90, +30m, +8h, +7d), now, epoch seconds or a time like '2026-12-01 22:00'"
        )
        raise CliError(f"{option}: expected {expected}, not {text!r}", ExitCode.USAGE) from None
