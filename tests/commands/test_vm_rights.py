"""What an operation on a VM needs: shipped, of a group, of a user; and what locks forbid."""

import pytest

from innkeeper.commands import common, locks, schedules, snapshots, vms
from innkeeper.commands.vm_rights import operation_class, right_for
from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.model.errors import Code
from innkeeper.model.objects import Group, User, Vm
from innkeeper.model.permissions import Right
from tests.commands.realm import ADMIN, ALICE, BOB, Realm


def says(realm: Realm, uid: int, text: str) -> None:
    realm.do(lambda tx: common.update(tx, ADMIN, User, uid, text, 1))


def test_what_is_shipped(realm: Realm) -> None:
    """As the contract lists it, in all forms of each operation."""
    expected = {
        Right.ADMIN: ("migrate", "delete", "delete-recreate", "recover", "retry", "deploy", "resched", "unresched",
                      "backup", "restore"),
        Right.MANAGE: ("undeploy-hard", "hold", "resume", "reboot-hard", "poweroff", "disk-attach", "disk-detach",
                       "nic-update", "disk-snapshot-rename", "snapshot-revert", "terminate-hard", "exec", "no such"),
    }  # fmt: skip
    for right, operations in expected.items():
        assert {right_for(realm.world, ALICE, name) for name in operations} == {right}
    assert {operation_class(name) for name in ACTIONS} == {
        "terminate", "undeploy", "poweroff", "reboot", "hold", "release", "stop", "suspend", "resume", "resched",
    }  # fmt: skip


@pytest.fixture
def shared(realm: Realm) -> Vm:
    """A VM of alice's that bob may use, and nothing else."""
    vm = realm.vm(caller=ALICE)
    realm.do(lambda tx: common.chmod(tx, ALICE, Vm, vm.id, (1, 1, 0, 0, 0, 0, 1, 0, 0)))
    return vm


def test_a_user_may_be_given_more(realm: Realm, shared: Vm) -> None:
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, BOB, "release", shared.id))
    says(realm, BOB.uid, 'VM_USE_OPERATIONS="hold, Release,sched-action,rename,snapshot"')
    realm.do(lambda tx: vms.act(tx, BOB, "release", shared.id))
    realm.do(lambda tx: vms.act(tx, BOB, "hold", shared.id))
    realm.do(lambda tx: vms.rename(tx, BOB, shared.id, "bobs-choice"))
    told = "SCHED_ACTION=[ACTION=release,TIME=+60]"
    number = realm.do(lambda tx: schedules.add(tx, BOB, shared.id, told))
    realm.do(lambda tx: schedules.delete(tx, BOB, shared.id, number))
    realm.refused(
        Code.AUTHORIZATION,
        lambda tx: schedules.add(tx, BOB, shared.id, "SCHED_ACTION=[ACTION=stop,TIME=+60]"),
    )
    realm.refused(Code.ACTION, lambda tx: snapshots.take(tx, BOB, shared.id, "x"))
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, BOB, "stop", shared.id))


def test_or_less(realm: Realm, shared: Vm) -> None:
    """His own list goes before his group's, and his group's before what is shipped."""
    realm.do(lambda tx: common.update(tx, ADMIN, Group, 1, 'VM_ADMIN_OPERATIONS="release,hold"', 1))
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, ALICE, "release", shared.id))
    says(realm, ALICE.uid, 'VM_MANAGE_OPERATIONS="release"')
    realm.do(lambda tx: vms.act(tx, ALICE, "release", shared.id))
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.act(tx, ALICE, "hold", shared.id))


def test_nobody_gives_that_to_himself(realm: Realm) -> None:
    text = 'VM_USE_OPERATIONS="deploy"'
    realm.refused(Code.AUTHORIZATION, lambda tx: common.update(tx, ALICE, User, ALICE.uid, text, 1))


@pytest.mark.parametrize(("level", "forbidden"), [(1, "UMA"), (2, "MA"), (3, "A"), (4, "UMA")])
def test_locks_forbid_operations_by_the_right_that_they_need(
    realm: Realm, shared: Vm, level: int, forbidden: str
) -> None:
    """Administrators, too; also operations that USE is enough for."""
    says(realm, 0, 'VM_USE_OPERATIONS="release"\nVM_ADMIN_OPERATIONS="hold"')
    realm.do(lambda tx: locks.lock(tx, ADMIN, Vm, shared.id, level, False))
    uses, manages, administers = (letter in forbidden for letter in "UMA")
    for closed, action in ((uses, "release"), (administers, "hold")):
        if closed:
            told = realm.refused(
                Code.AUTHORIZATION, lambda tx, a=action: vms.act(tx, ADMIN, a, shared.id)
            )
            assert told == f"User [0] : VM is locked. [{shared.id}]"
        else:
            realm.do(lambda tx, a=action: vms.act(tx, ADMIN, a, shared.id))
    if manages:
        realm.refused(Code.AUTHORIZATION, lambda tx: vms.rename(tx, ADMIN, shared.id, "x"))
    else:
        realm.do(lambda tx: vms.rename(tx, ADMIN, shared.id, "x"))
