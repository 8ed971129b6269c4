"""Address ranges: what the n-th lease of a range is, and which one is free (spec: templates.md section 8.1)."""

import ipaddress
from collections.abc import Callable, Iterator

from .errors import BadValue, must_be
from .indexes import FIRST_ROUTER, mac_number
from .objects import AddressRange, Network
from .template import Vector, as_int
from .world import World

#: First two bytes of the MAC addresses that we make up.
MAC_PREFIX = "02:00"

TYPES = ("ETHER", "IP4", "IP6", "IP4_6", "IP6_STATIC", "IP4_6_STATIC")


def mac_text(number: int) -> str:
    """A MAC address from its number."""
    raw = f"{number:012x}"
    return ":".join(raw[i : i + 2] for i in range(0, 12, 2))


def mac_of_ip(ip: str) -> str:
    """The MAC address that goes with an IPv4 address: prefix and the address's four bytes."""
    return mac_text(int(MAC_PREFIX.replace(":", ""), 16) << 32 | int(ipaddress.IPv4Address(ip)))


def eui64(prefix: str, mac: int) -> str:
    """The IPv6 address of a MAC in a /64 (RFC 4291, appendix A)."""
    high = (mac >> 24 ^ 0x020000) << 40
    interface = high | 0xFFFE << 24 | mac & 0xFFFFFF
    network = int(ipaddress.IPv6Address(prefix)) >> 64 << 64
    return str(ipaddress.IPv6Address(network | interface))


#: What a range spans: the attribute of its first address, how to count it, how to write it.
_SPANS: tuple[tuple[str, Callable[[str], int], Callable[[int], object]], ...] = (
    ("MAC", mac_number, mac_text),
    ("IP", lambda text: int(ipaddress.IPv4Address(text)), ipaddress.IPv4Address),
    ("IP6", lambda text: int(ipaddress.IPv6Address(text)), ipaddress.IPv6Address),
)


def _number(vector: Vector, name: str) -> int:
    text = vector.get(name, "")
    value = as_int(text)
    if value is None:
        raise BadValue(must_be(f"{name} of an address range", "a whole number", text))
    return value


def _address(vector: Vector, name: str, version: int) -> str:
    text = vector.get(name, "")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != version or "%" in text:
        kind = f"{vector.get('TYPE')} address range"
        raise BadValue(must_be(f"{name} of an {kind}", f"an IPv{version} address", text))
    return str(address)


def normalized(vector: Vector, random_mac: int) -> Vector:
    """An AR vector as it is stored: checked, MAC and SIZE filled in. `random_mac` serves where no address gives one."""
    kind = vector.get("TYPE", "").upper()
    if kind not in TYPES:
        raise BadValue(must_be("TYPE of an address range", f"one of {', '.join(TYPES)}", kind))
    stored = {**vector, "TYPE": kind}
    for name, version, has in (
        ("IP", 4, kind.startswith("IP4")),
        ("IP6", 6, kind.endswith("STATIC")),
    ):
        if has:
            stored[name] = _address(stored, name, version)
        else:
            stored.pop(name, None)
    if kind.endswith("STATIC"):
        prefix = _number(stored, "PREFIX_LENGTH")
        if not 1 <= prefix <= 128:
            raise BadValue(f"PREFIX_LENGTH must lie between 1 and 128, not {prefix}")
        stored.setdefault("SIZE", str(min(2 ** (128 - prefix), 2**31 - 1)))
    for name in ("GLOBAL_PREFIX", "ULA_PREFIX"):
        if stored.get(name):
            stored[name] = _address(stored, name, 6)
    size = _number(stored, "SIZE")
    if not 0 < size < 2**31:
        raise BadValue(must_be("SIZE of an address range", "from 1 to 2147483647", size))
    stored["SIZE"] = str(size)
    if "MAC" not in stored:
        stored["MAC"] = mac_of_ip(stored["IP"]) if "IP" in stored else mac_text(random_mac)
    stored["MAC"] = _checked_mac(stored["MAC"])
    _fits(stored, size)
    return stored


def _fits(stored: Vector, size: int) -> None:
    if "IP" in stored and int(ipaddress.IPv4Address(stored["IP"])) + size > 2**32:
        raise BadValue(f"SIZE {size} leads past the end of IPv4 from {stored['IP']}")
    if "IP6" in stored and int(ipaddress.IPv6Address(stored["IP6"])) + size > 2**128:
        raise BadValue(f"SIZE {size} leads past the end of IPv6 from {stored['IP6']}")
    if mac_number(stored["MAC"]) + size > 2**48:
        raise BadValue(f"SIZE {size} leads past the last MAC address from {stored['MAC']}")


def _checked_mac(text: str) -> str:
    parts = text.lower().split(":")
    if len(parts) != 6 or any(len(p) != 2 or not set(p) <= set("0123456789abcdef") for p in parts):
        raise BadValue(must_be("MAC", "six bytes like 02:00:0a:00:00:01", text))
    return ":".join(parts)


def shared_address(first: AddressRange, second: AddressRange) -> str | None:
    """An address that both ranges have ("IP 10.0.0.7"); None when they have none in common."""
    for name, number, text in _SPANS:
        if name in first.template and name in second.template:
            starts = number(first.template[name]), number(second.template[name])
            common = max(starts)
            if common < min(starts[0] + first.size, starts[1] + second.size):
                return f"{name} {text(common)}"
    return None


