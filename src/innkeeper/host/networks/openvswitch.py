"""Open vSwitch: switches made by way of ``ovs-vsctl``, and what passes their ports by ``ovs-ofctl``.

A port's VLAN is set by the hypervisor in the same step in which it plugs the guest in, so that it is never in another.
Where the kernel has no Open vSwitch its own userspace datapath serves.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from ..errors import FailedError, RefusedError
from ..tools import run
from . import bridge, openflow
from .guard_rules import Nic

_MODULE = Path("/sys/module/openvswitch")
#: What the cookies of our rules begin with.
_OURS = 0x01 << 56


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
    """Takes a guest's port out, if it is still there."""
    if exists(name):
        _change("--if-exists", "del-port", name, interface)


# ---- what may pass --------------------------------------------------------------------------------


def guard(switch: str, identity: int, nics: list[Nic]) -> None:
    """Makes a switch keep the rules of these NICs, as far as they are plugged in, and none that it kept before.

    All rules change in one step. ``identity`` is the root's: each has rules of its own.
    """
    if not exists(switch):
        return
    there = _ports(switch)
    present = {there[nic.interface].number: nic for nic in nics if nic.interface in there}
    ours = f"{_OURS | identity:#x}"
    flows = [f"add cookie={ours},{flow}" for flow in openflow.flows(present)]
    ruled = [nic for nic in present.values() if nic.rules is not None]
    _remember(switch, there, ruled, {nic.interface for nic in nics})
    changed = "\n".join([f"delete cookie={ours}/-1", *flows, ""])
    run("ovs-ofctl", "--bundle", "-O", "OpenFlow14", "add-flows", switch, "-", stdin=changed)
    for nic in present.values():
        floods = nic.rules is None
        if floods is not there[nic.interface].floods:
            word = "flood" if floods else "no-flood"
            run("ovs-ofctl", "-O", "OpenFlow14", "mod-port", switch, nic.interface, word)


def forgot(switch: str, identity: int, nics: list[Nic]) -> bool:
    """Whether a switch has none of our rules though one of these NICs is plugged in.

    It loses them when its daemon is started anew.
    """
    if not exists(switch):
        return False
    ours = f"cookie={_OURS | identity:#x}/-1"
    told = run("ovs-ofctl", "-O", "OpenFlow14", "dump-aggregate", switch, ours)
    return "flow_count=0" in told and not _ports(switch).keys().isdisjoint(
        nic.interface for nic in nics
    )


@dataclasses.dataclass(frozen=True)
class _Port:
    """A port of a switch: its number, and whether it gets what is flooded."""

    number: int
    floods: bool


def _ports(switch: str) -> dict[str, _Port]:
    shown = run("ovs-ofctl", "-O", "OpenFlow14", "dump-ports-desc", switch)
    found = re.findall(r"^ (\d+)\(([^)]+)\):.*\n\s+config:\s*(.*)$", shown, re.MULTILINE)
    return {
        name.strip('"'): _Port(int(number), "NO_FLOOD" not in config)
        for number, name, config in found
    }


def _remember(switch: str, there: dict[str, _Port], ruled: list[Nic], ours: set[str]) -> None:
    """Tells the switch where NICs are that it cannot find by flooding, in each of their VLANs."""
    vlans = _vlans()
    wanted = {(nic.interface, vlan, nic.mac) for nic in ruled for vlan in vlans[nic.interface]}
    numbers = {port.number: name for name, port in there.items()}
    shown = run("ovs-appctl", "fdb/show", switch)
    lines = re.findall(r"^\s*(\d+)\s+(\d+)\s+(\S+)\s+static\s*$", shown, re.MULTILINE)
    known = {(numbers.get(int(port), ""), int(vlan), mac) for port, vlan, mac in lines}
    for interface, vlan, mac in known - wanted:
        if interface in ours:
            run("ovs-appctl", "fdb/del", switch, str(vlan), mac)
    for interface, vlan, mac in wanted - known:
        run("ovs-appctl", "fdb/add", switch, interface, str(vlan), mac)


def _vlans() -> dict[str, list[int]]:
    """The VLANs of all ports, by name; 0 where a port is in none."""
    shown = _change("--format=json", "--columns=name,tag,trunks", "list", "port")
    return {
        name: sorted({*(_numbers(tag) or [0]), *_numbers(trunks)})
        for name, tag, trunks in json.loads(shown)["data"]
    }


def _numbers(value: Any) -> list[int]:
    """A column of numbers as the database tells it: one, or a set."""
    return [int(number) for number in value[1]] if isinstance(value, list) else [int(value)]
