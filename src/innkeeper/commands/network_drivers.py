"""Network drivers: what each needs, and which VLAN or VXLAN a network gets (spec: templates.md section 8)."""

import ipaddress

from innkeeper.lifecycle.network_uplinks import MULTICAST, hosts_of
from innkeeper.model.errors import Refusal, cannot_allocate
from innkeeper.model.template import Template, as_bool, as_int
from innkeeper.model.world import World

#: Drivers, with the number of segments that each can tell apart (0: it makes none). `fw` is OpenNebula's name for a
#: bridge with security groups, which every bridge has here.
DRIVERS = {"bridge": 0, "fw": 0, "dummy": 0, "802.1Q": 4094, "vxlan": 2**24 - 1}
#: Where numbers that nobody chose begin.
START = 2
#: MTU in a VXLAN over a plain Ethernet.
VXLAN_MTU = "1450"


def checked(template: Template) -> str:
    """The driver of a new network, which has all that it needs."""
    driver = template.get("VN_MAD") or ""
    if driver not in DRIVERS:
        raise _wrong(f"VN_MAD must be one of {', '.join(sorted(DRIVERS))}, not {driver!r}")
    if DRIVERS[driver]:
        _check_segment(driver, template)
    return driver


def _wrong(text: str) -> Refusal:
    return cannot_allocate("virtual network", f"{text}.")


def _check_segment(driver: str, template: Template) -> None:
    if not template.get("PHYDEV"):
        raise _wrong(f"PHYDEV, a network device of the hosts, is needed for VN_MAD {driver}")
    text, most = template.get("VLAN_ID") or "", DRIVERS[driver]
    if not text and not as_bool(template.get("AUTOMATIC_VLAN_ID") or "NO"):
        raise _wrong(f"VLAN_ID or AUTOMATIC_VLAN_ID=YES is needed for VN_MAD {driver}")
    if text and not 1 <= (as_int(text) or 0) <= most:
        raise _wrong(f"VLAN_ID must be from 1 to {most} for VN_MAD {driver}, not {text!r}")


def segment(world: World, driver: str, template: Template, number: int) -> tuple[str, bool]:
    """The VLAN_ID of a new network, and whether it was chosen for it."""
    if not DRIVERS[driver]:
        return template.get("VLAN_ID") or "", False
    same = [network for network in world.networks if network.vn_mad == driver]
    if driver != "vxlan":
        same = [network for network in same if network.phydev == template.get("PHYDEV")]
    taken = {as_int(network.vlan_id): network.id for network in same}
    text = template.get("VLAN_ID") or ""
    if not text:
        return str(_free(number, taken, DRIVERS[driver])), True
    # Several networks may be in one VLAN; a VXLAN is made for one.
    chosen = as_int(text)
    if driver == "vxlan" and chosen in taken:
        raise _wrong(f"VLAN_ID {chosen} is that of network {taken[chosen]} already")
    return str(chosen), False


def _free(number: int, taken: dict[int | None, int], most: int) -> int:
    room = most - START + 1
    for step in range(room):
        found = START + (number + step) % room
        if found not in taken:
            return found
    raise _wrong("No VLAN_ID is free")


def completed(driver: str, template: Template) -> Template:
    """The template with what follows from the driver."""
    if driver == "vxlan" and "MTU" not in template:
        template = template.with_("MTU", VXLAN_MTU)
    if driver == "vxlan" and "GUEST_MTU" not in template:
        template = template.with_("GUEST_MTU", template.get("MTU") or VXLAN_MTU)
    return template


def wrong_for_hosts(template: Template) -> str | None:
    """What is wrong with where a VXLAN's packets go to; None when nothing is."""
    for peer in hosts_of(template.get("VXLAN_PEERS") or ""):
        if not _is_address(peer):
            return f"VXLAN_PEERS must be addresses of hosts, not {peer!r}"
    base = template.get("VXLAN_MC") or MULTICAST
    if not _is_address(base) or ":" in base or not ipaddress.IPv4Address(base).is_multicast:
        return f"VXLAN_MC must be an IPv4 multicast address, not {base!r}"
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
