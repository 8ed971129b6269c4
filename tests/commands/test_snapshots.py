"""Snapshots: of which disks and guests they are taken, and what is refused; nothing changes then."""

from innkeeper.commands import saving, schedules, snapshots, vms
from innkeeper.model.errors import Code
from innkeeper.model.world import Transaction
from tests.commands.realm import ADMIN, ALICE, BOB, Realm

VM = "CPU=1\nMEMORY=128\nDISK=[TYPE=fs,SIZE=5,FORMAT=qcow2]\nDISK=[TYPE=fs,SIZE=5]"


def test_snapshots_need_a_file_of_the_vms_own_that_can_hold_them(realm: Realm) -> None:
    realm.image("NAME=data\nSIZE=9\nFORMAT=qcow2\nPERSISTENT=YES")
    vm = realm.running(f"{VM}\nDISK=[IMAGE=data]")

    def take(disk: int) -> str:
        return realm.refused(
            Code.ACTION, lambda tx: snapshots.take_of_disk(tx, ADMIN, vm.id, disk, "")
        )

    assert "has the format raw; snapshots need qcow2" in take(1)
    assert "is a persistent image" in take(2)
    assert "has no disk 7" in take(7)


def test_what_is_not_there_is_named(realm: Realm) -> None:
    vm = realm.running(VM)
    realm.do(lambda tx: snapshots.take_of_disk(tx, ADMIN, vm.id, 0, "one"))
    realm.finish()
    for change in (
        lambda tx: snapshots.drop_of_disk(tx, ADMIN, vm.id, 0, 5),
        lambda tx: snapshots.revert_disk(tx, ADMIN, vm.id, 0, 5),
        lambda tx: snapshots.rename_of_disk(tx, ADMIN, vm.id, 0, 5, "x"),
    ):
        said = realm.refused(Code.ACTION, change)
        assert said == f"Disk 0 of VM {vm.id} has no snapshot 5 (it has: 0)."
    for change in (
        lambda tx: snapshots.revert(tx, ADMIN, vm.id, 5),
        lambda tx: snapshots.drop(tx, ADMIN, vm.id, 5),
    ):
        said = realm.refused(Code.ACTION, change)
        assert said == f"VM {vm.id} has no snapshot 5 (it has: none)."


def test_states_and_rights_of_snapshots(realm: Realm) -> None:
    vm = realm.running(VM, ALICE)
    realm.refused(Code.AUTHORIZATION, lambda tx: snapshots.take(tx, BOB, vm.id, ""))
    realm.refused(Code.AUTHORIZATION, lambda tx: snapshots.take_of_disk(tx, BOB, vm.id, 0, ""))
    realm.do(lambda tx: snapshots.take_of_disk(tx, ALICE, vm.id, 0, ""))
    realm.finish()
    said = realm.refused(Code.ACTION, lambda tx: snapshots.revert_disk(tx, ALICE, vm.id, 0, 0))
    assert "not available for state RUNNING" in said
    realm.do(lambda tx: vms.act(tx, ALICE, "poweroff-hard", vm.id))
    realm.finish()
    realm.refused(Code.ACTION, lambda tx: snapshots.take(tx, ALICE, vm.id, ""))
    realm.do(lambda tx: snapshots.rename_of_disk(tx, ALICE, vm.id, 0, 0, "renamed"))
    assert realm.world.vms[vm.id].disk_snapshots[0].snapshots[0].name == "renamed"


def test_what_can_be_saved_as_an_image(realm: Realm) -> None:
    realm.image("NAME=data\nSIZE=9")
    vm = realm.running(f"{VM}\nDISK=[IMAGE=data]")

    def save(disk: int, name: str = "saved", kind: str = "", snapshot: int = -1) -> str:
        def change(tx: Transaction) -> int:
            return saving.save_as(tx, ADMIN, vm.id, disk, name, kind, snapshot)

        return realm.refused(Code.ALLOCATE if name == "data" else Code.ACTION, change)

    assert "not of an image that can be written to" in save(0)
    assert "has no disk 9" in save(9)
    assert "NAME is already taken" in save(2, name="data")
    assert "must be OS or DATABLOCK, not 'KERNEL'" in save(2, kind="KERNEL")
    assert "has no snapshot 4" in save(2, snapshot=4)
    held = realm.vm("CPU=1\nMEMORY=1\nDISK=[IMAGE=data]")
    realm.refused(Code.INTERNAL, lambda tx: saving.save_as(tx, ADMIN, held.id, 0, "x", "", -1))
    realm.refused(Code.AUTHORIZATION, lambda tx: saving.save_as(tx, BOB, vm.id, 2, "x", "", -1))


def test_snapshots_by_the_clock(realm: Realm) -> None:
    vm = realm.running(VM)

    def due(action: str, args: str) -> int:
        _, perform = schedules.OFFERED["vm"][action]
        return realm.do(lambda tx: perform(tx, ADMIN, vm.id, args))

    due("disk-snapshot-create", "0, nightly")
    realm.finish()
    assert [s.name for s in realm.world.vms[vm.id].disk_snapshots[0].snapshots] == ["nightly"]
    due("disk-snapshot-delete", "0,0")
    realm.finish()
    assert realm.world.vms[vm.id].disk_snapshots[0].snapshots == ()
    _, perform = schedules.OFFERED["vm"]["disk-snapshot-revert"]
    said = realm.refused(Code.ACTION, lambda tx: perform(tx, ADMIN, vm.id, "0"))
    assert said == "ARGS must be 2 numbers joined by commas, not '0'."
