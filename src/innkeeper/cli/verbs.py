"""Verbs that are one request, as data: their parameters are the fields of a method of the typed client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

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

Value: TypeAlias = "bool | int | str"


@dataclass(frozen=True)
class Arg:
    """A positional parameter: text, a whole number, a size, or an object of a kind (its id is sent).

    A `snapshot` is one of the VM, or of its disk where there is a parameter `disk`; its number is sent. Sizes are
    sent as text, in MiB. With a `default` it may be left out; `everything` is sent for the word ALL. `field`: what the
    request calls it, if not by its name (an object's: with `_id`).
    """

    name: str
    kind: str = ""
    number: bool = False
    size: bool = False
    snapshot: bool = False
    default: Value | None = None
    everything: int | None = None
    field: str = ""

    def parameter(self) -> click.Parameter:
        """The click parameter."""
        return click.Argument(
            [self.name], type=_size() if self.size else _type_of(self.kind, self.number),
            metavar=self.name.upper(), required=self.default is None,
        )  # fmt: skip


@dataclass(frozen=True)
class Opt:
    """An option with a value."""

    flags: tuple[str, ...]
    help: str
    kind: str = ""
    number: bool = False
    default: Value = ""
    field: str = ""

    @property
    def name(self) -> str:
        """Its own name."""
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
    """A switch."""

    flag: str
    help: str
    field: str = ""

    @property
    def name(self) -> str:
        """Its own name."""
        return self.flag.lstrip("-").replace("-", "_")

    def parameter(self) -> click.Parameter:
        """The click parameter."""
        return click.Option([self.flag, self.name], is_flag=True, help=self.help)


@dataclass(frozen=True)
class Choice:
    """Switches of which exactly one must be given (none: the `default`, if any), and what requests call each."""

    field: str
    values: Mapping[str, tuple[str, str]]
    default: str | None = None

    @property
    def name(self) -> str:
        """Its own name."""
        return self.field

    def parameters(self) -> list[click.Parameter]:
        """One click flag for each possibility."""
        return [
            click.Option([f"--{word}", _choice_key(self.name, word)], is_flag=True, help=text)
            for word, (_, text) in self.values.items()
        ]


Param = Arg | Opt | Flag | Choice


@dataclass(frozen=True)
class Verb:
    """A subcommand that is one request for each object named: a method of the typed client.

    `given` are fields that are always the same; `hard` says what --hard does, which takes the method's harder form.
    """

    name: str
    method: str
    help: str
    params: tuple[Param, ...] = ()
    shows: str = ""  # label under which the answer is printed; "" = not at all
    given: Mapping[str, Value] = field(default_factory=dict)
    section: str = "Actions"
    examples: tuple[str, ...] = ()
    hard: str = ""
    #: How it is scheduled: the action, and the parameters that make its ARGS.
    scheduled: tuple[str, ...] = ()

    def build(self, kind: Kind) -> InnCommand:
        """The click command."""
        several = not any(isinstance(param, Arg) for param in self.params)
        params: list[click.Parameter] = [objects_argument(kind, many=several)]
        for param in self.params:
            params += param.parameters() if isinstance(param, Choice) else [param.parameter()]
        if self.hard:
            params.append(click.Option(["--hard"], is_flag=True, help=self.hard))
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
    said = {"objects": objects, **given}
    values = {param.name: _value(client, param, said) for param in verb.params}
    fields = {field_of(param): values[param.name] for param in verb.params}
    hard = bool(given.pop("hard", False))
    method = verb.method + "_hard" * hard

    def act(client: Client, number: int) -> Any:
        return getattr(kind.of(client), method)(number, **fields, **verb.given)["result"]

    if verb.scheduled and when.is_later(given):
        action, *names = verb.scheduled
        args = ",".join(_said(values[name]) for name in names).rstrip(",")
        text = when.described(action + "-hard" * hard, args, given)
        schedule = partial(_schedule, text=text)
        for_each(kind, objects, f"schedule {verb.name}", schedule, answer="SCHEDULE")
    else:
        for_each(kind, objects, verb.name, act, answer=verb.shows)


def field_of(param: Param) -> str:
    """What a request calls a parameter."""
    found = param.field or param.name
    return (
        f"{found}_id" if isinstance(param, Arg | Opt) and param.kind and not param.field else found
    )


def _schedule(client: Client, number: int, text: str) -> Any:
    return client.api.vms.schedule(number, template=text)["result"]


def _said(value: Value) -> str:
    """How ARGS say what a call says otherwise; what is the default is not said."""
    if isinstance(value, bool):
        return "YES" if value else ""
    return "" if value == -1 else str(value)


def _value(client: Client, param: Param, given: dict[str, Any]) -> Value:
    """The value that a parameter puts into the request."""
    if isinstance(param, Choice):
        return _chosen(param, given)
    value = given[param.name]
    if isinstance(param, Flag):
        return bool(value)
    if value is None and isinstance(param, Opt | Arg) and param.default is not None:
        return param.default
    if isinstance(param, Arg) and param.everything is not None and value.upper() == "ALL":
        return param.everything
    if param.kind:
        return id_of(client, KINDS[param.kind], value)
    if isinstance(param, Arg) and param.snapshot:
        from innkeeper.cli.snapshots import number_of

        return number_of(given["objects"], value, given.get("disk"))
    found: Value = str(value) if isinstance(param, Arg) and param.size else value
    return found


def _chosen(choice: Choice, given: dict[str, Any]) -> str:
    words = [word for word in choice.values if given[_choice_key(choice.name, word)]]
    if not words and choice.default is not None:
        return choice.default
    if len(words) != 1:
        possible = ", ".join(f"--{word}" for word in choice.values)
        raise CliError(f"exactly one of {possible} is needed", ExitCode.USAGE)
    return choice.values[words[0]][0]


def _choice_key(name: str, word: str) -> str:
    return f"{name}_{word.replace('-', '_')}"


def _size() -> Any:
    from innkeeper.cli.template_options import SIZE

    return SIZE


def _type_of(kind: str, number: bool) -> Any:
    if kind:
        return ObjectType(kind)
    return int if number else str
