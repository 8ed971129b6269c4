"""What may come to and from guests' interfaces: one record a VM, and the nftables tables that follow from all.

Theory of operation
-------------------
``guards/<vm>.json`` tells about the NICs of a VM that uses networks here. Our two nftables tables are a pure function
of all records, and are always replaced as a whole, in one transaction: packets meet the old rules or the new ones,
and whatever an interrupted agent left is right again after the next change. A record is written before the guest's
interface exists (rules go by its name), and removed after it has gone.

A NIC that may send and get everything has no rules at all, and where no NIC has any there are no tables. Stateful
rules need br_netfilter to show the bridge's packets to connection tracking: it is turned on for the bridges that need
it alone, and off again where we turned it on.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import FailedError, RefusedError
from ..files import read_json, remove_durably, write_json
from ..tools import run
from . import bridge, guard_rules, openvswitch, shaping
from .guard_rules import PROTOCOLS, Nic
from .shaping import Limit

_BRIDGE_NETFILTER = Path("/proc/sys/net/bridge")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def wanted(described: Arguments) -> Nic:
    """A NIC as the front end describes it."""
    mac = described.text("mac").lower()
    if not _MAC.fullmatch(mac):
        raise described.bad("mac", "a MAC address such as 02:00:0a:00:00:01")
    rules = described.parts("rules", required=False) if "rules" in described else None
    return Nic(
        network=described.integer("network"),
        interface=described.interface("interface"),
        bridge=described.interface("bridge"),
        mac=mac,
        addresses=[
            _address(described, "addresses", text) for text in _listed(described, "addresses")
        ],
        filter_mac=described.flag("filter_mac"),
        filter_ip=described.flag("filter_ip"),
        rules=None if rules is None else [_rule(rule) for rule in rules],
        nic=described.integer("nic"),
        revision=described.integer("revision", default=0),
        inbound=shaping.wanted(described, "inbound"),
        outbound=shaping.wanted(described, "outbound"),
    )


def _listed(described: Arguments, key: str) -> list[Any]:
    value = described.raw(key)
    if value is not None and not isinstance(value, list):
        raise described.bad(key, "a list")
    return value or []


def _address(described: Arguments, key: str, text: object) -> str:
    try:
        return str(ipaddress.ip_address(str(text)))
    except ValueError as wrong:
        raise described.bad(key, "IP addresses") from wrong


def _rule(described: Arguments) -> dict[str, Any]:
    peers = None
    if "peers" in described:
        peers = [
            [_address(described, "peers", end) for end in span]
            for span in _listed(described, "peers")
            if isinstance(span, list)
        ]
    return {
        "direction": described.choice("direction", ("inbound", "outbound")),
        "protocol": described.choice("protocol", PROTOCOLS),
        "ports": [_ports(described, span) for span in _listed(described, "ports")] or None,
        "type": described.maybe_integer("type"),
        "peers": peers,
    }


def _ports(described: Arguments, span: object) -> list[int]:
    if isinstance(span, list) and len(span) == 2 and all(type(end) is int for end in span):
        return span
    raise described.bad("ports", "pairs of a first and a last port")


def _age(nics: list[Nic]) -> tuple[int, int]:
    """Of two descriptions of a VM's NICs the later one has more of this."""
    generations = [nic.generation for nic in nics]
    return max(generations, default=0), sum(nic.revision for nic in nics)


