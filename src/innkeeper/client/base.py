"""What all collections of objects have, written by hand; the rest is made of the front end's table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from .shapes import EventPage, Outcome

T = TypeVar("T")
ROOT = "/api/v1"
XML = "application/xml"
#: Seconds of one request that waits.
WAIT = 30

Query = Mapping[str, "str | int | bool | None"]


class Refused(Exception):
    """The front end said no: `status` is HTTP's, `problem` the whole of RFC 9457's object."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or f"HTTP status {status}"))
        self.status = status
        self.problem = problem


class Transport(Protocol):
    """Carries a request and brings the answer: JSON, or the text of an XML document where headers accept that.

    Raises what it likes when there is none.
    """

    def request(
        self, verb: str, path: str, query: Query, body: Any, headers: Mapping[str, str]
    ) -> Any:
        """`body` None: none; what is None in the query is left out."""
        ...


class Collection(Generic[T]):
    """The objects of a kind. An argument that is None is not said; `key` makes a repetition harmless."""

    path: ClassVar[str]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, number: int) -> T:
        """One object."""
        found: T = self._request("GET", f"/{number}")
        return found

    def document(self, number: int, **query: bool) -> str:
        """OpenNebula's document of an object (XML)."""
        return self._document(f"/{number}", query)

    def documents(self, **query: int) -> str:
        """OpenNebula's document of all that the caller may use; `filter`, `state`: as its API has them."""
        return self._document("", query)

    def _document(self, where: str, query: Query) -> str:
        return text(self._transport, f"/{self.path}{where}", query)

    def _all(self, query: Query) -> Iterator[T]:
        following: str | None = None
        while True:
            page = self._request("GET", "", {**query, "cursor": following})
            yield from page["items"]
            following = page["next"]
            if following is None:
                return

    def _change(
        self, verb: str, where: str, fields: Mapping[str, Any], key: str, etag: str = ""
    ) -> Outcome[T]:
        body = said(fields)
        headers = {"Idempotency-Key": key} if key else {}
        headers |= {"If-Match": etag} if etag else {}
        found: Outcome[T] = (
            self._request(verb, where, body, None, headers) if verb == "DELETE"
            else self._request(verb, where, {}, body, headers)
        )  # fmt: skip
        return found

    def _request(
        self, verb: str, where: str, query: Query | None = None, body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        path = f"{ROOT}/{self.path}{where}"
        return self._transport.request(verb, path, query or {}, body, headers or {})


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A body without what is not said."""
    return {name: value for name, value in fields.items() if value is not None}


def page(transport: Transport, verb: str, path: str, query: Query, body: Any) -> Any:
    """An exchange about what is no object."""
    return transport.request(verb, f"{ROOT}{path}", query, body, {})


def text(transport: Transport, path: str, query: Query) -> str:
    """A document in XML."""
    return str(transport.request("GET", f"{ROOT}{path}", query, None, {"Accept": XML}))


class Events:
    """The event log, as far as the caller may see it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def page(
        self, *, after: int = 0, limit: int | None = None, wait: int | None = None,
        last: int | None = None, kind: str | None = None, id: int | None = None,  # noqa: A002
    ) -> EventPage:  # fmt: skip
        """What happened after a number; `wait`: seconds to wait for something. Go on with `next`.

        `last`: so many of the latest events instead, oldest first.
        """
        query = {"after": after, "limit": limit, "wait": wait, "last": last, "kind": kind, "id": id}
        found: EventPage = self._transport.request("GET", f"{ROOT}/events", query, None, {})
        return found
