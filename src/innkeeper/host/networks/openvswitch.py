"""Open vSwitch: switches made by way of ``ovs-vsctl``, and who may speak through their ports by ``ovs-ofctl``.

A port's VLAN is set by the hypervisor in the same step in which it plugs the guest in, so that it is never in another.
Where the kernel has no Open vSwitch its own userspace datapath serves.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from ..errors import FailedError, RefusedError
from ..tools import run
from . import bridge
from .guard_rules import Nic

_MODULE = Path("/sys/module/openvswitch")
#: Rules about a port come before "all that is learned", and among them what is allowed before what is not.
_ALLOWED, _DROPPED = 40000, 39000


def _change(*words: str) -> str:
    try:
        return run("ovs-vsctl", "--timeout=15", *words)
    except FailedError as problem:
        if "database connection failed" in str(problem) or "cannot run" in str(problem):
            raise RefusedError(f"Open vSwitch does not run on this host ({problem})") from problem
        raise


def ensure(name: str, phydev: str | None) -> None:
    """Makes a switch if it is missing, with a device of the host in it."""
    if name in bridge.links() and not exists(name):
        raise RefusedError(f"{name} is there and is no switch of Open vSwitch")
    datapath = "system" if _in_kernel() else "netdev"
    new = () if exists(name) else ("--", "set", "bridge", name, f"datapath_type={datapath}")
    _change("--may-exist", "add-br", name, *new)
    if phydev:
        if phydev not in bridge.links():
            raise RefusedError(f"there is no device {phydev} on this host to put into {name}")
        bridge.change(f"link set dev {phydev} up")
        _change("--may-exist", "add-port", name, phydev)


def _in_kernel() -> bool:
    if not _MODULE.is_dir():
        try:
            run("modprobe", "openvswitch")
        except FailedError:
            return False
    return _MODULE.is_dir()


def exists(name: str) -> bool:
    """Whether there is such a switch."""
    return name in _change("list-br").split()


def remove(name: str, phydev: str | None) -> bool:
    """Removes a switch; False when something other than ``phydev`` is still plugged into it, or nobody can tell."""
    try:
        if not exists(name):
            return True
    except RefusedError:
        return False
    if set(_change("list-ports", name).split()) - {phydev}:
        return False
    _change("del-br", name)
    return True


def unplug(name: str, interface: str) -> None:
    """Takes a guest's port out, if it is still there, and all rules about it."""
    if exists(name):
        forget(name, interface)
        _change("--if-exists", "del-port", name, interface)


# ---- who may speak --------------------------------------------------------------------------------


def guard(nic: Nic) -> None:
    """A guest that speaks in another's name is not heard; for a port that exists."""
    port = _port(nic.interface)
    if port is None:
        return
    forget(nic.bridge, nic.interface)
    if nic.filter_mac or nic.filter_ip:
        flows = [
            f"cookie={_cookie(nic.interface):#x},in_port={port},{rule}" for rule in _rules(nic)
        ]
        run("ovs-ofctl", "add-flows", nic.bridge, "-", stdin="\n".join(flows) + "\n")


def forget(switch: str, interface: str) -> None:
    """Removes all rules about an interface."""
    run("ovs-ofctl", "del-flows", switch, f"cookie={_cookie(interface):#x}/-1")


def _port(interface: str) -> str | None:
    found = _change("--if-exists", "get", "interface", interface, "ofport").strip()
    return found if re.fullmatch(r"[1-9]\d*", found) else None


def _cookie(interface: str) -> int:
    """A number for an interface's rules: its name (15 bytes at most) cut to eight."""
    return int.from_bytes(interface.encode()[-7:].rjust(8, b"\1"), "big")


def _rules(nic: Nic) -> list[str]:
    sender = f"dl_src={nic.mac}," if nic.filter_mac else ""
    arp = f"arp,{sender}arp_sha={nic.mac}" if nic.filter_mac else "arp"
    if not nic.filter_ip:
        return [
            f"priority={_ALLOWED},{arp},actions=normal",
            f"priority={_DROPPED + 1},arp,actions=drop",
            f"priority={_DROPPED},{sender}actions=normal",
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
        *(f"priority={_ALLOWED},{match},actions=normal" for match in passing),
        f"priority={_DROPPED},actions=drop",
    ]
