"""Writes the typed Python client (`src/innkeeper/client`) out of the table of resources.

`python -m innkeeper.api.v1.rest.client_source` does it; a test says when it is due.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from innkeeper.api.routing import Route
from innkeeper.api.v1.backups import Backups
from innkeeper.api.v1.commands import Commands
from innkeeper.api.v1.consoles import Consoles
from innkeeper.api.v1.endpoints import Endpoints
from innkeeper.api.v1.events import EventPage
from innkeeper.api.v1.profiles import Profiles
from innkeeper.api.v1.redirects import Redirects
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.model import states

from .documents import REPORTS, query_of
from .listing import filters
from .requests import Field
from .resources import RESOURCES
from .shapes import Attributes, Shown
from .table import ROOT, Action, Resource

FOLDER: Final = Path(__file__).parents[3] / "client"
_ALIASES: Final[list[tuple[Any, str]]] = [
    (str | Attributes, "str | Attributes"), (Attributes, "Attributes"), (Shown, "Shown"),
]  # fmt: skip
_ENUMS: Final = {
    tuple(kind.__members__): name
    for name, kind in vars(states).items()
    if isinstance(kind, type) and issubclass(kind, IntEnum) and kind is not IntEnum
}


def spelled(kind: Any) -> str:
    """A type as Python's source has it."""
    if get_origin(kind) is Annotated:
        return spelled(get_args(kind)[0])
    for known, name in _ALIASES:
        if kind == known:
            return name
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " | ".join(spelled(each) for each in arguments if each is not msgspec.UnsetType)
    if origin is Literal:
        return _ENUMS.get(arguments) or f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in (list, dict):
        return f"{origin.__name__}[{', '.join(map(spelled, arguments))}]"
    if kind in (Any, NoneType):
        return "Any" if kind is Any else "None"
    return str(kind.__name__)


# ---- shapes -----------------------------------------------------------------------------------


def shapes() -> str:
    """The module of what objects look like."""
    known: dict[str, type[msgspec.Struct]] = {}
    for resource in RESOURCES:
        _collect(resource.shape, known)
    _collect(EventPage, known)
    bodies = [_shape(name, kind) for name, kind in known.items()]
    used = [(name, words) for words, name in _ENUMS.items() if any(name in body for body in bodies)]
    enums = [f"{name} = Literal[{', '.join(map(repr, words))}]" for name, words in used]
    return "\n".join([_SHAPES, *enums, *bodies, _OUTCOME])


_SHAPES = '''"""What objects look like. Made of the front end's table: do not edit."""
# fmt: off
# ruff: noqa: E501

from typing import Any, Generic, Literal, TypedDict, TypeVar

T = TypeVar("T")
Scalar = str | int | float | bool
#: A template as it is said, and as it is shown.
Attributes = dict[str, Scalar | dict[str, Scalar] | list[Scalar | dict[str, Scalar]]]
Shown = dict[str, str | list[str | dict[str, str]]]
'''
_OUTCOME = '''

class Outcome(TypedDict, Generic[T]):
    """What came of a change; an operation may be under way."""

    id: int
    result: int | str
    object: T | None
    operation: Operation | None
'''


def _collect(kind: Any, known: dict[str, type[msgspec.Struct]]) -> None:
    """All structures that a type is made of, the innermost first."""
    for part in get_args(kind):
        _collect(part, known)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__name__ not in known:
        for part in get_type_hints(kind, include_extras=True).values():
            _collect(part, known)
        known[kind.__name__] = kind


def _shape(name: str, kind: type[msgspec.Struct]) -> str:
    hints = get_type_hints(kind, include_extras=True)
    lines = [f"    {field}: {spelled(hint)}" for field, hint in hints.items()]
    return "\n".join(["", "", f"class {name}(TypedDict):", f'    """A {name}."""', "", *lines])


# ---- resources --------------------------------------------------------------------------------


