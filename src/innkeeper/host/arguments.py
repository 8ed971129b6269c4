"""Reading a request's arguments, with errors that name the argument, what was due and what came."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from . import bounds
from .errors import BadArgsError

_INTERFACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+@-]{0,199}")
_LARGEST = 2**53


class Arguments:
    """One JSON object of a request; ``where`` is its path inside the request, for errors."""

    def __init__(self, values: object, where: str = "") -> None:
        if not isinstance(values, dict):
            raise BadArgsError(where or "args", "an object", values)
        self._values: Mapping[str, Any] = values
        self._where = where

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def raw(self, key: str) -> Any:
        """The value as it came, or None."""
        return self._values.get(key)

    def bad(self, key: str, expected: str) -> BadArgsError:
        """The error to raise about argument ``key``."""
        return BadArgsError(self._name(key), expected, self._values.get(key))

    def integer(
        self, key: str, default: int | None = None, least: int = 0, most: int = _LARGEST
    ) -> int:
        """A whole number between ``least`` and ``most``; required when there is no default."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            limit = f"of at least {least}" if most == _LARGEST else f"from {least} to {most}"
            raise self.bad(key, f"a whole number {limit}")
        return value

    def maybe_integer(self, key: str, least: int = 0) -> int | None:
        """A whole number, or None when absent."""
        return self.integer(key, least=least) if key in self else None

    def number(self, key: str, default: float | None = None) -> float:
        """A number that is not negative."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise self.bad(key, "a number of at least 0")
        return float(value)

    def text(self, key: str, default: str | None = None) -> str:
        """A text without NUL characters; required (and not empty) when there is no default."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or "\0" in value or (not value and default is None):
            raise self.bad(key, "a text")
        return value

    def maybe_text(self, key: str) -> str | None:
        """A text, or None when absent or empty."""
        return self.text(key, default="") or None

    def data(self, key: str) -> bytes:
        """Bytes, which came in base64; none when absent."""
        try:
            return base64.b64decode(self.text(key, ""), validate=True)
        except ValueError as broken:
            raise self.bad(key, f"base64 ({broken})") from broken

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value not in choices:
            raise self.bad(key, "one of " + ", ".join(choices))
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """A JSON true or false."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.bad(key, "true or false")
        return value

    def path(self, key: str) -> str:
        """An absolute path without ``..``, in a folder that the front end may name."""
        path = self.absolute(key)
        bounds.check_path(path)
        return path

    def absolute(self, key: str) -> str:
        """An absolute path without ``..``, wherever it leads."""
        value = self.text(key)
        if not value.startswith("/") or ".." in value.split("/"):
            raise self.bad(key, "an absolute path without '..'")
        return value

    def file_name(self, key: str) -> str:
        """A name that is safe as one component of a path."""
        return self._matching(key, _FILE_NAME, "a file name")

    def interface(self, key: str) -> str:
        """The name of a network interface (at most 15 characters)."""
        return self._matching(
            key, _INTERFACE_NAME, "an interface name (1 to 15 letters, digits, '_', '.', '-')"
        )

    def _matching(self, key: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self._values.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.bad(key, expected)
        return value

    def part(self, key: str) -> Arguments:
        """An object inside this one."""
        if not isinstance(self._values.get(key), dict):
            raise self.bad(key, "an object")
        return Arguments(self._values[key], self._name(key))

    def parts(self, key: str, required: bool = True) -> list[Arguments]:
        """A list of objects inside this one."""
        value = self._values.get(key)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            raise self.bad(key, "a list of objects")
        return [Arguments(item, f"{self._name(key)}[{n}]") for n, item in enumerate(value)]

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers that are not negative."""
        value = self._values.get(key)
        if not isinstance(value, list) or not all(type(n) is int and n >= 0 for n in value):
            raise self.bad(key, "a list of whole numbers")
        return value

    def texts(self, key: str) -> dict[str, str]:
        """An object whose members are all texts."""
        value = self._values.get(key)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.bad(key, "an object of texts")
        return value

    def as_dict(self) -> dict[str, Any]:
        """The object as it came."""
        return dict(self._values)
