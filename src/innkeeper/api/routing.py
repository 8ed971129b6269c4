"""Which handler a request belongs to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from innkeeper.api.messages import HttpError, Request, Response, WebSocket

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
SocketHandler: TypeAlias = Callable[[WebSocket], Awaitable[None]]

SOCKET: Final = "WebSocket"
"""Stands in the place of the verb for WebSockets."""


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is a path; `{name}` stands for one segment of it, `{name...}` for all the rest.

    The rest is for descriptions: the types of what the query says, of the body and of the answer (JSON, or the content
    type of something else), and a sentence (else the handler's).
    """

    verb: str
    pattern: str
    handler: Handler
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    answers: Any = "application/json"
    about: str = ""


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A WebSocket at `pattern` (as in Route)."""

    pattern: str
    handler: SocketHandler
    query: Mapping[str, Any] = field(default_factory=dict)


class Table:
    """Routes by path, then verb. A fixed path goes before patterns, these in the order given."""

    def __init__(self, routes: Sequence[Route | SocketRoute]) -> None:
        self._fixed: dict[str, dict[str, Any]] = {}
        self._patterns: dict[str, tuple[str, re.Pattern[str], dict[str, Any]]] = {}
        for route in routes:
            self._add(route.verb if isinstance(route, Route) else SOCKET, route)

    def _add(self, verb: str, route: Route | SocketRoute) -> None:
        pattern = route.pattern
        if "{" in pattern:
            start = pattern.partition("{")[0]
            verbs = self._patterns.setdefault(pattern, (start, _compiled(pattern), {}))[2]
        else:
            verbs = self._fixed.setdefault(pattern, {})
        if verb in verbs:
            raise ValueError(f"two routes for {verb} {pattern}")
        verbs[verb] = route.handler

    def routes(self) -> Iterator[tuple[str, str]]:
        """All verbs and patterns."""
        for path, verbs in self._fixed.items():
            yield from ((verb, path) for verb in verbs)
        for pattern, (_, _, verbs) in self._patterns.items():
            yield from ((verb, pattern) for verb in verbs)

    def find(self, verb: str, path: str) -> tuple[Any, dict[str, str]]:
        """The handler and what the pattern's names stand for. HttpError 404, or 405 with `Allow`.

        HEAD is answered by the handler of GET.
        """
        allowed: set[str] = set()
        for verbs, parameters in self._candidates(path):
            handler = verbs.get(verb) or (verbs.get("GET") if verb == "HEAD" else None)
            if handler is not None:
                return handler, parameters
            allowed |= verbs.keys() - {SOCKET}
        if not allowed:
            raise HttpError(404, f"there is nothing at {path[:200]}")
        if "GET" in allowed:
            allowed.add("HEAD")
        listed = ", ".join(sorted(allowed))
        raise HttpError(405, f"expected {listed}, got {verb}", headers=(("allow", listed),))

    def _candidates(self, path: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        verbs = self._fixed.get(path)
        if verbs is not None:
            yield verbs, {}
        for start, expression, pattern_verbs in self._patterns.values():
            if path.startswith(start) and (match := expression.fullmatch(path)):
                yield pattern_verbs, match.groupdict()


def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)(\.\.\.)?\}", pattern)
    expression = re.escape(pieces[0])
    for name, rest, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        expression += f"(?P<{name}>{'.*' if rest else '[^/]+'})" + re.escape(literal)
    return re.compile(expression, re.DOTALL)
