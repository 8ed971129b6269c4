"""Operations as users see them: what is under way, how it ended, giving it up."""

from innkeeper.lifecycle import engine
from innkeeper.model.objects import Operation, Record
from innkeeper.model.permissions import Caller, Right, may
from innkeeper.model.world import Transaction, World
from innkeeper.store.journal import EventRow

from .common import check_right
from .core import Core


def visible(world: World, caller: Caller, kind: str, target: int, uid: int) -> bool:
    """May the caller know of work on an object? He may use it, or it is gone and he had asked for the work."""
    table = world.tables.get(kind)
    record: Record | None = table.get(target) if table is not None else None
    return (
        uid == caller.uid or caller.admin
        if record is None
        else may(world, caller, Right.USE, record)
    )


def usable(world: World, caller: Caller, operation: Operation) -> bool:
    """May the caller see an open operation?"""
    return visible(world, caller, operation.target_kind, operation.target, operation.uid)


def ended(core: Core, caller: Caller, number: int) -> EventRow | None:
    """How an operation ended, as far as the event log goes back and the caller may know."""
    rows = core.journal.events(0, 1, (Operation.KIND, number))
    if not rows:
        return None
    row = rows[0][1]
    return row if told(core.world, caller, row) else None


def told(world: World, caller: Caller, row: EventRow) -> bool:
    """May the caller know how an operation ended?"""
    said = row.detail
    kind, target, uid = str(said["target_kind"]), _int(said, "target"), _int(said, "by")
    return visible(world, caller, kind, target, uid)


def _int(said: dict[str, object], name: str) -> int:
    value = said[name]
    assert isinstance(value, int)
    return value


def cancel(tx: Transaction, caller: Caller, operation_id: int) -> int:
    """Gives an operation up: what was done is undone, if it still can be."""
    operation = tx.world.operations[operation_id]
    right = Right.MANAGE if operation.uid == caller.uid else Right.ADMIN
    check_right(tx.world, caller, right, engine.target_of(tx.world, operation))
    engine.cancel(tx, operation, f"cancelled by user {caller.uid}")
    return operation_id
