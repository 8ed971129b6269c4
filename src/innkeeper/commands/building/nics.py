"""NICs: networks found and allowed, leases taken (spec: templates.md section 4.4).

The lease is the NIC vector itself: taken in the transaction that makes the VM, free in the one that ends it.
"""

import re

from innkeeper.lifecycle.network_uplinks import vlans
from innkeeper.model import addresses
from innkeeper.model.errors import Code, Refusal, must_be
from innkeeper.model.objects import AddressRange, Network
from innkeeper.model.states import NetworkState
from innkeeper.model.template import Template, Vector, as_bool, as_int

from .. import secgroups
from ..common import replaced, usable
from .draft import Draft, problem
from .named import number_of

#: Attributes that a NIC takes over from its address range or network unless it has its own.
INHERITED = (
    "VLAN_TAGGED_ID", "FILTER", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING", "MTU", "METRIC", "IP6_METRIC", "METHOD",
    "IP6_METHOD", "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB", "OUTBOUND_AVG_BW", "OUTBOUND_PEAK_BW",
    "OUTBOUND_PEAK_KB", "GATEWAY", "DNS",
)  # fmt: skip
_CHOSEN = ("IP", "IP6", "MAC")
#: What the front end fills in.
_GIVEN = frozenset({
    "NIC_ID", "ALIAS_ID", "ALIAS_IDS", "PARENT_ID", "ATTACH", "AR_ID", "BRIDGE_TYPE", "VN_MAD", "PHYDEV", "CLUSTER_ID",
    "PARENT_NETWORK_ID", "IP6_LINK", "IP6_ULA", "IP6_GLOBAL", "ORDER", "VROUTER_IP", "VROUTER_MAC", "VROUTER_IP6",
    "VROUTER_IP6_GLOBAL", "VROUTER_NIC_ID",
})  # fmt: skip
_ROUTED = frozenset(name for name in _GIVEN if name.startswith("VROUTER_"))
#: NICs of one VM at most.
MAX_NICS = 256
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
#: How the interfaces of VMs are called on hosts, and known as theirs.
_OURS = re.compile(r"one-[0-9]+-[0-9]+")
_LATER = ("NETWORK", "NETWORK_ID", "NETWORK_UID", "NETWORK_UNAME")


def fill(draft: Draft) -> None:
    """Completes the draft's NIC vectors, each with a lease."""
    default = draft.template.vector("NIC_DEFAULT") or {}
    if any(name in default for name in _LATER):
        raise problem("NIC_DEFAULT must not name a network.")
    vectors = draft.template.vectors("NIC")
    if len(vectors) > MAX_NICS:
        raise problem(f"A VM has at most {MAX_NICS} NICs, not {len(vectors)}.")
    taken: set[tuple[int, int, int]] = set()
    for number, given in enumerate(vectors):
        draft.nics.append(_made(draft, {**default, **given}, number, taken))
    _check_targets(draft)
    for number, given in enumerate(draft.template.vectors("NIC_ALIAS"), len(vectors)):
        draft.aliases.append(_alias(draft, given, number, taken))
    draft.template = draft.template.with_("NIC", *draft.nics).with_("NIC_ALIAS", *draft.aliases)


def another(draft: Draft, given: Vector, number: int) -> Vector:
    """One more NIC of a VM that has those of the draft."""
    default = draft.template.vector("NIC_DEFAULT") or {}
    nic = _made(draft, {**default, **given}, number, set())
    draft.nics.append(nic)
    _check_targets(draft)
    return nic


def another_alias(draft: Draft, given: Vector, number: int) -> Vector:
    """One more address of one of the draft's NICs, which learns of it."""
    return _alias(draft, given, number, set())


