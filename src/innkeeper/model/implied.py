"""Rules that follow from VDCs and from the administrators of groups (spec: xmlrpc-methods.md sections 2 and 6).

Nobody keeps them by hand: after each change of what they follow from, those that are there are made equal to those
that follow. They are stored for the sake of their numbers, which clients see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from . import acl
from .acl import ADMIN, ALL, CLUSTER, CREATE, GROUP, INDIVIDUAL, MANAGE, TYPES, USE, Rule
from .objects import ALL_OF_ZONE, AclRule, Vdc

if TYPE_CHECKING:
    from .world import Transaction, World

_HOST, _STORES_AND_NETS = TYPES["HOST"], TYPES["DATASTORE"] | TYPES["NET"]
#: What an administrator of a group may do with the objects of the group.
_OF_GROUP = sum(
    TYPES[name]
    for name in (
        "VM", "NET", "IMAGE", "TEMPLATE", "DOCUMENT", "SECGROUP", "VROUTER", "VMGROUP", "BACKUPJOB",
    )
)  # fmt: skip


def following(world: World) -> Iterator[Rule]:
    """All rules that follow; some of them more than once."""
    for vdc in world.vdcs:
        for gid in vdc.groups:
            yield from _of_vdc(vdc, GROUP | gid)
    for group in world.groups:
        for uid in group.admins:
            yield from _of_admin(INDIVIDUAL | uid, group.id)


def _of_vdc(vdc: Vdc, who: int) -> Iterator[Rule]:
    kinds: Iterable[tuple[Iterable[tuple[int, int]], int, int, int]] = (
        (vdc.clusters, CLUSTER, _HOST, MANAGE),
        (vdc.clusters, CLUSTER, _STORES_AND_NETS, USE),
        (vdc.hosts, INDIVIDUAL, _HOST, MANAGE),
        (vdc.datastores, INDIVIDUAL, TYPES["DATASTORE"], USE),
        (vdc.networks, INDIVIDUAL, TYPES["NET"], USE),
    )
    for resources, flag, types, rights in kinds:
        for zone, number in resources:
            which = ALL if number == ALL_OF_ZONE else flag | number
            yield Rule(who, types | which, rights, INDIVIDUAL | zone)


def _of_admin(who: int, gid: int) -> Iterator[Rule]:
    yield Rule(who, TYPES["USER"] | GROUP | gid, USE | MANAGE | ADMIN | CREATE, ALL)
    yield Rule(who, _OF_GROUP | GROUP | gid, USE | MANAGE, ALL)
    yield Rule(who, TYPES["VROUTER"] | ALL, CREATE, ALL)
    yield Rule(who, TYPES["GROUP"] | INDIVIDUAL | gid, MANAGE, ALL)


def settle(tx: Transaction) -> None:
    """Makes the implied rules those that follow. What somebody has written by hand already is not said twice."""
    wanted = dict.fromkeys(following(tx.world))
    for rule in list(tx.world.acl):
        if rule.implied and Rule(rule.user, rule.resource, rule.rights, rule.zone) not in wanted:
            tx.delete(rule)
    for said in wanted:
        if tx.world.access.saying(said) is None:
            add(tx, said, implied=True)


def add(tx: Transaction, said: Rule, *, implied: bool = False) -> AclRule:
    """Stores a rule."""
    rule = AclRule(
        id=tx.new_id(AclRule), user=said.user, resource=said.resource, rights=said.rights,
        zone=said.zone, implied=implied,
    )  # fmt: skip
    tx.log(tx.put(rule), "created", rule=acl.text(said))
    return rule
