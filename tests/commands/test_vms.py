"""VMs: who may do what is asked before how things stand; a VM is placed only where its disks can be."""

import msgspec

from innkeeper.commands import datastores, vms
from innkeeper.model.errors import Code
from innkeeper.model.objects import Datastore
from tests.commands.realm import ADMIN, BOB, VM, Realm


def test_rights_come_before_states(realm: Realm) -> None:
    vm = realm.vm(VM)
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.chown(tx, BOB, vm.id, 3, -1))
    realm.refused(Code.ACTION, lambda tx: vms.chown(tx, ADMIN, vm.id, 3, -1))


def test_disks_lie_where_the_host_reaches_them(realm: Realm) -> None:
    vm, host = realm.vm(), realm.host()
    text = "NAME=real\nTYPE=SYSTEM_DS\nTM_MAD=qcow2"
    real = realm.do(lambda tx: datastores.allocate(tx, ADMIN, text, -1, "/ds"))
    for number in (real, 1):
        realm.refused(
            Code.ACTION, lambda tx, n=number: vms.deploy_on(tx, ADMIN, vm.id, host, False, n)
        )
    off = msgspec.structs.replace(realm.world.table(Datastore)[0], state=1)
    realm.do(lambda tx: tx.put(off))
    realm.refused(Code.ACTION, lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, 0))
