"""What a kind of object is for the command line: its names, methods, columns and verbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from innkeeper.cli import formats, states
from innkeeper.cli.document import Element, text_at

if TYPE_CHECKING:
    from innkeeper.cli.client import Client

Cell: TypeAlias = "str | Callable[[Element], str]"


@dataclass(frozen=True)
class Column:
    """A column of a list: where its text is found, and how it is shown.

    `value` is a path in the object's element, or a function of the element.
    """

    name: str
    width: int
    value: Cell
    format: Callable[[str], str] = formats.as_is
    left: bool = False
    header: str = ""

    def cell(self, row: Element) -> str:
        """The text of this column for one object."""
        found = text_at(row, self.value) if isinstance(self.value, str) else self.value(row)
        return self.format(found)


@dataclass(frozen=True)
class Given:
    """An argument of a creation: its option, the kind of object that it names (empty: a number), its default."""

    option: str
    help: str
    kind: str = ""
    default: int | None = None

    @property
    def field(self) -> str:
        """What a request calls it."""
        return self.option.strip("-") + "_id" * bool(self.kind)


@dataclass(frozen=True)
class Kind:
    """A kind of object: its names, its columns and the generic verbs it has.

    `path` is its attribute of the typed client. Lists show the columns in `default`, else all; those of a `filtered`
    one can be of one owner only. `creation` is what `create` gives besides a template.
    """

    name: str
    noun: str
    plural: str
    path: str
    element: str
    columns: tuple[Column, ...]
    verbs: tuple[str, ...]
    default: tuple[str, ...] = ()
    filtered: bool = True
    user_template: str = "TEMPLATE"
    creation: tuple[Given, ...] = ()

    def of(self, client: Client) -> Any:
        """The objects of this kind: a collection of the typed client."""
        return getattr(client.api, self.path)

    def column(self, name: str) -> Column | None:
        """The column of that name, in any case."""
        return next((c for c in self.columns if c.name == name.upper()), None)


OWNED = ("list", "show", "delete", "update", "rename", "chmod", "chown", "chgrp")
LOCKABLE = (*OWNED, "lock", "unlock")
GLOBAL = ("list", "show", "delete", "update", "rename")


def count(path: str) -> Callable[[Element], str]:
    """A cell that counts the children of an element."""
    return lambda row: str(len(found)) if (found := row.find(path)) is not None else "0"


def joined(path: str) -> Callable[[Element], str]:
    """A cell that joins the texts found at a path with commas."""
    return lambda row: ",".join(item.text or "" for item in row.iterfind(path))


def short_of(table: dict[int, states.State], path: str = "STATE") -> Callable[[Element], str]:
    """A cell with the short form of a state number."""
    return lambda row: states.look_up(table, text_at(row, path)).short


ID = Column("ID", 4, "ID")
NAME = Column("NAME", 15, "NAME", left=True)
OWNER = (
    Column("USER", 8, "UNAME", left=True),
    Column("GROUP", 8, "GNAME", left=True),
)
CLUSTERS = Column("CLUSTERS", 10, joined("CLUSTERS/ID"), left=True)
REGTIME = Column("REGTIME", 15, "REGTIME", formats.moment)
