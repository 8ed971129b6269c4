"""Lists of objects: filtered, in the order of their numbers, page by page.

A cursor names the last object that was seen: what is created or deleted between two pages makes none of the others
come twice or not at all.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from innkeeper.api.problems import Problem
from innkeeper.model.objects import Group, Record, User
from innkeeper.model.permissions import Caller
from innkeeper.model.world import World

from .requests import Integer
from .table import Resource, labels

Accept = Callable[[Any], bool]
#: Objects on a page, unless otherwise asked for, and at most.
PAGE, LARGEST = 100, 1_000


def filters(resource: Resource) -> dict[str, Any]:
    """The query of a list: what can be asked for, and its type."""
    asked: dict[str, Any] = {"name": str, "name_prefix": str}
    if "uid" in resource.kind.__struct_fields__:
        asked |= {"owner": str, "group": str}
    if resource.states is not None:
        asked["state"] = str
    if "template" in resource.kind.__struct_fields__:
        asked["label"] = str
    return {**asked, "limit": Integer, "cursor": str}


def wrong(field: str, expected: str, found: str) -> Problem:
    """A part of a request that is not what it must be."""
    text = f"{field}: {expected} is expected, not {found[:60]!r}"
    return Problem(422, text, field=field, expected=expected, found=found[:60])


def asked(known: dict[str, Any], query: list[tuple[str, str]]) -> dict[str, Any]:
    """The fields of a query, checked."""
    found: dict[str, Any] = {}
    for name, text in query:
        if name not in known:
            raise wrong("query", f"one of {', '.join(known) or 'nothing'}", name)
        try:
            found[name] = msgspec.convert(text, known[name], strict=False)
        except msgspec.ValidationError as problem:
            raise wrong(
                name, str(problem).removeprefix("Expected ").partition(",")[0], text
            ) from None
    return found


def page(
    world: World, resource: Resource, caller: Caller, query: dict[str, Any]
) -> tuple[list[Record], str | None]:
    """The objects of a page, and the cursor of the next one."""
    limit = query.get("limit", PAGE)
    if not 0 < limit <= LARGEST:
        raise wrong("limit", f"a number from 1 to {LARGEST}", str(limit))
    after = _place(query["cursor"]) if "cursor" in query else -1
    accept = [_accept(world, resource, name, text) for name, text in query.items()]
    found = (
        record
        for record in _ordered(world.table(resource.kind).rows, after)
        if all(check(record) for check in accept) and resource.usable(world, caller, record)
    )
    records = list(islice(found, limit + 1))
    return records[:limit], _cursor(records[limit - 1]) if len(records) > limit else None


def _ordered(rows: dict[int, Record], after: int) -> Iterator[Record]:
    return (rows[number] for number in sorted(number for number in rows if number > after))


def _cursor(last: Record) -> str:
    return base64.urlsafe_b64encode(f"after:{last.id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        word, _, number = text.partition(":")
        if word != "after" or not number.isdecimal():
            raise ValueError
        return int(number[:19])
    except (ValueError, binascii.Error):
        raise wrong("cursor", "the `next` of an earlier page", cursor) from None


def _accept(world: World, resource: Resource, name: str, text: Any) -> Accept:
    match name:
        case "name":
            return lambda record: record.name == text
        case "name_prefix":
            return lambda record: record.name.startswith(text)
        case "state":
            states, wanted = resource.states, text.upper()
            assert states is not None
            return lambda record: wanted in {state.upper() for state in states(world, record)}
        case "owner":
            uid = _number(world, User, text)
            return lambda record: record.uid == uid
        case "group":
            gid = _number(world, Group, text)
            return lambda record: record.gid == gid
        case "label":
            return lambda record: text in labels(record)
    return lambda record: True


def _number(world: World, kind: type[Record], text: str) -> int:
    """A user or group by number or name; -1 for one that is not there."""
    if text.isdecimal() and len(text) < 10:
        return int(text)
    found = world.names.find(kind.KIND, text)
    return -1 if found is None else found
