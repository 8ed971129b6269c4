"""What a resource is: whatever the API does with it follows from one entry of the table (`resources.py`)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec

from innkeeper.api.v1.waiting import Waiting
from innkeeper.api.xmlrpc import methods
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.common import forbidden
from innkeeper.commands.core import Core
from innkeeper.model.objects import EMPTY, Record
from innkeeper.model.permissions import Caller, Right, may
from innkeeper.model.template import Template
from innkeeper.model.world import World

from .requests import Call, Field, request
from .shapes import Seen, record, structure


@dataclass(frozen=True)
class Desk:
    """What requests are answered with."""

    rpc: methods.Desk
    waiting: Waiting = field(default_factory=Waiting)

    @property
    def core(self) -> Core:
        """The core."""
        return self.rpc.core

    @property
    def authenticator(self) -> Authenticator:
        """Knows who calls."""
        return self.rpc.authenticator

    @property
    def settings(self) -> methods.Settings:
        """What commands need to know of the front end."""
        return self.rpc.settings

    @property
    def world(self) -> World:
        """The model."""
        return self.core.world


ROOT: Final = "/api/v1"
#: Completes a command's arguments with what takes time (a password's hash) or comes from the settings.
Prepare = Callable[[Desk, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]
#: What JSON shows besides the record's own fields: its type, and how it is found.
Extra = tuple[Any, Callable[[World, Caller, Any], Any]]
Usable = Callable[[World, Caller, Any], bool]


def usable(world: World, caller: Caller, record: Any) -> bool:
    """May the caller see the object?"""
    return may(world, caller, Right.USE, record)


@dataclass(frozen=True)
class Action:
    """Something that can be asked for. `secret`: the request or the answer has a secret, so that it is not kept."""

    name: str
    call: Call
    help: str
    prepare: Prepare | None = None
    secret: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """What a request says."""
        return self.call.fields

    @cached_property
    def title(self) -> str:
        """Its name as a part of a type's."""
        return "".join(word.capitalize() for word in self.name.split("-"))


@dataclass(frozen=True)
class Resource:
    """A kind of objects. `path` is its name in addresses, `changes` are what PATCH is made of, in this order.

    `hidden` are fields that nobody is shown, `extra` what is derived, `discreet` makes of a record what the caller may
    see of it, `states` are the words by which the filter `state` finds it, `past` knows those that
    are no more, so that one can wait for that.
    """

    path: str
    kind: type[Record]
    create: Action | None = None
    changes: tuple[Action, ...] = ()
    delete: Action | None = None
    actions: tuple[Action, ...] = ()
    hidden: frozenset[str] = frozenset()
    extra: Mapping[str, Extra] = field(default_factory=dict)
    discreet: Callable[[World, Caller, Any], Any] = lambda world, caller, record: record
    states: Callable[[World, Any], Iterable[str]] | None = None
    usable: Usable = usable
    past: Callable[[Core, Caller, int], dict[str, Any] | None] | None = None

    @property
    def label(self) -> str:
        """How people speak of one."""
        return self.kind.LABEL

    @cached_property
    def title(self) -> str:
        """The name of its type."""
        return self.kind.__name__

    @cached_property
    def address(self) -> str:
        """Where its objects are."""
        return f"{ROOT}/{self.path}"

    @cached_property
    def _actions(self) -> dict[str, Action]:
        return {action.name: action for action in self.actions}

    def action(self, name: str) -> Action | None:
        """The action of this name."""
        return self._actions.get(name)

    @cached_property
    def requests(self) -> dict[str, type[msgspec.Struct]]:
        """The types of what actions, and the creation, are told."""
        actions = (*self.actions, *([self.create] if self.create else []))
        return {each.name: request(f"{self.title}{each.title}", each.fields) for each in actions}

    def check(self, world: World, caller: Caller, record: Any) -> None:
        """Refuses what the caller may not see."""
        if not self.usable(world, caller, record):
            raise forbidden(caller, Right.USE, record)

    @cached_property
    def _seen(self) -> Seen:
        return record(self.kind, self.hidden)

    @cached_property
    def shape(self) -> type[msgspec.Struct]:
        """The type of what JSON shows of an object."""
        own = {each.name: each.type for each in msgspec.structs.fields(self._seen.shape)}
        extra = {name: kind for name, (kind, _) in self.extra.items()}
        if "permissions" in own:
            own["permissions"] = str
        return structure(self.title, own | extra)

    def show(self, world: World, caller: Caller, shown: Any) -> dict[str, Any]:
        """An object as JSON shows it to a caller."""
        found: dict[str, Any] = self._seen.convert(self.discreet(world, caller, shown))
        if "permissions" in found:
            found["permissions"] = f"{shown.permissions:03o}"
        return found | {name: find(world, caller, shown) for name, (_, find) in self.extra.items()}

    @cached_property
    def patch(self) -> type[msgspec.Struct]:
        """The type of what PATCH takes: the fields of all changes, none of them required."""
        fields = {f.name: f for change in self.changes for f in change.fields}
        return request(f"{self.title}Patch", tuple(fields.values()), partial=True)


def labels(record: Record) -> set[str]:
    """The labels that users gave an object (LABELS, joined by commas)."""
    noted: Template = getattr(record, "user_template", EMPTY)
    text = noted.get("LABELS") or getattr(record, "template", EMPTY).get("LABELS") or ""
    return {label.strip() for label in text.split(",") if label.strip()}
