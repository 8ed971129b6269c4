"""Hostile REST requests: no crash, no traceback, no change by what is refused, no secret in what is answered."""

import json
import logging
import os
import random
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from innkeeper.api.v1.rest.documents import REPORTS, XML
from innkeeper.api.v1.rest.resources import RESOURCES
from tests.api.v1.rest.conftest import ADMIN, ALICE, Door
from tests.api.v1.rest.test_resources import GUEST, IMAGE, NETWORK

CASES = int(os.environ.get("INN_FUZZ", "4000"))
TEXTS = (
    "", " ", "x", "0", "-1", "9" * 400, "\0", "a\0b", "\ud7ff", "\u202e", "\ufffe", "'; DROP TABLE objects;--",
    "$(reboot)", "`id`", "]]>", "<!ENTITY a 'b'>", "../../etc/passwd", "A=[", 'A="', "NAME=x\nCPU=1", "%00", "{{7*7}}",
    "CPU=1e309", "é" * 2000, "[" * 500, "NIC=[NETWORK_ID=-1]", "1) | (1", "true", "null",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 255, 1 << 31, -(1 << 31) - 1, 1 << 63, 1 << 200, 0.5, 1e300, -0.0)
HEADERS = (
    "if-match",
    "if-none-match",
    "idempotency-key",
    "content-type",
    "authorization",
    "range",
    "accept",
)
RAW = (
    b"", b"{", b"}", b"null", b"[]", b'"x"', b"\xff\xfe", b"\x00", b"{}{}", b"[" * 50_000, b'{"a":' * 20_000, b"NaN",
    b'{"template":"\\ud800"}', b'{"name":"a","name":"b"}', "{'a':1}".encode("utf-16"), b"\xef\xbb\xbf{}", b'{"":1}',
)  # fmt: skip


class Fuzzer:
    """Draws requests: some nearly right, some not at all."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        """Anything that JSON can carry."""
        choice = self.chance.randrange(8 if depth < 4 else 5)
        if choice < 2:
            return self.chance.choice(TEXTS)
        if choice == 2:
            return self.chance.choice(NUMBERS)
        if choice < 5:
            return self.chance.choice((True, False, None))
        if choice < 7:
            return {self.chance.choice(TEXTS): self.value(depth + 1) for _ in range(3)}
        return [self.value(depth + 1) for _ in range(3)]

    def body(self, kind: type[msgspec.Struct] | None) -> bytes:
        """A body: some of the fields that are known, with values that may or may not do."""
        if kind is None or self.chance.random() < 0.1:
            return self.chance.choice(RAW)
        names = [field.name for field in msgspec.structs.fields(kind)]
        asked = {name: self.near(name) for name in names if self.chance.random() < 0.8}
        if self.chance.random() < 0.1:
            asked[self.chance.choice(TEXTS)] = self.value()
        return json.dumps(asked).encode()

    def near(self, name: str) -> Any:
        """A value that suits the field's name, or any."""
        if self.chance.random() < 0.4:
            return self.value()
        if name == "template":
            return self.chance.choice(
                (GUEST, IMAGE, NETWORK, {"a": self.value()}, {self.chance.choice(TEXTS): "x"})
            )
        return self.chance.choice((0, 1, "x", True, "640", "DATABLOCK", 77))

    def request(self) -> tuple[str, str, bytes, str, dict[str, str]]:
        """Verb, path, body, session, headers."""
        chance, resource = self.chance, self.chance.choice(RESOURCES)
        number = chance.choice(
            (*"00000", "1", "2", "99", "-1", "x", "9" * 30, quote(chance.choice(TEXTS)))
        )
        one = f"/{resource.path}/{number}"
        query = (
            f"?{quote(chance.choice(TEXTS))}={quote(chance.choice(TEXTS))}"
            if chance.random() < 0.2
            else ""
        )
        actions = [each.name for each in resource.actions] or ["x"]
        name = chance.choice(actions)
        verb, path, kind = chance.choice((
            ("GET", f"/{resource.path}{query}", None), ("GET", f"{one}{query}", None),
            ("POST", f"/{resource.path}", resource.requests.get("create")),
            ("PATCH", one, resource.patch if resource.changes else None), ("DELETE", f"{one}{query}", None),
            ("POST", f"{one}/actions/{name}", resource.requests.get(name)),
            ("POST", f"{one}/actions/{name}", resource.requests.get(name)),
            (chance.choice(("PUT", "TRACE", "PATCH", "POST")), f"{one}/{quote(chance.choice(TEXTS))}", None),
        ))  # fmt: skip
        body = self.body(kind) if verb not in ("GET", "DELETE") else b""
        headers = (
            {}
            if chance.random() < 0.8
            else {chance.choice(HEADERS): quote(chance.choice(TEXTS))[:200]}
        )
        if chance.random() < 0.1:
            headers["accept"] = XML
        if chance.random() < 0.05:
            where, _ = chance.choice(list(REPORTS.values()))
            verb, path = chance.choice(("GET", "PUT")), where.format(id=number) + query
        return verb, path, body, chance.choice((ADMIN, ALICE)), headers


def test_nothing_breaks(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    fuzzer = Fuzzer(7)
    door.add_running()
    for path in (
        "images",
        "networks",
        "templates",
        "security-groups",
        "network-templates",
        "documents",
    ):
        text = {"images": IMAGE, "networks": NETWORK}.get(path, {"name": "first"})
        kind = {"type": 1} if path == "documents" else {}
        door.post(f"/{path}", {"template": text, **kind})
    door.settle()
    answered: dict[int, int] = {}
    for number in range(CASES):
        request = fuzzer.request()
        verb, path, body, session, headers = request
        before = door.state()
        reply = door.raw(verb, path, body, session, **headers)
        assert reply.complete and reply.status not in (0, 500), (number, request, reply.body)
        if reply.status >= 400:
            assert door.state() == before, (number, request)
            problem = json.loads(reply.body)
            assert problem["detail"] and "Traceback" not in problem["detail"], (number, request)
        assert reply.headers["x-content-type-options"] == "nosniff"
        if (
            headers.get("accept") != XML
        ):  # OpenNebula's documents show it to those who manage the user
            assert b"hash of" not in reply.body, (number, request)
        answered[reply.status] = answered.get(reply.status, 0) + 1
        if number % 10 == 0:
            door.settle()
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert {200, 201, 202, 400, 403, 404, 405, 409, 415, 422} <= set(answered), answered
