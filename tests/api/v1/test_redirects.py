"""The endpoints of redirects refuse what is no request, and who may not ask."""

import asyncio
import base64
import json
from typing import Any

import pytest

from innkeeper.api import direct
from innkeeper.api.server import Application
from innkeeper.api.v1.redirects import TRIES, Redirects
from innkeeper.commands import users
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.redirects import Limits
from innkeeper.model.permissions import Caller
from tests.api.xmlrpc.cloud import FastPasswords
from tests.commands.realm import ADMIN, ALICE, BOB, Realm


class Place(Realm):
    """A realm with alice's VM, and the endpoints; `busy` ports cannot be opened."""

    def __init__(self) -> None:
        super().__init__()
        for user in (ALICE, BOB):
            stored = FastPasswords().hash("secret")
            self.do(lambda tx, u=user, p=stored: users.passwd(tx, ADMIN, u.uid, p))
        self.network()
        self.do(lambda tx: tx.change(tx.world.networks[0], permissions=0o666))
        self.vm("CPU=1\nMEMORY=128\nNIC=[NETWORK_ID=0]", ALICE)
        auth = Authenticator(self.world, self.clock, FastPasswords(), _at_once)
        limits = Limits(first=20000, last=20019)
        self.busy: set[int] = set()
        endpoints = Redirects(self.core, auth, self, limits, "front.example")
        self.app = Application(None, list(endpoints.routes()))  # type: ignore[arg-type]

    def problem(self, redirect_id: int) -> str:
        ports = {number: port for port, (_, number) in self.world.redirects.ports.items()}
        return "Address already in use" if ports.get(redirect_id) in self.busy else ""

    def ask(
        self, verb: str, path: str = "", body: bytes = b"", who: Caller | None = ALICE
    ) -> tuple[int, Any]:
        word = base64.b64encode(f"{who.name}:secret".encode()).decode() if who else ""
        headers = [("authorization", f"Basic {word}")] if who else []
        target = f"/api/v1/vms/0/redirects{path}"
        reply = asyncio.run(direct.exchange(self.app, verb, target, body, headers))
        said = json.loads(reply.body)
        return reply.status, said if reply.status < 300 else said["detail"]


async def _at_once(work: Any, *args: Any) -> Any:
    return work(*args)


def test_a_redirect_is_made_shown_and_ended() -> None:
    place = Place()
    status, made = place.ask("POST", body=b'{"to": 22, "seconds": 60}')
    assert status == 201
    assert made == {
        "id": 0, "nic": 0, "to": 22, "address": "127.0.0.1", "port": 20000, "uid": 2,
        "until": place.clock.now + 60, "host": "front.example", "state": "open", "why": "",
    }  # fmt: skip
    assert place.ask("GET") == (200, {"redirects": [made]})
    place.busy.add(20000)
    _, listed = place.ask("GET")
    assert [(r["state"], r["why"]) for r in listed["redirects"]] == [
        ("failed", "Address already in use")
    ]
    assert place.ask("DELETE", "/0") == (200, {})
    assert place.ask("GET") == (200, {"redirects": []})
    assert place.ask("DELETE", "/0")[0] == 404


def test_other_programs_ports_are_passed_over_some_times() -> None:
    place = Place()
    place.busy.update(range(20000, 20003))
    assert place.ask("POST", body=b'{"to": 22}')[1]["port"] == 20003
    assert list(place.world.redirects.ports) == [20003]
    status, said = place.ask("POST", body=b'{"to": 22, "port": 20001}')
    assert (status, said) == (
        409, "port 20001 of 127.0.0.1 cannot be opened: Address already in use",
    )  # fmt: skip
    place.busy.update(range(20000, 20004 + TRIES))
    assert place.ask("POST", body=b'{"to": 22}')[0] == 409
    assert list(place.world.redirects.ports) == [20003]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"to": "22"}', b'{"to": 22, "seconds": "1h"}', b'{"to": 22, "more": 1}', b"\xff",
     b'{"to": 22, "address": 7}', b"[" * 3000],
)  # fmt: skip
def test_what_is_no_wish(body: bytes) -> None:
    place = Place()
    before = place.state()
    status, said = place.ask("POST", body=body)
    assert (status, bool(said)) == (400 if body in (b"", b"\xff") else 422, True)
    assert place.state() == before


def test_who_may_not() -> None:
    place = Place()
    place.ask("POST", body=b'{"to": 22}')
    before = place.state()
    for verb, path, body in (("GET", "", b""), ("POST", "", b'{"to": 22}'), ("DELETE", "/0", b"")):
        assert place.ask(verb, path, body, who=BOB)[0] == 403
        assert place.ask(verb, path, body, who=None)[0] == 401
    assert place.state() == before
