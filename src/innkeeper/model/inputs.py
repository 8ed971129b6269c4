"""USER_INPUTS of VM templates: what whoever instantiates one is asked for (spec: templates.md section 4.9).

Clients ask; what they send is checked here. What they leave out is theirs to leave out.
"""

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

from .errors import BadValue, must_be
from .template import Template, as_float, as_int

#: Names in USER_INPUTS that are no inputs.
_ORDER = "INPUTS_ORDER"


class Input(NamedTuple):
    """One of them, as written: `M|type|description|options|default`."""

    name: str
    type: str
    options: str
    default: str


def inputs(template: Template) -> list[Input]:
    """All inputs of a template."""
    found = []
    for name, text in (template.vector("USER_INPUTS") or {}).items():
        parts = [*text.split("|"), "", "", "", ""]
        if name != _ORDER:
            found.append(Input(name, parts[1].strip(), parts[3].strip(), parts[4].strip()))
    return found


def check(template: Template, given: Template) -> None:
    """Refuses values that are given for a template's inputs and do not fit."""
    for each in inputs(template):
        value = given.get(each.name)
        test = _TYPES.get(each.type)
        if value is not None and test is not None and (wanted := test(each, value)):
            raise BadValue(must_be(each.name, wanted, value[:40]))


def _number(_: Input, value: str) -> str:
    return "" if as_int(value) is not None else "a whole number"


def _float(_: Input, value: str) -> str:
    return "" if as_float(value) is not None else "a number"


def _range(each: Input, value: str) -> str:
    least, _, most = each.options.partition("..")
    bounds, number = (as_float(least), as_float(most)), as_float(value)
    if None in bounds:
        return ""
    whole = each.type == "range"
    fits = number is not None and bounds[0] <= number <= bounds[1]  # type: ignore[operator]
    fits = fits and (not whole or as_int(value) is not None)
    return "" if fits else f"a {'whole ' if whole else ''}number from {least} to {most}"


def _choices(each: Input) -> list[str]:
    return [choice.strip() for choice in each.options.split(",")]


def _list(each: Input, value: str) -> str:
    return "" if value in _choices(each) else f"one of {each.options}"


def _several(each: Input, value: str) -> str:
    known = _choices(each)
    fits = all(part.strip() in known for part in value.split(","))
    return "" if fits else f"some of {each.options}"


def _boolean(_: Input, value: str) -> str:
    return "" if value.upper() in ("YES", "NO") else "YES or NO"


def _fixed(each: Input, value: str) -> str:
    return "" if value == each.default else f"{each.default!r}, which is fixed"


def _text64(_: Input, value: str) -> str:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return "a text in base64"
    return ""


_TYPES: dict[str, Callable[[Input, str], str]] = {
    "number": _number, "number-float": _float, "range": _range, "range-float": _range, "list": _list,
    "list-multiple": _several, "boolean": _boolean, "fixed": _fixed, "text64": _text64,
}  # fmt: skip
