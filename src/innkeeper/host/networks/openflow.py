"""Guests' interfaces on an Open vSwitch and what they may do, as OpenFlow rules: text that follows from records alone.

Theory of operation
-------------------
A packet goes through five tables. In 0 a guest that speaks in another's name is not heard. 1 and 2 ask whether the
rules of the NIC that it comes from let it out, 3 and 4 whether those of the NIC that it goes to let it in: 1 and 3 look
at what needs no connection and ask connection tracking, 2 and 4 decide by its answer. Each NIC is a zone of its own for
connection tracking. What passes is forwarded as the switch learns (NORMAL), which keeps VLANs apart.

A NIC is known as a packet's goal by its MAC. So that nothing comes around that, its port gets nothing that is flooded
(``openvswitch.py``): of what goes to many there is a copy for each such NIC, addressed to it alone (RFC 6085 for IPv6).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from .guard_rules import Nic, joined, merged

#: The tables after the first.
_OUT, _OUT_DECIDED, _IN, _IN_DECIDED = 1, 2, 3, 4
#: Rules about a port come before "all that is learned", and among them what is allowed before what is not.
_ALLOWED, _DROPPED = 40000, 39000
_MANY = "01:00:00:00:00:00/01:00:00:00:00:00"
#: ICMPv6 without which there is no IPv6 (RFC 4890), by direction.
_NEIGHBOURS = {"outbound": (131, 132, 133, 135, 136, 143), "inbound": (130, 134, 135, 136)}
_NAMES = {
    4: {"tcp": "tcp", "udp": "udp", "icmp": "icmp"},
    6: {"tcp": "tcp6", "udp": "udp6", "icmpv6": "icmp6"},
}
_PLAIN = {4: "ip", 6: "ipv6"}
#: IP protocols of IPsec: ESP and AH.
_IPSEC = (50, 51)


def flows(nics: dict[int, Nic]) -> list[str]:
    """All rules of a switch whose ports have these NICs; none when none is guarded."""
    ruled = {port: nic for port, nic in nics.items() if nic.rules is not None}
    found = []
    for port, nic in sorted(nics.items()):
        onward = f"resubmit(,{_OUT})" if port in ruled else _forward(ruled)
        if nic.filter_mac or nic.filter_ip:
            found += [f"table=0,in_port={port},{flow}" for flow in _identity(nic, onward)]
        elif port in ruled:
            found.append(f"table=0,priority={_DROPPED},in_port={port},actions={onward}")
        if port in ruled:
            found += [*_outbound(port, nic), *_inbound(nic)]
    return [*found, *_common(list(ruled.values()))] if ruled else found


def zone(nic: Nic) -> int:
    """The NIC's zone for connection tracking; its interface is called ``one-<vm>-<nic>``."""
    vm = int(nic.interface.split("-")[1]) if nic.interface.startswith("one-") else 0
    return (vm * 8 + nic.nic) % 65535 + 1


def _forward(ruled: dict[int, Nic]) -> str:
    return f"resubmit(,{_IN})" if ruled else "normal"


def _common(ruled: list[Nic]) -> list[str]:
    """What holds for all packets of a switch on which some NIC has rules."""
    copies = [f"clone(set_field:{nic.mac}->eth_dst,resubmit(,{_IN}))" for nic in ruled]
    return [
        f"table=0,priority=1,actions=resubmit(,{_IN})",
        f"table={_IN},priority=100,dl_dst={_MANY},actions={','.join([*copies, 'normal'])}",
        f"table={_IN},priority=0,actions=normal",
    ]


# ---- who a guest is -----------------------------------------------------------------------------


def _identity(nic: Nic, onward: str) -> list[str]:
    sender = f"dl_src={nic.mac}," if nic.filter_mac else ""
    arp = f"arp,{sender}arp_sha={nic.mac}" if nic.filter_mac else "arp"
    if not nic.filter_ip:
        return [
            f"priority={_ALLOWED},{arp},actions={onward}",
            f"priority={_DROPPED + 1},arp,actions=drop",
            f"priority={_DROPPED},{sender}actions={onward}",
            f"priority={_DROPPED - 1},actions=drop",
        ]
    own = [ipaddress.ip_address(address) for address in nic.addresses]
    four = [f"{address}" for address in own if address.version == 4]
    six = [f"{address}" for address in own if address.version == 6]
    passing = [f"{arp},arp_spa={address}" for address in (*four, "0.0.0.0")]  # noqa: S104
    passing += [f"ip,{sender}nw_src={address}" for address in four]
    passing += [f"udp,{sender}nw_src=0.0.0.0,tp_src=68,tp_dst=67"]
    passing += [f"ipv6,{sender}ipv6_src={address}" for address in six]
    passing += [f"icmp6,{sender}ipv6_src=::,icmp_type={kind}" for kind in (133, 135, 143)]
    return [
        *(f"priority={_ALLOWED},{match},actions={onward}" for match in passing),
        f"priority={_DROPPED},actions=drop",
    ]


