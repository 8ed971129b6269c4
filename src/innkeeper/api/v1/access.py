"""Who calls: HTTP Basic, with the same sessions as XML-RPC. Refusals become HTTP answers here."""

import base64
import binascii
import re
from typing import Any

import msgspec

from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.commands.auth import Authenticator
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller

#: As many as can matter: Python refuses to read thousands.
_DIGITS = re.compile(r"[0-9]{1,19}")
STATUS = {
    Code.AUTHENTICATION: 401,
    Code.AUTHORIZATION: 403,
    Code.NO_EXISTS: 404,
    Code.ACTION: 409,
    Code.ALLOCATE: 409,
    Code.BAD_ARGUMENT: 400,
    Code.INTERNAL: 400,
}


def as_http(refusal: Refusal) -> HttpError:
    """A refusal as HTTP says it."""
    status = STATUS[refusal.code]
    headers = (("www-authenticate", 'Basic realm="innkeeper"'),) if status == 401 else ()
    return HttpError(status, refusal.text, headers=headers)


async def caller_of(request: Request, authenticator: Authenticator) -> Caller:
    """The caller, or 401."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        session = base64.b64decode(encoded.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        raise HttpError(
            401,
            "HTTP Basic authentication is expected",
            headers=(("www-authenticate", 'Basic realm="innkeeper"'),),
        ) from None
    try:
        return await authenticator.caller(session)
    except Refusal as refusal:
        raise as_http(refusal) from None


def number(request: Request, name: str) -> int:
    """A number in the path."""
    text = request.parameters[name]
    if not _DIGITS.fullmatch(text) or len(text) > 9:
        raise HttpError(400, f"{name} must be a number, not {text[:40]!r}")
    return int(text)


def option(request: Request, name: str, default: int, most: int = 1 << 62) -> int:
    """A number in the query."""
    text = dict(request.query).get(name, "")
    if not text:
        return default
    if not _DIGITS.fullmatch(text) or int(text) > most:
        raise HttpError(400, f"{name} must be a number from 0 to {most}, not {text[:40]!r}")
    return int(text)


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, "application/json")
