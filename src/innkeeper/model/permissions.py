"""Who may do what: one decision for all commands and pools (spec: xmlrpc-methods.md section 2).

Administrators (user 0 and members of group 0) have every right. Everyone else needs one rule, implicit in the object's
permission bits or of the access control list, that holds all the rights asked for (`access.py`).
"""

from collections.abc import Iterator
from enum import IntFlag

import msgspec

from . import acl
from .access import DIGITS, GRANTING, clusters_of, said
from .objects import AclRule, Group, Network, Owned, Record, User
from .world import World


class Right(IntFlag):
    """Rights on an object."""

    USE = 1
    MANAGE = 2
    ADMIN = 4
    CREATE = 8


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf a request runs. `groups` are all groups in effect, the primary one first."""

    uid: int
    gid: int
    name: str
    groups: tuple[int, ...]

    @property
    def admin(self) -> bool:
        """True for user 0 and members of group 0."""
        return self.uid == 0 or 0 in self.groups


SYSTEM = Caller(-1, -1, "system", (0,))


def may(world: World, caller: Caller, right: Right, record: Record) -> bool:
    """May the caller do this to the object? All bits of `right` are needed."""
    return caller.admin or world.access.grants(caller.uid, caller.groups).allows(right, record)


def may_create(world: World, caller: Caller, kind: type[Record]) -> bool:
    """May the caller create objects of a kind?"""
    return caller.admin or world.access.grants(caller.uid, caller.groups).creates(kind, caller.gid)


def locked_for(record: Record, right: Right) -> bool:
    """Does a lock on the object forbid this right? Locks bind administrators too."""
    lock = getattr(record, "lock", None)
    return lock is not None and 0 < lock.level <= int(right)


# ---- why ------------------------------------------------------------------------------------


class Reason(msgspec.Struct, frozen=True):
    """A rule that speaks of the caller and the object: who says it, the rights it holds, does it grant the request?"""

    source: str
    rights: str
    grants: bool


def reasons(world: World, caller: Caller, right: Right, record: Record) -> list[Reason]:
    """Everything that gives the caller any right on the object, read rule by rule."""
    held = [*_inherent(caller, record), *_listed(world, caller, record)]
    return [
        Reason(source, acl.rights_text(rights), rights & right == right)
        for source, rights in held
        if rights
    ]


def _inherent(caller: Caller, record: Record) -> Iterator[tuple[str, int]]:
    if caller.uid == 0:
        yield "is user 0", 15
    if 0 in caller.groups:
        yield "is in group 0", 15
    if isinstance(record, Owned):
        if record.uid == caller.uid:
            yield "permission bits of the owner", _rights_of_digit(record.permissions >> 6)
        if record.gid in caller.groups:
            text = f"permission bits of group {record.gid}"
            yield text, _rights_of_digit(record.permissions >> 3)
        yield "permission bits of others", _rights_of_digit(record.permissions)
    elif isinstance(record, User) and record.id == caller.uid:
        yield "is that user", acl.USE | acl.MANAGE
    elif isinstance(record, Group) and record.id in caller.groups:
        yield "is in that group", acl.USE


def _rights_of_digit(digit: int) -> int:
    return GRANTING.index(DIGITS[digit & 7])


def _listed(world: World, caller: Caller, record: Record) -> Iterator[tuple[str, int]]:
    for rule in world.access.rules_for(caller.uid, caller.groups):
        if _speaks_of(rule, record):
            yield f"rule {rule.id}: {acl.text(said(rule))}", rule.rights


def _speaks_of(rule: AclRule, record: Record) -> bool:
    """Is the object among those that the rule is about?"""
    if not rule.resource & acl.TYPES.get(record.ACL, 0):
        return False
    number, reserved = rule.resource & acl.NUMBER, _is_reservation(record)
    if rule.resource & acl.ALL:
        return not reserved
    if rule.resource & acl.INDIVIDUAL:
        return number == record.id
    if rule.resource & acl.CLUSTER:
        return not reserved and number in clusters_of(record)
    return number == getattr(record, "gid", None)


def _is_reservation(record: Record) -> bool:
    return isinstance(record, Network) and record.parent_id >= 0
