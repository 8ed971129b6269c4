"""Rules and VDCs as commands: what they give and take, and who may."""

import pytest

from innkeeper.commands import acl, bootstrap, secgroups, users, vdcs, vms
from innkeeper.model.access import said
from innkeeper.model.acl import text
from innkeeper.model.errors import Code
from innkeeper.model.objects import Host
from innkeeper.model.permissions import Right, may
from innkeeper.model.world import Transaction
from tests.commands.realm import ADMIN, ALICE, BOB, NETWORK, Realm


def rules(realm: Realm) -> list[str]:
    """All rules, as they are written."""
    return [text(said(rule)) for rule in realm.world.acl]


FIRST = [
    "@1 VM+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VMGROUP+BACKUPJOB/* CREATE *",
    "* ZONE/* USE *",
    "* MARKETPLACE+MARKETPLACEAPP/* USE *",
    "@1 HOST/* MANAGE #0",
    "@1 NET+DATASTORE/* USE #0",
]


def test_the_first_rules(realm: Realm) -> None:
    assert rules(realm) == FIRST
    assert [(vdc.id, vdc.name, vdc.groups) for vdc in realm.world.vdcs] == [(0, "default", (1,))]


def test_zones_of_earlier_releases_get_them(realm: Realm) -> None:
    """All groups could do the same there, and go on so."""
    lab = realm.do(lambda tx: users.allocate_group(tx, ADMIN, "lab"))

    def forget(tx: Transaction) -> None:
        for rule in list(realm.world.acl):
            tx.delete(rule)
        tx.delete(realm.world.vdcs[0])

    realm.do(forget)
    realm.do(bootstrap.complete)
    assert realm.world.vdcs[100].groups == (1, lab)
    found = rules(realm)
    assert f"@{lab} VM+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VMGROUP+BACKUPJOB/* CREATE *" in found
    assert f"@{lab} NET+DATASTORE/* USE #0" in found


def test_a_rule_gives_and_its_end_takes(realm: Realm) -> None:
    vm = realm.vm(caller=ALICE)
    assert not may(realm.world, BOB, Right.MANAGE, vm)
    number = realm.do(
        lambda tx: acl.add(tx, ADMIN, "100000003", f"{0x11_0000_0000 + vm.id:x}", "3", "")
    )
    assert rules(realm)[-1] == f"#3 VM/#{vm.id} USE+MANAGE #0"
    realm.do(lambda tx: vms.act(tx, BOB, "release", vm.id))
    realm.do(lambda tx: acl.delete(tx, ADMIN, number))
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, BOB, "hold", vm.id))


def test_a_group_without_the_rule_makes_nothing(realm: Realm) -> None:
    lab = realm.do(lambda tx: users.allocate_group(tx, ADMIN, "lab"))
    carol = realm.caller(realm.user("carol", lab))
    realm.refused(Code.AUTHORIZATION, lambda tx: secgroups.allocate(tx, carol, "NAME=s"))


@pytest.mark.parametrize(
    ("components", "what"),
    [
        (("zz", "1400000000", "1", ""), "user must be a hexadecimal number"),
        (("400000000", "400000000", "1", ""), "names no kind"),
        (("400000000", "1400000000", "0", ""), "rights are missing"),
        (("200000001", "80000400000000", "8", ""), "has bits"),
    ],
)
def test_malformed_rules(realm: Realm, components: tuple[str, ...], what: str) -> None:
    assert what in realm.refused(Code.INTERNAL, lambda tx: acl.add(tx, ADMIN, *components))


def test_what_rules_cannot_be(realm: Realm) -> None:
    rule = realm.world.acl[0]
    first = (f"{rule.user:x}", f"{rule.resource:x}", f"{rule.rights:x}", f"{rule.zone:x}")
    assert "already exists" in realm.refused(Code.INTERNAL, lambda tx: acl.add(tx, ADMIN, *first))
    assert "does not exist" in realm.refused(Code.INTERNAL, lambda tx: acl.delete(tx, ADMIN, 99))
    assert "follows from a VDC" in realm.refused(Code.INTERNAL, lambda tx: acl.delete(tx, ADMIN, 3))
    realm.refused(Code.AUTHORIZATION, lambda tx: acl.delete(tx, ALICE, 0))
    realm.refused(Code.AUTHORIZATION, lambda tx: acl.add(tx, ALICE, *first))


# ---- VDCs -------------------------------------------------------------------------------------


def test_a_vdc_is_what_its_groups_may_use(realm: Realm) -> None:
    lab = realm.do(lambda tx: users.allocate_group(tx, ADMIN, "lab"))
    realm.do(lambda tx: vdcs.delete_group(tx, ADMIN, 0, lab))
    carol = realm.caller(realm.user("carol", lab))
    north, south = realm.host("north"), realm.host("south")
    network = realm.network(NETWORK)
    number = realm.do(lambda tx: vdcs.allocate(tx, ADMIN, "NAME=science\nCOST=3"))
    realm.do(lambda tx: vdcs.add_group(tx, ADMIN, number, lab))
    realm.do(lambda tx: vdcs.adding(Host)(tx, ADMIN, number, 0, north))
    assert may(realm.world, carol, Right.MANAGE, realm.world.hosts[north])
    assert not may(realm.world, carol, Right.MANAGE, realm.world.hosts[south])
    assert not may(realm.world, carol, Right.USE, network)
    realm.do(lambda tx: vdcs.delete(tx, ADMIN, number))
    assert not may(realm.world, carol, Right.MANAGE, realm.world.hosts[north])
    assert rules(realm) == FIRST