# ---- what its rules let pass --------------------------------------------------------------------


def _outbound(port: int, nic: Nic) -> list[str]:
    return _passing(nic, "outbound", f"in_port={port}", (_OUT, _OUT_DECIDED), f"resubmit(,{_IN})")


def _inbound(nic: Nic) -> list[str]:
    return _passing(nic, "inbound", f"dl_dst={nic.mac}", (_IN, _IN_DECIDED), "normal")


def _passing(
    nic: Nic, direction: str, whose: str, tables: tuple[int, int], onward: str
) -> list[str]:
    """The two tables of one direction: what needs no connection, and what is decided by it."""
    first, second = tables
    number = zone(nic)
    rules = [rule for rule in nic.rules or [] if rule["direction"] == direction]
    free = ["arp", *(f"icmp6,icmp_type={kind}" for kind in _NEIGHBOURS[direction])]
    others = onward if any(_is_everything(rule) for rule in rules) else "drop"
    known = [
        f"{family},ct_state=+{what}-inv" for family in ("ip", "ipv6") for what in ("est", "rel")
    ]
    listed = [f"{match},ct_state=+new-inv" for rule in rules for match in _matches(rule, direction)]
    return [
        *(f"table={first},priority=300,{whose},{match},actions={onward}" for match in free),
        *(
            f"table={first},priority=200,{whose},{family},actions=ct(table={second},zone={number})"
            for family in ("ip", "ipv6")
        ),
        f"table={first},priority=150,{whose},actions={others}",
        *(f"table={second},priority=300,{whose},{match},actions={onward}" for match in known),
        *(
            f"table={second},priority=200,{whose},{match},actions=ct(commit,zone={number}),{onward}"
            for match in dict.fromkeys(listed)
        ),
        f"table={second},priority=1,{whose},actions=drop",
    ]


def _is_everything(rule: dict[str, Any]) -> bool:
    return rule["protocol"] == "all" and rule["peers"] is None


def _matches(rule: dict[str, Any], direction: str) -> Iterator[str]:
    """A rule as matches: one for each block of addresses and of ports."""
    side = "dst" if direction == "outbound" else "src"
    for version, field in ((4, f"nw_{side}"), (6, f"ipv6_{side}")):
        for traffic in _traffic(rule, version):
            if rule["peers"] is None:
                yield traffic
            else:
                yield from (
                    f"{traffic},{field}={block}" for block in _blocks(rule["peers"], version)
                )


def _blocks(spans: Iterable[list[str]], version: int) -> Iterator[str]:
    for first, last in joined(spans, version):
        kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
        for block in ipaddress.summarize_address_range(kind(first), kind(last)):
            yield str(block)


def _traffic(rule: dict[str, Any], version: int) -> list[str]:
    """What a rule's protocol, ports and type are in a version of IP; nothing where they are not."""
    protocol, plain = rule["protocol"], _PLAIN[version]
    if protocol == "all":
        return [plain]
    if protocol == "ipsec":
        return [f"{plain},nw_proto={number}" for number in _IPSEC]
    name = _NAMES[version].get(protocol)
    if name is None:
        return []
    if protocol in ("icmp", "icmpv6"):
        return [name if rule["type"] is None else f"{name},icmp_type={rule['type']}"]
    if not rule["ports"]:
        return [name]
    spans = merged((int(first), int(last)) for first, last in rule["ports"])
    return [f"{name},tp_dst={block}" for span in spans for block in ports(*span)]


def ports(first: int, last: int) -> Iterator[str]:
    """Ports from one to another as values with masks, as few as it takes."""
    while first <= last:
        size = first & -first or 1 << 16
        while size > last - first + 1:
            size >>= 1
        yield f"{first:#x}/{0x10000 - size:#x}"
        first += size
