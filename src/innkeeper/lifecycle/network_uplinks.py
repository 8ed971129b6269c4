"""How hosts connect a network with one another, as they are told (docs/agent-protocol.md)."""

import ipaddress
from typing import Any

from innkeeper.model.objects import Network
from innkeeper.model.template import as_int

#: Where a VXLAN's multicast address is counted from, unless the network says otherwise.
MULTICAST = "239.0.0.0"


def described(network: Network) -> dict[str, Any]:
    """The driver and its VLAN or VXLAN; nothing for a plain bridge."""
    if network.vn_mad not in ("802.1Q", "vxlan"):
        return {}
    told: dict[str, Any] = {"driver": network.vn_mad, "vlan": as_int(network.vlan_id)}
    if network.vn_mad == "vxlan":
        peers = hosts_of(network.template.get("VXLAN_PEERS") or "")
        told |= {"peers": peers} if peers else {"group": _group(network)}
    return told


def hosts_of(text: str) -> list[str]:
    """The addresses of a list like "10.0.0.1,10.0.0.2"."""
    return text.replace(",", " ").split()


def _group(network: Network) -> str:
    base = ipaddress.IPv4Address(network.template.get("VXLAN_MC") or MULTICAST)
    return str(base + int(network.vlan_id))
