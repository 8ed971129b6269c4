"""Tokens for consoles, and what their endpoints refuse."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from innkeeper.api.console.pages import Pages
from innkeeper.api.server import Application
from innkeeper.api.v1.commands import Commands
from innkeeper.api.v1.consoles import LIFE, MOST, Consoles, Tokens
from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.commands import users, vms
from innkeeper.commands.auth import Authenticator
from innkeeper.model.permissions import Caller
from tests.api.xmlrpc.cloud import FastPasswords
from tests.commands.realm import ADMIN, ALICE, BOB, Realm


class Screen:
    """A console that says hello, echoes, and ends with "bye"."""

    def __init__(self) -> None:
        self.typed: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = False

    async def output(self) -> AsyncIterator[bytes]:
        yield b"hello"
        while (data := await self.typed.get()) != b"bye":
            yield data

    async def write(self, data: bytes) -> None:
        self.typed.put_nowait(data)

    async def close(self) -> None:
        self.closed = True


class Screens:
    """Guests whose consoles are `Screen`s; VM 1 is on no host."""

    def __init__(self) -> None:
        self.opened: list[tuple[int, str, Screen]] = []

    async def open_console(self, vm: int, kind: str) -> Screen:
        self._reach(vm)
        self.opened.append((vm, kind, Screen()))
        return self.opened[-1][2]

    async def execute(self, vm: int, command: str, stdin: bytes, seconds: float) -> dict[str, Any]:
        self._reach(vm)
        return {"code": 0, "stdout": f"{command} {stdin!r} {seconds}", "stderr": "", "cut": False}

    async def screenshot(self, vm: int) -> bytes:
        self._reach(vm)
        return b"\x89PNG"

    def _reach(self, vm: int) -> None:
        if vm == 1:
            raise GuestUnreachable("it has not been on a host yet")


class Door:
    """The application, called as a server calls it."""

    def __init__(self) -> None:
        self.realm = Realm()
        for user in (ALICE, BOB):
            stored = FastPasswords().hash("secret")
            self.realm.do(lambda tx, u=user, p=stored: users.passwd(tx, ADMIN, u.uid, p))
        for _ in range(2):
            self.realm.vm(caller=ALICE)
        self.guests = Screens()
        auth = Authenticator(self.realm.world, self.realm.clock, FastPasswords(), _at_once)
        self.consoles = Consoles(self.realm.core, auth, self.guests)  # type: ignore[arg-type]
        commands = Commands(self.realm.core, auth, self.guests)  # type: ignore[arg-type]
        parts = (self.consoles, commands, Pages())
        self.app = Application(None, [route for part in parts for route in part.routes()])

    def http(
        self, verb: str, target: str, who: Caller | None = ALICE, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """A request's status, headers and body."""
        sent: list[Any] = []
        scope = _scope("http", target, who) | {"method": verb}

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        asyncio.run(self.app(scope, receive, send))
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:])

    def token(self, vm: int = 0, kind: str = "vnc", who: Caller = ALICE) -> str:
        status, _, body = self.http("POST", f"/api/v1/vms/{vm}/console-token?kind={kind}", who)
        assert status == 201
        granted = json.loads(body)
        assert granted["page"] == f"/console/#{kind}={granted['token']}"
        assert granted["expires"] == self.realm.clock.now + LIFE
        return str(granted["token"])

    def socket(self, target: str, *says: bytes, who: Caller | None = None) -> list[Any]:
        """What a WebSocket's client gets: messages in short."""
        got: list[Any] = []
        asyncio.run(self._socket(target, list(says), who, got))
        return got

    async def _socket(
        self, target: str, says: list[bytes], who: Caller | None, got: list[Any]
    ) -> None:
        inbox: list[Any] = [{"type": "websocket.connect"}]
        inbox += [{"type": "websocket.receive", "bytes": data} for data in says]

        async def receive() -> Any:
            if inbox:
                return inbox.pop(0)
            return await asyncio.Future()

        async def send(message: Any) -> None:
            kind = message["type"].removeprefix("websocket.")
            keys = ("subprotocol", "bytes", "status")
            got.append((kind, next((message[key] for key in keys if key in message), None)))

        scope = _scope("websocket", target, who)
        scope |= {"subprotocols": ["binary"], "extensions": {"websocket.http.response": {}}}
        await self.app(scope, receive, send)


def _scope(kind: str, target: str, who: Caller | None) -> dict[str, Any]:
    path, _, query = target.partition("?")
    headers = []
    if who is not None:
        word = base64.b64encode(f"{who.name}:secret".encode())
        headers.append((b"authorization", b"Basic " + word))
    return {"type": kind, "path": path, "query_string": query.encode(), "headers": headers}


async def _at_once(work: Any, *arguments: Any) -> Any:
    return work(*arguments)


TALK = [("accept", "binary"), ("send", b"hello"), ("send", b"keys"), ("close", None)]
REFUSED = 401


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_token_opens_one_console_once(door: Door) -> None:
    url = f"/api/v1/console?token={door.token()}"
    assert door.socket(url, b"keys", b"bye") == TALK
    [(vm, kind, screen)] = door.guests.opened
    assert (vm, kind, screen.closed) == (0, "vnc", True)
    assert door.socket(url)[0] == ("http.response.start", REFUSED)
    assert len(door.guests.opened) == 1