def resources() -> str:
    """The module of what can be asked for."""
    made = [line for resource in RESOURCES for line in _collection(resource)]
    names = sorted({"Attributes", "Outcome", *(resource.title for resource in RESOURCES)})
    lines = [
        '"""What can be asked for. Made of the front end\'s table: do not edit."""',
        "# fmt: off",
        "# ruff: noqa: A002, E501, I001",
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Iterator",
        "from typing import TYPE_CHECKING, Any, Literal",
        "",
        "from .base import ROOT, Collection, Events, Transport, page, said, text",
        "",
        "if TYPE_CHECKING:",
        f"    from .shapes import {', '.join(names)}",
        *made,
        "",
        "",
        *_reports(),
        "",
        "",
        *_pages(),
        "",
        "",
        "class Api:",
        '    """All resources of a front end."""',
        "",
        "    def __init__(self, transport: Transport) -> None:",
        *(f"        self.{_attribute(r)} = {_title(r)}(transport)" for r in RESOURCES),
        "        self.events = Events(transport)",
        "        self.reports = Reports(transport)",
        "        self.pages = Pages(transport)",
    ]
    return "\n".join(lines) + "\n"


_INIT: Final = (
    "    def __init__(self, transport: Transport) -> None:",
    "        self._transport = transport",
)


def _reports() -> Iterator[str]:
    yield "class Reports:"
    yield '    """Documents in XML that are of no single kind, and the limits of those who have none of their own."""'
    yield from ("", *_INIT)
    for name, (path, method) in REPORTS.items():
        found = METHODS[method]
        query = query_of(found)
        where = f'f"{path.format(id="{which}")}"' if "{" in path else f'"{path}"'
        call = f"text(self._transport, {where}, {_dictionary(list(query))})"
        asked: list[tuple[str, Any, bool | None]] = [
            (each, kind, False) for each, kind in query.items()
        ]
        yield from _method(name, asked, "str", found.help, call, number="{" in path)
    yield ""
    yield '    def limit(self, holder: Literal["user", "group"], *, template: str | Attributes) -> None:'
    yield '        """Sets the limits of all users, or groups, that have none of their own."""'
    yield '        self._transport.request("PUT", f"{ROOT}/quotas/{holder}", {}, {"template": template}, {})'


#: What is written by hand, as far as it speaks JSON; events have a reader of their own.
_PARTS: Final[tuple[Any, ...]] = (Endpoints, Consoles, Commands, Redirects, Backups, Profiles)


def _pages() -> Iterator[str]:
    yield "class Pages:"
    yield '    """What is neither an object nor an action on one."""'
    yield from ("", *_INIT)
    found = [each for part in _PARTS for each in part.routes(part) if isinstance(each, Route)]
    for route in found:
        if route.answers == "application/json":
            yield from _page(route, [_words(each) for each in found].count(_words(route)) > 1)


def _words(route: Route) -> str:
    path = re.sub(r"/{\w+}", "", route.pattern.removeprefix(ROOT))
    return path.strip("/").replace("/", "_").replace("-", "_")


def _page(route: Route, several: bool) -> Iterator[str]:
    """The method of a route, called as the words of its path; `several`: and its verb, of which there are more."""
    where = route.pattern.removeprefix(ROOT)
    numbers = [f"{each}: int" for each in re.findall(r"{(\w+)}", where)]
    query = [f"{name}: {spelled(kind)} | None = None" for name, kind in route.query.items()]
    body, said = "None", []
    if route.body == "application/json":
        body, said = "body", ["body: Any"]
    elif route.body is not None:
        fields = msgspec.structs.fields(route.body)
        body = f"said({_dictionary([each.name for each in fields])})"
        said = [_said(each) for each in fields]
    more = [*query, *said]
    signature = ", ".join(
        ["self", *numbers, *(["/"] if numbers else []), *(["*"] if more else []), *more]
    )
    path = f'{"f" * bool(numbers)}"{where}"'
    yield from (
        "",
        f"    def {route.verb.lower() + '_' if several else ''}{_words(route)}({signature}) -> Any:",
    )
    yield f'        """{str(route.handler.__doc__).partition(chr(10))[0]}"""'
    yield f'        return page(self._transport, "{route.verb}", {path}, {_dictionary(list(route.query))}, {body})'


