"""The rules in force, and what they come to for each caller. Nothing of this is stored.

Theory of operation
-------------------
A rule grants a request when it holds *all* the rights asked for; two rules that hold one half each grant nothing.
There are sixteen sets of rights, so what a rule grants is a number of sixteen bits (`granting`), one for each set that
is asked for, and what several rules grant is their union, exactly. For a caller (a user acting with certain groups)
the rules that concern him are sorted once, by kind of object, into those for all objects, for one, for a group's and
for a cluster's. A decision is then a few look-ups. Any change of a rule forgets all that was sorted.
"""

from typing import Final

from . import acl
from .acl import ALL, CLUSTER, GROUP, INDIVIDUAL, NUMBER, WHICH, Rule
from .objects import AclRule, Group, Network, Owned, Record, User

#: Sorted rules kept at most; past it all are sorted anew when they are needed.
MAX_CALLERS = 10_000


def granting(rights: int) -> int:
    """The sets of rights that someone with these rights is granted: bit n for the set n."""
    return sum(1 << wanted for wanted in range(16) if wanted & rights == wanted)


GRANTING: Final = tuple(granting(rights) for rights in range(16))


def _of_digit(digit: int) -> int:
    """An octal digit (4 use, 2 manage, 1 admin) as rights (1 use, 2 manage, 4 admin)."""
    return (digit >> 2 & 1) | (digit & 2) | (digit & 1) << 2


#: What each octal digit of permissions grants.
DIGITS: Final = tuple(GRANTING[_of_digit(digit)] for digit in range(8))
_SELF: Final = GRANTING[acl.USE | acl.MANAGE]
_MEMBER: Final = GRANTING[acl.USE]


def said(rule: AclRule) -> Rule:
    """What a stored rule says."""
    return Rule(rule.user, rule.resource, rule.rights, rule.zone)


def applies_here(rule: AclRule) -> bool:
    """Is the rule one for this zone?"""
    return bool(rule.zone & ALL) or rule.zone == acl.HERE


class Sorted:
    """What a caller's rules grant on one kind of object."""

    __slots__ = ("clusters", "everything", "groups", "ids")

    def __init__(self) -> None:
        self.everything = 0
        self.ids: dict[int, int] = {}
        self.groups: dict[int, int] = {}
        self.clusters: dict[int, int] = {}

    def add(self, resource: int, granted: int) -> None:
        """Takes up a rule."""
        if resource & ALL:
            self.everything |= granted
            return
        into = self.ids if resource & INDIVIDUAL else self.groups
        into = self.clusters if resource & CLUSTER else into
        number = resource & NUMBER
        into[number] = into.get(number, 0) | granted


NO_RULES: Final = Sorted()


class Grants:
    """What one caller may do."""

    __slots__ = ("_groups", "_kinds", "_uid")

    def __init__(self, uid: int, groups: tuple[int, ...], rules: list[AclRule]) -> None:
        self._uid = uid
        self._groups = frozenset(groups)
        self._kinds: dict[str, Sorted] = {}
        for name, bit in acl.TYPES.items():
            concerned = [rule for rule in rules if rule.resource & bit]
            if concerned:
                found = self._kinds[name] = Sorted()
                for rule in concerned:
                    found.add(rule.resource, GRANTING[rule.rights])

    def allows(self, rights: int, record: Record) -> bool:
        """May the caller do this to the object? One rule must hold all the rights."""
        rules = self._kinds.get(record.ACL, NO_RULES)
        granted = rules.ids.get(record.id, 0) if rules.ids else 0
        # A reservation is for those to whom it was given; that a user may use all networks does not mean it.
        reserved = type(record) is Network and record.parent_id >= 0
        if not reserved:
            granted |= rules.everything
        if rules.clusters and not reserved:
            for cluster in clusters_of(record):
                granted |= rules.clusters.get(cluster, 0)
        if isinstance(record, Owned):
            bits, gid = record.permissions, record.gid
            granted |= DIGITS[bits & 7]
            if gid in self._groups:
                granted |= DIGITS[bits >> 3 & 7]
            if record.uid == self._uid:
                granted |= DIGITS[bits >> 6 & 7]
            granted |= rules.groups.get(gid, 0)
        elif type(record) is User:
            granted |= rules.groups.get(record.gid, 0)
            if record.id == self._uid:
                granted |= _SELF
        elif type(record) is Group and record.id in self._groups:
            granted |= _MEMBER
        return bool(granted >> rights & 1)

    def creates(self, kind: type[Record], gid: int) -> bool:
        """May the caller, whose first group this is, make objects of a kind?"""
        rules = self._kinds.get(kind.ACL, NO_RULES)
        return bool((rules.everything | rules.groups.get(gid, 0)) >> acl.CREATE & 1)


def clusters_of(record: Record) -> tuple[int, ...]:
    """The clusters that rules find an object in."""
    cluster = getattr(record, "cluster_id", None)
    return getattr(record, "clusters", ()) if cluster is None else (cluster,)


class Access:
    """All rules: by whom they are for, by what they say, and by whom and what they name."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, AclRule]] = {}
        self._said: dict[Rule, int] = {}
        self._naming: dict[int, set[int]] = {}
        self._grants: dict[tuple[int, tuple[int, ...]], Grants] = {}

    def change(self, old: AclRule | None, new: AclRule | None) -> None:
        self._grants.clear()
        if old is not None:
            del self._of[old.user][old.id]
            self._said.pop(said(old), None)
            for key in _named(old):
                self._naming[key].discard(old.id)
        if new is not None:
            self._of.setdefault(new.user, {})[new.id] = new
            self._said[said(new)] = new.id
            for key in _named(new):
                self._naming.setdefault(key, set()).add(new.id)

    def rules_for(self, uid: int, groups: tuple[int, ...]) -> list[AclRule]:
        """The rules that concern a user who acts with these groups, in this zone; oldest first."""
        whom = (ALL, INDIVIDUAL | uid, *(GROUP | gid for gid in dict.fromkeys(groups)))
        found = (rule for who in whom for rule in self._of.get(who, {}).values())
        return sorted(filter(applies_here, found), key=lambda rule: rule.id)

    def grants(self, uid: int, groups: tuple[int, ...]) -> Grants:
        """What a user may do who acts with these groups."""
        key = uid, groups
        found = self._grants.get(key)
        if found is None:
            if len(self._grants) >= MAX_CALLERS:
                self._grants.clear()
            found = self._grants[key] = Grants(uid, groups, self.rules_for(uid, groups))
        return found

    def saying(self, rule: Rule) -> int | None:
        """The number of the rule that says exactly this."""
        return self._said.get(rule)

    def naming(self, component: int) -> set[int]:
        """The rules that name something: `INDIVIDUAL | uid` is a user, `TYPE | INDIVIDUAL | id` an object."""
        return self._naming.get(component, set())


def _named(rule: AclRule) -> list[int]:
    """What a rule names: its subject, a group or cluster, an object of each of its kinds."""
    if rule.resource & INDIVIDUAL:
        which = rule.resource & WHICH
        things = [bit | which for bit in acl.TYPES.values() if rule.resource & bit]
    else:
        things = [rule.resource & WHICH]
    return [component for component in (rule.user, *things) if not component & ALL]
