"""What JSON shows of the model's types: the shape (for descriptions of the API) and the conversion, from one recursion.

States are shown by their names, templates and their vectors as objects with lower-case names, records as objects.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from innkeeper.model.template import Template, Value, Vector

Scalar: TypeAlias = str | int | float | bool
#: A template as JSON: texts, vectors as objects, and lists of them where a name comes more than once.
Attributes: TypeAlias = dict[str, Scalar | dict[str, Scalar] | list[Scalar | dict[str, Scalar]]]
#: A template as it is shown: values are texts; a name that has vectors, or several texts, has a list.
Shown: TypeAlias = dict[str, str | list[str | dict[str, str]]]

#: What fields mean, wherever they are; times are epoch seconds.
MEANINGS = {
    "id": "Its number, which is never used again.",
    "uid": "Number of the owner.",
    "gid": "Number of the group.",
    "permissions": "Octal digits for owner, group and others: 4 use, 2 manage, 1 administrate.",
    "template": "Attributes with lower-case names; CPU in cores, MEMORY in MiB, SIZE in MiB.",
    "user_template": "What users noted; it means nothing to hypervisors.",
    "stime": "Epoch seconds of the beginning.",
    "etime": "Epoch seconds of the end; 0: not yet.",
    "regtime": "Epoch seconds of the registration.",
    "modtime": "Epoch seconds of the last change of the content.",
    "size": "MiB.",
    "total_mb": "MiB.",
    "free_mb": "MiB.",
    "used_mb": "MiB.",
    "total_cpu": "1/100 cores.",
    "used_cpu": "1/100 cores that VMs have taken.",
    "total_memory": "KiB.",
    "used_memory": "KiB that VMs have taken.",
    "phase": "The state, or the LCM state while ACTIVE.",
    "generation": "Grows with each placement.",
    "operation": "Number of the operation that is open on it; null: none.",
    "started": "Epoch seconds of the beginning.",
}  # fmt: skip


class Seen(NamedTuple):
    """The type that JSON has, and what makes it."""

    shape: Any
    convert: Callable[[Any], Any]


#: For types that are made while the program runs.
_list: Any = list
_literal: Any = Literal


def _same(value: Any) -> Any:
    return value


def attributes(template: Template) -> Shown:
    """A template as JSON shows it."""
    return {name.lower(): _values(values) for name, values in template.attributes.items()}


def _values(values: tuple[Value, ...]) -> str | list[str | dict[str, str]]:
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return [value if isinstance(value, str) else vector(value) for value in values]


def vector(pairs: Vector) -> dict[str, str]:
    """A vector as JSON shows it."""
    return {name.lower(): value for name, value in pairs.items()}


@cache
def seen(kind: Any) -> Seen:
    """How JSON shows a type of the model."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Template:
        return Seen(Shown, attributes)
    if kind == Vector:
        return Seen(dict[str, str], vector)
    if origin in (Union, UnionType):
        (other,) = (seen(each) for each in arguments if each is not NoneType)
        return Seen(other.shape | None, lambda v: None if v is None else other.convert(v))
    if origin is tuple:
        each = seen(arguments[0])
        return Seen(_list[each.shape], lambda v: [each.convert(one) for one in v])
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return Seen(_literal[tuple(kind.__members__)], lambda v: v.name)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return record(kind)
    return Seen(kind, _same)


def record(kind: type[msgspec.Struct], hidden: frozenset[str] = frozenset()) -> Seen:
    """How JSON shows a record, without some of its fields."""
    hints = get_type_hints(kind)
    fields = {name: seen(hints[name]) for name in kind.__struct_fields__ if name not in hidden}
    shape = structure(kind.__name__, {name: each.shape for name, each in fields.items()})

    def convert(value: Any) -> dict[str, Any]:
        return {name: each.convert(getattr(value, name)) for name, each in fields.items()}

    return Seen(shape, convert)


def structure(name: str, fields: dict[str, Any]) -> type[msgspec.Struct]:
    """An object's type, its fields explained as far as there is something to say."""
    return msgspec.defstruct(
        name, [(each, _meant(each, kind)) for each, kind in fields.items()], kw_only=True
    )


def _meant(name: str, kind: Any) -> Any:
    meaning = MEANINGS.get(name)
    return Annotated[kind, msgspec.Meta(description=meaning)] if meaning else kind
