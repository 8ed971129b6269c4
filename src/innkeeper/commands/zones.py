"""Zones. This front end stands alone: it knows its own zone, and is not in a federation."""

from innkeeper.model.catalogue import Enabled, Zone
from innkeeper.model.errors import Code, Refusal, cannot_allocate, invalid, wrong_state
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction

from . import common
from .common import check_create, need, parse

#: This front end's zone, and what clients are told of it until somebody says more.
OWN, NAME, ENDPOINT = 0, "OpenNebula", "http://localhost:2633/RPC2"
ALONE = "this front end is in no federation (its mode is STANDALONE)"


def first(tx: Transaction) -> None:
    """The zone that every front end begins with."""
    template = Template({"ENDPOINT": (ENDPOINT,)})
    tx.put(Zone(id=tx.new_id(Zone), name=NAME, template=template))
    tx.start_ids_at(Zone, 100)


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Other zones are made on the master of a federation only."""
    check_create(tx.world, caller, Zone)
    common.needed_name(parse(text), Zone)
    raise cannot_allocate(Zone.LABEL, f"Zones are made in a federation; {ALONE}.")


def delete(tx: Transaction, caller: Caller, zone_id: int) -> int:
    """The own zone stays."""
    need(tx.world, Zone, zone_id, caller, Right.ADMIN)
    raise wrong_state(f"Cannot delete zone. Zone {zone_id} is this front end's own", zone_id)


def update(tx: Transaction, caller: Caller, zone_id: int, text: str, append: int) -> int:
    """Replaces or merges a zone's template; the ENDPOINT stays when nothing is said of it."""
    before = tx.world.table(Zone)[zone_id].template.get("ENDPOINT", ENDPOINT)
    common.update(tx, caller, Zone, zone_id, text, append)
    zone = tx.world.table(Zone)[zone_id]
    if "ENDPOINT" not in zone.template:
        tx.change(zone, template=zone.template.with_("ENDPOINT", before))
    return zone_id


def enable(tx: Transaction, caller: Caller, zone_id: int, wanted: bool) -> int:
    """Lets a zone take changes, or not: a disabled one can be looked at only."""
    zone = need(tx.world, Zone, zone_id, caller, Right.ADMIN)
    tx.change(zone, state=Enabled.ENABLED if wanted else Enabled.DISABLED)
    tx.log(zone, "enabled" if wanted else "disabled", by=caller.uid)
    return zone_id


def check_enabled(tx: Transaction) -> None:
    """Refuses changes of anything but zones while the own zone is disabled."""
    zone = tx.world.table(Zone).get(OWN)
    if zone is None or zone.state is Enabled.ENABLED:
        return
    if any(kind != Zone.KIND for kind, _ in tx.writes):
        raise invalid("zone disabled")


def change_server(tx: Transaction, caller: Caller, zone_id: int, server: str) -> int:
    """Front ends follow each other by way of their database: there are no servers to add, delete or reset."""
    need(tx.world, Zone, zone_id, caller, Right.ADMIN)
    raise wrong_state(f"Zone {zone_id} has no servers: {ALONE}", zone_id)


def between_servers(tx: Transaction, caller: Caller, *_: object) -> int:
    """What servers of a federation say to each other."""
    if caller.uid != 0:
        text = f"User [{caller.uid}] : this is for servers of a federation."
        raise Refusal(Code.AUTHORIZATION, text)
    raise wrong_state(f"There is nobody to say this to: {ALONE}")
