"""Virtual network documents (spec: xml-documents.md section 4).

The leases follow from the VMs and change with each of them: what is kept is the part before the address ranges.
"""

from collections.abc import Callable

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import (
    cdata,
    children,
    identity,
    ids,
    lock,
    owners,
    permissions,
)
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.wire import escape
from innkeeper.model import addresses
from innkeeper.model.objects import AddressRange, Network
from innkeeper.model.template import Vector

#: Whose leases the caller sees, by the numbers that `addresses.used` gives them.
Visible = Callable[[int], bool]

#: In ALLOCATED an owner is a number whose upper half tells the kind; this is a VM's.
_VM_BIT, _NETWORK_BIT, _ROUTER_BIT = 0x1000000000, 0x4000000000, 0x4000000000000
_LOWER_HALF = 0xFFFFFFFF

#: Computed addresses of a range: name of the lease's attribute -> names for the first and the last lease.
_ENDS = {
    "MAC": ("", "MAC_END"),
    "IP": ("", "IP_END"),
    "IP6_ULA": ("IP6_ULA", "IP6_ULA_END"),
    "IP6_GLOBAL": ("IP6_GLOBAL", "IP6_GLOBAL_END"),
    "IP6": ("", "IP6_END"),
}


def network(network: Network, uname: str, gname: str) -> tuple[str, str]:
    """Up to the count of leases, and up to the address ranges."""
    parent = str(network.parent_id) if network.parent_id >= 0 else ""
    made_from = str(network.template_id) if network.template_id >= 0 else ""
    vms = "".join(
        f"<{name}_VMS></{name}_VMS>" for name in ("UPDATED", "OUTDATED", "UPDATING", "ERROR")
    )
    return (
        f"<VNET>{identity(network, uname, gname)}{lock(network.lock)}"
        f"{permissions(network.permissions)}{ids('CLUSTERS', network.clusters)}"
        f"{cdata('BRIDGE', network.bridge)}{cdata('BRIDGE_TYPE', network.bridge_type)}"
        f"<STATE>{network.state:d}</STATE><PREV_STATE>{network.prev_state:d}</PREV_STATE>"
        f"{_if_set('PARENT_NETWORK_ID', parent)}"
        f"{_if_set('TEMPLATE_ID', made_from)}"
        f"{_if_set('VN_MAD', network.vn_mad)}{_if_set('PHYDEV', network.phydev)}"
        f"{_if_set('VLAN_ID', network.vlan_id)}{_if_set('OUTER_VLAN_ID', network.outer_vlan_id)}"
        f"<VLAN_ID_AUTOMATIC>{network.vlan_automatic:d}</VLAN_ID_AUTOMATIC>"
        f"<OUTER_VLAN_ID_AUTOMATIC>{network.outer_vlan_automatic:d}</OUTER_VLAN_ID_AUTOMATIC>"
        "<USED_LEASES>",
        f"{vms}{network.template.to_xml()}<AR_POOL>",
    )


def _if_set(tag: str, value: str) -> str:
    return cdata(tag, value) if value else f"<{tag}></{tag}>"


NETWORK = Form("network", network)


def _stored(ar: AddressRange) -> Vector:
    return {
        "SHARED": "NO",
        **ar.template,
        "AR_ID": str(ar.id),
        "NEXT_INDEX": str(ar.next_index),
    }


def _ends(ar: AddressRange) -> str:
    first, last = addresses.lease(ar, 0), addresses.lease(ar, ar.size - 1)
    shown = []
    for name, (start, end) in _ENDS.items():
        if name in first:
            shown += [cdata(start, first[name])] if start else []
            shown.append(cdata(end, last[name]))
    return "".join(shown)


def _lease(ar: AddressRange, index: int, owner: int) -> str:
    network, router = addresses.reservation(owner), addresses.router(owner)
    whose = {"VM": str(owner)} if network is None else {"VNET": str(network)}
    if router is not None:
        whose = {"VROUTER": str(router)}
    return f"<LEASE>{children({**addresses.lease(ar, index), **whose})}</LEASE>"


def _owner(owner: int) -> int:
    network, router = addresses.reservation(owner), addresses.router(owner)
    if router is not None:
        return _ROUTER_BIT | router
    return _VM_BIT | owner & _LOWER_HALF if network is None else _NETWORK_BIT | network


def _full_range(ar: AddressRange, used: dict[int, int], visible: Visible) -> str:
    """A range with those of its leases that are visible."""
    leases = [_lease(ar, i, who) for i, who in sorted(used.items()) if visible(who)]
    return (
        f"<AR>{children(_stored(ar))}{_ends(ar)}<USED_LEASES>{len(used)}</USED_LEASES>"
        f"<LEASES>{''.join(leases)}</LEASES></AR>"
    )


def _short_range(ar: AddressRange, used: dict[int, int]) -> str:
    stored = _stored(ar)
    if used:
        stored["ALLOCATED"] = "".join(
            [f" {index} {_owner(owner)}" for index, owner in sorted(used.items())]
        )
    return f"<AR>{children(stored)}</AR>"


def parts(view: View, record: Network, visible: Visible | None) -> Parts:
    """The document of a network: with leases (those that are visible), or as pools show it (None)."""
    head, middle = view.cache.parts(NETWORK, record, owners(view.world, record))
    used = [addresses.used(view.world, record, ar) for ar in record.ranges]
    ranges = [
        _short_range(ar, taken) if visible is None else _full_range(ar, taken, visible)
        for ar, taken in zip(record.ranges, used, strict=True)
    ]
    count = b"%d" % sum(map(len, used))
    routers = {
        addresses.router(who)
        for taken in used
        for who in taken.values()
        if visible and visible(who)
    }
    listed = ids("VROUTERS", [number for number in routers if number is not None])
    shown = escape(f"</USED_LEASES>{listed}")
    return head, count, shown, middle, escape("".join(ranges)), escape("</AR_POOL></VNET>")
