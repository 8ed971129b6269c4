"""Virtual networks and their address ranges."""

import ipaddress
import re
import zlib

from innkeeper.model import addresses
from innkeeper.model.errors import (
    BadValue,
    Code,
    Refusal,
    cannot_allocate,
    invalid,
    must_be,
    wrong_state,
)
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import AddressRange, Network
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import NetworkState
from innkeeper.model.template import Template, Vector, as_bool, as_int
from innkeeper.model.world import Transaction, World

from . import common, network_drivers, secgroups, vlan_rules
from .common import (
    check_create,
    check_free_name,
    check_right,
    creation_bits,
    drop,
    need,
    needed_name,
    parse,
    replaced,
)
from .reservations import refuse_change
from .restricted import check_restricted

#: Attributes that are fields of the record.
FIELDS = ("NAME", "AR", "VN_MAD", "BRIDGE", "BRIDGE_TYPE", "PHYDEV", "VLAN_ID", "AUTOMATIC_VLAN_ID",
          "OUTER_VLAN_ID", "AUTOMATIC_OUTER_VLAN_ID")  # fmt: skip
#: Attributes of address ranges that follow from others.
_COMPUTED = frozenset({"AR_ID", "ALLOCATED", "NEXT_INDEX", "PARENT_NETWORK_AR_ID"})
#: What an interface may be called (the kernel's limit is 15 bytes).
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
#: Bytes that a frame may carry: the least of IPv4 (RFC 791), the most that a length of 16 bits can tell.
_LEAST_MTU, _MOST_MTU = 68, 65535


def allocate(tx: Transaction, caller: Caller, text: str, cluster_id: int) -> int:
    """Creates a network. Its bridge is made on a host when the first VM there needs it."""
    template = parse(text)
    cluster = tx.world.clusters[0 if cluster_id < 0 else cluster_id]
    check_create(tx.world, caller, Network)
    if cluster_id > 0:
        check_right(tx.world, caller, Right.ADMIN, cluster)
    check_restricted(caller, Network.KIND, template)
    return create(tx, caller, needed_name(template, Network), template, (cluster.id,))


def create(
    tx: Transaction, caller: Caller, name: str, template: Template, clusters: tuple[int, ...], template_id: int = -1
) -> int:  # fmt: skip
    """Makes a network of a template that the caller may use; `template_id` is where that came from."""
    check_free_name(tx.world, Network, name, caller.uid)
    vlan_rules.check(tx.world, caller, template, template_id)
    driver = network_drivers.checked(template)
    phydev = template.get("PHYDEV") or ""
    if phydev:
        _interface("PHYDEV", phydev)
    wrong = _wrong_for_hosts(template)
    if wrong is not None:
        raise cannot_allocate("virtual network", f"{wrong}.", wrong.mistake)
    _check_groups(tx.world, caller, template, *template.vectors("AR"))
    number = tx.new_id(Network)
    vlan_id, automatic = network_drivers.segment(tx.world, driver, template, number)
    outer, outer_automatic = network_drivers.outer_segment(tx.world, driver, template, number)
    template = network_drivers.completed(driver, template)
    network = Network(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        template=_with_groups(template.without(*FIELDS)), vn_mad=driver, phydev=phydev,
        bridge_type=network_drivers.bridge_type(driver),
        outer_vlan_id=outer, outer_vlan_automatic=outer_automatic,
        bridge=_bridge(template, driver, number, vlan_id), vlan_id=vlan_id, vlan_automatic=automatic,
        clusters=clusters, template_id=template_id, ranges=_ranges(tx.world, number, template.vectors("AR")),
    )  # fmt: skip
    tx.put(network)
    tx.log(network, "created", by=caller.uid, bridge=network.bridge)
    return number


def _with_groups(template: Template) -> Template:
    """The default security group is part of every network."""
    groups = [*secgroups.named(template.get("SECURITY_GROUPS") or ""), secgroups.DEFAULT]
    return template.with_("SECURITY_GROUPS", ",".join(str(g) for g in dict.fromkeys(groups)))


def _check_groups(world: World, caller: Caller, *holders: Template | Vector) -> None:
    """The security groups of a network and its ranges are there, and the caller may use them."""
    for holder in holders:
        secgroups.check_usable(world, caller, secgroups.named(holder.get("SECURITY_GROUPS") or ""))


