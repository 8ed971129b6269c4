"""Profiles through the HTTP API: who may, what is refused, and how."""

import json

import pytest

from innkeeper.api.server import Application
from innkeeper.api.v1.profiles import Profiles
from innkeeper.commands import hosts, users
from innkeeper.commands.auth import Authenticator
from tests.api.xmlrpc.cloud import FastPasswords
from tests.commands.realm import ADMIN, ALICE

from .test_consoles import Door, _at_once

HOST, CLUSTER = "/api/v1/hosts/0/profile", "/api/v1/clusters/0/profile"
DECLARED = {"sysctls": {"vm.swappiness": 1}}


@pytest.fixture
def door() -> Door:
    door = Door()
    realm = door.realm
    stored = FastPasswords().hash("secret")
    realm.do(lambda tx: users.passwd(tx, ADMIN, ADMIN.uid, stored))
    if 0 not in realm.world.hosts:
        realm.do(lambda tx: hosts.allocate(tx, ADMIN, "h", "dummy", "dummy", -1))
    auth = Authenticator(realm.world, realm.clock, FastPasswords(), _at_once)
    door.app = Application(None, Profiles(realm.core, auth).routes())
    return door


def test_what_is_declared_is_shown(door: Door) -> None:
    for where in (HOST, CLUSTER):
        assert door.http("POST", where, ADMIN, json.dumps(DECLARED).encode())[0] == 200
        assert json.loads(door.http("GET", where, ADMIN)[2])["declared"] == DECLARED
    assert door.http("POST", CLUSTER, ADMIN, b"null")[0] == 200
    assert json.loads(door.http("GET", CLUSTER, ADMIN)[2]) == {"declared": None}
    assert json.loads(door.http("GET", HOST, ADMIN)[2])["drift"] == []
    assert door.http("DELETE", HOST, ALICE)[0] == 403
    for where in (HOST, CLUSTER):
        assert door.http("DELETE", where, ADMIN)[0] == 200
        assert not json.loads(door.http("GET", where, ADMIN)[2])["declared"]


@pytest.mark.parametrize(
    ("where", "body", "status", "says"),
    [
        (HOST, b"{", 400, b"a profile in JSON is expected"),
        (HOST, b'{"nics": []}', 422, b"unknown field `nics`"),
        ("/api/v1/hosts/77/profile", b"{}", 404, b"77"),
        ("/api/v1/hosts/x/profile", b"{}", 400, b"host must be a number"),
        ("/api/v1/hosts/0/repair", b"", 409, b"Nothing is declared"),
    ],
)
def test_refusals(door: Door, where: str, body: bytes, status: int, says: bytes) -> None:
    answered, _, text = door.http("POST", where, ADMIN, body)
    assert (answered, says in text) == (status, True), text


def test_only_administrators_declare(door: Door) -> None:
    for where in (HOST, CLUSTER, "/api/v1/hosts/0/repair"):
        assert door.http("POST", where, ALICE, b"{}")[0] == 403
        assert door.http("POST", where, None, b"{}")[0] == 401
