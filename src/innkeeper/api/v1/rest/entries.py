"""How entries of the table are written: what all resources have is written once, here."""

from collections.abc import Iterator
from typing import Any

from innkeeper.commands import common, locks
from innkeeper.model.errors import invalid, must_be
from innkeeper.model.objects import Lockable, Owned, Record
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction

from .requests import Command, call
from .table import Action, Prepare, Resource


def action(
    name: str,
    command: Command,
    *,
    prepare: Prepare | None = None,
    secret: bool = False,
    help: str = "",  # noqa: A002
    **more: Any,
) -> Action:
    """An action, explained by its command unless otherwise."""
    text = help or (command.__doc__ or "").partition("\n")[0]
    return Action(name, call(command, **more), text, prepare, secret)


def creation(command: Command, **more: Any) -> Action:
    """How objects are created."""
    return action("create", command, creates=True, **more)


def resource(
    path: str,
    kind: type[Record],
    create: Action,
    *own: Action,
    delete: Action | None = None,
    actions: tuple[Action, ...] = (),
    without: tuple[str, ...] = (),
    **more: Any,
) -> Resource:
    """A resource: what PATCH is made of and can be done to it in its `own` way, and for the rest what all have."""
    said = {*without, *(each.name for each in own)}
    changes = [each for each in _changes(kind) if each.name not in said]
    by_place = sorted((*changes, *own), key=lambda each: _LAST.get(each.name, 0))
    also = locking(kind) if issubclass(kind, Lockable) else ()
    gone = delete or action("delete", common.delete, given={"kind": kind})
    return Resource(path, kind, create, tuple(by_place), gone, (*actions, *also), **more)


#: What may take the caller's rights away comes last.
_LAST = {"chmod": 1, "chown": 2}


def _changes(kind: type[Record]) -> Iterator[Action]:
    given = {"kind": kind, "right": Right.MANAGE}
    yield action("rename", common.rename, given=given)
    yield action("update", common.update, given=given)
    if issubclass(kind, Owned):
        yield _chmod(kind)
        yield action("chown", common.chown, given={"kind": kind}, defaults=KEEP)


KEEP = {"uid": -1, "gid": -1}


def _chmod(kind: type[Owned]) -> Action:
    def chmod(tx: Transaction, caller: Caller, object_id: int, permissions: str) -> int:
        """Sets the permission bits, three octal digits."""
        return common.chmod(tx, caller, kind, object_id, bits(permissions))

    return action("chmod", chmod)


def bits(permissions: str) -> tuple[int, ...]:
    """Nine bits of three octal digits."""
    if len(permissions) != 3 or set(permissions) - set("01234567"):
        raise invalid(must_be("permissions", "three octal digits like 640", permissions[:40]))
    return tuple(int(bit) for bit in f"{int(permissions, 8):09b}")


def locking(kind: type[Record]) -> tuple[Action, ...]:
    """What can be asked of objects that have locks."""
    return (
        action("lock", locks.lock, given={"kind": kind}, defaults={"level": 1, "test": False}),
        action("unlock", locks.unlock, given={"kind": kind}),
    )
