"""Amounts as people write them."""

from innkeeper.model.template import number as plain

__all__ = ["cores", "counted", "disk", "memory", "plain", "span"]

_STEPS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def memory(kib: float) -> str:
    """KiB in the largest unit that leaves a whole part: 1572864 -> "1.5 GiB"."""
    size, unit = float(kib), 0
    while abs(size) >= 1024 and unit < len(_STEPS) - 1:
        size /= 1024
        unit += 1
    return f"{plain(size)} {_STEPS[unit]}"


def disk(mib: float) -> str:
    """MiB in the largest unit that leaves a whole part."""
    return memory(mib * 1024)


def cores(hundredths: float) -> str:
    """1/100 cores as cores: 50 -> "0.5 cores"."""
    text = plain(hundredths / 100)
    return f"{text} core" if text == "1" else f"{text} cores"


def span(seconds: float) -> str:
    """Seconds as days, hours, minutes or seconds, whichever is the largest whole one."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(seconds, 0))} s"


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 host", "3 hosts"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
