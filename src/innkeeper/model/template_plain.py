"""The plain form of templates: ``NAME = value`` and ``NAME = [ A = v, B = "w" ]``.

Theory of operation. Two compiled expressions do the work: one reads a top-level name with its
value or opening bracket, the other reads one ``A = v`` inside brackets with the comma or
bracket after it. Both are anchored where the one before ended and repeat only possessively,
so that a text is read once, in linear time. When neither fits, `_complaint` looks again, slowly,
to say what was wrong.

The grammar is OpenNebula's. As its lexer does, attributes on one line need no newline between
them; beyond it, a comment may be the last line without a newline.
"""

import re

from innkeeper.model.template_values import (
    BLANKS,
    CDATA_END,
    Attributes,
    TemplateError,
    Value,
    Vector,
    attribute_name,
    error_at,
    refuse_unstorable,
)

_SPACE = r"(?:[ \t\r\n]++|\#[^\n]*+)*+"
_NAME = r"([A-Za-z0-9_]++)[ \t]*+="
_QUOTED = r'"([^"\\]*+(?:\\"?+[^"\\]*+)*+)"'
_WORD = r'([^="\#, \t\r\n\[\]][^=\#, \t\r\n\[\]]*+)'

_gap = re.compile(_SPACE)
_name = re.compile(_NAME)
_statement = re.compile(
    rf"{_SPACE}{_NAME}(?:[ \t\r\n]*+(\[)|[ \t\r]*+(?:{_QUOTED}|{_WORD}|(?=\n|\Z)))"
)
_element = re.compile(rf"{_SPACE}{_NAME}[ \t\r]*+(?:{_QUOTED}|{_WORD}){_SPACE}([,\]])")
_end_of_empty_vector = re.compile(rf"{_SPACE}\]")
_value = re.compile(rf"[ \t\r]*+(?:{_QUOTED}|{_WORD})")


def parse_plain(text: str) -> Attributes:
    """Read a template in the plain form; TemplateError when it is not one."""
    refuse_unstorable(text)
    if CDATA_END in text:
        raise error_at(text, text.index(CDATA_END), "']]>' is not allowed")
    attributes: dict[str, list[Value]] = {}
    position = 0
    while found := _statement.match(text, position):
        name, bracket, quoted, token = found.groups()
        position = found.end()
        value: Value
        if bracket:
            value, position = _vector(text, position)
        else:
            value = token or _unquoted(quoted)
        attributes.setdefault(attribute_name(name), []).append(value)
    position = _skip_gap(text, position)
    if position != len(text):
        raise _complaint(text, position)
    return {name: tuple(values) for name, values in attributes.items()}


def _vector(text: str, position: int) -> tuple[Vector, int]:
    """The elements from behind the opening bracket, and where the text goes on."""
    vector: Vector = {}
    while found := _element.match(text, position):
        name, quoted, token, separator = found.groups()
        position = found.end()
        vector.setdefault(attribute_name(name), token or _unquoted(quoted))
        if separator == "]":
            return vector, position
    closing = _end_of_empty_vector.match(text, position)
    if closing and not vector:
        return vector, closing.end()
    raise _complaint(text, position)


def _unquoted(quoted: str | None) -> str:
    if not quoted:
        return ""
    if '\\"' in quoted:
        quoted = quoted.replace('\\"', '"')
    return quoted.strip(BLANKS)


def _skip_gap(text: str, position: int) -> int:
    found = _gap.match(text, position)
    return found.end() if found else position


def _complaint(text: str, position: int) -> TemplateError:
    """Why no attribute could be read from this place on."""
    place = _skip_gap(text, position)
    named = _name.match(text, place)
    if named is None:
        return error_at(text, place, "expected NAME = value")
    name = named.group(1)
    value = _value.match(text, named.end())
    if value is not None:
        return error_at(text, value.end(), f"expected ',' or ']' after the value of {name}")
    start = len(text) - len(text[named.end() :].lstrip(" \t\r"))
    if text.startswith('"', start):
        return error_at(text, start, f"the quoted value of {name} has no end")
    return error_at(text, start, f"expected a value for {name}")


def render_plain(attributes: Attributes) -> str:
    """The text that parses back into the attributes, sorted by name, one attribute a line."""
    lines = []
    for name in sorted(attributes):
        for value in attributes[name]:
            text = _quote(value) if isinstance(value, str) else _render_vector(value)
            lines.append(f"{name}={text}\n")
    return "".join(lines)


def _render_vector(vector: Vector) -> str:
    if not vector:
        return "[]"
    elements = ",\n".join(f"  {name}={_quote(vector[name])}" for name in sorted(vector))
    return f"[\n{elements} ]"


def _quote(value: str) -> str:
    """A quoted text. A backslash at the end would hide the closing quote: a blank, which the
    parser trims, stands between them."""
    escaped = value.replace('"', '\\"')
    return f'"{escaped} "' if escaped.endswith("\\") else f'"{escaped}"'
