"""Who may do what: permission bits, and rules of the access control list (spec: xmlrpc-methods.md section 2).

Administrators (user 0 and members of group 0) have every right. Everyone else needs one rule, implicit
or listed, that holds all the rights asked for.
"""

from enum import IntFlag

import msgspec

from .objects import Group, Owned, Record, User


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


class Rule(msgspec.Struct, frozen=True):
    """An access rule: who (None: everyone; else members of these groups) may do what to all objects of these kinds."""

    kinds: frozenset[str]
    rights: Right
    group: int | None = None


#: In force until administrators can write their own: what OpenNebula's first rules and its default VDC give.
RULES = (
    Rule(frozenset({"vm", "image", "template", "secgroup"}), Right.CREATE),
    Rule(frozenset({"host"}), Right.USE | Right.MANAGE),
    Rule(frozenset({"network", "datastore"}), Right.USE),
)


def _bits(record: Owned, caller: Caller) -> Right:
    """The rights that the nine permission bits give."""
    granted = Right(_umask_digit(record.permissions & 7))
    if record.gid in caller.groups:
        granted |= Right(_umask_digit(record.permissions >> 3 & 7))
    if record.uid == caller.uid:
        granted |= Right(_umask_digit(record.permissions >> 6 & 7))
    return granted


def _umask_digit(digit: int) -> int:
    """An octal digit (4 use, 2 manage, 1 admin) as rights (1 use, 2 manage, 4 admin)."""
    return (digit >> 2 & 1) | (digit & 2) | (digit & 1) << 2


def rights_on(caller: Caller, record: Record) -> Right:
    """All rights of a caller on an object."""
    if caller.admin:
        return Right.USE | Right.MANAGE | Right.ADMIN | Right.CREATE
    granted = Right(0)
    if isinstance(record, Owned):
        granted |= _bits(record, caller)
    elif isinstance(record, User) and record.id == caller.uid:
        granted |= Right.USE | Right.MANAGE
    elif isinstance(record, Group) and record.id in caller.groups:
        granted |= Right.USE
    for rule in RULES:
        if record.KIND in rule.kinds and (rule.group is None or rule.group in caller.groups):
            granted |= rule.rights & ~Right.CREATE
    return granted


def may(caller: Caller, right: Right, record: Record) -> bool:
    """May the caller do this to the object? All bits of `right` are needed."""
    return caller.admin or right & rights_on(caller, record) == right


def may_create(caller: Caller, kind: str) -> bool:
    """May the caller create objects of a kind?"""
    return caller.admin or any(
        kind in rule.kinds and Right.CREATE in rule.rights
        for rule in RULES
        if rule.group is None or rule.group in caller.groups
    )


def locked_for(record: Record, right: Right) -> bool:
    """Does a lock on the object forbid this right? Locks bind administrators too."""
    lock = getattr(record, "lock", None)
    return lock is not None and 0 < lock.level <= int(right)