def _bridge(template: Template, driver: str, number: int, vlan_id: str) -> str:
    bridge = template.get("BRIDGE") or ""
    if not bridge and driver == "dummy":
        raise cannot_allocate("virtual network", "BRIDGE is needed for VN_MAD dummy.")
    default = f"onebr.{vlan_id}" if vlan_id else f"onebr{number}"
    return _interface("BRIDGE", bridge or default)


def _interface(what: str, name: str) -> str:
    if not _INTERFACE.fullmatch(name):
        raise cannot_allocate(
            "virtual network",
            must_be(what, "an interface name of at most 15 characters", name),
        )
    return name


def _wrong_for_hosts(template: Template) -> BadValue | None:
    """What no host could make of a network's template; None when there is nothing."""
    mtu, gateway = template.get("MTU"), template.get("GATEWAY")
    mask = template.get("NETWORK_MASK") or "255.255.255.0"
    if mtu and not _LEAST_MTU <= (as_int(mtu) or 0) <= _MOST_MTU:
        return BadValue(must_be("MTU", f"from {_LEAST_MTU} to {_MOST_MTU}", mtu))
    try:
        ipaddress.IPv4Network(f"0.0.0.0/{mask}")
    except ValueError:
        return BadValue(must_be("NETWORK_MASK", "like 255.255.255.0", mask))
    if not gateway and as_bool(template.get("NAT")):
        return BadValue(
            "GATEWAY is needed with NAT: it is the address that hosts have in the network"
        )
    try:
        if gateway:
            ipaddress.IPv4Address(gateway)
    except ValueError:
        return BadValue(must_be("GATEWAY", "an IPv4 address", gateway))
    return network_drivers.wrong_for_hosts(template)


def _ranges(world: World, network_id: int, vectors: tuple[Vector, ...]) -> tuple[AddressRange, ...]:
    made: tuple[AddressRange, ...] = ()
    try:
        for number, vector in enumerate(vectors):
            ar = _range(network_id, number, vector)
            _check_apart(world, network_id, ar, made)
            made = (*made, ar)
    except BadValue as problem:
        raise cannot_allocate("virtual network", f"AR: {problem}", problem.mistake) from None
    return made


def _check_apart(
    world: World, network_id: int, ar: AddressRange, others: tuple[AddressRange, ...]
) -> None:
    """No address may be in two ranges of a network, or it could be leased twice.

    A range that was removed by force lives on in the leases of its VMs.
    """
    for other in others:
        if other.id != ar.id and (shared := addresses.shared_address(ar, other)):
            raise BadValue(f"{shared} is in address range {other.id} of the network already")
    for nic in _leased(world, network_id):
        if int(nic["AR_ID"]) == ar.id:
            continue
        for name in ("MAC", "IP", "IP6"):
            if name in nic and addresses.index_of(ar, name, nic[name]) is not None:
                raise BadValue(f"{name} {nic[name]} is leased to a VM still")


def _leased(world: World, network_id: int) -> list[Vector]:
    """The NICs that hold leases of a network."""
    vms = (world.vms[number] for number in world.leases.vms_of(network_id))
    routers = (world.table(VRouter)[number] for number in world.leases.routers_of(network_id))
    held = [nic for vm in vms for nic in (*vm.nics, *vm.aliases)]
    held += [nic for router in routers for nic in router.nics]
    return [n for n in held if n.get("NETWORK_ID") == str(network_id) and "AR_ID" in n]


def _range(network_id: int, number: int, vector: Vector) -> AddressRange:
    kept = {k: v for k, v in vector.items() if k not in _COMPUTED}
    return AddressRange(
        id=number, template=addresses.normalized(kept, _made_up_mac(network_id, number))
    )


def _made_up_mac(network_id: int, range_id: int) -> int:
    """A first MAC for a range without IPv4 addresses: the same after a restart.

    The second byte keeps the ranges of a network apart from one another, whatever their size (at most 2^31), and from
    the addresses that follow from IPv4 (02:00:...); the next two spread networks.
    """
    spread = zlib.crc32(f"network {network_id} range {range_id}".encode())
    return (0x02 << 8 | 1 + range_id % 255) << 32 | spread & 0x7FFF0000


