"""How hosts connect a network with one another, as they are told (docs/agent-protocol.md)."""

import ipaddress
from typing import Any

from innkeeper.model.objects import Network
from innkeeper.model.template import Vector, as_int

#: Where a VXLAN's multicast address is counted from, unless the network says otherwise.
MULTICAST = "239.0.0.0"


def described(network: Network) -> dict[str, Any]:
    """The driver and its VLAN or VXLAN; nothing for a plain bridge."""
    if network.vn_mad == "ovswitch":
        return {"driver": "ovswitch"}
    if network.vn_mad == "802.1Q":
        return {"driver": "802.1Q", "vlan": as_int(network.vlan_id)}
    if network.vn_mad not in ("vxlan", "ovswitch_vxlan"):
        return {}
    number = int(network.vlan_id if network.vn_mad == "vxlan" else network.outer_vlan_id)
    told: dict[str, Any] = {"driver": network.vn_mad, "vlan": number}
    peers = hosts_of(network.template.get("VXLAN_PEERS") or "")
    return told | ({"peers": peers} if peers else {"group": _group(network, number)})


def port(nic: Vector) -> dict[str, Any]:
    """How a NIC is plugged into an Open vSwitch; nothing for other bridges."""
    if nic.get("VN_MAD") not in ("ovswitch", "ovswitch_vxlan"):
        return {}
    told: dict[str, Any] = {"switched": True, "vlan": as_int(nic.get("VLAN_ID") or "")}
    tagged = sorted(vlans(nic.get("VLAN_TAGGED_ID") or ""))
    return told | ({"tagged": tagged} if tagged else {})


def vlans(text: str) -> set[int]:
    """The VLANs of a list like "10,20-25"; ValueError when it is none."""
    found: set[int] = set()
    for part in filter(None, (word.strip() for word in text.split(","))):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= 4094:
            raise ValueError(f"{part} are no VLANs from 1 to 4094")
        found |= set(range(low, high + 1))
    return found


def hosts_of(text: str) -> list[str]:
    """The addresses of a list like "10.0.0.1,10.0.0.2"."""
    return text.replace(",", " ").split()


def _group(network: Network, number: int) -> str:
    base = ipaddress.IPv4Address(network.template.get("VXLAN_MC") or MULTICAST)
    return str(base + number)
