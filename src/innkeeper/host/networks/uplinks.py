"""What connects a bridge with other hosts: a device of the host itself, a VLAN on one, or a VXLAN over one."""

from __future__ import annotations

import dataclasses
import ipaddress

from ..arguments import Arguments
from ..errors import FailedError, RefusedError
from ..tools import run
from . import bridge
from .bridge import Link

DRIVERS = ("bridge", "802.1Q", "vxlan")
#: Bytes that VXLAN takes of a packet: Ethernet, VXLAN, UDP and IPv4 headers.
_VXLAN_OVERHEAD = 50
#: VXLAN's port (RFC 7348).
_VXLAN_PORT = 4789
_LONGEST_NAME = 15


@dataclasses.dataclass
class Uplink:
    """How a network leaves the host. ``peers``: the hosts to flood to, where there is no multicast ``group``."""

    driver: str = "bridge"
    phydev: str | None = None
    vlan: int | None = None
    group: str | None = None
    peers: list[str] = dataclasses.field(default_factory=list)

    @property
    def device(self) -> str | None:
        """The device that is put into the bridge."""
        if self.driver == "vxlan":
            return f"vxlan{self.vlan}"
        if self.driver == "802.1Q":
            number = f".{self.vlan}"
            return f"{self.phydev or ''}"[: _LONGEST_NAME - len(number)] + number
        return self.phydev

    @property
    def made(self) -> bool:
        """Whether the device is one that is made for this, and not the host's own."""
        return self.driver != "bridge"


def wanted(described: Arguments) -> Uplink:
    """An uplink as the front end describes it."""
    driver = described.choice("driver", DRIVERS, "bridge")
    phydev = described.interface("phydev") if "phydev" in described else None
    if driver == "bridge":
        return Uplink(driver, phydev)
    if phydev is None:
        raise described.bad("phydev", "an interface, because of the driver")
    most = 4094 if driver == "802.1Q" else 2**24 - 1
    vlan = described.integer("vlan", least=1, most=most)
    group = described.maybe_text("group")
    if group is not None:
        group = _address(described, "group", group)
    peers = described.raw("peers") or []
    if not isinstance(peers, list):
        raise described.bad("peers", "a list of addresses")
    return Uplink(driver, phydev, vlan, group, [_address(described, "peers", p) for p in peers])


def _address(described: Arguments, key: str, text: object) -> str:
    try:
        return str(ipaddress.ip_address(str(text)))
    except ValueError as wrong:
        raise described.bad(key, "IP addresses") from wrong


def ensure(uplink: Uplink, mtu: int | None, present: dict[str, Link]) -> int | None:
    """Makes the device if it is missing; returns the most that a packet in its bridge may have."""
    if not uplink.made or uplink.phydev is None or uplink.device is None:
        return mtu
    under = present.get(uplink.phydev)
    if under is None:
        raise RefusedError(f"there is no device {uplink.phydev} on this host for {uplink.device}")
    if mtu is None and uplink.driver == "vxlan":
        mtu = under.mtu - _VXLAN_OVERHEAD
    found = present.get(uplink.device)
    kind = "vlan" if uplink.driver == "802.1Q" else "vxlan"
    if found is not None and (found.kind, found.number) != (kind, uplink.vlan):
        raise RefusedError(f"{uplink.device} is there and is no {kind} {uplink.vlan}")
    if found is None:
        _make(uplink, kind)
    changes = [f"link set dev {uplink.phydev} up", f"link set dev {uplink.device} up"]
    if mtu:
        changes.insert(0, f"link set dev {uplink.device} mtu {mtu}")
    bridge.change(*changes)
    _flood(uplink, present)
    return mtu


def _make(uplink: Uplink, kind: str) -> None:
    if kind == "vlan":
        command = f"link add link {uplink.phydev} name {uplink.device} type vlan id {uplink.vlan}"
    else:
        group = f"group {uplink.group} ttl 16" if uplink.group and not uplink.peers else ""
        about = f"id {uplink.vlan} dev {uplink.phydev} dstport {_VXLAN_PORT}"
        command = f"link add {uplink.device} type vxlan {about} {group}"
    try:
        bridge.change(command)
    except FailedError as problem:
        if "Unknown device type" in str(problem) or "not supported" in str(problem):
            module = "8021q" if kind == "vlan" else "vxlan"
            text = (
                f"this host's kernel has no {module}, which networks of driver {uplink.driver} need"
            )
            raise RefusedError(text) from problem
        raise


def _flood(uplink: Uplink, present: dict[str, Link]) -> None:
    """What goes to all, or to somebody unknown, goes to each of the other hosts."""
    own = {address.partition("/")[0] for link in present.values() for address in link.addresses}
    wanted_peers = [peer for peer in uplink.peers if peer not in own]
    if not uplink.peers:
        return
    there = run("bridge", "fdb", "show", "dev", str(uplink.device))
    known = {
        words[words.index("dst") + 1]
        for words in map(str.split, there.splitlines())
        if words[0] == "00:00:00:00:00:00" and "dst" in words
    }
    for peer in wanted_peers:
        if peer not in known:
            run(
                "bridge",
                "fdb",
                "append",
                "00:00:00:00:00:00",
                "dev",
                str(uplink.device),
                "dst",
                peer,
            )
    for peer in known.difference(wanted_peers):
        run("bridge", "fdb", "del", "00:00:00:00:00:00", "dev", str(uplink.device), "dst", peer)
