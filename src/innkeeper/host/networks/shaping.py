"""Rate limits of guests' interfaces: a token bucket each way, by the kernel's traffic control.

What goes to the guest is held back on its interface. What comes from it is led through an ``ifb`` device, because the
kernel holds back only what it sends. Limits are in kilobytes (1000) a second; a burst in kilobytes.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ..arguments import Arguments
from ..errors import FailedError
from ..tools import run
from . import bridge

#: Kilobytes that may pass at once when nothing is said: a tenth of a second, and at least a large packet.
_LEAST_BURST = 66


@dataclasses.dataclass
class Limit:
    """What may pass in one direction: on average, in a burst, and (0: no limit) at the peak of one."""

    average: int
    peak: int = 0
    burst: int = 0


def wanted(described: Arguments, key: str) -> dict[str, Any] | None:
    """A limit as the front end describes it."""
    if key not in described:
        return None
    part = described.part(key)
    average = part.integer("average", least=1)
    limit = Limit(average, part.integer("peak", 0), part.integer("burst", 0))
    return dataclasses.asdict(limit)


def device(vm: int, nic: int) -> str:
    """Through which what comes from a NIC is led."""
    return f"ifb-{vm}-{nic}"


def shape(interface: str, ifb: str, inbound: Limit | None, outbound: Limit | None) -> None:
    """Brings the limits of an interface that exists into the wanted form."""
    present = bridge.links()
    there = interface in present
    if there:
        _bucket(interface, inbound)
    if outbound is None or not there:
        if there:
            _remove("ingress", interface)
        bridge.remove_interface(ifb)
        return
    if ifb not in present:
        bridge.change(f"link add {ifb} type ifb", f"link set dev {ifb} up")
    _bucket(ifb, outbound)
    _lead_through(interface, ifb)


def _lead_through(interface: str, ifb: str) -> None:
    run("tc", "qdisc", "replace", "dev", interface, "ingress")
    run("tc", "filter", "replace", "dev", interface, "parent", "ffff:", "protocol", "all", "prio", "1",
        "handle", "800::800", "u32", "match", "u32", "0", "0",
        "action", "mirred", "egress", "redirect", "dev", ifb)  # fmt: skip


def _bucket(name: str, limit: Limit | None) -> None:
    if limit is None:
        _remove("root", name)
        return
    burst = limit.burst or max(limit.average // 10, _LEAST_BURST)
    peak = ["peakrate", f"{limit.peak}kbps", "mtu", "66000"] if limit.peak > limit.average else []
    run("tc", "qdisc", "replace", "dev", name, "root", "tbf", "rate", f"{limit.average}kbps",
        "burst", f"{burst}kb", "latency", "200ms", *peak)  # fmt: skip


def _remove(what: str, name: str) -> None:
    """Takes a queueing discipline off; one that is not there is fine."""
    try:
        run("tc", "qdisc", "delete", "dev", name, what)
    except FailedError as problem:
        absent = (
            "No such file",
            "Invalid argument",
            "Cannot delete qdisc",
            "Invalid handle",
            "Cannot find",
        )
        if not any(words in str(problem) for words in absent):
            raise
