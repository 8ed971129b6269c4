"""Locks that users put on objects, so that nothing happens to them by mistake (spec: xmlrpc-methods.md section 4)."""

from typing import TypeVar

from innkeeper.model.errors import must_be, wrong_state
from innkeeper.model.objects import Lock, Lockable
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction

from .common import check_right

L = TypeVar("L", bound=Lockable)

#: What callers may ask for -> what is locked: 1 use, 2 manage, 3 admin (and all that comes after it); 4 is all.
LEVELS = {1: 1, 2: 2, 3: 3, 4: 1}


def lock(
    tx: Transaction, caller: Caller, kind: type[L], object_id: int, level: int, test: bool
) -> int:
    """Locks an object; with `test` only refuses if it is locked."""
    record = tx.world.table(kind)[object_id]
    check_right(tx.world, caller, Right.MANAGE, record, ignore_lock=True)
    if level not in LEVELS:
        raise wrong_state(must_be("The lock level", "from 1 to 4", level), object_id)
    held = record.lock
    if held is not None and (test or not (caller.admin or held.owner == caller.uid)):
        what = kind.ACL
        raise wrong_state(f"{what} {object_id} is locked by user {held.owner}", object_id)
    if not test:
        tx.change(record, lock=Lock(LEVELS[level], caller.uid, tx.second))
        tx.log(record, "locked", level=LEVELS[level], by=caller.uid)
    return object_id


def unlock(tx: Transaction, caller: Caller, kind: type[L], object_id: int) -> int:
    """Unlocks an object: its lock's owner may, and administrators."""
    record = tx.world.table(kind)[object_id]
    check_right(tx.world, caller, Right.MANAGE, record, ignore_lock=True)
    if record.lock is None:
        return object_id
    if not (caller.admin or record.lock.owner == caller.uid):
        raise wrong_state(f"Cannot unlock: user {record.lock.owner} holds the lock", object_id)
    tx.change(record, lock=None)
    tx.log(record, "unlocked", by=caller.uid)
    return object_id
