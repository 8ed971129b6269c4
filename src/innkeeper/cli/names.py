"""Object arguments: a number, a name, or a list of them such as `1,8..15,web`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from innkeeper.cli.client import Client
from innkeeper.cli.document import Element, members, parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.kinds import Kind
from innkeeper.cli.objects import KINDS

_RANGE = re.compile(r"(\d+)(?:\.\.(\d+))?")
_LONGEST_RANGE = 100_000
_COMPLETION_PATIENCE = 2.0  # seconds that somebody who pressed Tab waits for names

EVERYTHING = -2
FILTERS = {"a": -2, "all": -2, "m": -3, "mine": -3, "g": -1, "group": -1, "G": -4, "primary": -4}


def pool_document(client: Client, kind: Kind, who: int = EVERYTHING) -> str:
    """The XML document of all objects of a kind that the caller may see."""
    query = {"filter": who} if kind.filtered else {}
    return str(kind.of(client).documents(**query))


def pool_members(client: Client, kind: Kind, who: int = EVERYTHING) -> list[Element]:
    """All objects of a kind that the caller may see, as elements."""
    return members(parse(pool_document(client, kind, who)), kind.element)


def ids_of(client: Client, kind: Kind, text: str) -> list[int]:
    """The numbers that an argument means; asks the front end only when there is a name in it."""
    numbers = _numbers(text)
    if numbers is not None:
        return numbers
    rows = pool_members(client, kind)
    if any(text_at(row, "NAME") == text for row in rows):
        return [_named(rows, kind, text)]
    result: list[int] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        found = _numbers(part)
        result += [_named(rows, kind, part)] if found is None else found
    if not result:
        raise CliError(f"{kind.noun}: expected a number or a name", ExitCode.USAGE)
    return result


def all_ids(client: Client, kind: Kind, texts: Iterable[str]) -> list[int]:
    """The numbers that several arguments mean, each once."""
    return list(dict.fromkeys(number for text in texts for number in ids_of(client, kind, text)))


def id_of(client: Client, kind: Kind, text: str) -> int:
    """The one number that an argument means."""
    found = ids_of(client, kind, text)
    if len(found) != 1:
        raise CliError(f"{kind.noun}: expected one, {text!r} means {len(found)}", ExitCode.USAGE)
    return found[0]


def filter_of(client: Client, text: str | None) -> int:
    """The pool filter for `all`, `mine`, `group`, `primary`, or a user's id or name."""
    if text is None:
        return EVERYTHING
    return FILTERS[text] if text in FILTERS else id_of(client, KINDS["user"], text)


def _numbers(text: str) -> list[int] | None:
    """The numbers of a list like `1,8..15`; None when anything else is in it."""
    result: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < _LONGEST_RANGE:
            raise CliError(f"{part}: a range goes from the lower number up", ExitCode.USAGE)
        result.extend(range(first, last + 1))
    return result


def _named(rows: list[Element], kind: Kind, name: str) -> int:
    found = [int(text_at(row, "ID")) for row in rows if text_at(row, "NAME") == name]
    if not found:
        raise CliError(f"no {kind.noun} is named {name!r}", ExitCode.NOT_FOUND)
    if len(found) > 1:
        listed = ", ".join(map(str, sorted(found)))
        raise CliError(
            f"{len(found)} {kind.plural} are named {name!r}: use a number ({listed})",
            ExitCode.USAGE,
        )
    return found[0]


if TYPE_CHECKING:  # older versions of click have no generic parameter types
    TextType = click.ParamType[str]
else:
    TextType = click.ParamType


class ObjectType(TextType):
    """A click type for objects of a kind; completes their names from the front end."""

    def __init__(self, kind_name: str) -> None:
        self.kind = KINDS[kind_name]
        self.name = kind_name

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Names that begin with what was typed; silent when the front end cannot be asked."""
        from click.shell_completion import CompletionItem

        from innkeeper.cli.session import Session

        session = ctx.find_object(Session) or Session()
        if session.user and session.password is None:
            return []  # nobody can be asked for a password here
        session.timeout = _COMPLETION_PATIENCE
        try:
            rows = pool_members(session.client(), self.kind)
        except (CliError, OSError):
            return []
        names = sorted({text_at(row, "NAME") for row in rows})
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
