"""A cloud behind the REST door, without sockets."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from innkeeper.api import direct
from innkeeper.api.server import Application
from innkeeper.api.v1.rest.service import Rest
from innkeeper.api.v1.rest.table import Desk
from tests.api.xmlrpc.cloud import ADMIN, ALICE, Cloud

__all__ = ["ADMIN", "ALICE", "Answer", "Door"]


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


class Door(Cloud):
    """The cloud, asked through REST (and through XML-RPC, to prepare things)."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = Rest(Desk(self.rpc.desk), self.rpc.latencies)
        self.app = Application(None, self.rest.routes())

    def raw(
        self, verb: str, path: str, body: bytes = b"", session: str = ADMIN, **headers: str
    ) -> direct.Reply:
        """One exchange; headers' underscores stand for hyphens."""
        basic = "Basic " + base64.b64encode(session.encode()).decode()
        sent = {"authorization": basic, "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        exchange = direct.exchange(self.app, verb, f"/api/v1{path}", body, sent.items())
        return self._runner.run(asyncio.wait_for(exchange, 30))

    def ask(
        self, verb: str, path: str, body: Any = None, session: str = ADMIN, **headers: str
    ) -> Answer:
        """One exchange in JSON."""
        sent = b"" if body is None else json.dumps(body).encode()
        reply = self.raw(verb, path, sent, session, **headers)
        kind = reply.headers["content-type"]
        assert kind == ("application/problem+json" if reply.status >= 400 else "application/json")
        return Answer(reply.status, json.loads(reply.body) if reply.body else None, reply.headers)

    def get(self, path: str, **more: Any) -> Any:
        """What is there."""
        answer = self.ask("GET", path, **more)
        assert answer.status == 200, answer.body
        return answer.body

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """What came of a change."""
        answer = self.ask("POST", path, body, **more)
        assert answer.status in (200, 201, 202), answer.body
        return answer.body

    def turned_down(self, status: int, verb: str, path: str, body: Any = None, **more: Any) -> Any:
        """The problem of a request that is refused; nothing has changed."""
        before = self.state()
        answer = self.ask(verb, path, body, **more)
        assert answer.status == status, answer.body
        assert answer.body["status"] == status and answer.body["title"] and answer.body["detail"]
        assert self.state() == before
        return answer.body


@pytest.fixture
def door() -> Iterator[Door]:
    """An empty cloud."""
    made = Door()
    yield made
    made.close()
