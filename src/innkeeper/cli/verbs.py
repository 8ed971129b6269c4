"""Verbs that are one call of the API, as data: their arguments, and the order of the call.

A verb's `call` lists what the method takes: `ID` for each object that the verb is applied to, the
name of one of the verb's parameters, or a literal wrapped in `Literal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click

from innkeeper.cli import when
from innkeeper.cli.client import Client
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import for_each, objects_argument
from innkeeper.cli.kinds import Kind
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current
from innkeeper.cli.xmlrpc import Value

ID = "\0id"


@dataclass(frozen=True)
class Literal:
    """A fixed argument of a call."""

    value: Value


@dataclass(frozen=True)
class Arg:
    """A positional parameter: text, a whole number, or an object of a kind (its id is sent).

    With a `default` it may be left out; `everything` is sent for the word ALL.
    """

    name: str
    kind: str = ""
    number: bool = False
    default: Value | None = None
    everything: int | None = None

    def parameter(self) -> click.Parameter:
        """The click parameter."""
        return click.Argument(
            [self.name], type=_type_of(self.kind, self.number), metavar=self.name.upper(),
            required=self.default is None,
        )  # fmt: skip


@dataclass(frozen=True)
class Opt:
    """An option with a value."""

    flags: tuple[str, ...]
    help: str
    kind: str = ""
    number: bool = False
    default: Value = ""

    @property
    def name(self) -> str:
        """The name by which the call refers to it."""
        return self.flags[-1].lstrip("-").replace("-", "_")

    def parameter(self) -> click.Parameter:
        """The click parameter."""
        metavar = self.kind.upper() or ("N" if self.number else "TEXT")
        return click.Option(
            [*self.flags, self.name], help=self.help, type=_type_of(self.kind, self.number),
            default=None, metavar=metavar,
        )  # fmt: skip


@dataclass(frozen=True)
class Flag:
    """A switch; the call gets `values[0]` without it and `values[1]` with it."""

    flag: str
    help: str
    values: tuple[Value, Value] = (False, True)

    @property
    def name(self) -> str:
        """The name by which the call refers to it."""
        return self.flag.lstrip("-").replace("-", "_")

    def parameter(self) -> click.Parameter:
        """The click parameter."""
        return click.Option([self.flag, self.name], is_flag=True, help=self.help)


@dataclass(frozen=True)
class Choice:
    """Switches of which exactly one must be given (none: the `default`, if any); the call gets that one's value."""

    name: str
    values: Mapping[str, tuple[Value, str]]
    default: Value | None = None

    def parameters(self) -> list[click.Parameter]:
        """One click flag for each possibility."""
        return [
            click.Option([f"--{word}", _choice_key(self.name, word)], is_flag=True, help=text)
            for word, (_, text) in self.values.items()
        ]


Param = Arg | Opt | Flag | Choice


@dataclass(frozen=True)
class Verb:
    """A subcommand that is one API call for each object named."""

    name: str
    method: str
    help: str
    call: tuple[str | Literal, ...] = (ID,)
    params: tuple[Param, ...] = ()
    shows: str = ""  # label under which the call's answer is printed; "" = not at all
    section: str = "Actions"
    examples: tuple[str, ...] = field(default=())
    #: How it is scheduled: the action, or the parameter that is its name, and the parameters that make its ARGS.
    scheduled: tuple[str, ...] = ()

    def build(self, kind: Kind) -> InnCommand:
        """The click command."""
        several = not any(isinstance(param, Arg) for param in self.params)
        params: list[click.Parameter] = [objects_argument(kind, many=several)]
        for param in self.params:
            params += param.parameters() if isinstance(param, Choice) else [param.parameter()]
        if self.scheduled:
            params += when.later()
        return command(
            self.name,
            lambda objects, **given: _run(self, kind, objects, given),
            params,
            help=self.help,
            epilog=examples(*self.examples) if self.examples else None,
        )


def _run(verb: Verb, kind: Kind, objects: str | tuple[str, ...], given: dict[str, Any]) -> None:
    client = current().client()
    values = {param.name: _wire(client, param, given) for param in verb.params}

    def act(client: Client, number: int) -> Value:
        return client.call(verb.method, *(_argument(part, number, values) for part in verb.call))

    if verb.scheduled and when.is_later(given):
        text = when.described(*_scheduled(verb, values), given)
        schedule = partial(_schedule, text=text)
        for_each(kind, objects, f"schedule {verb.name}", schedule, answer="SCHEDULE")
    else:
        for_each(kind, objects, verb.name, act, answer=verb.shows)


def _schedule(client: Client, number: int, text: str) -> Value:
    return client.call("vm.schedadd", number, text)


def _scheduled(verb: Verb, values: Mapping[str, Value]) -> tuple[str, str]:
    """The action and its ARGS."""
    action, *names = verb.scheduled
    args = ",".join(_said(values[name]) for name in names)
    return str(values.get(action, action)), args.rstrip(",")


def _said(value: Value) -> str:
    """How ARGS say what a call says otherwise; what is the default is not said."""
    if isinstance(value, bool):
        return "YES" if value else ""
    return "" if value == -1 else str(value)


def _argument(part: str | Literal, number: int, values: dict[str, Value]) -> Value:
    if isinstance(part, Literal):
        return part.value
    return number if part == ID else values[part]


def _wire(client: Client, param: Param, given: dict[str, Any]) -> Value:
    """The value that a parameter puts into the call."""
    if isinstance(param, Choice):
        return _chosen(param, given)
    value = given[param.name]
    if isinstance(param, Flag):
        return param.values[bool(value)]
    if value is None and isinstance(param, Opt | Arg) and param.default is not None:
        return param.default
    if isinstance(param, Arg) and param.everything is not None and value.upper() == "ALL":
        return param.everything
    if param.kind:
        return id_of(client, KINDS[param.kind], value)
    found: Value = value
    return found


def _chosen(choice: Choice, given: dict[str, Any]) -> Value:
    words = [word for word in choice.values if given[_choice_key(choice.name, word)]]
    if not words and choice.default is not None:
        return choice.default
    if len(words) != 1:
        possible = ", ".join(f"--{word}" for word in choice.values)
        raise CliError(f"exactly one of {possible} is needed", ExitCode.USAGE)
    return choice.values[words[0]][0]


def _choice_key(name: str, word: str) -> str:
    return f"{name}_{word.replace('-', '_')}"


def _type_of(kind: str, number: bool) -> Any:
    if kind:
        return ObjectType(kind)
    return int if number else str
