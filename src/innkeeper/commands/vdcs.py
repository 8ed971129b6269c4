"""Virtual data centres: which groups may use which clusters, hosts, datastores and networks.

What a VDC means is rules of the access control list (`model/implied.py`), made and taken away with each change.
"""

from collections.abc import Callable

from innkeeper.model import implied
from innkeeper.model.catalogue import Zone
from innkeeper.model.errors import invalid, wrong_state
from innkeeper.model.objects import (
    ALL_OF_ZONE,
    Cluster,
    Datastore,
    Group,
    Host,
    Network,
    Record,
    Vdc,
)
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction

from .common import check_create, check_free_name, drop, need, needed_name, parse
from .users import FIRST_VDC

#: Kinds of resource: the field of a VDC, and how messages name one.
RESOURCES: dict[type[Record], str] = {
    Cluster: "clusters",
    Host: "hosts",
    Datastore: "datastores",
    Network: "networks",
}


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Creates a VDC without groups and resources."""
    template = parse(text)
    check_create(tx.world, caller, Vdc)
    name = needed_name(template, Vdc)
    check_free_name(tx.world, Vdc, name)
    vdc = Vdc(id=tx.new_id(Vdc), name=name, template=template.without("NAME"))
    tx.log(tx.put(vdc), "created", by=caller.uid)
    return vdc.id


def delete(tx: Transaction, caller: Caller, vdc_id: int) -> int:
    """Deletes a VDC; what its groups could use through it they can use no more."""
    vdc = need(tx.world, Vdc, vdc_id, caller, Right.ADMIN)
    if vdc_id == FIRST_VDC:
        raise wrong_state("Cannot delete VDC. The default VDC cannot be deleted.", vdc_id)
    return drop(tx, caller, vdc)


def add_group(tx: Transaction, caller: Caller, vdc_id: int, group_id: int) -> int:
    """Lets a group use what is in a VDC."""
    vdc = _with_group(tx, caller, vdc_id, group_id)
    if group_id in vdc.groups:
        raise invalid(f"Group {group_id} is already assigned to VDC {vdc_id}.", vdc_id)
    return _changed(tx, caller, vdc, "groups", (*vdc.groups, group_id))


def delete_group(tx: Transaction, caller: Caller, vdc_id: int, group_id: int) -> int:
    """Takes a group out of a VDC."""
    vdc = _with_group(tx, caller, vdc_id, group_id)
    if group_id not in vdc.groups:
        raise invalid(f"Group {group_id} is not assigned to VDC {vdc_id}.", vdc_id)
    return _changed(tx, caller, vdc, "groups", tuple(g for g in vdc.groups if g != group_id))


def _with_group(tx: Transaction, caller: Caller, vdc_id: int, group_id: int) -> Vdc:
    vdc = need(tx.world, Vdc, vdc_id, caller, Right.ADMIN)
    need(tx.world, Group, group_id, caller, Right.ADMIN)
    return vdc


Change = Callable[[Transaction, Caller, int, int, int], int]


def adding(kind: type[Record]) -> Change:
    """The command that puts resources of a kind into a VDC: (transaction, caller, VDC, zone, resource)."""

    def add(tx: Transaction, caller: Caller, vdc_id: int, zone: int, number: int) -> int:
        vdc, field = _with_resource(tx, caller, kind, vdc_id, zone, number)
        there = getattr(vdc, field)
        if (zone, number) in there:
            text = f"{kind.LABEL} {number} of zone {zone} is already assigned to VDC {vdc_id}."
            raise invalid(text, vdc_id)
        return _changed(tx, caller, vdc, field, (*there, (zone, number)))

    return add


def removing(kind: type[Record]) -> Change:
    """The command that takes resources of a kind out of a VDC."""

    def remove(tx: Transaction, caller: Caller, vdc_id: int, zone: int, number: int) -> int:
        vdc, field = _with_resource(tx, caller, kind, vdc_id, zone, number)
        there = getattr(vdc, field)
        if (zone, number) not in there:
            text = f"{kind.LABEL} {number} of zone {zone} is not assigned to VDC {vdc_id}."
            raise invalid(text, vdc_id)
        return _changed(tx, caller, vdc, field, tuple(r for r in there if r != (zone, number)))

    return remove


def _with_resource(
    tx: Transaction, caller: Caller, kind: type[Record], vdc_id: int, zone: int, number: int
) -> tuple[Vdc, str]:
    """The VDC, if the caller may handle it and the resource, and both are there."""
    vdc = need(tx.world, Vdc, vdc_id, caller, Right.ADMIN)
    need(tx.world, Zone, zone, caller, Right.ADMIN)
    if number != ALL_OF_ZONE:
        need(tx.world, kind, number, caller, Right.ADMIN)
    elif not caller.admin:
        raise invalid(f"only administrators put all of a zone into VDC {vdc_id}", vdc_id)
    return vdc, RESOURCES[kind]


def _changed(tx: Transaction, caller: Caller, vdc: Vdc, field: str, now: tuple[object, ...]) -> int:
    changed = tx.change(vdc, **{field: now})
    implied.settle(tx)
    tx.log(changed, "changed", field=field, now=list(now), by=caller.uid)
    return vdc.id
