"""Users, groups and their secrets: nobody gets more than he was given."""

import asyncio
from typing import Any

import pytest

from innkeeper.commands import auth, users
from innkeeper.commands.auth import Authenticator
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller
from tests.commands.realm import ADMIN, ALICE, BOB, Realm


class PlainPasswords:
    """Hashing that takes no time; what is tested here is not the hash."""

    def hash(self, password: str) -> str:
        """The text to store."""
        return f"hash of {password}"

    def verify(self, stored: str, password: str) -> bool:
        """Is it the password?"""
        return stored == f"hash of {password}"


async def at_once(work: Any, *args: Any) -> Any:
    return work(*args)


def caller(realm: Realm, session: str) -> Caller:
    """Who calls with a session."""
    door = Authenticator(realm.world, realm.clock, PlainPasswords(), at_once)
    return asyncio.run(door.caller(session))


def denied(realm: Realm, session: str) -> None:
    with pytest.raises(Refusal) as caught:
        caller(realm, session)
    assert caught.value.code is Code.AUTHENTICATION


@pytest.fixture
def scoped(realm: Realm) -> Caller:
    """An administrator (user 4) with a token for his group `users` alone."""
    number = realm.user("carol", 1, 0)
    token = realm.do(lambda tx: auth.login(tx, ADMIN, "carol", "narrow", 100, 1))
    found = caller(realm, f"carol:{token}")
    assert (found.uid, found.groups, found.admin) == (number, (1,), False)
    return found


@pytest.mark.parametrize("egid", [-1, 0])
def test_a_scoped_token_makes_no_wider_one(realm: Realm, scoped: Caller, egid: int) -> None:
    realm.refused(Code.BAD_ARGUMENT, lambda tx: auth.login(tx, scoped, "carol", "", 100, egid))
    token = realm.do(lambda tx: auth.login(tx, scoped, "carol", "", 100, 1))
    assert caller(realm, f"carol:{token}").groups == (1,)


def test_a_scoped_token_sets_no_password(realm: Realm, scoped: Caller) -> None:
    realm.refused(Code.AUTHORIZATION, lambda tx: users.passwd(tx, scoped, scoped.uid, "hash of x"))


def test_a_token_for_a_group_ends_with_the_membership(realm: Realm) -> None:
    number = realm.user("carol", 0)
    realm.do(lambda tx: auth.login(tx, ADMIN, "carol", "mighty", -1, 0))
    assert caller(realm, "carol:mighty").admin
    realm.do(lambda tx: users.chgrp(tx, ADMIN, number, 1))
    denied(realm, "carol:mighty")


def test_tokens_are_for_oneself(realm: Realm) -> None:
    realm.refused(Code.AUTHORIZATION, lambda tx: auth.login(tx, BOB, "alice", "", 100, -1))
    realm.do(lambda tx: auth.login(tx, ALICE, "alice", "", 100, -1))


@pytest.mark.parametrize("driver", ["public", "x509", "ssh", "server_cipher", "ldap"])
def test_what_other_drivers_keep_is_no_password(realm: Realm, driver: str) -> None:
    """There it is a name or a public key, which everybody may know."""
    realm.do(lambda tx: users.allocate(tx, ADMIN, "dave", "hash of /CN=dave", driver, []))
    denied(realm, "dave:/CN=dave")
    token = realm.do(lambda tx: auth.login(tx, ADMIN, "dave", "", 100, -1))
    assert caller(realm, f"dave:{token}").name == "dave"


def test_users_do_not_choose_their_groups(realm: Realm) -> None:
    for group in (0, 1):
        if group != ALICE.gid:
            realm.refused(Code.AUTHORIZATION, lambda tx, g=group: users.chgrp(tx, ALICE, 2, g))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.passwd(tx, ALICE, 3, "x"))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.delete(tx, ALICE, 2))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.allocate(tx, ALICE, "x", "", "core", []))


def test_what_a_deleted_user_owned_stays_and_is_nobodys(realm: Realm) -> None:
    vm = realm.vm(caller=ALICE)
    realm.do(lambda tx: users.delete(tx, ADMIN, ALICE.uid))
    assert realm.world.vms[vm.id].uid == ALICE.uid
    newcomer = realm.user("alice")
    assert newcomer != ALICE.uid


def test_a_group_with_members_stays(realm: Realm) -> None:
    group = realm.do(lambda tx: users.allocate_group(tx, ADMIN, "lab"))
    member = realm.user("erin", 1, group)
    realm.refused(Code.ACTION, lambda tx: users.delete_group(tx, ADMIN, group))
    realm.do(lambda tx: users.delete(tx, ADMIN, member))
    realm.do(lambda tx: users.delete_group(tx, ADMIN, group))
    for system in (0, 1):
        realm.refused(Code.ACTION, lambda tx, g=system: users.delete_group(tx, ADMIN, g))
