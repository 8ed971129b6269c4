"""Lines that say what is going on, with the seconds since the start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import click

from innkeeper.cli.errors import CliError, ExitCode

T = TypeVar("T")

POLL_SECONDS = 0.3


class Progress:
    """Says each thing once: what was the last word on its subject is not printed again.

    The subject is what stands before the first colon.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        """Since this was made."""
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        """Print a line, unless it says what was said of its subject last."""
        subject = text.partition(":")[0]
        if text != self._last.get(subject):
            click.echo(f"[{self.seconds:6.1f} s] {text}", err=True)
        self._last[subject] = text

    def wait(self, what: str, probe: Callable[[], T | None], seconds: float) -> T:
        """The first result of `probe` that is not None, asked again and again.

        Raises `CliError` (timed out) after `seconds`. The probe tells its own progress.
        """
        deadline = time.monotonic() + seconds
        while (result := probe()) is None:
            if time.monotonic() > deadline:
                raise CliError(f"waited {seconds:g} s for {what}", ExitCode.TIMED_OUT)
            time.sleep(POLL_SECONDS)
        return result


def block(title: str, lines: Iterable[str]) -> str:
    """A title and indented lines below it."""
    return "\n".join([title, *(f"  {line}" for line in lines)])
