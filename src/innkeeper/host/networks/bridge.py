"""Linux bridges, by way of the ``ip`` command (iproute2) and its JSON output."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

from ..errors import FailedError, RefusedError
from ..tools import run

_SYSCTL = Path("/proc/sys/net")


@dataclasses.dataclass(frozen=True)
class Link:
    """A network interface as the kernel shows it."""

    name: str
    kind: str
    bridge: str | None
    mtu: int
    up: bool
    addresses: tuple[str, ...]
    #: Whether connection tracking sees what passes through it (bridges).
    tracked: bool = False
    #: The number of a VLAN or VXLAN.
    number: int | None = None


def links() -> dict[str, Link]:
    """All interfaces by name; addresses in the form 10.0.0.1/24, link-local ones left out."""
    shown = json.loads(run("ip", "-j", "-d", "address", "show"))
    return {item["ifname"]: _link(item) for item in shown if "ifname" in item}


def _link(item: dict[str, Any]) -> Link:
    return Link(
        name=item["ifname"],
        kind=item.get("linkinfo", {}).get("info_kind", ""),
        bridge=item.get("master"),
        mtu=item["mtu"],
        up="UP" in item["flags"],
        addresses=tuple(
            f"{address['local']}/{address['prefixlen']}"
            for address in item.get("addr_info", [])
            if address.get("scope") != "link" and "local" in address
        ),
        tracked=bool(item.get("linkinfo", {}).get("info_data", {}).get("nf_call_iptables")),
        number=item.get("linkinfo", {}).get("info_data", {}).get("id"),
    )


def change(*commands: str) -> None:
    """Runs ``ip`` commands in one go; the first that fails ends it."""
    if commands:
        run("ip", "-batch", "-", stdin="\n".join(commands) + "\n")


def ensure(
    bridge: str, address: str | None = None, mtu: int | None = None, phydev: str | None = None
) -> None:
    """Brings a bridge into the wanted form; what is right already is not touched."""
    present = links()
    found = present.get(bridge)
    if found is not None and found.kind not in ("bridge", "openvswitch"):
        raise RefusedError(f"{bridge} is there and is no bridge but {found.kind or 'a device'}")
    commands = [] if found else [_creation(bridge)]
    if mtu and (not found or found.mtu != mtu):
        commands.append(f"link set dev {bridge} mtu {mtu}")
    if phydev:
        commands += _enslaving(bridge, phydev, present)
    if not found or not found.up:
        commands.append(f"link set dev {bridge} up")
    if address and (not found or address not in found.addresses):
        commands.append(f"address add {address} dev {bridge}")
    change(*commands)


def _creation(bridge: str) -> str:
    # A bridge takes the address of its lowest port, so guests would lose their gateway when that
    # port goes; one that is set stays.
    digest = hashlib.sha256(f"{socket.gethostname()}/{bridge}".encode()).digest()
    mac = ":".join(f"{byte:02x}" for byte in (2, *digest[:5]))
    return f"link add name {bridge} address {mac} type bridge stp_state 0 forward_delay 0"


def _enslaving(bridge: str, phydev: str, present: dict[str, Link]) -> list[str]:
    device = present.get(phydev)
    if device is None:
        raise RefusedError(f"there is no device {phydev} on this host to put into {bridge}")
    if device.bridge == bridge:
        return []
    if device.bridge:
        raise RefusedError(f"{phydev} is in {device.bridge} already, not in {bridge}")
    if device.addresses:
        shown = ", ".join(device.addresses)
        raise RefusedError(f"{phydev} has addresses ({shown}) that {bridge} would cut off")
    return [f"link set dev {phydev} master {bridge} up"]


def remove(bridge: str, phydev: str | None = None) -> bool:
    """Removes a bridge; False when something other than ``phydev`` is still plugged into it."""
    present = links()
    if bridge not in present:
        return True
    if any(link.bridge == bridge and link.name != phydev for link in present.values()):
        return False
    change(f"link delete dev {bridge}")
    return True


def remove_address(bridge: str, address: str) -> None:
    """Takes an address off a bridge, if it is there."""
    found = links().get(bridge)
    if found is not None and address in found.addresses:
        change(f"address delete {address} dev {bridge}")


def remove_interface(name: str) -> None:
    """Removes an interface (a guest's), if it is there."""
    if name in links():
        try:
            change(f"link delete dev {name}")
        except FailedError:
            # It went with its QEMU in the meantime.
            if name in links():
                raise


def forward_packets(version: int) -> None:
    """Lets the kernel route between interfaces. Never turned off again: others may rely on it."""
    name = "ipv4/ip_forward" if version == 4 else "ipv6/conf/all/forwarding"
    setting = _SYSCTL / name
    if setting.read_text().strip() == "0":
        setting.write_text("1")
