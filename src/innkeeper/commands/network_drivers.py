"""Network drivers: what each needs, and which VLAN or VXLAN a network gets (spec: templates.md section 8)."""

import ipaddress

from innkeeper.lifecycle.network_uplinks import MULTICAST, hosts_of, vlans
from innkeeper.model.errors import BadValue, Mistake, Refusal, cannot_allocate, must_be
from innkeeper.model.names import is_address
from innkeeper.model.template import Template, as_bool, as_int
from innkeeper.model.world import World

#: Drivers, with the number of segments that each can tell apart (0: it makes none). `fw` is OpenNebula's name for a
#: bridge with security groups, which every bridge has here.
DRIVERS = {
    "bridge": 0, "fw": 0, "dummy": 0, "802.1Q": 4094, "vxlan": 2**24 - 1, "ovswitch": 4094, "ovswitch_vxlan": 4094,
}  # fmt: skip
#: Those whose bridge is an Open vSwitch.
_SWITCHED = ("ovswitch", "ovswitch_vxlan")
_MOST_VXLAN = 2**24 - 1
#: Where numbers that nobody chose begin.
START = 2
#: MTU in a VXLAN over a plain Ethernet.
VXLAN_MTU = "1450"


def checked(template: Template) -> str:
    """The driver of a new network, which has all that it needs."""
    driver = template.get("VN_MAD") or ""
    if driver not in DRIVERS:
        raise _wrong(must_be("VN_MAD", f"one of {', '.join(sorted(DRIVERS))}", driver))
    if DRIVERS[driver]:
        _check_segment(driver, template)
    try:
        vlans(template.get("VLAN_TAGGED_ID") or "")
    except ValueError as wrong:
        raise _wrong(f"VLAN_TAGGED_ID must be VLANs like 10,20-25: {wrong}.") from None
    return driver


def bridge_type(driver: str) -> str:
    """What kind of bridge hosts make."""
    return "openvswitch" if driver in _SWITCHED else "linux"


def _wrong(wrong: str | Mistake) -> Refusal:
    return cannot_allocate("virtual network", wrong)


def _check_segment(driver: str, template: Template) -> None:
    if driver != "ovswitch" and not template.get("PHYDEV"):
        raise _wrong(f"PHYDEV, a network device of the hosts, is needed for VN_MAD {driver}.")
    _check_number(driver, template, "VLAN_ID", DRIVERS[driver], needed=driver not in _SWITCHED)
    if driver == "ovswitch_vxlan":
        _check_number(driver, template, "OUTER_VLAN_ID", _MOST_VXLAN, needed=True)


def _check_number(driver: str, template: Template, name: str, most: int, *, needed: bool) -> None:
    text = template.get(name) or ""
    if needed and not text and not _automatic(template, name):
        raise _wrong(f"{name} or AUTOMATIC_{name}=YES is needed for VN_MAD {driver}.")
    if text and not 1 <= (as_int(text) or 0) <= most:
        raise _wrong(must_be(name, f"from 1 to {most} for VN_MAD {driver}", text))


def _automatic(template: Template, name: str) -> bool:
    return as_bool(template.get(f"AUTOMATIC_{name}") or "NO")


def segment(world: World, driver: str, template: Template, number: int) -> tuple[str, bool]:
    """The VLAN_ID of a new network, and whether it was chosen for it."""
    if not DRIVERS[driver]:
        return template.get("VLAN_ID") or "", False
    if driver == "vxlan":
        return _chosen(template, "VLAN_ID", number, _vxlans(world), DRIVERS[driver], alone=True)
    taken = {
        as_int(network.vlan_id): network.id
        for network in world.networks
        if (network.vn_mad, network.phydev) == (driver, template.get("PHYDEV") or "")
    }
    return _chosen(template, "VLAN_ID", number, taken, DRIVERS[driver], alone=False)


def outer_segment(world: World, driver: str, template: Template, number: int) -> tuple[str, bool]:
    """The VXLAN around a new network's VLAN; several may share one."""
    if driver != "ovswitch_vxlan":
        return "", False
    taken = _vxlans(world)
    return _chosen(template, "OUTER_VLAN_ID", number, taken, _MOST_VXLAN, alone=False)


def _vxlans(world: World) -> dict[int | None, int]:
    """The VXLANs that there are."""
    numbers = (
        (n.vlan_id if n.vn_mad == "vxlan" else n.outer_vlan_id, n.id) for n in world.networks
    )
    return {as_int(text): number for text, number in numbers if text}


def _chosen(
    template: Template,
    name: str,
    number: int,
    taken: dict[int | None, int],
    most: int,
    *,
    alone: bool,
) -> tuple[str, bool]:
    """The number that was asked for, which must be nobody else's where it is for one network `alone`, or a free one."""
    text = template.get(name) or ""
    if not text:
        automatic = _automatic(template, name)
        return (str(_free(number, taken, most)), True) if automatic else ("", False)
    chosen = as_int(text)
    if alone and chosen in taken:
        raise _wrong(f"{name} {chosen} is that of network {taken[chosen]} already.")
    return str(chosen), False


def _free(number: int, taken: dict[int | None, int], most: int) -> int:
    room = most - START + 1
    for step in range(room):
        found = START + (number + step) % room
        if found not in taken:
            return found
    raise _wrong("No VLAN_ID is free.")


def completed(driver: str, template: Template) -> Template:
    """The template with what follows from the driver."""
    if not driver.endswith("vxlan"):
        return template
    if "MTU" not in template:
        template = template.with_("MTU", VXLAN_MTU)
    if "GUEST_MTU" not in template:
        template = template.with_("GUEST_MTU", template.get("MTU") or VXLAN_MTU)
    return template


def wrong_for_hosts(template: Template) -> BadValue | None:
    """What is wrong with where a VXLAN's packets go to; None when nothing is."""
    for peer in hosts_of(template.get("VXLAN_PEERS") or ""):
        if not is_address(peer):
            return BadValue(must_be("VXLAN_PEERS", "addresses of hosts", peer))
    base = template.get("VXLAN_MC") or MULTICAST
    if not is_address(base) or ":" in base or not ipaddress.IPv4Address(base).is_multicast:
        return BadValue(must_be("VXLAN_MC", "an IPv4 multicast address", base))
    return None