def test_two_vdcs_may_give_the_same(realm: Realm) -> None:
    """It is given as long as one of them gives it."""
    more = [realm.do(lambda tx, n=n: vdcs.allocate(tx, ADMIN, f"NAME={n}")) for n in ("a", "b")]
    for number in more:
        realm.do(lambda tx, n=number: vdcs.add_group(tx, ADMIN, n, 1))
        realm.do(lambda tx, n=number: vdcs.adding(Host)(tx, ADMIN, n, 0, -10))
    assert rules(realm) == FIRST
    realm.do(lambda tx: vdcs.delete_group(tx, ADMIN, 0, 1))
    assert rules(realm) == FIRST[:4]
    for number in more:
        realm.do(lambda tx, n=number: vdcs.removing(Host)(tx, ADMIN, n, 0, -10))
    assert rules(realm) == FIRST[:3]


def test_a_rule_by_hand_stays_when_the_vdc_goes(realm: Realm) -> None:
    realm.do(lambda tx: acl.add(tx, ADMIN, "200000001", "2100000007", "2", ""))
    number = realm.do(lambda tx: vdcs.allocate(tx, ADMIN, "NAME=a"))
    host = realm.host()
    realm.do(lambda tx: vdcs.add_group(tx, ADMIN, number, 1))
    realm.do(lambda tx: vdcs.adding(Host)(tx, ADMIN, number, 0, host))
    realm.do(lambda tx: vdcs.delete(tx, ADMIN, number))
    assert rules(realm) == [*FIRST, "@1 HOST/#7 MANAGE #0"]


def test_what_vdcs_refuse(realm: Realm) -> None:
    add, remove = vdcs.adding(Host), vdcs.removing(Host)
    host = realm.host()
    realm.refused(Code.NO_EXISTS, lambda tx: add(tx, ADMIN, 7, 0, host))
    realm.refused(Code.NO_EXISTS, lambda tx: add(tx, ADMIN, 0, 0, 77))
    realm.refused(Code.NO_EXISTS, lambda tx: add(tx, ADMIN, 0, 3, host))
    realm.refused(Code.NO_EXISTS, lambda tx: vdcs.add_group(tx, ADMIN, 0, 77))
    realm.refused(Code.AUTHORIZATION, lambda tx: add(tx, ALICE, 0, 0, host))
    realm.refused(Code.AUTHORIZATION, lambda tx: vdcs.add_group(tx, ALICE, 0, 1))
    realm.refused(Code.AUTHORIZATION, lambda tx: vdcs.allocate(tx, ALICE, "NAME=a"))
    realm.refused(Code.INTERNAL, lambda tx: vdcs.add_group(tx, ADMIN, 0, 1))
    realm.refused(Code.INTERNAL, lambda tx: vdcs.delete_group(tx, ADMIN, 0, 0))
    realm.refused(Code.INTERNAL, lambda tx: remove(tx, ADMIN, 0, 0, host))
    realm.refused(Code.ACTION, lambda tx: vdcs.delete(tx, ADMIN, 0))
    realm.refused(Code.ALLOCATE, lambda tx: vdcs.allocate(tx, ADMIN, "NAME=default"))
    realm.refused(Code.ALLOCATE, lambda tx: vdcs.allocate(tx, ADMIN, "A=1"))


# ---- why --------------------------------------------------------------------------------------


def test_a_decision_is_explained(realm: Realm) -> None:
    vm = realm.vm(caller=ALICE)
    told = acl.why(realm.world, ADMIN, "bob", "use", f"VM/{vm.id}")
    assert (told.allowed, told.summary) == (
        False,
        f"bob may not USE VM {vm.id}: nothing gives that right",
    )
    told = acl.why(realm.world, ALICE, "alice", "USE+MANAGE", f"vm:{vm.id}")
    assert (told.allowed, told.reasons[0].source) == (True, "permission bits of the owner")
    realm.host()
    told = acl.why(realm.world, ADMIN, "2", "MANAGE", "HOST/0")
    assert told.summary == "alice may MANAGE HOST 0: rule 3: @1 HOST/* MANAGE #0"
    for who, right, what, code in (
        ("nobody", "USE", "VM/0", Code.NO_EXISTS),
        ("alice", "FLY", "VM/0", Code.BAD_ARGUMENT),
        ("alice", "USE", "VM/x", Code.BAD_ARGUMENT),
        ("alice", "USE", "SHIP/0", Code.BAD_ARGUMENT),
        ("alice", "USE", "VM/77", Code.NO_EXISTS),
    ):
        realm.refused(code, lambda tx, a=(who, right, what): acl.why(tx.world, ADMIN, *a))
    realm.refused(Code.AUTHORIZATION, lambda tx: acl.why(tx.world, BOB, "alice", "USE", "VM/0"))
