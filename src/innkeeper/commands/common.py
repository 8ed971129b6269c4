"""What all nouns' commands share: finding an object with the right to do something, names, the generic changes."""

from typing import Any, TypeVar

import msgspec

from innkeeper.model import permissions
from innkeeper.model.errors import (
    BadValue,
    Code,
    Mistake,
    Refusal,
    bad_argument,
    cannot_allocate,
    invalid,
    must_be,
    wrong_state,
)
from innkeeper.model.names import check_name
from innkeeper.model.objects import EMPTY, Group, Owned, Record, User
from innkeeper.model.permissions import Caller, Right, locked_for, may
from innkeeper.model.template import Template, TemplateError
from innkeeper.model.world import Transaction, World

from .restricted import check_restricted, replacement

R = TypeVar("R", bound=Record)
O = TypeVar("O", bound=Owned)  # noqa: E741


def forbidden(caller: Caller, right: Right, record: Record) -> Refusal:
    """The caller lacks a right on an object."""
    what = f"{right.name} {record.ACL or record.LABEL} [{record.id}]"
    return Refusal(
        Code.AUTHORIZATION, f"User [{caller.uid}] : Not authorized to perform {what}.", record.id
    )


def check_right(
    world: World, caller: Caller, right: Right, record: Record, *, ignore_lock: bool = False
) -> None:
    """Refuses when the caller lacks the right, or a lock forbids it."""
    if not may(world, caller, right, record):
        raise forbidden(caller, right, record)
    if not ignore_lock and locked_for(record, right):
        text = f"User [{caller.uid}] : {record.ACL} is locked. [{record.id}]"
        raise Refusal(Code.AUTHORIZATION, text, record.id)


def need(world: World, kind: type[R], object_id: int, caller: Caller, right: Right) -> R:
    """The object, if it exists and the caller has the right on it. Looking at it (USE) is always allowed by locks."""
    record = world.table(kind)[object_id]
    check_right(world, caller, right, record, ignore_lock=right is Right.USE)
    return record


def usable(world: World, kind: type[R], object_id: int, caller: Caller) -> R:
    """The object, if the caller may make use of it for something else: a lock can forbid that."""
    record = world.table(kind)[object_id]
    check_right(world, caller, Right.USE, record)
    return record


def check_create(world: World, caller: Caller, kind: type[Record]) -> None:
    """Refuses when the caller may not create objects of a kind."""
    if not permissions.may_create(world, caller, kind):
        text = f"User [{caller.uid}] : Not authorized to perform CREATE {kind.ACL}."
        raise Refusal(Code.AUTHORIZATION, text)


def parse(text: str) -> Template:
    """A template from a client."""
    try:
        return Template.parse(text)
    except TemplateError as problem:
        mistake = Mistake(
            "template", "NAME=VALUE or NAME=[A=B,...] on each line, or XML", str(problem)
        )
        raise invalid(f"Parse error: {problem}", mistake=mistake) from None


def check_possible_name(kind: type[Record], name: str) -> None:
    """Refuses a name that cannot be."""
    try:
        check_name(name, kind.KIND)
    except BadValue as problem:
        raise invalid(str(problem), mistake=problem.mistake) from None


def check_free_name(world: World, kind: type[Record], name: str, owner: int = -1) -> None:
    """Refuses a name that cannot be or that is taken, by any of the owner's where names belong to owners."""
    check_possible_name(kind, name)
    if (taken := _taken(world, kind, name, owner)) is not None:
        raise cannot_allocate(kind.LABEL, f"NAME is already taken by {kind.ACL} {taken}.")


def _taken(world: World, kind: type[Record], name: str, owner: int) -> int | None:
    return world.names.find(kind.KIND, name, owner if kind.UNIQUE == "owner" else -1)


def needed_name(template: Template, kind: type[Record]) -> str:
    """The NAME that a template must give."""
    name = template.get("NAME")
    if not name:
        raise cannot_allocate(
            kind.LABEL, Mistake("NAME", "a text of 1 to 128 characters", "nothing")
        )
    return name


def creation_bits(world: World, caller: Caller) -> int:
    """Permission bits of what a caller creates: everything for administrators' groups, else minus the umask."""
    user = world.users.get(caller.uid)
    text = user.template.get("UMASK") if user else None
    try:
        umask = int(text or "177", 8)
    except ValueError:
        umask = 0o177
    base = 0o777 if caller.uid == 0 or caller.gid == 0 else 0o666
    return base & ~umask & 0o777


# ---- creation and deletion -------------------------------------------------------------------


def create(
    tx: Transaction, caller: Caller, kind: type[O], name: str, template: Template, **fields: Any
) -> O:
    """Puts a new object of the caller's into the world."""
    record = kind(
        id=tx.new_id(kind), name=name, uid=caller.uid, gid=caller.gid, template=template,
        permissions=creation_bits(tx.world, caller), **fields,
    )  # fmt: skip
    tx.put(record)
    tx.log(record, "created", by=caller.uid)
    return record


