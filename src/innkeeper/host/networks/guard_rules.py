"""Guests' interfaces and what they may do, as nftables rules: text that follows from records alone.

Two tables. In the family ``bridge`` a packet is matched by the port that it comes from or goes to: first (before
connection tracking) whether it is who it says it is, then whether its NIC's rules let it pass. That family cannot ask
about connections, so a table of the family ``inet`` does: it marks with one bit what belongs to a connection that is
allowed already. Each bridge on which the host has no address is a zone of its own for connection tracking, because
isolated networks may use the same addresses.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import zlib
from collections.abc import Iterable
from typing import Any

#: The bit in a packet's mark that says: part of a connection.
_KNOWN = 1 << 28
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "ipsec", "all")
_LAYERS = {"icmp": "icmp", "icmpv6": "ipv6-icmp"}
#: Without these no IPv6 at all (RFC 4890): neighbours, routers, and who listens to which group.
_NEIGHBOURS = "nd-neighbor-solicit, nd-neighbor-advert"
_FROM_GUEST = f"icmpv6 type {{ {_NEIGHBOURS}, nd-router-solicit, 131, 132, 143 }} return"
_TO_GUEST = f"icmpv6 type {{ {_NEIGHBOURS}, nd-router-advert, 130 }} return"


@dataclasses.dataclass
class Nic:
    """A guest's interface: whose it is, and what may pass. ``rules`` None: everything."""

    network: int
    interface: str
    bridge: str
    mac: str
    addresses: list[str]
    filter_mac: bool = False
    filter_ip: bool = False
    rules: list[dict[str, Any]] | None = None
    #: Whether the host has an address on the bridge (and routes).
    routed: bool = False
    #: Whether it is on an Open vSwitch, which has rules of its own.
    switched: bool = False
    nic: int = 0
    #: The VM's generation when this was told, and how many changes of rules are in it.
    generation: int = 0
    revision: int = 0
    #: How much may pass to the guest and from it (``shaping.Limit``); None: all that comes.
    inbound: dict[str, Any] | None = None
    outbound: dict[str, Any] | None = None

    @property
    def limited(self) -> bool:
        """Whether it has a rate limit."""
        return bool(self.inbound or self.outbound)

    @property
    def guarded(self) -> bool:
        """Whether there is anything to check."""
        return self.filter_mac or self.filter_ip or self.rules is not None


def tables(name: str, nics: list[Nic]) -> str:
    """The input for ``nft -f`` that makes our tables what they shall be, whatever they are now."""
    text = "".join(
        f"add table {family} {name}\ndelete table {family} {name}\n"
        for family in ("bridge", "inet")
    )
    if nics:
        text += _bridge_table(name, nics)
    ruled = [nic for nic in nics if nic.rules is not None]
    if ruled:
        text += _tracking_table(name, ruled)
    return text


def _tracking_table(name: str, nics: list[Nic]) -> str:
    zones = {
        nic.bridge: zlib.crc32(nic.bridge.encode()) % 65535 + 1 for nic in nics if not nic.routed
    }
    marking = [
        f"meta mark set meta mark and {~_KNOWN & 0xFFFFFFFF:#x}",
        f"ct state established,related meta mark set meta mark or {_KNOWN:#x}",
    ]
    separate = [f'iifname "{bridge}" ct zone set {zone}' for bridge, zone in sorted(zones.items())]
    return _table(
        "inet",
        name,
        _chain("zones", separate, "prerouting", -300),
        _chain("arriving", marking, "prerouting", -150),
        _chain("sent", marking, "output", -150),
    )


def _bridge_table(name: str, nics: list[Nic]) -> str:
    checked = [nic for nic in nics if nic.filter_mac or nic.filter_ip]
    ruled = [nic for nic in nics if nic.rules is not None]
    from_guest, to_guest = "iifname vmap @sources", "oifname vmap @targets"
    return _table(
        "bridge",
        name,
        *(_chain(f"is-{nic.interface}", _identity(nic)) for nic in checked),
        *(_chain(f"from-{nic.interface}", _from_guest(nic)) for nic in ruled),
        *(_chain(f"to-{nic.interface}", _to_guest(nic)) for nic in ruled),
        _map("identities", "is", checked),
        _map("sources", "from", ruled),
        _map("targets", "to", ruled),
        _chain("prerouting", ["iifname vmap @identities"], "prerouting", -300),
        _chain("input", [from_guest], "input", -200),
        _chain("forward", [from_guest, to_guest], "forward", -200),
        _chain("output", [to_guest], "output", -200),
    )


