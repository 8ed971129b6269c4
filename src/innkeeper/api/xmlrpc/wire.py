"""XML-RPC documents: calls read, responses written. No I/O and no knowledge of any method.

Calls are read by `reading`. Responses are bytes. Large XML results are kept escaped by their owner
(`escape`, once, when the object changes) and joined here (`Raw`); nothing is escaped twice.

Source: OpenNebula's envelope (an array of three items for a success, of five for a failure) as its
server writes it and its clients read it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from math import isfinite
from typing import Any, Final

from innkeeper.api.xmlrpc.reading import MALFORMED, CallError, XmlRpcValue, parse_call

__all__ = [
    "MALFORMED",
    "CallError",
    "Raw",
    "XmlRpcValue",
    "escape",
    "failure",
    "fault",
    "join_multicall",
    "parse_call",
    "response",
    "stream",
    "success",
]

CHUNK: Final = 256 * 1024
"""Bytes after which `stream` hands out what it has gathered."""


_FORBIDDEN: Final = bytes(code for code in range(32) if code not in (9, 10, 13))
_WITHOUT_FORBIDDEN: Final = bytes.maketrans(_FORBIDDEN, b"?" * len(_FORBIDDEN))
_NONCHARACTERS: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF, not XML either

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_HEAD: Final = _DECLARATION + b"<methodResponse><params><param>"
_TAIL: Final = b"</param></params></methodResponse>\n"
_FAULT_HEAD: Final = _DECLARATION + b"<methodResponse><fault>"
_FAULT_TAIL: Final = b"</fault></methodResponse>\n"
_SUCCESS_OPEN: Final = b"<value><array><data><value><boolean>1</boolean></value>"
_SUCCESS_CLOSE: Final = b"<value><i4>0</i4></value></data></array></value>"
_STRING_HEAD: Final = _HEAD + _SUCCESS_OPEN + b"<value><string>"
_STRING_TAIL: Final = b"</string></value>" + _SUCCESS_CLOSE + _TAIL


class Raw:
    """The parts of a string that are already escaped (with `escape`); never escaped again."""

    __slots__ = ("parts",)

    def __init__(self, *parts: bytes) -> None:
        self.parts: Iterable[bytes] = parts

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> Raw:
        """From many parts, without copying the collection."""
        raw = cls()
        raw.parts = parts
        return raw


def escape(text: str | bytes) -> bytes:
    """`text` (bytes: in UTF-8) as the content of an XML element, in UTF-8.

    What XML 1.0 cannot carry (most control characters, lone surrogates, U+FFFE, U+FFFF, bytes that
    are not UTF-8) becomes a question mark. `>` is only escaped where XML asks for it, after `]]`:
    large documents are a fifth smaller for it.
    """
    if isinstance(text, bytes):
        data = text if text.isascii() else _clean_utf8(text.decode("utf-8", "replace"))
    else:
        data = text.encode() if text.isascii() else _clean_utf8(text)
    data = data.translate(_WITHOUT_FORBIDDEN)
    data = data.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b"\r", b"&#13;")
    return data.replace(b"]]>", b"]]&gt;")


def plain(escaped: bytes) -> bytes:
    """What was escaped, as it was."""
    data = escaped.replace(b"]]&gt;", b"]]>").replace(b"&#13;", b"\r").replace(b"&lt;", b"<")
    return data.replace(b"&amp;", b"&")


def _clean_utf8(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    for noncharacter in _NONCHARACTERS:
        data = data.replace(noncharacter, b"?")
    return data


def _integer_element(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"<i4>%d</i4>" % value
    if -(1 << 63) <= value < 1 << 63:
        return b"<i8>%d</i8>" % value
    raise ValueError(f"{value} does not fit into 64 bits")


def _double_element(value: float) -> bytes:
    if not isfinite(value):
        raise ValueError(f"XML-RPC has no double for {value}")
    return b"<double>%s</double>" % repr(value).encode()


def _array_element(value: Sequence[XmlRpcValue]) -> bytes:
    return b"<array><data>%s</data></array>" % b"".join(map(_value, value))


def _struct_element(value: dict[str, XmlRpcValue]) -> bytes:
    members = [
        b"<member><name>%s</name>%s</member>" % (escape(name), _value(item))
        for name, item in value.items()
    ]
    return b"<struct>%s</struct>" % b"".join(members)


_ELEMENTS: Final[dict[type, Callable[[Any], bytes]]] = {
    bool: lambda value: b"<boolean>%d</boolean>" % value,
    int: _integer_element,
    str: lambda value: b"<string>%s</string>" % escape(value),
    float: _double_element,
    bytes: lambda value: b"<base64>%s</base64>" % b64encode(value),
    list: _array_element,
    tuple: _array_element,
    dict: _struct_element,
    datetime: lambda value: (
        b"<dateTime.iso8601>%s</dateTime.iso8601>" % _date_time_text(value).encode()
    ),
    type(None): lambda _: b"<nil/>",
    Raw: lambda value: b"<string>%s</string>" % b"".join(value.parts),
}


def _date_time_text(value: datetime) -> str:
    return value.isoformat(timespec="seconds").replace("-", "")


def _value(value: XmlRpcValue | Raw) -> bytes:
    element = _ELEMENTS.get(type(value))
    if element is None:
        raise TypeError(f"XML-RPC has no value for {type(value).__name__}")
    return b"<value>%s</value>" % element(value)


def response(value: XmlRpcValue | Raw) -> bytes:
    """A whole response around any one value, outside OpenNebula's envelope (`system.*` methods)."""
    return b"".join((_HEAD, _value(value), _TAIL))


