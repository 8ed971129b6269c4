"""What goes with an object that is deleted: rules that name it, its place in VDCs, its office in groups.

Numbers are never used again, so such leftovers would give nobody anything; but they would be seen, and stay for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import acl, implied
from .access import said
from .objects import AclRule, Record

if TYPE_CHECKING:
    from .world import Transaction

#: Kinds that can be in a VDC: where they are listed there.
_LISTS: Final = {
    "cluster": "clusters",
    "host": "hosts",
    "datastore": "datastores",
    "network": "networks",
}
#: Kinds from which rules follow, or that such rules name.
_IMPLYING: Final = frozenset({"user", "group", "vdc", *_LISTS})


def forget(tx: Transaction, record: Record) -> None:
    """Takes away what named an object that is gone."""
    if record.ACL not in acl.TYPES:
        return
    if record.KIND in _IMPLYING:
        _leave_lists(tx, record)
    for number in sorted(_rules_naming(tx, record)):
        _without(tx, tx.world.acl[number], record)


def _without(tx: Transaction, rule: AclRule, record: Record) -> None:
    """Takes a rule away; one for the same number of other kinds stays for those."""
    bit = acl.TYPES.get(record.ACL, 0)
    others = rule.resource & acl.ALL_TYPES & ~bit
    about = rule.resource & acl.WHICH == acl.INDIVIDUAL | record.id and rule.resource & bit
    kept = said(rule)._replace(resource=rule.resource & ~bit)
    if about and others and tx.world.access.saying(kept) is None:
        tx.change(rule, resource=kept.resource)
    else:
        tx.delete(rule)


def _leave_lists(tx: Transaction, record: Record) -> None:
    here = (acl.LOCAL_ZONE, record.id)
    for vdc in list(tx.world.vdcs):
        name = _LISTS.get(record.KIND)
        if name is not None and here in getattr(vdc, name):
            tx.change(vdc, **{name: tuple(each for each in getattr(vdc, name) if each != here)})
        elif record.KIND == "group" and record.id in vdc.groups:
            tx.change(vdc, groups=tuple(gid for gid in vdc.groups if gid != record.id))
    if record.KIND == "user":
        for group in list(tx.world.groups):
            if record.id in group.admins:
                tx.change(group, admins=tuple(u for u in group.admins if u != record.id))
    implied.settle(tx)


def _rules_naming(tx: Transaction, record: Record) -> set[int]:
    access = tx.world.access
    types = acl.TYPES.get(record.ACL, 0)
    found = set(access.naming(types | acl.INDIVIDUAL | record.id))
    if record.KIND == "user":
        found |= access.naming(acl.INDIVIDUAL | record.id)
    elif record.KIND == "group":
        found |= access.naming(acl.GROUP | record.id)
    elif record.KIND == "cluster":
        found |= access.naming(acl.CLUSTER | record.id)
    return found