def _made(
    draft: Draft, given: Vector, number: int, taken: set[tuple[int, int, int]], what: str = "NIC"
) -> Vector:
    ours = _GIVEN - _ROUTED if draft.routed else _GIVEN
    nic = {name: value for name, value in given.items() if name not in ours}
    network = network_of(draft, nic, what)
    draft.restrict(network.clusters, f"network {network.id}")
    made = _leased(draft, nic, number, network, taken)
    if draft.routed and as_bool(made.get("FLOATING_ONLY") or "NO"):
        made = {
            name: value for name, value in made.items() if name not in ("IP", "IP6", "IP6_GLOBAL")
        }
    return made


def network_of(draft: Draft, nic: Vector, what: str) -> Network:
    """The network that a NIC names, which must be ready, and for the caller to use."""
    if not any(name in nic for name in ("NETWORK", "NETWORK_ID")):
        raise problem(f"{what} needs NETWORK or NETWORK_ID.")
    network = usable(draft.world, Network, number_of(draft, nic, "NETWORK"), draft.caller)
    if network.state is not NetworkState.READY:
        raise Refusal(Code.ACTION, f"Network {network.id} is {network.state.name}.", network.id)
    return network


def one_lease(draft: Draft, nic: Vector, network: Network) -> tuple[AddressRange, int]:
    """The lease that a NIC asks for, or the next one that is free."""
    return _lease(draft, nic, network, set())


def _alias(draft: Draft, given: Vector, number: int, taken: set[tuple[int, int, int]]) -> Vector:
    """An alias has an address and no interface: it is known by its parent's."""
    parent = next((nic for nic in draft.nics if nic["NAME"] == given.get("PARENT")), None)
    if parent is None:
        names = ", ".join(nic["NAME"] for nic in draft.nics) or "none"
        wrong = must_be(
            "PARENT of a NIC_ALIAS", f"the NAME of a NIC ({names})", given.get("PARENT")
        )
        raise problem(wrong)
    made = _made(draft, given, number, taken, "NIC_ALIAS")
    own = [alias for alias in draft.aliases if alias["PARENT_ID"] == parent["NIC_ID"]]
    place = max((int(alias["ALIAS_ID"]) for alias in own), default=-1) + 1
    listed = (parent.get("ALIAS_IDS"), str(number))
    parent["ALIAS_IDS"] = ",".join(text for text in listed if text)
    name = given.get("NAME") or f"NIC{parent['NIC_ID']}_ALIAS{place}"
    bare = {key: value for key, value in made.items() if key != "TARGET"}
    return bare | {"NAME": name, "PARENT_ID": parent["NIC_ID"], "ALIAS_ID": str(place)}


def _check_targets(draft: Draft) -> None:
    """No interface may be called as another VM's: who removes that VM would remove it."""
    seen = set()
    for nic in draft.nics:
        target = nic["TARGET"]
        foreign = _OURS.fullmatch(target) and target != f"one-{draft.number}-{nic['NIC_ID']}"
        if foreign or not _INTERFACE.fullmatch(target) or target in seen:
            raise problem(
                must_be("TARGET of a NIC", "an interface name of its own (not one-...)", target)
            )
        seen.add(target)


def _leased(
    draft: Draft, nic: Vector, number: int, network: Network, taken: set[tuple[int, int, int]]
) -> Vector:
    ar, index = _lease(draft, nic, network, taken)
    taken.add((network.id, ar.id, index))
    made: Vector = {
        **{name: value for name, value in nic.items() if name not in _LATER},
        "NIC_ID": str(number),
        "NETWORK": network.name,
        "NETWORK_ID": str(network.id),
        "BRIDGE": network.bridge,
        "BRIDGE_TYPE": network.bridge_type,
        "VN_MAD": network.vn_mad,
        "CLUSTER_ID": ",".join(str(cluster) for cluster in network.clusters),
        "AR_ID": str(ar.id),
        "SECURITY_GROUPS": _groups(draft, nic, ar, network),
        **addresses.lease(ar, index),
    }
    made.setdefault("NAME", f"NIC{number}")
    made.setdefault("TARGET", f"one-{draft.number}-{number}")
    parent = str(network.parent_id) if network.parent_id >= 0 else ""
    for name, value in (
        ("PHYDEV", network.phydev),
        ("VLAN_ID", network.vlan_id),
        ("OUTER_VLAN_ID", network.outer_vlan_id),
        ("PARENT_NETWORK_ID", parent),
    ):
        if value:
            made[name] = value
    for name in INHERITED:
        inherited = ar.template.get(name) or network.template.get(name)
        if inherited:
            made.setdefault(name, inherited)
    _check_limits(made)
    try:
        vlans(made.get("VLAN_TAGGED_ID") or "")
    except ValueError as wrong:
        raise problem(f"VLAN_TAGGED_ID must be VLANs like 10,20-25: {wrong}.") from None
    return made


