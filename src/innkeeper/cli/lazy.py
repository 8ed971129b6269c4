"""Click commands that are imported when they are run, and options that all commands take.

Imports are what a short command costs, so a group knows only where its commands are.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import click

from innkeeper.cli.session import Session

Loader = Callable[[], click.Command]

# What other systems call some commands, and what they are called here.
_MEANT = {
    "delete": "terminate", "destroy": "terminate delete", "remove": "terminate delete",
    "rm": "terminate delete", "start": "resume", "shutdown": "poweroff", "snapshot": "snapshot-create",
    "rollback": "snapshot-revert", "clone": "save", "ls": "list", "info": "show", "add": "create",
    "new": "create", "edit": "update",
}  # fmt: skip


class Entry(NamedTuple):
    """A command that is not loaded yet: where it is, and what the list of commands says of it."""

    section: str
    summary: str
    load: Loader


def from_module(module: str, name: str) -> Loader:
    """A loader of `name` in `innkeeper.cli.<module>`."""

    def load() -> click.Command:
        found = getattr(importlib.import_module(f"innkeeper.cli.{module}"), name)
        assert isinstance(found, click.Command)
        return found

    return load


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Note an option of the session, wherever on the line it stands."""
    assert param.name is not None
    if value not in (None, False):
        setattr(ctx.ensure_object(Session), param.name.removeprefix("session_"), value)


def session_options(hidden: bool) -> list[click.Option]:
    """`--json` and who asks whom; they may stand before or after the command's name."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_remember, **more)

    return [
        option("--json", is_flag=True, help="Print JSON, for programs."),
        option("--endpoint", metavar="URL", hidden=hidden, help="The front end's address."),
        option("--user", "session_user", metavar="NAME", hidden=hidden, help="Who asks."),
        option("--password", "session_password", metavar="SECRET", hidden=hidden,
               help="The user's password or token."),
        option("--timeout", "session_timeout", type=click.FloatRange(min=0, min_open=True),
               metavar="SECONDS", hidden=hidden, help="How long an answer may take (60)."),
        option("-v", "--verbose", is_flag=True, hidden=hidden, help="Say what was done."),
    ]  # fmt: skip


def examples(*lines: str) -> str:
    """An epilog that shows command lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class InnCommand(click.Command):
    """A command that also takes the session's options, unless it has such an option itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for param in self.params for name in param.opts}
        self.params.extend(
            option for option in session_options(hidden=True) if own.isdisjoint(option.opts)
        )
        for param in self.params:
            if param.name == "json" and isinstance(param, click.Option):
                param.hidden = False


class LazyGroup(click.Group):
    """A group whose commands are loaded one at a time, listed in sections."""

    def __init__(
        self,
        name: str,
        entries: Mapping[str, Entry],
        aliases: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.entries = entries
        self.aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which help shows them."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        entry = self.entries.get(self.aliases.get(cmd_name, cmd_name))
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a guess at what was meant by an unknown name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(self._unknown(args[0]), ctx) from error

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches

        meant = [verb for verb in _MEANT.get(name, "").split() if verb in self.entries]
        close = meant or get_close_matches(name, [*self.entries, *self.aliases], n=3)
        hint = f": did you mean {' or '.join(close)}?" if close else ""
        return f"no such command {name!r}{hint}"

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under the headings of their sections."""
        for section in dict.fromkeys(entry.section for entry in self.entries.values()):
            rows = [
                (name, entry.summary)
                for name, entry in self.entries.items()
                if entry.section == section
            ]
            with formatter.section(section):
                formatter.write_dl(rows)


def command(
    name: str,
    callback: Callable[..., Any],
    params: Iterable[click.Parameter] = (),
    **more: Any,
) -> InnCommand:
    """Build a command from data."""
    return InnCommand(name, callback=callback, params=list(params), **more)