def success(value: bool | int | str | bytes | Raw) -> bytes:
    """A whole response: true, the value, 0. Bytes are text in UTF-8, not base64.

    An empty text leaves as one blank, since pyone looks at the first character of every string.
    """
    if isinstance(value, Raw):
        return b"".join((_STRING_HEAD, *value.parts, _STRING_TAIL))
    if isinstance(value, str | bytes):
        return b"".join((_STRING_HEAD, escape(value) or b" ", _STRING_TAIL))
    return b"".join((_HEAD, _SUCCESS_OPEN, _value(value), _SUCCESS_CLOSE, _TAIL))


async def stream(text: Raw, chunk: int = CHUNK) -> AsyncIterator[bytes]:
    """`success(text)` in pieces of about `chunk` bytes, for strings too long to be held twice."""
    for piece in gathered(chain((_STRING_HEAD,), text.parts, (_STRING_TAIL,)), chunk):
        yield piece


def gathered(parts: Iterable[bytes], chunk: int = CHUNK) -> Iterator[bytes]:
    """The same bytes in pieces of about `chunk`."""
    pending, size = [], 0
    for part in parts:
        pending.append(part)
        size += len(part)
        if size >= chunk:
            yield b"".join(pending)
            pending, size = [], 0
    yield b"".join(pending)


def failure(text: str, code: int, object_id: int = -1) -> bytes:
    """A whole response: false, the text, the error code, the object's id, no replication index."""
    items = b"<value><boolean>0</boolean></value>%s%s%s<value><i8>-1</i8></value>" % (
        _value(text),
        _value(code),
        _value(object_id),
    )
    return b"%s<value><array><data>%s</data></array></value>%s" % (_HEAD, items, _TAIL)


def fault(code: int, text: str) -> bytes:
    """A whole response that says that the call itself was wrong."""
    struct = _value({"faultCode": code, "faultString": text})
    return b"".join((_FAULT_HEAD, struct, _FAULT_TAIL))


def join_multicall(documents: Sequence[bytes]) -> bytes:
    """The response of `system.multicall` from the finished responses of its calls, in order."""
    results = [_multicall_item(document) for document in documents]
    array = b"<value><array><data>%s</data></array></value>" % b"".join(results)
    return b"".join((_HEAD, array, _TAIL))


def _multicall_item(document: bytes) -> bytes:
    """A fault stands as its struct, any other result as an array of one."""
    if document.startswith(_FAULT_HEAD):
        return document[len(_FAULT_HEAD) : -len(_FAULT_TAIL)]
    value = document[len(_HEAD) : -len(_TAIL)]
    return b"<value><array><data>%s</data></array></value>" % value
