"""Row filters of the list commands: `STAT=runn`, `CPU>1`, `NAME~^web`."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass

from innkeeper.cli.errors import CliError, ExitCode

_SHAPE = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>|~)\s*(.*)")
_ORDER = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True)
class Filter:
    """A column, an operator and a value."""

    column: str
    relation: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read `COLUMN operator VALUE`."""
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise CliError(
                f"--filter: expected COLUMN, one of = != < <= > >= ~, VALUE; not {text!r}",
                ExitCode.USAGE,
            )
        if match[2] == "~":
            _check_pattern(match[3])
        return cls(match[1], match[2], match[3].strip())

    def accepts(self, cell: str) -> bool:
        """Whether a cell's text is so: by size when both are numbers, else by letters."""
        cell = cell.strip()
        if self.relation == "~":
            return re.search(self.value, cell) is not None
        compare = _ORDER[self.relation]
        left, right = _size(cell), _size(self.value)
        if left is not None and right is not None:
            return bool(compare(left, right))
        return bool(compare(cell, self.value))


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise CliError(
            f"--filter: {pattern!r} is no regular expression: {error}", ExitCode.USAGE
        ) from error


def _size(text: str) -> float | None:
    """A number, also one with a unit such as `1.5G`."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "")
    try:
        return float(number) * 1024.0 ** _UNITS.get(unit, 0)
    except ValueError:
        return None
