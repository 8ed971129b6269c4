"""Templates: ordered, typed attributes of every object that users describe.

A template maps upper-case names to one or more values; a value is a text or a vector, which
maps upper-case sub-names to texts. Templates are never changed: each method that alters one
returns another. The language, its two forms and the update rules are OpenNebula's.
"""

from collections.abc import Iterable
from typing import Self, overload

import msgspec

from innkeeper.model.template_plain import parse_plain, render_plain
from innkeeper.model.template_values import (
    TemplateError,
    Value,
    Vector,
    as_bool,
    as_float,
    as_int,
    attribute_name,
    cleaned,
    number,
)
from innkeeper.model.template_xml import parse_xml, render_children

__all__ = [
    "Template",
    "TemplateError",
    "Value",
    "Vector",
    "as_bool",
    "as_float",
    "as_int",
    "attribute_name",
    "number",
]


class Template(msgspec.Struct, frozen=True):
    """Attributes by name, each with its values in the order in which they appeared.

    Two templates are equal when they have the same names with the same values in the same
    order; the order of names, and of sub-names in a vector, means nothing.
    """

    attributes: dict[str, tuple[Value, ...]] = {}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text: XML when its first character is ``<``, else the plain form.

        Raises TemplateError with the reason, the line and the column.
        """
        return cls(parse_xml(text) if text.startswith("<") else parse_plain(text))

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    @overload
    def get(self, name: str, default: None) -> str | None: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The first single value of a name; the default when it has none, only vectors say."""
        for value in self.attributes.get(name.upper(), ()):
            if isinstance(value, str):
                return value
        return default

    def vector(self, name: str) -> Vector | None:
        """The first vector of a name, not to be changed."""
        for value in self.attributes.get(name.upper(), ()):
            if not isinstance(value, str):
                return value
        return None

    def vectors(self, name: str) -> tuple[Vector, ...]:
        """All vectors of a name, not to be changed."""
        values = self.attributes.get(name.upper())
        return () if values is None else tuple([v for v in values if not isinstance(v, str)])

    def values(self, name: str) -> tuple[Value, ...]:
        """All values of a name; empty when it is absent."""
        return self.attributes.get(name.upper(), ())

    def shares(self, other: "Template", names: Iterable[str]) -> bool:
        """Are the values of these names (upper case) the very same ones as another template's, at a glance?"""
        mine, others = self.attributes, other.attributes
        if mine is not others:
            for name in names:
                if mine.get(name) is not others.get(name):
                    return False
        return True

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self.attributes

    def with_(self, name: str, *values: Value) -> Self:
        """With these values in place of all that the name had; none removes the name."""
        if not values:
            return self.without(attribute_name(name))
        stored = tuple(cleaned(value) for value in values)
        return self._replaced({**self.attributes, attribute_name(name): stored})

    def adding(self, name: str, value: Value) -> Self:
        """With one more value behind those that the name has."""
        key = attribute_name(name)
        stored = (*self.attributes.get(key, ()), cleaned(value))
        return self._replaced({**self.attributes, key: stored})

    def without(self, *names: str) -> Self:
        """Without these names; names that it has not are no error."""
        dropped = {name.upper() for name in names}
        if dropped.isdisjoint(self.attributes):
            return self
        kept = {name: values for name, values in self.attributes.items() if name not in dropped}
        return self._replaced(kept)

    def only(self, names: Iterable[str]) -> Self:
        """With no other names than these."""
        wanted = {name.upper() for name in names}
        return self._replaced({n: values for n, values in self.attributes.items() if n in wanted})

    def merged(self, new: "Template") -> Self:
        """As an update in append mode leaves it.

        Each name in ``new`` replaces all old values of that name; an empty vector, which only
        ``NAME=[]`` can write, deletes the name.
        """
        attributes = dict(self.attributes)
        for name, values in new.attributes.items():
            kept = tuple(value for value in values if value != {})
            if kept:
                attributes[name] = kept
            else:
                attributes.pop(name, None)
        return self._replaced(attributes)

    def to_plain(self) -> str:
        """The plain form, sorted by name; it parses back into an equal template."""
        return render_plain(self.attributes)

    def to_xml(self, tag: str = "TEMPLATE") -> str:
        """The XML form in an element of this tag; without attributes ``<TAG></TAG>``.

        It parses back into an equal template, but for vectors without elements, which XML
        cannot tell from nothing.
        """
        return f"<{tag}>{render_children(self.attributes)}</{tag}>"

    def _replaced(self, attributes: dict[str, tuple[Value, ...]]) -> Self:
        return type(self)(attributes)
