"""The end of a VM: nothing of it is given away while its guest may still run."""

from innkeeper.commands import datastores, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.messages import HostDown
from innkeeper.model.errors import Code
from innkeeper.model.objects import Vm
from tests.commands.realm import ADMIN, ALICE, VM, Realm


def boot_failure(realm: Realm) -> Vm:
    """A VM whose guest was being started when its host went out of reach: it may run."""
    realm.network()
    realm.image("NAME=img\nSIZE=9\nPERSISTENT=YES", ALICE)
    vm = realm.vm(f"{VM}\nNIC=[NETWORK_ID=0]\nDISK=[IMAGE=img]", ALICE)
    host = realm.host()
    realm.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, -1))
    while realm.asked[0].verb != "domain.ensure":
        realm.answer()
    realm.take(HostDown(host, "no route"))
    while realm.asked:
        realm.answer("unreachable")
    assert phase(realm.world.vms[vm.id]) == "BOOT_FAILURE"
    return vm


def test_a_user_cannot_free_what_a_guest_out_of_sight_may_have(realm: Realm) -> None:
    vm = boot_failure(realm)
    realm.do(lambda tx: vms.act(tx, ALICE, "terminate", vm.id))
    realm.answer("unreachable")
    assert phase(realm.world.vms[vm.id]) == "EPILOG_FAILURE"
    assert realm.world.leases.of(0, 0)
    assert realm.world.image_users.of(0)
    realm.do(lambda tx: vms.act(tx, ALICE, "terminate", vm.id))
    realm.finish()
    assert phase(realm.world.vms[vm.id]) == "DONE"
    assert not realm.world.leases.of(0, 0)


def test_an_administrator_answers_for_it(realm: Realm) -> None:
    vm = boot_failure(realm)
    realm.do(lambda tx: vms.recover(tx, ADMIN, vm.id, 3))
    realm.answer("unreachable")
    assert phase(realm.world.vms[vm.id]) == "DONE"


def test_a_datastore_stays_while_it_has_the_disks_of_a_vm_that_was_stopped(realm: Realm) -> None:
    text = "NAME=more\nTYPE=SYSTEM_DS\nTM_MAD=dummy"
    store = realm.do(lambda tx: datastores.allocate(tx, ADMIN, text, -1, "/ds"))
    vm = realm.vm()
    host = realm.host()
    realm.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, store))
    realm.finish()
    for action in ("stop", "undeploy"):
        realm.do(lambda tx, a=action: vms.act(tx, ADMIN, a, vm.id))
        realm.finish()
        said = realm.refused(Code.ACTION, lambda tx: datastores.delete(tx, ADMIN, store))
        assert f"has VMs: [{vm.id}]" in said
        realm.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, store))
        realm.finish()
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    realm.finish()
    realm.do(lambda tx: datastores.delete(tx, ADMIN, store))
