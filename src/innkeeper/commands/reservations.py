"""Reservations: a part of a network's addresses as a network of its own (spec: templates.md section 8.1).

The parent keeps what its reservations have, and nobody gets it from there; it is free again with the reservation.
"""

from innkeeper.model import addresses
from innkeeper.model.errors import Refusal, invalid, must_be, wrong_state
from innkeeper.model.objects import AddressRange, Network
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, Vector, as_int
from innkeeper.model.world import Transaction, World

from .common import check_free_name, creation_bits, need, parse, replaced, usable

#: Where a reservation may be asked to begin.
_STARTS = ("IP", "IP6", "MAC")
_MOST = 2**31 - 1


def reserve(tx: Transaction, caller: Caller, network_id: int, text: str) -> int:
    """Takes addresses out of a network: for a new one (NAME), or for a reservation that there is (NETWORK_ID)."""
    parent = usable(tx.world, Network, network_id, caller)
    if parent.parent_id >= 0:
        raise wrong_state(f"Network {network_id} is a reservation itself", network_id)
    wish = parse(text)
    size = as_int(wish.get("SIZE") or "")
    if size is None or not 0 < size <= _MOST:
        raise invalid(must_be("SIZE", "a whole number above 0", wish.get("SIZE")), network_id)
    ar, start = _found(tx.world, parent, wish, size)
    target = _target(tx, caller, parent, wish)
    number = max((part.id for part in target.ranges), default=-1) + 1
    part = AddressRange(id=number, template=_part(ar, start, size))
    tx.put(replaced(target, ranges=(*target.ranges, part)))
    tx.log(parent, "reserved", size=size, by=caller.uid, network=target.id)
    return target.id


def _found(world: World, parent: Network, wish: Template, size: int) -> tuple[AddressRange, int]:
    """The range to take from, and the first lease."""
    ranges, asked = _ranges(parent, wish), _asked(parent, wish)
    for ar in ranges:
        wanted = 0 if asked is None else addresses.index_of(ar, *asked)
        if wanted is None:
            continue
        start = addresses.free_run(world, parent, ar, size, wanted)
        if start is not None and (asked is None or start == wanted):
            return ar, start
    where = f" from {asked[0]} {asked[1]} on" if asked else ""
    raise wrong_state(
        f"Network {parent.id} has no {size} free addresses in a row{where}", parent.id
    )


def _ranges(parent: Network, wish: Template) -> tuple[AddressRange, ...]:
    given = wish.get("AR_ID")
    if not given:
        return parent.ranges
    ar = parent.range(number) if (number := as_int(given)) is not None else None
    if ar is None:
        raise wrong_state(f"Network {parent.id} has no address range {given}", parent.id)
    return (ar,)


def _asked(parent: Network, wish: Template) -> tuple[str, str] | None:
    """Where it shall begin, if that was said."""
    given = [(name, value) for name in _STARTS if (value := wish.get(name))]
    if len(given) > 1:
        raise invalid("A reservation begins at one of IP, IP6 and MAC, not at several", parent.id)
    return given[0] if given else None


def _target(tx: Transaction, caller: Caller, parent: Network, wish: Template) -> Network:
    """The network that gets the addresses."""
    name, given = wish.get("NAME"), wish.get("NETWORK_ID")
    if bool(name) == bool(given):
        raise invalid("Exactly one of NAME and NETWORK_ID is expected", parent.id)
    if name:
        return _new(tx, caller, parent, name)
    number = as_int(given or "")
    if number is None:
        raise invalid(must_be("NETWORK_ID", "a whole number", given), parent.id)
    target = need(tx.world, Network, number, caller, Right.MANAGE)
    if target.parent_id != parent.id:
        raise wrong_state(f"Network {number} is no reservation of network {parent.id}", number)
    return target


def _new(tx: Transaction, caller: Caller, parent: Network, name: str) -> Network:
    """The parent again, without its addresses, for another owner."""
    check_free_name(tx.world, Network, name, caller.uid)
    made = replaced(
        parent, id=tx.new_id(Network), name=name, uid=caller.uid, gid=caller.gid,
        permissions=creation_bits(tx.world, caller), parent_id=parent.id, ranges=(), lock=None,
    )  # fmt: skip
    tx.log(made, "created", by=caller.uid, bridge=made.bridge, parent=parent.id)
    return made


def _part(ar: AddressRange, start: int, size: int) -> Vector:
    first = addresses.lease(ar, start)
    own = {name: first[name] for name in _STARTS if name in ar.template}
    return {**ar.template, **own, "SIZE": str(size), "PARENT_NETWORK_AR_ID": str(ar.id)}


def free_range(tx: Transaction, caller: Caller, network_id: int, range_id: int) -> int:
    """Gives a range of a reservation back to its parent."""
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    if network.parent_id < 0:
        raise wrong_state(f"Network {network_id} is not a reservation", network_id)
    ar = network.range(range_id)
    if ar is None:
        raise wrong_state(f"Network {network_id} has no address range {range_id}", network_id)
    if addresses.used(tx.world, network, ar):
        raise wrong_state(
            f"Address range {range_id} of network {network_id} has leases in use", network_id
        )
    tx.change(network, ranges=tuple(other for other in network.ranges if other.id != range_id))
    tx.log(network, "range freed", range=range_id, by=caller.uid)
    return network_id


def refuse_change(network: Network) -> None:
    """What a reservation has is its parent's: its ranges do not grow or change by themselves."""
    if network.parent_id >= 0:
        raise _of_parent(network)


def _of_parent(network: Network) -> Refusal:
    text = f"Network {network.id} is a reservation of network {network.parent_id}: reserve more, or free a range"
    return wrong_state(text, network.id)
