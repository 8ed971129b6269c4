"""The little of XML-RPC that the API needs: no date, base64 or struct in calls.

The standard library's `xmlrpc.client` would cost more start-up time than a whole `inn vm list`.
Format: http://xmlrpc.com/spec.md, with OpenNebula's reply array `[ok, value, code, ...]`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import TypeAlias

from innkeeper.cli.errors import CliError, ExitCode, exit_code_of_reply

Value: TypeAlias = "bool | int | float | str | Sequence[Value]"

_INT_MAX = 2**31


class Refused(CliError):
    """The front end answered a call with an error; `server_code` is the contract's code."""

    def __init__(self, message: str, server_code: int) -> None:
        super().__init__(message, exit_code_of_reply(server_code))
        self.server_code = server_code


_UNKNOWN_METHOD = -506  # the fault code of a front end that is older than we are


def encode_call(method: str, params: Sequence[Value]) -> bytes:
    """The body of a call."""
    values = "".join(f"<param>{_encode(value)}</param>" for value in params)
    return (
        f'<?xml version="1.0"?><methodCall><methodName>{method}</methodName>'
        f"<params>{values}</params></methodCall>"
    ).encode()


def _encode(value: Value) -> str:
    if isinstance(value, bool):
        inner = f"<boolean>{value:d}</boolean>"
    elif isinstance(value, int):
        inner = f"<i4>{value}</i4>" if -_INT_MAX <= value < _INT_MAX else f"<i8>{value}</i8>"
    elif isinstance(value, float):
        inner = f"<double>{value!r}</double>"
    elif isinstance(value, str):
        inner = f"<string>{_escape(value)}</string>"
    else:
        items = "".join(map(_encode, value))
        inner = f"<array><data>{items}</data></array>"
    return f"<value>{inner}</value>"


def _escape(text: str) -> str:
    for character in text:
        if character < " " and character not in "\t\n\r":
            raise CliError(
                f"the text holds the control character {ord(character):#04x}, unfit for XML",
                ExitCode.USAGE,
            )
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def decode_reply(body: bytes) -> Value:
    """The value of a successful reply; raises `Refused` for any other."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - from our own front end; expat bounds entities
    except ET.ParseError as error:
        raise CliError(f"the answer is not XML-RPC: {error}", ExitCode.UNREACHABLE) from error
    fault = root.find("fault/value/struct")
    if fault is not None:
        raise _fault(fault)
    payload = root.find("params/param/value")
    reply = _decode(payload) if payload is not None else None
    if not isinstance(reply, list) or len(reply) < 2:
        raise CliError("the answer is not a reply of this API", ExitCode.UNREACHABLE)
    return _checked(reply)


def _checked(reply: list[Value]) -> Value:
    if reply[0] is True:
        return reply[1]
    code = reply[2] if len(reply) > 2 and isinstance(reply[2], int) else 0
    raise Refused(_without_method(str(reply[1])), code)


def _without_method(message: str) -> str:
    """Drop the `[one.vm.info] ` that the front end puts before its messages."""
    if message.startswith("[one."):
        return message.partition("] ")[2] or message
    return message


def _fault(struct: ET.Element) -> CliError:
    members = {
        member.findtext("name"): _decode(value)
        for member in struct.iterfind("member")
        if (value := member.find("value")) is not None
    }
    code, text = members.get("faultCode"), members.get("faultString")
    if code == _UNKNOWN_METHOD:
        return CliError(f"this front end cannot do that: {text}")
    return CliError(f"the front end did not understand the call: {text} (fault {code})")


def _decode(value: ET.Element) -> Value:
    if len(value) == 0:
        return value.text or ""
    typed = value[0]
    text = typed.text or ""
    match typed.tag:
        case "boolean":
            return text.strip() == "1"
        case "int" | "i4" | "i8":
            return int(text)
        case "double":
            return float(text)
        case "array":
            return [_decode(item) for item in typed.iterfind("data/value")]
        case _:
            return text