def lease(ar: AddressRange, index: int) -> Vector:
    """The addresses of the n-th lease of a range, under the names that NICs and documents use."""
    template = ar.template
    kind = template["TYPE"]
    mac = mac_number(template["MAC"]) + index
    found = {"MAC": mac_text(mac)}
    if "IP" in template:
        found["IP"] = str(ipaddress.IPv4Address(template["IP"]) + index)
    if kind in ("IP6", "IP4_6"):
        found["IP6_LINK"] = eui64("fe80::", mac)
        if template.get("GLOBAL_PREFIX"):
            found["IP6_GLOBAL"] = eui64(template["GLOBAL_PREFIX"], mac)
        if template.get("ULA_PREFIX"):
            found["IP6_ULA"] = eui64(template["ULA_PREFIX"], mac)
    if kind.endswith("STATIC"):
        found["IP6"] = str(ipaddress.IPv6Address(template["IP6"]) + index)
        found["IP6_LINK"] = eui64("fe80::", mac)
    return found


def index_of(ar: AddressRange, name: str, value: str) -> int | None:
    """Which lease of the range has this IP, IP6 or MAC; None when none has."""
    try:
        if name == "MAC":
            index = mac_number(_checked_mac(value)) - mac_number(ar.template["MAC"])
        elif name in ar.template:
            kind = ipaddress.IPv4Address if name == "IP" else ipaddress.IPv6Address
            index = int(kind(value)) - int(kind(ar.template[name]))
        else:
            return None
    except ValueError:
        return None
    return index if 0 <= index < ar.size else None


#: Who has a lease, where that is not a VM: held by an administrator; a reservation's number counts down from -2.
HELD, _RESERVED = -1, -2


def reservation(owner: int) -> int | None:
    """The network whose reservation a lease belongs to; None when it is not reserved."""
    return _RESERVED - owner if FIRST_ROUTER < owner <= _RESERVED else None


def router(owner: int) -> int | None:
    """The virtual router that a lease belongs to; None when that is no router's."""
    return FIRST_ROUTER - owner if owner <= FIRST_ROUTER else None


def reserved(world: World, network: Network, ar: AddressRange) -> list[tuple[int, int, int]]:
    """What other networks have reserved of a range: first and last lease, and the network."""
    base = mac_number(ar.template["MAC"])
    return [
        (first, first + part.size - 1, number)
        for number in world.reservations.of(network.id)
        for part in world.networks[number].ranges
        if part.template.get("PARENT_NETWORK_AR_ID") == str(ar.id)
        for first in (mac_number(part.template["MAC"]) - base,)
    ]


def used(world: World, network: Network, ar: AddressRange) -> dict[int, int]:
    """The leases of a range that are taken: index -> VM (negative: held, or reserved)."""
    base = mac_number(ar.template["MAC"])
    taken = {mac - base: vm for mac, vm in world.leases.of(network.id, ar.id).items()}
    taken.update(dict.fromkeys(ar.held, HELD))
    for first, last, number in reserved(world, network, ar):
        taken.update(dict.fromkeys(range(first, last + 1), _RESERVED - number))
    return taken


def is_free(world: World, network: Network, ar: AddressRange, index: int) -> bool:
    """Is this lease of the range free?"""
    if index in ar.held:
        return False
    if any(first <= index <= last for first, last, _ in reserved(world, network, ar)):
        return False
    return mac_number(ar.template["MAC"]) + index not in world.leases.of(network.id, ar.id)


def free_run(world: World, network: Network, ar: AddressRange, size: int, start: int) -> int | None:
    """The first of `size` free leases in a row, from `start` on; None when there are not so many."""
    base = mac_number(ar.template["MAC"])
    taken = [(mac - base, mac - base) for mac in world.leases.of(network.id, ar.id)]
    taken += [(held, held) for held in ar.held]
    taken += [(first, last) for first, last, _ in reserved(world, network, ar)]
    for first, last in sorted(taken):
        if first - start >= size:
            break
        start = max(start, last + 1)
    return start if start + size <= ar.size else None


def _from(start: int, size: int) -> Iterator[int]:
    yield from range(start, size)
    yield from range(min(start, size))


def next_free(world: World, network: Network) -> tuple[AddressRange, int] | None:
    """The next lease to give: the first range that has one, round robin after the one given last."""
    for ar in network.ranges:
        if _count(world, network, ar) >= ar.size:
            continue
        taken = world.leases.of(network.id, ar.id)
        base, parts = mac_number(ar.template["MAC"]), reserved(world, network, ar)
        for index in _from(ar.next_index % ar.size, ar.size):
            if base + index in taken or index in ar.held:
                continue
            if not any(first <= index <= last for first, last, _ in parts):
                return ar, index
    return None


def _count(world: World, network: Network, ar: AddressRange) -> int:
    parts = sum(last - first + 1 for first, last, _ in reserved(world, network, ar))
    return len(world.leases.of(network.id, ar.id)) + len(ar.held) + parts


def used_count(world: World, network: Network) -> int:
    """How many leases of a network are taken, held or reserved."""
    return sum(_count(world, network, ar) for ar in network.ranges)


def spans(ar: AddressRange) -> list[tuple[str, str]]:
    """The IP addresses that leases of a range have, as first and last of each unbroken run."""
    found = []
    for start, end in _runs(ar):
        first, last = lease(ar, start), lease(ar, end)
        for name in ("IP", "IP6", "IP6_LINK", "IP6_GLOBAL", "IP6_ULA"):
            if name in first:
                found.append((first[name], last[name]))
    return found


def _runs(ar: AddressRange) -> Iterator[tuple[int, int]]:
    """Runs of leases whose IPv6 addresses follow one another: they jump where a MAC's lower half begins anew."""
    base, start = mac_number(ar.template["MAC"]), 0
    while start < ar.size:
        end = ar.size - 1
        if ar.template["TYPE"] not in ("ETHER", "IP4"):
            end = min(end, start + 0xFFFFFF - ((base + start) & 0xFFFFFF))
        yield start, end
        start = end + 1
