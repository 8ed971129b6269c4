"""What a command takes, as JSON: read from the command's own parameters, so that the two cannot differ.

A command is `(transaction, caller, ...)`. What the table gives (`given`) is not asked for; of what remains the first
is the number in the path, for all but creations. A `text` is a template, which JSON may also give as an object.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from innkeeper.model.errors import Mistake, invalid
from innkeeper.model.template import Template, Value, attribute_name
from innkeeper.model.template_values import refuse_unstorable

from .shapes import Attributes, Scalar

Command = Callable[..., int | str]
#: What the front end wants to refuse before JSON's integers grow beyond what it can store.
Integer = Annotated[int, msgspec.Meta(ge=-(1 << 31), le=(1 << 31) - 1)]
#: Parameters with a name of their own in JSON: how they are called, their type, their default (none: `...`).
SPECIAL: dict[str, tuple[str, Any, Any]] = {
    "text": ("template", str | Attributes, ...),
    "extra": ("template", str | Attributes, ""),
    "append": ("merge", bool, True),
}


@dataclass(frozen=True)
class Field:
    """One field of a request: the command's parameter, what JSON calls it, and its words for the command's numbers."""

    parameter: str
    name: str
    kind: Any
    default: Any
    words: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A command, with what is given and what a request says. `target`: its parameter for the number in the path."""

    command: Command
    fields: tuple[Field, ...]
    target: str = ""
    given: dict[str, Any] = field(default_factory=dict)

    def arguments(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The command's arguments from a request's fields; those that are not there have their defaults."""
        for missing in (f for f in self.fields if f.default is ... and f.name not in asked):
            raise invalid(
                f"{missing.name} is missing", mistake=Mistake(missing.name, "a value", "nothing")
            )
        return {f.parameter: _argument(f, asked.get(f.name, f.default)) for f in self.fields}


def request(name: str, fields: tuple[Field, ...], *, partial: bool = False) -> type[msgspec.Struct]:
    """The type of a request: what is required first; `partial`: nothing is."""
    unset = msgspec.UNSET
    described: list[Any] = [
        (f.name, f.kind | msgspec.UnsetType, unset) if partial
        else (f.name, f.kind) if f.default is ... else (f.name, f.kind, f.default)
        for f in fields
    ]  # fmt: skip
    return msgspec.defstruct(name, described, forbid_unknown_fields=True, kw_only=True)


def call(
    command: Command,
    *,
    creates: bool = False,
    given: dict[str, Any] | None = None,
    names: dict[str, str] | None = None,
    defaults: dict[str, Any] | None = None,
    words: dict[str, dict[str, int]] | None = None,
) -> Call:
    """A command as requests call it; `names`, `defaults` and `words` are JSON's, by parameter."""
    given, hints, names, words = given or {}, get_type_hints(command), names or {}, words or {}
    parameters = list(inspect.signature(command).parameters.values())[2:]
    asked = [each for each in parameters if each.name not in given]
    target = "" if creates else asked.pop(0).name
    fields = []
    for each in asked:
        described = _field(each, hints[each.name], names.get(each.name), words.get(each.name, {}))
        default = (defaults or {}).get(each.name, described.default)
        fields.append(replace(described, default=default))
    return Call(command, tuple(fields), target, given)


def _field(
    parameter: inspect.Parameter, kind: Any, name: str | None, words: dict[str, int]
) -> Field:
    own = ... if parameter.default is inspect.Parameter.empty else parameter.default
    if name is None and parameter.name in SPECIAL:
        return Field(parameter.name, *SPECIAL[parameter.name])
    kinds: dict[Any, Any] = {int: Integer, list[int]: list[Integer]}
    kind = Literal[tuple(words)] if words else kinds.get(kind, kind)
    return Field(parameter.name, name or parameter.name, kind, own, words)


def _argument(field: Field, value: Any) -> Any:
    if isinstance(value, dict):
        return text_of(value)
    if field.words:
        return field.words[value]
    return int(value) if field.parameter == "append" else value


def text_of(attributes: Attributes) -> str:
    """A template given as an object, as commands take it."""
    stored: dict[str, list[Value]] = {}
    try:
        for name, values in attributes.items():
            for value in values if isinstance(values, list) else [values]:
                stored.setdefault(attribute_name(name), []).append(_value(value))
    except ValueError as problem:
        raise invalid(f"template: {problem}") from None
    return Template({name: tuple(values) for name, values in stored.items()}).to_plain()


def _value(value: Scalar | dict[str, Scalar]) -> Value:
    if isinstance(value, dict):
        return {attribute_name(name): _text(part) for name, part in value.items()}
    return _text(value)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "YES" if value else "NO"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    refuse_unstorable(text)
    return text