def delete(tx: Transaction, caller: Caller, network_id: int) -> int:
    """Deletes a network of which no lease is taken."""
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    vms = sorted(tx.world.leases.vms_of(network_id))
    if vms:
        raise wrong_state(
            f"Cannot delete virtual network. Network {network_id} has leases of VMs: {vms[:10]}",
            network_id,
        )
    if routers := sorted(tx.world.leases.routers_of(network_id)):
        text = f"Network {network_id} has leases of virtual routers: {routers[:10]}"
        raise wrong_state(f"Cannot delete virtual network. {text}", network_id)
    made = sorted(tx.world.reservations.of(network_id))
    if made:
        raise wrong_state(
            f"Cannot delete virtual network. Network {network_id} has reservations: {made[:10]}",
            network_id,
        )
    return drop(tx, caller, network)


def recover(tx: Transaction, caller: Caller, network_id: int, how: int) -> int:
    """Recover operations 0 to 3: failure, success, delete, retry (spec: states.md section 8).

    Networks are ready as soon as they are made, and hosts make what they need when a VM comes: there is nothing to
    help out of unless a network is in ERROR.
    """
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    if network.state is NetworkState.READY or how not in (1, 2):
        text = f"Recover operation {how} is not available for state {network.state.name}"
        raise invalid(text, network_id)
    if how == 2:
        return delete(tx, caller, network_id)
    tx.change(network, state=NetworkState.READY, prev_state=network.state)
    tx.log(network, "recovered", by=caller.uid)
    return network_id


def update(tx: Transaction, caller: Caller, network_id: int, text: str, append: int) -> int:
    """Replaces or merges a network's template; what is a field of the record stays as it is."""
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    old, new = _whole(network), parse(text).without("NAME")
    made = common.updated(caller, Network.KIND, old, new, append)
    if as_bool(old.get("NAT")) and not caller.admin:
        made = _with_same_gateway(caller, old, new, made)
    wrong = _wrong_for_hosts(made)
    if wrong is not None:
        raise invalid(str(wrong), network_id, wrong.mistake)
    _check_groups(tx.world, caller, new)
    tx.change(network, template=made.without(*FIELDS))
    tx.log(network, "update", by=caller.uid)
    return network_id


def _whole(network: Network) -> Template:
    """The template with the fields that stand beside it."""
    template = network.template
    for name, value in (
        ("VN_MAD", network.vn_mad), ("BRIDGE", network.bridge), ("PHYDEV", network.phydev),
    ):  # fmt: skip
        if value:
            template = template.with_(name, value)
    return template


def _with_same_gateway(caller: Caller, old: Template, new: Template, made: Template) -> Template:
    """Where hosts are the gateway, what address they have there is for administrators to say."""
    for name in ("GATEWAY", "NETWORK_MASK"):
        if name in new and new.values(name) != old.values(name):
            raise Refusal(
                Code.AUTHORIZATION,
                f"User [{caller.uid}] : {name} of a network with NAT is for administrators.",
            )
    return old.only(("GATEWAY", "NETWORK_MASK")).merged(made)


def _one_vector(text: str, name: str) -> Vector:
    vector = parse(text).vector(name)
    if vector is None:
        raise invalid(f"{name}=[...] is expected")
    return vector


def _with_ranges_of(world: World, caller: Caller, network_id: int) -> Network:
    """The network, if the caller may say which ranges it has: one that was made from a template is its owner's."""
    own = world.networks[network_id].template_id >= 0
    return need(world, Network, network_id, caller, Right.MANAGE if own else Right.ADMIN)


def add_range(tx: Transaction, caller: Caller, network_id: int, text: str) -> int:
    """Adds an address range."""
    network = _with_ranges_of(tx.world, caller, network_id)
    refuse_change(network)
    known = [ar.id for ar in network.ranges]
    known += [int(nic["AR_ID"]) for nic in _leased(tx.world, network_id)]
    number = max(known, default=-1) + 1
    vector = _one_vector(text, "AR")
    _check_restricted_parts(caller, vector, None)
    _check_groups(tx.world, caller, vector)
    try:
        ar = _range(network_id, number, vector)
        _check_apart(tx.world, network_id, ar, network.ranges)
    except BadValue as problem:
        raise invalid(f"AR: {problem}", network_id, problem.mistake) from None
    tx.change(network, ranges=(*network.ranges, ar))
    tx.log(network, "range added", range=number, by=caller.uid)
    return network_id


def _check_restricted_parts(caller: Caller, given: Vector, ar: AddressRange | None) -> None:
    """Refuses a range in which a non-administrator changes what only administrators may."""
    there = ar.template if ar is not None else {}
    changed = {key: value for key, value in given.items() if there.get(key) != value}
    check_restricted(caller, Network.KIND, Template({"AR": (changed,)}))


