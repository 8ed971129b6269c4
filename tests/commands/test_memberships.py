"""Groups, their administrators, and what users are."""

import pytest

from innkeeper.commands import bootstrap, common, users, vms
from innkeeper.model import implied
from innkeeper.model.access import said
from innkeeper.model.acl import text
from innkeeper.model.errors import Code
from innkeeper.model.objects import Image, User, Vm
from tests.commands.realm import ADMIN, ALICE, BOB, IMAGE, Realm


@pytest.fixture
def lab(realm: Realm) -> int:
    """A group, with alice as a second one of hers."""
    number = realm.do(lambda tx: users.allocate_group(tx, ADMIN, "lab"))
    realm.do(lambda tx: users.add_group(tx, ADMIN, ALICE.uid, number))
    return number


def test_secondary_groups_count(realm: Realm, lab: int) -> None:
    """What is the group's is hers, when its bits say so; and no more when she left."""
    image = realm.image(IMAGE)
    realm.do(lambda tx: common.chown(tx, ADMIN, Image, image.id, 0, lab))
    realm.do(lambda tx: common.chmod(tx, ADMIN, Image, image.id, (-1, -1, -1, 1, 1, 0, 0, 0, 0)))
    alice = realm.caller(ALICE.uid)
    assert alice.groups == (1, lab)
    realm.do(lambda tx: common.rename(tx, alice, Image, image.id, "ours"))
    realm.do(lambda tx: users.delete_from_group(tx, ADMIN, ALICE.uid, lab))
    alice = realm.caller(ALICE.uid)
    realm.refused(Code.AUTHORIZATION, lambda tx: common.rename(tx, alice, Image, image.id, "mine"))


def test_the_primary_group_is_chosen_among_ones_own(realm: Realm, lab: int) -> None:
    alice = realm.caller(ALICE.uid)
    realm.do(lambda tx: users.chgrp(tx, alice, ALICE.uid, lab))
    assert realm.world.users[ALICE.uid].all_groups == (lab, 1)
    realm.refused(Code.AUTHORIZATION, lambda tx: users.chgrp(tx, alice, ALICE.uid, 0))


def test_memberships_that_cannot_be(realm: Realm, lab: int) -> None:
    realm.refused(Code.ACTION, lambda tx: users.add_group(tx, ADMIN, ALICE.uid, lab))
    realm.refused(Code.ACTION, lambda tx: users.delete_from_group(tx, ADMIN, ALICE.uid, 1))
    realm.refused(Code.ACTION, lambda tx: users.delete_from_group(tx, ADMIN, BOB.uid, lab))
    realm.refused(Code.NO_EXISTS, lambda tx: users.add_group(tx, ADMIN, ALICE.uid, 77))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.add_group(tx, BOB, BOB.uid, lab))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.delete_from_group(tx, ALICE, ALICE.uid, lab))


def test_who_administrates_a_group(realm: Realm, lab: int) -> None:
    """Its users and their objects, and no others'."""
    realm.do(lambda tx: implied.add(tx, bootstrap.creation_rule(lab)))
    carol = realm.user("carol", lab)
    machine = realm.vm(caller=realm.caller(carol))
    realm.do(lambda tx: users.add_admin(tx, ADMIN, lab, ALICE.uid))
    alice = realm.caller(ALICE.uid)
    realm.do(lambda tx: vms.act(tx, alice, "release", machine.id))
    realm.do(lambda tx: users.passwd(tx, alice, carol, "hash"))
    realm.do(lambda tx: users.enable(tx, alice, carol, False))
    assert not realm.world.users[carol].enabled
    other = realm.vm(caller=BOB)
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, alice, "release", other.id))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.enable(tx, alice, BOB.uid, False))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.delete_group(tx, alice, lab))
    realm.do(lambda tx: users.chgrp(tx, ADMIN, ALICE.uid, lab))
    alice = realm.caller(ALICE.uid)
    made = realm.do(lambda tx: users.allocate(tx, alice, "dave", "", "core", []))
    assert realm.world.users[made].gid == lab
    realm.refused(Code.AUTHORIZATION, lambda tx: users.allocate(tx, alice, "eve", "", "core", [1]))
    realm.do(lambda tx: users.delete_admin(tx, ADMIN, lab, ALICE.uid))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.enable(tx, alice, carol, True))


def test_the_rules_of_an_administrator(realm: Realm, lab: int) -> None:
    before = [text(said(rule)) for rule in realm.world.acl]
    realm.do(lambda tx: users.add_admin(tx, ADMIN, lab, ALICE.uid))
    assert [text(said(rule)) for rule in realm.world.acl][len(before) :] == [
        f"#2 USER/@{lab} USE+MANAGE+ADMIN+CREATE *",
        f"#2 VM+NET+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VROUTER+VMGROUP+BACKUPJOB/@{lab} USE+MANAGE *",
        "#2 VROUTER/* CREATE *",
        f"#2 GROUP/#{lab} MANAGE *",
    ]
    realm.do(lambda tx: users.delete_from_group(tx, ADMIN, ALICE.uid, lab))
    assert [text(said(rule)) for rule in realm.world.acl] == before
    assert realm.world.groups[lab].admins == ()


def test_offices_that_cannot_be(realm: Realm, lab: int) -> None:
    realm.refused(Code.INTERNAL, lambda tx: users.add_admin(tx, ADMIN, lab, BOB.uid))
    realm.refused(Code.INTERNAL, lambda tx: users.delete_admin(tx, ADMIN, lab, ALICE.uid))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.add_admin(tx, ALICE, lab, ALICE.uid))
    realm.refused(Code.NO_EXISTS, lambda tx: users.add_admin(tx, ADMIN, lab, 77))
    realm.do(lambda tx: users.add_admin(tx, ADMIN, lab, ALICE.uid))
    realm.refused(Code.INTERNAL, lambda tx: users.add_admin(tx, ADMIN, lab, ALICE.uid))


def test_drivers(realm: Realm) -> None:
    realm.do(lambda tx: users.chauth(tx, ADMIN, ALICE.uid, "ssh", "AAAA"))
    user = realm.world.users[ALICE.uid]
    assert (user.driver, user.password) == ("ssh", "AAAA")
    realm.do(lambda tx: users.chauth(tx, ADMIN, ALICE.uid, "public", ""))
    assert realm.world.users[ALICE.uid].password == "AAAA"
    realm.refused(Code.INTERNAL, lambda tx: users.chauth(tx, ADMIN, ALICE.uid, "magic", ""))
    realm.refused(Code.INTERNAL, lambda tx: users.allocate(tx, ADMIN, "x", "", "magic", []))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.chauth(tx, ALICE, ALICE.uid, "core", "h"))


def test_oneadmin_cannot_be_kept_out(realm: Realm) -> None:
    realm.refused(Code.ACTION, lambda tx: users.enable(tx, ADMIN, 0, False))
    realm.refused(Code.AUTHORIZATION, lambda tx: users.enable(tx, ALICE, ALICE.uid, False))


@pytest.mark.parametrize(
    ("umask", "expected"), [("", 0o600), ("007", 0o660), ("137", 0o640), ("x", 0o600)]
)
def test_the_umask(realm: Realm, umask: str, expected: int) -> None:
    realm.do(lambda tx: common.update(tx, ALICE, User, ALICE.uid, f'UMASK="{umask}"', 1))
    vm: Vm = realm.vm(caller=ALICE)
    assert vm.permissions == expected