def _check_limits(nic: Vector) -> None:
    """Rate limits are whole numbers of kilobytes (a second)."""
    for name, value in nic.items():
        if name.startswith(("INBOUND_", "OUTBOUND_")) and not 0 < (as_int(value) or 0) < 2**31:
            raise problem(must_be(f"{name} of a NIC", "a whole number of kilobytes", value))


def _groups(draft: Draft, nic: Vector, ar: AddressRange, network: Network) -> str:
    """The NIC's own security groups, which its user must be allowed to use, and those of its network."""
    own = nic.get("SECURITY_GROUPS", "")
    named = [
        own,
        ar.template.get("SECURITY_GROUPS", ""),
        network.template.get("SECURITY_GROUPS", ""),
    ]
    secgroups.check_usable(draft.world, draft.caller, secgroups.named(own))
    groups = list(dict.fromkeys(number for text in named for number in secgroups.named(text)))
    groups = groups or [secgroups.DEFAULT]
    return ",".join(map(str, groups))


def _lease(
    draft: Draft, nic: Vector, network: Network, taken: set[tuple[int, int, int]]
) -> tuple[AddressRange, int]:
    wanted = [name for name in _CHOSEN if nic.get(name)]
    if len(wanted) > 1:
        raise problem(f"NIC may ask for one of IP, IP6 and MAC, not for {' and '.join(wanted)}.")
    if wanted:
        return _asked(draft, network, wanted[0], nic[wanted[0]], taken)
    return _next(draft, network, taken)


def _asked(
    draft: Draft, network: Network, name: str, value: str, taken: set[tuple[int, int, int]]
) -> tuple[AddressRange, int]:
    for ar in network.ranges:
        index = addresses.index_of(ar, name, value)
        if index is None:
            continue
        free = addresses.is_free(draft.world, network, ar, index)
        if free and (network.id, ar.id, index) not in taken:
            return ar, index
        raise problem(f"{name} {value} of network {network.id} is not free.")
    raise problem(f"{name} {value} is in no address range of network {network.id}.")


def _next(
    draft: Draft, network: Network, taken: set[tuple[int, int, int]]
) -> tuple[AddressRange, int]:
    """The next free lease; the range remembers where to go on."""
    current = draft.world.networks[network.id]
    for _ in range(len(taken) + 1):
        found = addresses.next_free(draft.world, current)
        if found is None:
            break
        ar, index = found
        moved = replaced(ar, next_index=(index + 1) % ar.size)
        ranges = tuple(moved if other.id == ar.id else other for other in current.ranges)
        current = draft.tx.change(current, ranges=ranges)
        if (network.id, ar.id, index) not in taken:
            return ar, index
    raise problem(f"Network {network.id} ({network.name}) has no free address.")


def sources(draft: Draft, nic: Vector) -> tuple[Vector, Template]:
    """What a NIC's address range and network say."""
    network = draft.world.networks[int(nic["NETWORK_ID"])]
    ar = network.range(int(nic["AR_ID"]))
    return (ar.template if ar else {}), network.template