def named(tx: Transaction, caller: Caller, kind: type[O], text: str) -> tuple[str, Template]:
    """The NAME and the rest of the template of something that the caller may create, checked as far as all kinds go."""
    check_create(tx.world, caller, kind)
    template = parse(text)
    check_restricted(caller, kind.KIND, template)
    name = needed_name(template, kind)
    check_free_name(tx.world, kind, name, caller.uid)
    return name, template.without("NAME")


def copyable(tx: Transaction, caller: Caller, kind: type[O], object_id: int, name: str) -> O:
    """The object, if the caller may make another of this name like it."""
    check_create(tx.world, caller, kind)
    origin = usable(tx.world, kind, object_id, caller)
    check_free_name(tx.world, kind, name, caller.uid)
    return origin


def delete(tx: Transaction, caller: Caller, kind: type[Record], object_id: int) -> int:
    """Deletes an object that nothing can depend on."""
    return drop(tx, caller, need(tx.world, kind, object_id, caller, Right.MANAGE))


def drop(tx: Transaction, caller: Caller, record: Record) -> int:
    """Deletes an object of which is known that it may go."""
    tx.delete(record)
    tx.log(record, "deleted", by=caller.uid)
    return record.id


# ---- generic changes -------------------------------------------------------------------------


def check_append(append: int, object_id: int = -1) -> None:
    """Refuses what is no type of update."""
    if append not in (0, 1):
        raise bad_argument(
            must_be("The update type", "0 (replace) or 1 (append)", append), object_id
        )


def updated(caller: Caller, kind: str, old: Template, new: Template, append: int) -> Template:
    """A template after an update: replaced (0) or merged (1), if the caller may."""
    check_append(append)
    check_restricted(caller, kind, new, old)
    return old.merged(new) if append else replacement(caller, kind, new, old)


def update(
    tx: Transaction,
    caller: Caller,
    kind: type[R],
    object_id: int,
    text: str,
    append: int,
    right: Right = Right.MANAGE,
) -> int:
    """Replaces or merges the user's part of an object's template."""
    record = need(tx.world, kind, object_id, caller, right)
    old: Template = getattr(record, "template", EMPTY)
    new = parse(text).without("NAME")
    tx.change(record, template=updated(caller, kind.KIND, old, new, append))
    tx.log(record, "update", by=caller.uid)
    return object_id


def rename(
    tx: Transaction,
    caller: Caller,
    kind: type[R],
    object_id: int,
    name: str,
    right: Right = Right.MANAGE,
) -> int:
    """Gives an object another name."""
    record = need(tx.world, kind, object_id, caller, right)
    if name == record.name:
        return object_id
    check_possible_name(kind, name)
    taken = _taken(tx.world, kind, name, record.uid if isinstance(record, Owned) else -1)
    if taken is not None:
        raise wrong_state(f"NAME is already taken by {kind.ACL} {taken}.", object_id)
    tx.change(record, name=name)
    tx.log(record, "rename", was=record.name, now=name, by=caller.uid)
    return object_id


def chmod(
    tx: Transaction, caller: Caller, kind: type[O], object_id: int, bits: tuple[int, ...]
) -> int:
    """Sets (1), clears (0) or keeps (-1) each of the nine permission bits."""
    record = tx.world.table(kind)[object_id]
    if any(bit not in (-1, 0, 1) for bit in bits):
        raise invalid(must_be("Permission bits", "-1, 0 or 1", bits), object_id)
    permissions_now = record.permissions
    admin_bits = 0o111
    wanted = permissions_now
    for position, bit in enumerate(bits):
        mask = 1 << (8 - position)
        wanted = wanted | mask if bit == 1 else wanted & ~mask if bit == 0 else wanted
    right = Right.ADMIN if (wanted ^ permissions_now) & admin_bits else Right.MANAGE
    check_right(tx.world, caller, right, record)
    tx.change(record, permissions=wanted)
    tx.log(record, "chmod", was=f"{permissions_now:o}", now=f"{wanted:o}", by=caller.uid)
    return object_id


def chown(
    tx: Transaction, caller: Caller, kind: type[O], object_id: int, uid: int, gid: int
) -> int:
    """Gives an object to another owner or group (-1 keeps)."""
    record = need(tx.world, kind, object_id, caller, Right.MANAGE)
    if uid > -1:
        need(tx.world, User, uid, caller, Right.MANAGE)
    if gid > -1:
        need(tx.world, Group, gid, caller, Right.USE)
    uid = record.uid if uid < 0 else uid
    gid = record.gid if gid < 0 else gid
    if (uid, gid) == (record.uid, record.gid):
        return object_id
    taken = _taken(tx.world, kind, record.name, uid) if uid != record.uid else None
    if taken is not None and kind.UNIQUE == "owner":
        raise invalid(f"NAME is already taken by {kind.ACL} {taken}.", object_id)
    tx.change(record, uid=uid, gid=gid)
    tx.log(record, "chown", uid=uid, gid=gid, by=caller.uid)
    return object_id


S = TypeVar("S", bound=msgspec.Struct)


def replaced(record: S, **fields: Any) -> S:
    """A copy of a record with fields changed."""
    return msgspec.structs.replace(record, **fields)
