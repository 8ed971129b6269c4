"""Who calls: HTTP Basic with the same sessions as XML-RPC, or a login token as Bearer."""

import base64
import binascii
import re
from typing import Any

import msgspec

from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.api.problems import CHALLENGE, malformed
from innkeeper.commands.auth import Authenticator
from innkeeper.model.permissions import Caller

#: As many as can matter: Python refuses to read thousands.
_DIGITS = re.compile(r"[0-9]{1,19}")


async def caller_of(request: Request, authenticator: Authenticator) -> Caller:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await authenticator.bearer(secret.strip())
    try:
        if scheme.lower() != "basic":
            raise ValueError
        session = base64.b64decode(secret.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        text = "HTTP Basic authentication, or a login token as Bearer, is expected"
        raise HttpError(401, text, headers=CHALLENGE) from None
    return await authenticator.caller(session)


def number(request: Request, name: str) -> int:
    """A number in the path."""
    text = request.parameters[name]
    if not _DIGITS.fullmatch(text) or len(text) > 9:
        raise malformed(name, "a number", repr(text[:40]))
    return int(text)


def option(request: Request, name: str, default: int, most: int = 1 << 62) -> int:
    """A number in the query."""
    text = dict(request.query).get(name, "")
    if not text:
        return default
    if not _DIGITS.fullmatch(text) or int(text) > most:
        raise malformed(name, f"a number from 0 to {most}", repr(text[:40]))
    return int(text)


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, "application/json")