class Guards:
    """The guards of one root. ``identity`` is the root's: each has tables of its own."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._table = f"innkeeper-{identity[:8]}"
        self._identity = zlib.crc32(identity.encode())
        self._applied: str | None = None

    def overtaken(self, vm: int, nics: list[Nic]) -> bool:
        """Whether this comes late: a request that was sent before the rules that are here were changed."""
        return bool(nics) and _age(nics) < _age(self._read(self._file(vm)))

    def put(self, vm: int, nics: list[Nic]) -> None:
        """These are the VM's NICs."""
        limited = {nic.nic for nic in nics if nic.limited}
        switches = set()
        for before in self._read(self._file(vm)):
            if before.limited and before.nic not in limited:
                self._shape(vm, dataclasses.replace(before, inbound=None, outbound=None))
            if before.switched:
                switches.add(before.bridge)
                if before.nic not in {nic.nic for nic in nics}:
                    openvswitch.unplug(before.bridge, before.interface)
        if nics:
            self._folder.mkdir(mode=0o755, exist_ok=True)
            write_json(self._file(vm), [dataclasses.asdict(nic) for nic in nics])
        else:
            remove_durably(self._file(vm))
        self._apply()
        self.shape(vm, switches)

    def shape(self, vm: int, switches: Iterable[str] = ()) -> None:
        """Limits of the VM's interfaces, and rules of switches about them (and of others); for those that exist."""
        nics = self._read(self._file(vm))
        for switch in sorted({*switches, *(nic.bridge for nic in nics if nic.switched)}):
            self._guard(switch)
        for nic in nics:
            if nic.limited:
                self._shape(vm, nic)

    @staticmethod
    def _shape(vm: int, nic: Nic) -> None:
        inbound, outbound = (
            Limit(**limit) if limit else None for limit in (nic.inbound, nic.outbound)
        )
        shaping.shape(nic.interface, shaping.device(vm, nic.nic), inbound, outbound)

    def drop(self, vm: int, networks: list[int] | None = None) -> None:
        """The VM's NICs (in these networks) have gone."""
        nics = self._read(self._file(vm)) if networks is not None else []
        self.put(vm, [nic for nic in nics if nic.network not in (networks or ())])

    def keep(self, present: set[int]) -> None:
        """Forgets all VMs but those that are present."""
        for file in self._folder.glob("*.json"):
            if file.stem.isdigit() and int(file.stem) not in present:
                self.put(int(file.stem), [])
        self._apply()

    def renew(self, tables: str) -> list[str]:
        """Puts back what is missing of all rules; tells where. ``tables``: nftables' own list of its tables."""
        guarded = [nic for nic in self._all() if nic.guarded]
        renewed = []
        if any(not nic.switched for nic in guarded) and f"table bridge {self._table}" not in tables:
            self._apply()
            renewed.append("bridges")
        for switch in sorted({nic.bridge for nic in guarded if nic.switched}):
            there = [nic for nic in guarded if nic.bridge == switch]
            if openvswitch.forgot(switch, self._identity, there):
                self._guard(switch)
                renewed.append(switch)
        return renewed

    def _guard(self, switch: str) -> None:
        there = [nic for nic in self._all() if nic.bridge == switch and nic.switched]
        openvswitch.guard(switch, self._identity, there)

    def _all(self) -> list[Nic]:
        """The NICs of all VMs."""
        files = [file for file in sorted(self._folder.glob("*.json")) if file.stem.isdigit()]
        return [nic for file in files for nic in self._read(file)]

    def _apply(self) -> None:
        nics = [nic for nic in self._all() if nic.guarded and not nic.switched]
        text = guard_rules.tables(self._table, nics)
        if not nics and text == self._applied:
            return
        bridges = {nic.bridge for nic in nics if nic.rules is not None}
        self._track(bridges, on=True)
        run("nft", "-f", "-", stdin=text)
        self._track(bridges, on=False)
        self._applied = text

    def _track(self, bridges: set[str], *, on: bool) -> None:
        """Turns connection tracking on for bridges, or off for all others for which we had turned it on."""
        noted = self._folder / "tracked"
        ours = set(read_json(noted) or [])
        there = bridge.links() if ours | bridges else {}
        changing = {
            name
            for name in (bridges if on else ours - bridges)
            if name in there and there[name].tracked is not on
        }
        after = ours | changing if on else ours & bridges
        if on and after != ours:
            write_json(noted, sorted(after))
        if changing:
            _load()
            flag = int(on)
            bridge.change(
                *(
                    f"link set dev {name} type bridge nf_call_iptables {flag} nf_call_ip6tables {flag}"
                    for name in sorted(changing)
                )
            )
        if not on and after != ours:
            write_json(noted, sorted(after)) if after else remove_durably(noted)

    def _file(self, vm: int) -> Path:
        return self._folder / f"{vm}.json"

    @staticmethod
    def _read(file: Path) -> list[Nic]:
        return [Nic(**nic) for nic in read_json(file) or []]


def _load() -> None:
    """Makes sure that the kernel has br_netfilter, without which no rule about connections works."""
    if not _BRIDGE_NETFILTER.is_dir():
        try:
            run("modprobe", "br_netfilter")
        except FailedError as problem:
            text = "this host's kernel has no br_netfilter, which security groups need"
            raise RefusedError(f"{text} ({problem})") from problem
