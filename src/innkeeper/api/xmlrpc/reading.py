"""XML-RPC calls, read. Use through `wire`.

Theory of operation. A call is read by expat, whose handlers build the values while the document
goes by; no tree is made. Three decisions keep hostile input cheap:

* No document type is accepted: the handler raises at its first words, and expat stops at the event
  whose handler raises. Without a DTD there are only the five built-in entities.
* Nesting is bounded by `DEEPEST` open elements and a call by `MOST_VALUES` values.
* Every number is checked against its grammar before Python converts it.

Source: the XML-RPC specification of 1999, and `nil` and `i8` as its common extensions.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import Any, Final, TypeAlias
from xml.parsers import expat

XmlRpcValue: TypeAlias = (
    int
    | bool
    | str
    | float
    | bytes
    | list["XmlRpcValue"]
    | dict[str, "XmlRpcValue"]
    | datetime
    | None
)

MALFORMED: Final = -503
DEEPEST: Final = 100
"""Open elements at once; an array or struct in another takes three, so about 32 of them."""
MOST_VALUES: Final = 100_000
_LARGE_BUFFER: Final = 64 * 1024
"""How much text expat gathers before it hands it over; its own 8 KiB are enough for most calls."""


class CallError(Exception):
    """A call that can only be answered with a fault. `code` is the fault code, `text` says why."""

    def __init__(self, text: str, code: int = MALFORMED) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


_SPACE: Final = " \t\r\n"
_METHOD_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}")
_DOUBLE: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")
_DATE_TIME: Final = re.compile(r"[0-9]{8}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_ENCODING: Final = re.compile(
    r"(utf-8|utf-16|us-ascii|iso-8859-[0-9]{1,2}|windows-125[0-8])", re.IGNORECASE
)


_UTF16: Final = {
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}


class _Missing:
    """Stands for a value that has not been given yet; None is a value (nil)."""


_MISSING: Final = _Missing()


def _expected(what: str, got: str) -> CallError:
    shown = got if len(got) <= 40 else got[:40] + "..."
    return CallError(f"expected {what}, got {shown!r}")


def _integer(bits: int) -> Callable[[str], int]:
    bound = 1 << (bits - 1)
    what = f"a {bits}-bit integer"

    def convert(text: str) -> int:
        text = text.strip(_SPACE)
        if not _INTEGER.fullmatch(text):
            raise _expected(what, text)
        number = int(text)
        if not -bound <= number < bound:
            raise _expected(what, text)
        return number

    return convert


def _boolean(text: str) -> bool:
    text = text.strip(_SPACE)
    if text not in ("0", "1"):
        raise _expected("a boolean, 0 or 1", text)
    return text == "1"


def _double(text: str) -> float:
    text = text.strip(_SPACE)
    number = float(text) if _DOUBLE.fullmatch(text) else float("inf")
    if not isfinite(number):
        raise _expected("a double", text)
    return number


def _base64(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (Base64Error, ValueError):
        raise _expected("base64", text) from None


def _date_time(text: str) -> datetime:
    text = text.strip(_SPACE)
    if not _DATE_TIME.fullmatch(text):
        raise _expected("a date like 19980717T14:08:55", text)
    try:
        return datetime.strptime(text, "%Y%m%dT%H:%M:%S")  # noqa: DTZ007 XML-RPC dates have no zone
    except ValueError:
        raise _expected("a date like 19980717T14:08:55", text) from None


def _nil(text: str) -> None:
    if text.strip(_SPACE):
        raise _expected("nothing inside nil", text)


_SCALARS: Final[dict[str, Callable[[str], XmlRpcValue]]] = {
    "string": str,
    "int": _integer(32),
    "i4": _integer(32),
    "i8": _integer(64),
    "boolean": _boolean,
    "double": _double,
    "base64": _base64,
    "dateTime.iso8601": _date_time,
    "nil": _nil,
}


def _missing() -> _Missing:
    return _MISSING


def _two_missing() -> list[_Missing]:
    return [_MISSING, _MISSING]


_SLOTS: Final[dict[str, Callable[[], Any]]] = {
    "params": list,
    "data": list,
    "struct": dict,
    "member": _two_missing,
}
_CHILDREN: Final[dict[str, tuple[str, ...]]] = {
    "": ("methodCall",),
    "methodCall": ("methodName", "params"),
    "methodName": (),
    "params": ("param",),
    "param": ("value",),
    "value": ("array", "struct", *_SCALARS),
    "array": ("data",),
    "data": ("value",),
    "struct": ("member",),
    "member": ("name", "value"),
    "name": (),
    **dict.fromkeys(_SCALARS, ()),
}
_NEW_SLOT: Final[dict[str, dict[str, Callable[[], Any]]]] = {
    parent: {child: _SLOTS.get(child, _missing) for child in children}
    for parent, children in _CHILDREN.items()
}
"""By the open element and the one that starts in it: what makes the slot of the latter."""


class _Reader:
    """Expat's handlers. `tags` and `slots` run in parallel, one entry for each open element.

    A slot collects what its element holds: a list for params and data, a dict for struct, a pair
    for member, and for the rest the one thing inside it. When an element ends, its content goes to
    the slot of its parent.
    """

    def __init__(self) -> None:
        self.tags: list[str] = [""]
        self.slots: list[Any] = [None]
        self.text: list[str] = []
        self.values = 0
        self.name: str | None = None
        self.params: list[XmlRpcValue] | None = None

    def attach(self, parser: expat.XMLParserType) -> None:
        """The parser refers to the reader and not the other way: both vanish with the call."""
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text.append
        parser.StartDoctypeDeclHandler = self.doctype
        parser.XmlDeclHandler = self.declaration

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        """Expat asks Python for encodings that it does not know: only sane ones get that far."""
        if encoding is not None and not _ENCODING.fullmatch(encoding):
            raise _expected("a known character encoding", encoding)

    def doctype(self, *_: object) -> None:
        raise CallError("a document type (DTD) is not accepted")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tags = self.tags
        new_slot = _NEW_SLOT[tags[-1]].get(tag)
        if new_slot is None:
            raise CallError(f"<{tag[:40]}> has no place in {_place(tags[-1])}")
        if self.text:
            self.expect_no_text(tags[-1])
        if len(tags) > DEEPEST:
            raise CallError(f"nested deeper than {DEEPEST} elements")
        tags.append(tag)
        self.slots.append(new_slot())

    def expect_no_text(self, tag: str) -> None:
        text = "".join(self.text)
        self.text.clear()
        if text.strip(_SPACE):
            raise CallError(f"text has no place in {_place(tag)}: {text[:40]!r}")

    def end(self, tag: str) -> None:
        self.tags.pop()
        content = self.slots.pop()
        convert = _SCALARS.get(tag)
        if convert is not None:
            text = "".join(self.text)
            self.text.clear()
            try:
                self.give_value(convert(text))
            except CallError as error:
                raise CallError(f"<{tag}>: {error.text}") from None
        elif tag == "value":
            self.end_value(content)
        else:
            _ENDS[tag](self, content)

    def give_value(self, value: XmlRpcValue) -> None:
        """Put `value` into the enclosing value, array or param, which holds exactly one."""
        if self.slots[-1] is not _MISSING:
            raise CallError(f"a second value in {_place(self.tags[-1])}")
        self.slots[-1] = value

    def end_value(self, content: Any) -> None:
        self.values += 1
        if self.values > MOST_VALUES:
            raise CallError(f"more than {MOST_VALUES} values")
        if content is _MISSING:
            content = "".join(self.text)  # a value without a type is a string
            self.text.clear()
        elif self.text:
            self.expect_no_text("value")
        parent = self.tags[-1]
        if parent == "data":
            self.slots[-1].append(content)
        elif parent == "member":
            self.fill_member(1, content)
        else:
            self.give_value(content)

    def end_param(self, content: Any) -> None:
        self.expect_no_text("param")
        if content is _MISSING:
            raise CallError("a <param> without a value")
        self.slots[-1].append(content)

    def end_params(self, content: list[XmlRpcValue]) -> None:
        self.expect_no_text("params")
        if self.params is not None:
            raise CallError("a second <params>")
        self.params = content

    def end_method_name(self, _: Any) -> None:
        name = "".join(self.text).strip(_SPACE)
        self.text.clear()
        if self.name is not None:
            raise CallError("a second <methodName>")
        if not _METHOD_NAME.fullmatch(name):
            raise _expected("a method name", name)
        self.name = name

    def end_method_call(self, _: Any) -> None:
        self.expect_no_text("methodCall")
        if self.name is None:
            raise CallError("a <methodCall> without a <methodName>")

    def end_data(self, content: list[XmlRpcValue]) -> None:
        self.expect_no_text("data")
        self.give_value(content)

    def end_array(self, content: Any) -> None:
        self.expect_no_text("array")
        if content is _MISSING:
            raise CallError("an <array> without <data>")
        self.give_value(content)

    def end_struct(self, content: dict[str, XmlRpcValue]) -> None:
        self.expect_no_text("struct")
        self.give_value(content)

    def end_name(self, _: Any) -> None:
        self.fill_member(0, "".join(self.text))
        self.text.clear()

    def fill_member(self, part: int, content: XmlRpcValue) -> None:
        member = self.slots[-1]
        if member[part] is not _MISSING:
            raise CallError("a <member> has one <name> and one <value>")
        member[part] = content

    def end_member(self, content: list[Any]) -> None:
        self.expect_no_text("member")
        name, value = content
        if name is _MISSING or value is _MISSING:
            raise CallError("a <member> has one <name> and one <value>")
        if name in self.slots[-1]:
            raise CallError(f"member {name[:40]!r} is there twice")
        self.slots[-1][name] = value


_ENDS: Final[dict[str, Callable[[_Reader, Any], None]]] = {
    "methodCall": _Reader.end_method_call,
    "methodName": _Reader.end_method_name,
    "params": _Reader.end_params,
    "param": _Reader.end_param,
    "array": _Reader.end_array,
    "data": _Reader.end_data,
    "struct": _Reader.end_struct,
    "member": _Reader.end_member,
    "name": _Reader.end_name,
}


def _place(tag: str) -> str:
    return f"<{tag}>" if tag else "the document"


def _decoded_utf16(body: bytes) -> bytes | str:
    """Expat takes half a surrogate pair for a character; Python's decoder does not."""
    encoding = _UTF16.get(body[:2])
    return body.decode(encoding) if encoding else body


def parse_call(body: bytes) -> tuple[str, list[XmlRpcValue]]:
    """The method's name and its parameters. Raises CallError (-503) for anything but a sound call.

    Strings come back as they stand, with white space; a value without a type element is a string.
    `nil` gives None and dateTime.iso8601 a datetime without zone. The encoding is UTF-8 or UTF-16
    or what the XML declaration names (ISO 8859, Windows 125x).
    """
    if not body:
        raise CallError("malformed call: it is empty")
    reader, parser = _Reader(), expat.ParserCreate()
    reader.attach(parser)
    if len(body) > parser.buffer_size:
        parser.buffer_size = _LARGE_BUFFER
    try:
        parser.Parse(_decoded_utf16(body), True)
    except CallError as error:
        where = f"line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber}"
        raise CallError(f"malformed call: {error.text} ({where})") from None
    except expat.ExpatError as error:
        raise CallError(f"malformed call: {error}") from None
    except (LookupError, ValueError):  # from Python's codecs
        raise CallError("malformed call: its character encoding cannot be read") from None
    assert reader.name is not None
    return reader.name, reader.params or []