def _needed_range(network: Network, range_id: int) -> AddressRange:
    ar = network.range(range_id)
    if ar is None:
        raise wrong_state(f"Network {network.id} has no address range {range_id}", network.id)
    return ar


def remove_range(
    tx: Transaction, caller: Caller, network_id: int, range_id: int, force: bool
) -> int:
    """Removes an address range; one with leases only by force."""
    network = _with_ranges_of(tx.world, caller, network_id)
    ar = _needed_range(network, range_id)
    if addresses.reserved(tx.world, network, ar) or (
        addresses.used(tx.world, network, ar) and not force
    ):
        raise wrong_state(
            f"Address range {range_id} of network {network_id} has leases in use", network_id
        )
    tx.change(network, ranges=tuple(other for other in network.ranges if other.id != range_id))
    tx.log(network, "range removed", range=range_id, by=caller.uid)
    return network_id


def update_range(tx: Transaction, caller: Caller, network_id: int, text: str) -> int:
    """Changes attributes of an address range; its addresses stay, its size may change around its leases."""
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    refuse_change(network)
    vector = _one_vector(text, "AR")
    number = as_int(vector.get("AR_ID"))
    if number is None:
        raise invalid("AR=[AR_ID=...] is expected", network_id)
    ar = _needed_range(network, number)
    _check_restricted_parts(caller, vector, ar)
    _check_groups(tx.world, caller, vector)
    fixed = {
        k: v
        for k, v in ar.template.items()
        if k in ("TYPE", "MAC", "IP", "IP6", "SHARED", "IPAM_MAD")
    }
    changed = {k: v for k, v in vector.items() if k not in _COMPUTED}
    merged = {**changed, "SIZE": changed.get("SIZE", ar.template["SIZE"]), **fixed}
    try:
        made = replaced(ar, template=addresses.normalized(merged, 0))
        _check_apart(tx.world, network_id, made, network.ranges)
    except BadValue as problem:
        raise invalid(f"AR: {problem}", network_id, problem.mistake) from None
    outside = [index for index in addresses.used(tx.world, network, ar) if index >= made.size]
    if outside:
        raise wrong_state(f"SIZE {made.size} leaves out leases in use", network_id)
    made = replaced(made, next_index=made.next_index % made.size)
    tx.change(
        network, ranges=tuple(made if other.id == number else other for other in network.ranges)
    )
    return network_id


def _addressed(network: Network, text: str) -> tuple[AddressRange, int, str]:
    """The range and lease that LEASES=[IP=...] names, and its text."""
    vector = _one_vector(text, "LEASES")
    named = [name for name in ("IP", "IP6", "MAC") if vector.get(name)]
    if len(named) != 1:
        raise wrong_state("LEASES must name exactly one of IP, IP6 and MAC", network.id)
    value = vector[named[0]]
    wanted = as_int(vector.get("AR_ID"))
    for ar in network.ranges:
        index = addresses.index_of(ar, named[0], value)
        if index is not None and wanted in (None, ar.id):
            return ar, index, value
    raise wrong_state(
        f"{named[0]} {value} is in no address range of network {network.id}", network.id
    )


def hold(tx: Transaction, caller: Caller, network_id: int, text: str) -> int:
    """Keeps an address from being given to VMs."""
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    ar, index, value = _addressed(network, text)
    if not addresses.is_free(tx.world, network, ar, index):
        raise wrong_state(f"{value} is in use", network_id)
    _set_held(tx, network, ar, (*ar.held, index))
    tx.log(network, "held", address=value, by=caller.uid)
    return network_id


def release(tx: Transaction, caller: Caller, network_id: int, text: str) -> int:
    """Ends a hold."""
    network = need(tx.world, Network, network_id, caller, Right.MANAGE)
    ar, index, value = _addressed(network, text)
    if index not in ar.held:
        raise wrong_state(f"{value} is not on hold", network_id)
    _set_held(tx, network, ar, tuple(held for held in ar.held if held != index))
    tx.log(network, "released", address=value, by=caller.uid)
    return network_id


def _set_held(tx: Transaction, network: Network, ar: AddressRange, held: tuple[int, ...]) -> None:
    made = replaced(ar, held=held)
    tx.change(
        network, ranges=tuple(made if other.id == ar.id else other for other in network.ranges)
    )
