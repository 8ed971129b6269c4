"""What a host is told about a VM's NICs: who they are, and what may come to and from them."""

from typing import Any

from innkeeper.model import addresses, firewall
from innkeeper.model.indexes import numbers
from innkeeper.model.objects import Vm
from innkeeper.model.template import Vector, as_bool, as_int
from innkeeper.model.world import World

Described = dict[str, Any]

_ADDRESSES = ("IP", "IP6", "IP6_LINK", "IP6_GLOBAL", "IP6_ULA", "VROUTER_IP")


def nics(world: World, vm: Vm) -> list[Described]:
    """The VM's NICs in networks that hosts make."""
    return [
        _nic(world, vm, nic)
        for nic in vm.nics
        if "NETWORK_ID" in nic and nic.get("VN_MAD") != "dummy"
    ]


def _nic(world: World, vm: Vm, nic: Vector) -> Described:
    groups = numbers(nic.get("SECURITY_GROUPS", ""))
    return {
        "nic": int(nic["NIC_ID"]),
        "network": int(nic["NETWORK_ID"]),
        "interface": nic.get("TARGET", f"one-{vm.id}-{nic['NIC_ID']}"),
        "bridge": nic.get("BRIDGE", ""),
        "mac": nic["MAC"],
        "addresses": _addresses(vm, nic),
        "filter_mac": as_bool(nic.get("FILTER_MAC_SPOOFING") or "NO"),
        "filter_ip": as_bool(nic.get("FILTER_IP_SPOOFING") or "NO"),
        "rules": rules(world, groups),
        "revision": _revision(world, groups),
        "inbound": _limit(nic, "INBOUND"),
        "outbound": _limit(nic, "OUTBOUND"),
    }


def _revision(world: World, groups: list[int]) -> int:
    """How many changes of the groups' rules are in these: what a host was told later has more."""
    known = (world.security_groups.get(number) for number in groups)
    return sum(group.revision for group in known if group is not None)


def _limit(nic: Vector, direction: str) -> Described | None:
    """How much may pass in a direction (kilobytes a second); None when that is not limited."""
    average = as_int(nic.get(f"{direction}_AVG_BW", "")) or 0
    peak = as_int(nic.get(f"{direction}_PEAK_BW", "")) or 0
    burst = as_int(nic.get(f"{direction}_PEAK_KB", "")) or 0
    return {"average": average, "peak": peak, "burst": burst} if average else None


def _addresses(vm: Vm, nic: Vector) -> list[str]:
    """The addresses of a NIC and of its aliases."""
    aliases = [a for a in vm.template.vectors("NIC_ALIAS") if a.get("PARENT_ID") == nic["NIC_ID"]]
    return [each[name] for each in (nic, *aliases) for name in _ADDRESSES if each.get(name)]


def rules(world: World, groups: list[int]) -> list[Described] | None:
    """The rules of groups together; None when they allow everything."""
    known = [world.security_groups[number] for number in groups if number in world.security_groups]
    if not known:
        return None
    found = [rule for group in known for rule in group.template.vectors("RULE")]

    def spans_of(number: int) -> list[firewall.Span] | None:
        network = world.networks.get(number)
        if network is None:
            return None
        return [span for ar in network.ranges for span in addresses.spans(ar)]

    return firewall.described(found, spans_of)
