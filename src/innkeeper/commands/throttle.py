"""Guessing is made slow: who was wrong often must wait, longer each time, and costs nothing while he waits."""

import ipaddress

from innkeeper.model.clock import Clock

#: Wrong answers for a name that have no consequence.
FREE = 5
#: Seconds to wait after the next one, doubled with each, up to the longest.
FIRST, LONGEST = 1.0, 60.0
#: The same for an address, from which many may come: nobody there is kept out for long.
FREE_THERE, LONGEST_THERE = 30, 10.0
#: Seconds after which all is forgotten, and names remembered at most.
MEMORY, NAMES = 900.0, 10_000


class Throttle:
    """Wrong answers by name. A name that nobody has is treated alike: the difference would tell."""

    def __init__(self, clock: Clock, free: int = FREE, longest: float = LONGEST) -> None:
        self._clock = clock
        self._free = free
        self._longest = longest
        self._wrong: dict[str, tuple[int, float]] = {}

    def open(self, name: str) -> bool:
        """May somebody of this name be heard now?"""
        times, last = self._wrong.get(name, (0, 0.0))
        now = self._clock.time()
        if times and now - last > MEMORY:
            del self._wrong[name]
            return True
        return times < self._free or now - last >= min(
            FIRST * 2 ** (times - self._free), self._longest
        )

    def wrong(self, name: str) -> None:
        """Somebody of this name was wrong."""
        if len(self._wrong) >= NAMES and name not in self._wrong:
            del self._wrong[next(iter(self._wrong))]
        times, _ = self._wrong.pop(name, (0, 0.0))
        self._wrong[name] = min(times + 1, self._free + 16), self._clock.time()

    def right(self, name: str) -> None:
        """Somebody of this name was right."""
        self._wrong.pop(name, None)


def origin(peer: str) -> str:
    """Whose guesses are counted together, of a peer's address and port: an address, of IPv6 its network of 64 bits.

    Empty for this machine's own addresses and for what is none: a web server here passes on what anybody asks.
    """
    try:
        address = ipaddress.ip_address(peer.rpartition(":")[0].strip("[]"))
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return ""
    return str(ipaddress.ip_network((address, 64 if address.version == 6 else 32), strict=False))
