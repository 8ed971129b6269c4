"""Values of templates: their types, how names and texts are normalised, and conversions.

The rules are OpenNebula's (template attributes, release 7.x): names are upper case, values
are trimmed, a boolean is true only when it is ``YES``, and text that XML 1.0 cannot carry is
not a value.
"""

import functools
import math
import re
from typing import Final

Vector = dict[str, str]
Value = str | Vector
Attributes = dict[str, tuple[Value, ...]]

BLANKS = " \t\r\n\v\f"
CDATA_END = "]]>"
_NAME = re.compile(r"[A-Za-z0-9_]+")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ASCII_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INT64 = 2**63


class TemplateError(ValueError):
    """A text that is not a template: the reason, and where (line and column count from 1)."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"{reason} at line {line}, column {column}")
        self.reason = reason
        self.line = line
        self.column = column


def error_at(text: str, position: int, reason: str) -> TemplateError:
    """The error for a place in a text, given as an offset in characters."""
    line = text.count("\n", 0, position) + 1
    return TemplateError(reason, line, position - text.rfind("\n", 0, position))


@functools.lru_cache(maxsize=4096)
def attribute_name(name: str) -> str:
    """The stored form of an attribute's name; ValueError when it is not one.

    A name that could not start an XML element gets the prefix ``ONE_``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"attribute name {name!r} may have only letters, digits and '_'")
    upper = name.upper()
    if upper[0].isdigit() or upper.startswith("XML"):
        return "ONE_" + upper
    return upper


def refuse_unstorable(text: str) -> None:
    """Raise TemplateError when the text has what no stored value may have."""
    if text.isascii() and len(text.encode().translate(None, _ASCII_CONTROLS)) == len(text):
        return  # five times faster than the search below, and nearly every text ends here
    bad = _NOT_XML.search(text)
    if bad:
        code = ord(bad.group())
        raise error_at(text, bad.start(), f"character U+{code:04X} is not allowed")


def cleaned(value: Value) -> Value:
    """A value as it is stored: trimmed, its names normalised, unprintable characters replaced.

    Servers write messages of other programs into templates: a stray control character there
    must not make the whole document unreadable, so it becomes U+FFFD.
    """
    if isinstance(value, str):
        return _NOT_XML.sub("\ufffd", value.strip(BLANKS))
    vector: Vector = {}
    for name, text in value.items():
        vector.setdefault(attribute_name(name), _NOT_XML.sub("\ufffd", text.strip(BLANKS)))
    return vector


def as_bool(text: str | None) -> bool:
    """True for YES in any case, false for every other text and for an absent value."""
    return text is not None and text.upper() == "YES"


def as_int(text: str | None) -> int | None:
    """The whole text as a signed 64-bit integer; None when it is not one."""
    return None if text is None or len(text) > SHORT else _int(text)


def as_float(text: str | None) -> float | None:
    """The whole text as a finite number; None when it is not one."""
    if text is None:
        return None
    return _float(text) if len(text) <= SHORT else _read_float(text)


def _read_int(text: str) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if -_INT64 <= value < _INT64 else None


def _read_float(text: str) -> float | None:
    if not _FLOAT.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


#: The same few short numbers are read again and again. Long texts are not kept.
SHORT: Final = 20
_int = functools.lru_cache(maxsize=4096)(_read_int)
_float = functools.lru_cache(maxsize=4096)(_read_float)


def number(value: float) -> str:
    """A finite number as templates print it: two decimals at most, none when it is whole."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
