"""Human units: sizes, ages, moments, yes and no.

Every function takes the text of a document's element ("" when it is missing) and returns the text
of a table cell.
"""

from __future__ import annotations

import time

MISSING = "-"
_UNITS = "KMGTP"


def as_is(text: str) -> str:
    """The text itself, `-` when there is none."""
    return text or MISSING


def size_of_kib(text: str) -> str:
    """KiB as `512K`, `1.5G`."""
    return _size(text, 0)


def size_of_mib(text: str) -> str:
    """MiB as `512M`, `1.5G`."""
    return _size(text, 1)


def size_of_bytes(text: str) -> str:
    """Bytes as `512B`, `1.5K`."""
    try:
        amount = float(text)
    except ValueError:
        return MISSING
    return f"{amount:.0f}B" if abs(amount) < 1024 else _size(str(amount / 1024), 0)


def _size(text: str, unit: int) -> str:
    try:
        amount = float(text)
    except ValueError:
        return MISSING
    while abs(amount) >= 1024 and unit < len(_UNITS) - 1:
        amount /= 1024
        unit += 1
    number = f"{amount:.1f}".removesuffix(".0")
    return number + _UNITS[unit]


def number(text: str) -> str:
    """A number with at most two decimals and none when it is whole."""
    try:
        return f"{float(text):.2f}".rstrip("0").rstrip(".")
    except ValueError:
        return text or MISSING


def moment(text: str) -> str:
    """Epoch seconds as local `MM/DD HH:MM:SS`; `-` when it has not happened."""
    return _moment(text, "%m/%d %H:%M:%S")


def moment_with_year(text: str) -> str:
    """Epoch seconds as local `MM/DD/YY HH:MM:SS`; `-` when it has not happened."""
    return _moment(text, "%m/%d/%y %H:%M:%S")


def _moment(text: str, pattern: str) -> str:
    try:
        epoch = float(text)
    except ValueError:
        return MISSING
    return time.strftime(pattern, time.localtime(epoch)) if epoch > 0 else MISSING


def age(seconds: float) -> str:
    """A span in seconds as `  0d 00h02m`."""
    minutes = int(max(seconds, 0)) // 60
    return f"{minutes // 1440:3d}d {minutes // 60 % 24:02d}h{minutes % 60:02d}m"


def yes_no(text: str) -> str:
    """`Yes` or `No` for 1 or 0."""
    return "Yes" if text in ("1", "YES") else "No"


def rights(bits: str) -> str:
    """Three digits `110` as `um-`."""
    return "".join(letter if bit == "1" else "-" for letter, bit in zip("uma", bits, strict=True))


def share(used: str, limit: str) -> str:
    """`used / limit (p%)`; `-` when there is neither."""
    total, part = _float(limit), _float(used)
    if total <= 0 and part <= 0:
        return MISSING
    percent = f"{part * 100 / total:.0f}" if total > 0 else "-"
    return f"{number(used)} / {number(limit)} ({percent}%)"


def share_of_kib(used: str, limit: str) -> str:
    """`1G / 2G (50%)` for KiB; `-` when there is neither."""
    total, part = _float(limit), _float(used)
    if total <= 0 and part <= 0:
        return MISSING
    percent = f"{part * 100 / total:.0f}" if total > 0 else "-"
    return f"{size_of_kib(used or '0')} / {size_of_kib(limit or '0')} ({percent}%)"


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
