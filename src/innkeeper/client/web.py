"""The transport of programs that have none of their own: the standard library's HTTP, one connection kept open."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from .base import XML, Query, Refused
from .resources import Api


class Web:
    """A front end at `http(s)://HOST:PORT`, as one user sees it. Raises Refused, and OSError when nobody answers."""

    def __init__(self, url: str, user: str, secret: str, timeout: float = 60.0) -> None:
        import http.client  # costs more than all the rest, and not everybody needs it

        where = urlsplit(url)
        if where.scheme not in ("http", "https") or not where.hostname:
            raise ValueError(f"url must be like http://HOST:PORT, not {url!r}")
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._connection = kinds[where.scheme](where.hostname, where.port, timeout=timeout)
        word = base64.b64encode(f"{user}:{secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {word}", "Content-Type": "application/json"}

    def request(
        self, verb: str, path: str, query: Query, body: Any, headers: Mapping[str, str]
    ) -> Any:
        """One exchange."""
        import json

        sent = None if body is None else json.dumps(body).encode()
        self._connection.request(verb, path + question(query), sent, {**self._headers, **headers})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 400:
            raise Refused(response.status, json.loads(answer or b"{}"))
        return answer.decode() if headers.get("Accept") == XML else json.loads(answer or b"{}")

    def close(self) -> None:
        """Gives the connection up."""
        self._connection.close()


def question(query: Query) -> str:
    """A query string; booleans in JSON's words."""
    said = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }
    return f"?{urlencode(said)}" if said else ""


class Connected(Api):
    """All resources of a front end, over a connection of its own."""

    def __init__(self, web: Web) -> None:
        super().__init__(web)
        self.close = web.close


def connect(url: str, user: str, secret: str) -> Connected:
    """All resources of the front end at an address; `close` it."""
    return Connected(Web(url, user, secret))
