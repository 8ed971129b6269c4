"""Security groups: who uses them, and how changed rules reach VMs that run."""

import pytest

from innkeeper.commands import bootstrap, networks, secgroups, vms
from innkeeper.model.errors import Code
from innkeeper.model.objects import SecurityGroup, Vm
from tests.commands.realm import ADMIN, ALICE, NETWORK, VM, Realm

SSH = "RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=22]"


def group(realm: Realm, name: str = "ssh") -> SecurityGroup:
    number = realm.do(lambda tx: secgroups.allocate(tx, ADMIN, f"NAME={name}\n{SSH}"))
    return realm.world.security_groups[number]


def guarded(realm: Realm, number: int) -> Vm:
    """A running VM under this group alone."""
    network = realm.network(
        f"{NETWORK}\nSECURITY_GROUPS={number}".replace("NAME=net", "NAME=guarded")
    )
    realm.do(lambda tx: networks.update(tx, ADMIN, network.id, f"SECURITY_GROUPS={number}", 1))
    return realm.running(f"{VM}\nNIC=[NETWORK_ID={network.id}]")


def test_a_zone_begins_with_a_group_that_allows_everything(realm: Realm) -> None:
    default = realm.world.security_groups[0]
    assert (default.name, default.permissions) == ("default", 0o644)
    assert group(realm).id == 100
    realm.refused(Code.ACTION, lambda tx: secgroups.delete(tx, ADMIN, 0))
    realm.do(bootstrap.complete)
    assert len(realm.world.security_groups) == 2


def test_nics_are_under_their_own_groups_and_those_of_their_network(realm: Realm) -> None:
    own, theirs = group(realm), group(realm, "theirs")
    network = realm.network(f"{NETWORK}\nSECURITY_GROUPS={theirs.id}")
    vm = realm.vm(f"{VM}\nNIC=[NETWORK_ID={network.id},SECURITY_GROUPS={own.id}]")
    assert vm.nics[0]["SECURITY_GROUPS"] == f"{own.id},{theirs.id},0"
    text = realm.refused(Code.ACTION, lambda tx: secgroups.delete(tx, ADMIN, own.id))
    assert "is used by VMs: [0]" in text
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    realm.do(lambda tx: secgroups.delete(tx, ADMIN, own.id))


@pytest.mark.parametrize(
    ("groups", "code", "says"),
    [
        ("77", Code.NO_EXISTS, "security group"),
        ("x", Code.INTERNAL, "numbers of groups like 0,100"),
    ],
)
def test_groups_that_are_none(realm: Realm, groups: str, code: Code, says: str) -> None:
    realm.network()
    nic = f"{VM}\nNIC=[NETWORK_ID=0,SECURITY_GROUPS={groups}]"
    assert says in realm.refused(code, lambda tx: vms.allocate(tx, ADMIN, nic, True))
    text = f"NAME=other\nVN_MAD=bridge\nSECURITY_GROUPS={groups}"
    assert says in realm.refused(code, lambda tx: networks.allocate(tx, ADMIN, text, -1))


def test_others_groups_may_not_be_used(realm: Realm) -> None:
    realm.network()
    foreign = group(realm)
    nic = f"{VM}\nNIC=[NETWORK_ID=0,SECURITY_GROUPS={foreign.id}]"
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.allocate(tx, ALICE, nic, True))
    realm.refused(Code.AUTHORIZATION, lambda tx: secgroups.update(tx, ALICE, foreign.id, SSH, 0))
    realm.refused(Code.AUTHORIZATION, lambda tx: secgroups.clone(tx, ALICE, foreign.id, "mine"))


def test_changed_rules_reach_running_vms_one_after_the_other(realm: Realm) -> None:
    number = group(realm).id
    first, second = guarded(realm, number), realm.running(f"{VM}\nNIC=[NETWORK=guarded]")
    realm.do(lambda tx: secgroups.update(tx, ADMIN, number, SSH.replace("22", "80"), 0))
    (asked,) = realm.asked
    assert (asked.verb, asked.args["vm"]) == ("network.guard", first.id)
    assert asked.args["nics"][0]["rules"][0]["ports"] == [[80, 80]]
    assert realm.world.security_groups[number].outdated == (second.id,)
    realm.answer()
    assert realm.asked[0].args["vm"] == second.id
    realm.answer("refused")
    assert realm.world.security_groups[number].failed == (second.id,)
    realm.do(lambda tx: secgroups.commit(tx, ADMIN, number, True))
    assert [asked.args["vm"] for asked in realm.asked] == [second.id]
    realm.finish()
    assert realm.world.security_groups[number].failed == ()
    realm.do(lambda tx: secgroups.commit(tx, ADMIN, number, False))
    realm.do(lambda tx: secgroups.update(tx, ADMIN, number, SSH, 0))
    told = [realm.answer().args["vm"] for _ in range(3)]
    assert told == [first.id, first.id, second.id], "what changes meanwhile is told once more"
    assert realm.asked == []


def test_a_vm_that_moved_on_is_told_again(realm: Realm) -> None:
    number = group(realm).id
    vm = guarded(realm, number)
    realm.do(lambda tx: secgroups.commit(tx, ADMIN, number, False))
    realm.answer("stale")
    assert realm.asked[0].args["vm"] == vm.id
    realm.finish()
    assert realm.world.security_groups[number].failed == ()


def test_vms_without_a_host_need_not_be_told(realm: Realm) -> None:
    number = group(realm).id
    network = realm.network()
    for _ in range(3):
        realm.vm(f"{VM}\nNIC=[NETWORK_ID={network.id},SECURITY_GROUPS={number}]")
    realm.do(lambda tx: secgroups.commit(tx, ADMIN, number, False))
    assert (realm.asked, realm.world.security_groups[number].outdated) == ([], ())


def test_a_vm_that_ends_while_its_host_is_asked_again_holds_up_nobody(realm: Realm) -> None:
    number = group(realm).id
    first, second = guarded(realm, number), realm.running(f"{VM}\nNIC=[NETWORK=guarded]")
    realm.do(lambda tx: secgroups.commit(tx, ADMIN, number, False))
    told = realm.asked.pop(0)
    realm.do(lambda tx: vms.recover(tx, ADMIN, first.id, 3))
    realm.finish()
    realm.asked.append(told)
    realm.answer("failed")
    assert [asked.args["vm"] for asked in realm.asked] == [second.id]
    realm.finish()
    assert realm.world.operation_on(realm.world.security_groups[number]) is None
