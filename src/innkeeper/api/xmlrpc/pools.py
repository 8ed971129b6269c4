"""Which objects a pool method lists, and in which order (spec: xmlrpc-methods.md section 3)."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from innkeeper.model.errors import bad_argument
from innkeeper.model.objects import Owned, Record
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Table, World

R = TypeVar("R", bound=Record)
O = TypeVar("O", bound=Owned)  # noqa: E741

Accept = Callable[[Any], bool]

#: Filters: the caller's own and its groups' objects, all, its own, its primary group's.
MINE_AND_GROUPS, ALL, MINE, PRIMARY_GROUP = -1, -2, -3, -4


def all_of(world: World, table: Table[R], caller: Caller) -> list[R]:
    """All objects that the caller may use: what pools without parameters list."""
    return list(_usable(world, caller, _ordered(world, table, caller)))


def selected(
    world: World,
    table: Table[O],
    caller: Caller,
    flag: int,
    start: int,
    end: int,
    accept: Accept | None = None,
) -> list[O]:
    """The objects that pass the filter `flag` and `accept`, within a range of numbers or of places."""
    owned = _filter(caller, flag)
    found: Iterable[O] = _ordered(world, table, caller)
    if end >= -1 and start != -1:
        last = end if end >= 0 else float("inf")
        found = (record for record in found if start <= record.id <= last)
    for wanted in (owned, accept):
        if wanted is not None:
            found = filter(wanted, found)
    found = _usable(world, caller, found)
    if end < -1:
        offset = max(start, 0)
        return list(islice(found, offset, offset - end))
    return list(found)


def _usable(world: World, caller: Caller, records: Iterable[R]) -> Iterable[R]:
    if caller.admin:
        return records
    allows, use = world.access.grants(caller.uid, caller.groups).allows, int(Right.USE)
    return (record for record in records if allows(use, record))


def _filter(caller: Caller, flag: int) -> Accept | None:
    if flag < PRIMARY_GROUP:
        raise bad_argument(f"Incorrect filter_flag: -4 or more is expected, not {flag}")
    if flag == ALL:
        return None
    if flag == MINE_AND_GROUPS:
        return lambda record: record.uid == caller.uid or record.gid in caller.groups
    if flag == PRIMARY_GROUP:
        return lambda record: bool(record.gid == caller.gid)
    owner = caller.uid if flag == MINE else flag
    return lambda record: bool(record.uid == owner)


def _ordered(world: World, table: Table[R], caller: Caller) -> Iterator[R]:
    rows = table.rows
    return map(rows.__getitem__, sorted(rows, reverse=_descending(world, caller)))


def _descending(world: World, caller: Caller) -> bool:
    """Newest first, unless the user's or the group's API_LIST_ORDER is ASC."""
    for holder in (world.users.get(caller.uid), world.groups.get(caller.gid)):
        wish = holder.template.get("API_LIST_ORDER") if holder else None
        if wish:
            return wish.upper() != "ASC"
    return True
