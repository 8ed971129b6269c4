"""Disks for VMs that are there: what is taken, what is refused and with which code; nothing changes then."""

import pytest

from innkeeper.commands import disks, images, vms
from innkeeper.model.errors import Code
from innkeeper.model.states import ImageState
from tests.commands.realm import ADMIN, ALICE, BOB, Realm

VM = "CPU=1\nMEMORY=128\nDISK=[TYPE=fs,SIZE=5,DEV_PREFIX=vd]\nCONTEXT=[NETWORK=YES]"


def test_an_image_is_in_use_from_the_first_moment_to_the_last(realm: Realm) -> None:
    image = realm.image("NAME=data\nSIZE=9\nTYPE=DATABLOCK\nPERSISTENT=YES")
    vm = realm.running(VM)
    realm.do(lambda tx: disks.attach(tx, ADMIN, vm.id, "DISK=[IMAGE=data]"))
    assert realm.world.image_state(image) is ImageState.USED_PERS
    text = realm.refused(Code.ACTION, lambda tx: images.delete(tx, ADMIN, image.id, False))
    assert "in use" in text
    realm.finish()
    disk = realm.world.vms[vm.id].disks[-1]
    assert {name: disk[name] for name in ("DISK_ID", "IMAGE", "TARGET", "CLONE", "SAVE", "DRIVER")} == {
        "DISK_ID": "2", "IMAGE": "data", "TARGET": "sda", "CLONE": "NO", "SAVE": "YES", "DRIVER": "raw",
    }  # fmt: skip
    realm.do(lambda tx: disks.detach(tx, ADMIN, vm.id, 2))
    assert realm.world.image_state(image) is ImageState.USED_PERS
    realm.finish()
    assert realm.world.image_state(image) is ImageState.READY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "one DISK"),
        ("DISK=[TYPE=fs,SIZE=1]\nDISK=[TYPE=fs,SIZE=1]", "one DISK = [ ... ], not 2"),
        ("DISK=[TYPE=fs]", "SIZE"),
        ("DISK=[TYPE=what,SIZE=1]", "'what'"),
        ("DISK=[TYPE=fs,SIZE=1,TARGET=vda]", "TARGET vda is another disk's already"),
        ("DISK=[TYPE=fs,SIZE=1,TARGET=hda]", "hda is another disk's already"),
        ("DISK=[TYPE=fs,SIZE=1,TARGET=nonsense]", "device like vda"),
        ("DISK=[TYPE=fs,SIZE=1,DEV_PREFIX=hd]", "cannot be plugged into a guest that runs"),
        ("DISK=[IMAGE=nothing]", "does not own an image with name: nothing"),
    ],
)
def test_what_is_no_disk_for_a_guest_that_runs(realm: Realm, text: str, said: str) -> None:
    vm = realm.running(VM)
    assert said in realm.refused(Code.ACTION, lambda tx: disks.attach(tx, ADMIN, vm.id, text))


def test_an_image_must_be_ready_free_and_allowed(realm: Realm) -> None:
    vm = realm.running(VM, ALICE)
    hidden = realm.image("NAME=hidden\nSIZE=9")
    shared = realm.image("NAME=shared\nSIZE=9\nPERSISTENT=YES", ALICE)
    realm.vm("CPU=1\nMEMORY=1\nDISK=[IMAGE=shared]", ALICE)
    coming = realm.image("NAME=coming\nSIZE=9", ALICE, ready=False)

    def attach(image: int) -> str:
        text = f"DISK=[IMAGE_ID={image}]"
        code = Code.AUTHORIZATION if image == hidden.id else Code.ACTION
        return realm.refused(code, lambda tx: disks.attach(tx, ALICE, vm.id, text))

    assert "USE IMAGE" in attach(hidden.id)
    assert "persistent and in use" in attach(shared.id)
    assert "LOCKED" in attach(coming.id)
    realm.refused(Code.NO_EXISTS, lambda tx: disks.attach(tx, ALICE, vm.id, "DISK=[IMAGE_ID=99]"))


def test_cds_come_on_the_bus_that_takes_them(realm: Realm) -> None:
    realm.image("NAME=cd\nSIZE=9\nTYPE=OS")
    realm.do(lambda tx: images.chtype(tx, ADMIN, 0, "CDROM"))
    vm = realm.running(VM)
    realm.do(lambda tx: disks.attach(tx, ADMIN, vm.id, "DISK=[IMAGE=cd]"))
    realm.finish()
    realm.do(lambda tx: vms.act(tx, ADMIN, "poweroff-hard", vm.id))
    realm.finish()
    realm.do(lambda tx: disks.attach(tx, ADMIN, vm.id, "DISK=[IMAGE=cd]"))
    realm.finish()
    cds = [disk for disk in realm.world.vms[vm.id].disks if disk["TYPE"] == "CDROM"]
    assert [(cd["TARGET"], cd["READONLY"]) for cd in cds] == [("sda", "YES"), ("hdb", "YES")]


def test_detach_names_what_there_is(realm: Realm) -> None:
    vm = realm.running(VM)
    said = realm.refused(Code.ACTION, lambda tx: disks.detach(tx, ADMIN, vm.id, 7))
    assert said == f"VM {vm.id} has no disk 7 (it has: 0)."
    said = realm.refused(Code.ACTION, lambda tx: disks.detach(tx, ADMIN, vm.id, 1))
    assert "context CD" in said


def test_states_and_rights(realm: Realm) -> None:
    waiting, text = realm.vm(VM, ALICE), "DISK=[TYPE=fs,SIZE=1]"
    said = realm.refused(Code.ACTION, lambda tx: disks.attach(tx, ALICE, waiting.id, text))
    assert (
        said == 'Error performing action "disk-attach": This action is not available for state HOLD'
    )
    vm = realm.running(VM, ALICE)
    for change in (
        lambda tx: disks.attach(tx, BOB, vm.id, text),
        lambda tx: disks.detach(tx, BOB, vm.id, 0),
    ):
        realm.refused(Code.AUTHORIZATION, change)
    throttled = "DISK=[TYPE=fs,SIZE=1,TOTAL_IOPS_SEC=5]"
    realm.refused(Code.AUTHORIZATION, lambda tx: disks.attach(tx, ALICE, vm.id, throttled))
    realm.refused(Code.NO_EXISTS, lambda tx: disks.attach(tx, ADMIN, 99, text))
    realm.refused(Code.INTERNAL, lambda tx: disks.attach(tx, ADMIN, vm.id, "DISK=["))