def _table(family: str, name: str, *parts: str) -> str:
    return f"table {family} {name} {{\n{''.join(parts)}}}\n"


def _chain(name: str, rules: Iterable[str], hook: str = "", priority: int = 0) -> str:
    head = [f"type filter hook {hook} priority {priority}"] if hook else []
    body = "\n".join([*head, *rules])
    return f"chain {name} {{\n{body}\n}}\n"


def _map(name: str, prefix: str, nics: list[Nic]) -> str:
    jumps = ", ".join(f'"{nic.interface}" : jump {prefix}-{nic.interface}' for nic in nics)
    elements = f"elements = {{ {jumps} }}\n" if jumps else ""
    return f"map {name} {{\ntype ifname : verdict\n{elements}}}\n"


# ---- who a guest is -----------------------------------------------------------------------------


def _identity(nic: Nic) -> list[str]:
    """What a guest sends in another's name is dropped."""
    rules = []
    if nic.filter_mac:
        rules += [f"ether saddr != {nic.mac} drop", f"arp saddr ether != {nic.mac} drop"]
    if nic.filter_ip:
        own = {version: _own(nic, version) for version in (4, 6)}
        askers = [*own[4], "0.0.0.0"]  # noqa: S104  who asks has no address yet
        rules += [
            "ether type != { ip, ip6, arp } drop",
            # A guest that has no address yet asks for one, or whether somebody has it.
            "ip saddr 0.0.0.0 udp sport 68 udp dport 67 return",
            "ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, 143 } return",
            f"arp saddr ip != {_set(askers)} drop",
            f"ip saddr != {_set(own[4])} drop" if own[4] else "ether type ip drop",
            f"ip6 saddr != {_set(own[6])} drop" if own[6] else "ether type ip6 drop",
        ]
    return rules


def _own(nic: Nic, version: int) -> list[str]:
    return sorted({a for a in nic.addresses if ipaddress.ip_address(a).version == version})


def _set(items: Iterable[str]) -> str:
    return "{ " + ", ".join(items) + " }"


# ---- what its rules let pass --------------------------------------------------------------------


def _from_guest(nic: Nic) -> list[str]:
    return _passing(nic, "outbound", "daddr", _FROM_GUEST)


def _to_guest(nic: Nic) -> list[str]:
    return _passing(nic, "inbound", "saddr", _TO_GUEST)


def _passing(nic: Nic, direction: str, peer: str, neighbours: str) -> list[str]:
    listed = [
        f"{match} return".strip()
        for rule in nic.rules or []
        if rule["direction"] == direction
        for match in _matches(rule, peer)
    ]
    known = f"meta mark and {_KNOWN:#x} == {_KNOWN:#x} return"
    return ["ether type arp return", neighbours, known, *listed, "drop"]


def _matches(rule: dict[str, Any], peer: str) -> list[str]:
    """A rule as matches: one for each family of addresses that its peers have."""
    traffic = _traffic(rule)
    if rule["peers"] is None:
        return [traffic]
    found = []
    for version, family in ((4, "ip"), (6, "ip6")):
        spans = [f"{first}-{last}" for first, last in joined(rule["peers"], version)]
        if spans:
            found.append(f"{family} {peer} {_set(spans)} {traffic}")
    return found


def _traffic(rule: dict[str, Any]) -> str:
    protocol = rule["protocol"]
    if protocol in ("tcp", "udp"):
        if not rule["ports"]:
            return f"meta l4proto {protocol}"
        spans = [(int(first), int(last)) for first, last in rule["ports"]]
        return f"{protocol} dport {_set(f'{first}-{last}' for first, last in merged(spans))}"
    if protocol in _LAYERS:
        kind = rule["type"]
        return f"meta l4proto {_LAYERS[protocol]}" if kind is None else f"{protocol} type {kind}"
    return "meta l4proto { esp, ah }" if protocol == "ipsec" else ""


def joined(spans: Iterable[list[str]], version: int) -> list[tuple[str, str]]:
    """Spans of addresses of one version, those that meet made one."""
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    ends = [tuple(ipaddress.ip_address(end) for end in span) for span in spans]
    numbers = [(int(first), int(last)) for first, last in ends if first.version == version]
    return [(str(kind(first)), str(kind(last))) for first, last in merged(numbers)]


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of numbers, those that meet made one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found
