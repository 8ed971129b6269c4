"""Errors as RFC 9457 writes them (application/problem+json), for all addresses below /api."""

from http import HTTPStatus
from typing import Any, Final

import msgspec

from innkeeper.api.messages import Headers, HttpError, Response
from innkeeper.model.errors import Code, Mistake, Refusal, StoreFailed

STATUS: Final = {
    Code.AUTHENTICATION: 401,
    Code.AUTHORIZATION: 403,
    Code.NO_EXISTS: 404,
    Code.ACTION: 409,
    Code.ALLOCATE: 409,
    Code.BAD_ARGUMENT: 422,
    Code.INTERNAL: 422,
}
CHALLENGE: Final = (("www-authenticate", 'Basic realm="innkeeper", Bearer realm="innkeeper"'),)
PREFIX: Final = "/api/"
TYPE: Final = "application/problem+json"


class Problem(HttpError):
    """An error with members of its own: `field`, `expected`, `found`, `code`, `object`."""

    def __init__(self, status: int, text: str, headers: Headers = (), **members: Any) -> None:
        super().__init__(status, text, headers)
        self.members = members


def of(refusal: Refusal) -> Problem:
    """A refusal as HTTP says it."""
    status = 503 if isinstance(refusal, StoreFailed) else STATUS[refusal.code]
    members: dict[str, Any] = {} if refusal.object_id < 0 else {"object": refusal.object_id}
    if refusal.mistake is not None:
        members |= refusal.mistake._asdict()
    headers = CHALLENGE if status == 401 else ()
    return Problem(status, refusal.text, headers, code=refusal.code.name, **members)


def malformed(field: str, expected: str, found: str) -> Problem:
    """A request with a part that cannot be."""
    mistake = Mistake(field, expected, found)
    return Problem(400, str(mistake), **mistake._asdict())


def response(error: HttpError, path: str) -> Response:
    """The answer to a request that failed: a problem below /api, a line of text elsewhere."""
    if not path.startswith(PREFIX):
        return Response(f"{error}\n".encode(), error.status, headers=error.headers)
    members: dict[str, Any] = getattr(error, "members", {})
    body = {"title": HTTPStatus(error.status).phrase, "status": error.status, "detail": error.text}
    return Response(msgspec.json.encode(body | members), error.status, TYPE, error.headers)