def _said(each: msgspec.structs.FieldInfo) -> str:
    kind = "str" if each.type is bytes else spelled(each.type)  # JSON has bytes in base64
    return f"{each.name}: {kind}" + ("" if each.required else " | None = None")


def _attribute(resource: Resource) -> str:
    return resource.path.replace("-", "_")


def _title(resource: Resource) -> str:
    return "".join(word.capitalize() for word in resource.path.split("-"))


def _collection(resource: Resource) -> Iterator[str]:
    title = resource.title
    yield from ("", "", f'class {_title(resource)}(Collection["{title}"]):')
    yield f'    """{resource.path.capitalize()}."""'
    yield ""
    yield f'    path = "{resource.path}"'
    query = filters(resource)
    del query["cursor"]
    yield from _method("all", [(name, kind, False) for name, kind in query.items()],
                       f"Iterator[{title}]", "Those that the caller may use, page by page.",
                       f"self._all({_dictionary(list(query))})", number=False)  # fmt: skip
    if resource.past:
        yield from _method("wait", [("wait", int, True)], title, "One, when it has ended or the seconds are over.",
                           'self._request("GET", f"/{which}", {"wait": wait})')  # fmt: skip
    if resource.create:
        yield from _changing(
            resource,
            "create",
            resource.create.fields,
            resource.create.help,
            '"POST", ""',
            number=False,
        )
    if resource.changes:
        fields = {field.name: field for change in resource.changes for field in change.fields}
        text = " ".join(change.help for change in resource.changes)
        yield from _changing(
            resource, "update", tuple(fields.values()), text, '"PATCH", f"/{which}"', partial=True
        )
    if resource.delete:
        action = resource.delete
        yield from _changing(
            resource, action.name, action.fields, action.help, '"DELETE", f"/{which}"'
        )
    for action in resource.actions:
        where = f'"POST", f"/{{which}}/actions/{action.name}"'
        yield from _changing(resource, _named(action), action.fields, action.help, where)


def _named(action: Action) -> str:
    return action.name.replace("-", "_")


def _changing(
    resource: Resource, name: str, fields: tuple[Field, ...], text: str, where: str,
    *, number: bool = True, partial: bool = False,
) -> Iterator[str]:  # fmt: skip
    asked = [(field.name, field.kind, field.default is ... and not partial) for field in fields]
    said = _dictionary([field.name for field in fields])
    more = [("etag", str, None)] if number else []
    call = f"self._change({where}, {said}, key{', etag' if number else ''})"
    yield from _method(
        name,
        [*asked, ("key", str, None), *more],
        f"Outcome[{resource.title}]",
        text,
        call,
        number=number,
    )


def _method(
    name: str,
    parameters: list[tuple[str, Any, bool | None]],
    returns: str,
    text: str,
    call: str,
    *,
    number: bool = True,
) -> Iterator[str]:
    """`True`: must be said, `False`: may be, `None`: is empty unless it is said."""
    ends = {True: "", False: " | None = None", None: ' = ""'}
    said = [f"{name}: {spelled(kind)}{ends[must]}" for name, kind, must in parameters]
    signature = ", ".join(
        ["self", *(["which: int", "/"] if number else []), *(["*"] if said else []), *said]
    )
    yield ""
    yield f"    def {name}({signature}) -> {returns}:"
    yield f'        """{text}"""'
    if returns.startswith(("Outcome", "Iterator", "str")):
        yield f"        return {call}"
    else:
        yield f"        found: {returns} = {call}"
        yield "        return found"


def _dictionary(names: list[str]) -> str:
    return "{" + ", ".join(f'"{name}": {name}' for name in names) + "}"


# ---- writing ----------------------------------------------------------------------------------


FILES: Final = {"shapes.py": shapes, "resources.py": resources}

if __name__ == "__main__":
    for name, make in FILES.items():
        (FOLDER / name).write_text(make())
