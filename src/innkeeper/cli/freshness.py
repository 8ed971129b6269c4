"""How old what was measured is: figures of a host that is away must not be taken for today's."""

from __future__ import annotations

import time

from innkeeper.cli import formats, states
from innkeeper.cli.document import Element, text_at

#: Seconds after which figures are stale; agents report every 30 s unless the settings say otherwise.
STALE = 120.0
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_UNKNOWN = "UNKNOWN"


def age_of_host(host: Element) -> str:
    """A cell: how old a host's figures are, with a mark when they are stale."""
    seconds = _age(text_at(host, "MONITORING/TIMESTAMP"))
    return formats.MISSING if seconds is None else _short(seconds) + "!" * (seconds > STALE)


def of_host(host: Element) -> str:
    """When a host was measured last, and why not since."""
    why = text_at(host, "TEMPLATE/ERROR")
    if not why and states.look_up(states.HOST, text_at(host, "STATE")).name == "OFFLINE":
        why = "the host is offline"
    return _told(text_at(host, "MONITORING/TIMESTAMP"), why)


def of_vm(vm: Element) -> str:
    """When a VM was measured last, and why not since; empty for one that was never, or has ended."""
    last = text_at(vm, "LAST_POLL")
    if _age(last) is None or float(text_at(vm, "ETIME") or 0):
        return ""
    away = states.of_vm(text_at(vm, "STATE"), text_at(vm, "LCM_STATE")).name == _UNKNOWN
    return _told(last, "its host is away (inn host list)" if away else "")


def _told(last: str, why: str) -> str:
    seconds = _age(last)
    if seconds is None:
        return formats.MISSING
    text = f"{_short(seconds)} ago"
    if seconds > STALE:
        text = f"stale, {text}" + (f": {why}" if why else "")
    return f"{formats.moment(last)} ({text})"


def _age(last: str) -> float | None:
    try:
        moment = float(last)
    except ValueError:
        return None
    return max(time.time() - moment, 0.0) if moment > 0 else None


def _short(seconds: float) -> str:
    """A span in its largest unit: `34s`, `5m`, `3h`, `2d`."""
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{int(seconds // size)}{unit}"