def test_a_token_expires(door: Door) -> None:
    token = door.token(kind="serial")
    door.realm.clock.now += LIFE
    assert door.socket(f"/api/v1/console?token={token}")[0] == ("http.response.start", REFUSED)


@pytest.mark.parametrize("query", ["", "?token=", "?token=x", "?other=x"])
def test_what_is_no_token(door: Door, query: str) -> None:
    door.token()
    assert door.socket(f"/api/v1/console{query}")[0] == ("http.response.start", REFUSED)


def test_rights_are_looked_at_when_a_token_is_made_and_when_it_is_used(door: Door) -> None:
    path = "/api/v1/vms/0/console-token"
    assert [door.http("POST", path, who)[0] for who in (None, BOB, ALICE)] == [401, 403, 201]
    assert door.http("POST", "/api/v1/vms/9/console-token")[0] == 404
    assert door.http("POST", f"{path}?kind=x")[0] == 400
    for change, status in (
        (lambda tx: vms.chown(tx, ADMIN, 0, BOB.uid, -1), 403),
        (lambda tx: tx.change(tx.world.users[ALICE.uid], enabled=False), REFUSED),
    ):
        door.realm.do(lambda tx: vms.chown(tx, ADMIN, 0, ALICE.uid, -1))
        token = door.token()
        door.realm.do(change)
        assert door.socket(f"/api/v1/console?token={token}")[0] == ("http.response.start", status)
    assert door.guests.opened == []


def test_a_program_that_logs_in_needs_no_token(door: Door) -> None:
    url = "/api/v1/vms/0/console"
    assert door.socket(url, b"keys", b"bye", who=ALICE) == TALK
    assert door.guests.opened[0][:2] == (0, "serial")
    assert door.socket(url)[0] == ("http.response.start", 401)
    assert door.socket(url, who=BOB)[0] == ("http.response.start", 403)
    assert door.socket("/api/v1/vms/1/console", who=ALICE)[0] == ("http.response.start", 409)


def test_a_user_has_so_many_tokens_and_takes_none_from_others() -> None:
    tokens = Tokens(lambda: 0.0)
    other, _ = tokens.make(BOB, 0, "vnc")
    made = [tokens.make(ALICE, number, "vnc")[0] for number in range(MOST + 1)]
    assert tokens.use(made[0]) is None
    used = [tokens.use(token) for token in [*made[1:], other]]
    assert [grant.vm for grant in used if grant] == [*range(1, MOST + 1), 0]


def test_a_screenshot(door: Door) -> None:
    path = "/api/v1/vms/0/screenshot"
    status, headers, body = door.http("GET", path)
    assert (status, headers["content-type"], body) == (200, "image/png", b"\x89PNG")
    assert door.http("GET", path, BOB)[0] == 403
    status, _, body = door.http("GET", "/api/v1/vms/1/screenshot")
    assert (status, b"it has not been on a host yet" in body) == (409, True)


def test_a_command_in_the_guest(door: Door) -> None:
    path, body = "/api/v1/vms/0/exec", b'{"command": "ls", "stdin": "aW4="}'
    status, _, answer = door.http("POST", path, ALICE, body)
    assert (status, json.loads(answer)["stdout"]) == (200, "ls b'in' 60.0")
    [row] = [row for _, row in door.realm.core.journal.events(0, 1000) if row.what == "command run"]
    assert (row.id, row.detail) == (0, {"by": ALICE.uid})
    assert [door.http("POST", path, who, body)[0] for who in (None, BOB)] == [401, 403]
    assert door.http("POST", "/api/v1/vms/1/exec", ALICE, body)[0] == 409


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", b"not JSON"),
        (b"[]", b"object"),
        (b"{}", b"command"),
        (b'{"command": ""}', b"command"),
        (b'{"command": "a\\u0000"}', b"NUL"),
        (b'{"command": "a", "seconds": 3601}', b"seconds must be up to 3600, not 3601"),
        (b'{"command": "a", "seconds": 0}', b"seconds"),
        (b'{"command": "a", "stdin": "!"}', b"base64"),
        (b'{"command": "a", "shell": "x"}', b"shell"),
    ],
)
def test_what_is_no_command(door: Door, body: bytes, says: bytes) -> None:
    status, _, text = door.http("POST", "/api/v1/vms/0/exec", ALICE, body)
    assert (status in (400, 422), says in text) == (True, True), text


def test_the_page_lets_in_nothing_but_its_own_files(door: Door) -> None:
    for path, kind in (
        ("", "text/html"),
        ("console.js", "text/javascript"),
        ("console.css", "text/css"),
    ):
        status, headers, body = door.http("GET", f"/console/{path}", None)
        assert (status, headers["content-type"].partition(";")[0]) == (200, kind) and body
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"


def test_novnc_is_served_and_nothing_beside_it(door: Door) -> None:
    status, headers, body = door.http("GET", "/console/novnc/core/rfb.js", None)
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"export default" in body
    for path in ("core/../../../etc/passwd", "vnc.html", "core/", "../console.js", "core/rfb.js/"):
        assert door.http("GET", f"/console/novnc/{path}", None)[0] == 404
    empty = Door()
    empty.app = Application(None, Pages([]).routes())
    status, _, body = empty.http("GET", "/console/novnc/core/rfb.js", None)
    assert (status, b"make setup" in body) == (404, True)
