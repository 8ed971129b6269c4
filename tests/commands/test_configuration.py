"""Size, capacity and configuration of VMs that are there: what is refused and with which code; nothing changes then."""

import pytest

from innkeeper.commands import capacity, configuration, disks, images, saving, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Code
from innkeeper.model.states import ImageState
from tests.commands.realm import ADMIN, ALICE, BOB, Realm

VM = "CPU=1\nMEMORY=128\nMEMORY_MAX=256\nVCPU=2\nDISK=[TYPE=fs,SIZE=5]\nCONTEXT=[A=1]"


@pytest.mark.parametrize("size", ["5", "4", "-1", "", "x", "6.5", str(2**44)])
def test_disks_only_grow(realm: Realm, size: str) -> None:
    vm = realm.running(VM)
    said = realm.refused(Code.ACTION, lambda tx: disks.resize(tx, ADMIN, vm.id, 0, size))
    assert said == f"The new size of disk 0 must be a whole number of more than 5 MB, not {size!r}."


def test_a_persistent_image_grows_with_its_disk(realm: Realm) -> None:
    image = realm.image("NAME=data\nSIZE=9\nPERSISTENT=YES", ALICE)
    vm = realm.running("CPU=1\nMEMORY=128\nDISK=[IMAGE=data]", ALICE)
    realm.refused(Code.AUTHORIZATION, lambda tx: disks.resize(tx, BOB, vm.id, 0, "20"))
    realm.do(lambda tx: disks.resize(tx, ALICE, vm.id, 0, "20"))
    realm.finish()
    assert realm.world.images[image.id].size == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CPU=x", "CPU must be a number"),
        ("MEMORY=-5", "MEMORY must be a whole number"),
        ("MEMORY=300", "cannot grow to 300: MEMORY_MAX is 256"),
        ("VCPU=3", "cannot grow to 3: it has no VCPU_MAX"),
        ("VCPU=1", "cannot shrink from 2 to 1"),
        ("CPU=99", "does not fit on host"),
    ],
)
def test_what_a_guest_that_runs_cannot_be_resized_to(realm: Realm, text: str, said: str) -> None:
    vm = realm.running(VM)
    assert said in realm.refused(
        Code.ACTION, lambda tx: capacity.resize(tx, ADMIN, vm.id, text, True)
    )


def test_nothing_given_is_nothing_changed(realm: Realm) -> None:
    vm = realm.vm(VM)
    realm.do(lambda tx: capacity.resize(tx, ADMIN, vm.id, "CPU=0\nMEMORY=0\nNAME=other", True))
    assert realm.world.vms[vm.id].template == vm.template


def test_users_cannot_do_without_the_check(realm: Realm) -> None:
    vm = realm.running(VM, ALICE)
    realm.do(lambda tx: vms.act(tx, ALICE, "poweroff-hard", vm.id))
    realm.finish()
    realm.refused(Code.ACTION, lambda tx: capacity.resize(tx, ALICE, vm.id, "CPU=99", False))
    realm.do(lambda tx: capacity.resize(tx, ADMIN, vm.id, "CPU=99", False))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OS=[BOOT=disk7]", "BOOT of OS names disk7"),
        ("OS=[UUID=x]", "UUID of OS is not a UUID"),
        ("GRAPHICS=[PORT=x]", "PORT of GRAPHICS"),
    ],
)
def test_what_is_no_configuration(realm: Realm, text: str, said: str) -> None:
    vm = realm.running(VM)
    found = realm.refused(Code.INTERNAL, lambda tx: configuration.update(tx, ADMIN, vm.id, text, 1))
    assert said in found and "allocating" not in found


def test_a_context_cd_needs_a_guest_that_is_off(realm: Realm) -> None:
    vm = realm.running("CPU=1\nMEMORY=128\nDISK=[TYPE=fs,SIZE=5,TARGET=hda]")
    text = "CONTEXT=[A=1]"
    said = realm.refused(Code.INTERNAL, lambda tx: configuration.update(tx, ADMIN, vm.id, text, 1))
    assert "has no context CD" in said
    realm.do(lambda tx: vms.act(tx, ADMIN, "poweroff-hard", vm.id))
    realm.finish()
    realm.do(lambda tx: configuration.update(tx, ADMIN, vm.id, text, 1))
    context = realm.world.vms[vm.id].template.vector("CONTEXT")
    assert context == {"A": "1", "VMID": str(vm.id), "DISK_ID": "1", "TARGET": "hdb"}


def test_states_and_rights_of_configurations(realm: Realm) -> None:
    vm = realm.running(VM, ALICE)
    text = "RAW=[TYPE=kvm,DATA=x]"
    realm.refused(Code.AUTHORIZATION, lambda tx: configuration.update(tx, ALICE, vm.id, text, 1))
    realm.refused(Code.AUTHORIZATION, lambda tx: configuration.update(tx, BOB, vm.id, "", 1))
    realm.refused(Code.BAD_ARGUMENT, lambda tx: configuration.update(tx, ALICE, vm.id, "", 2))
    realm.do(lambda tx: vms.act(tx, ALICE, "suspend", vm.id))
    realm.finish()
    realm.refused(Code.INTERNAL, lambda tx: configuration.update(tx, ALICE, vm.id, "", 1))


def test_images_that_failed_are_made_again(realm: Realm) -> None:
    origin = realm.image("NAME=origin\nSIZE=9")
    copy = realm.do(lambda tx: images.clone(tx, ADMIN, origin.id, "copy", -1))
    vm = realm.vm("CPU=1\nMEMORY=128\nDISK=[IMAGE=copy]", hold=False)
    while realm.asked:
        realm.answer("refused")
    assert phase(realm.world.vms[vm.id]) == "CLONING_FAILURE"
    realm.do(lambda tx: vms.recover(tx, ADMIN, vm.id, 2))
    assert phase(realm.world.vms[vm.id]) == "CLONING"
    assert [asked.verb for asked in realm.asked] == ["image.clone"]
    realm.finish()
    image = realm.world.images[copy]
    assert (image.state, image.cloning_id, "ERROR" in image.template) == (
        ImageState.READY,
        -1,
        False,
    )
    assert phase(realm.world.vms[vm.id]) == "PENDING"


def test_a_users_image_that_is_made_again_comes_from_where_users_images_may(realm: Realm) -> None:
    realm.image("NAME=theirs\nPATH=http://10.0.0.1/disk", ALICE, ready=False)
    first = realm.asked[0].args["reach"]
    vm = realm.vm("CPU=1\nMEMORY=128\nDISK=[IMAGE=theirs]", ALICE, hold=False)
    while realm.asked:
        realm.answer("refused")
    realm.do(lambda tx: vms.recover(tx, ADMIN, vm.id, 2, ("10.1.0.0/16",)))
    assert (first, realm.asked[0].args["reach"]) == ([], ["10.1.0.0/16"])


def test_a_disk_that_could_not_be_saved_does_not_become_an_empty_image(realm: Realm) -> None:
    realm.image()
    vm = realm.running("CPU=1\nMEMORY=128\nDISK=[IMAGE=img]")
    saved = realm.do(lambda tx: saving.save_as(tx, ADMIN, vm.id, 0, "saved", "", -1))
    waiting = realm.vm("CPU=1\nMEMORY=128\nDISK=[IMAGE=saved]", hold=False)
    while realm.asked:
        realm.answer("refused")
    assert realm.world.images[saved].state is ImageState.ERROR
    said = realm.refused(Code.ACTION, lambda tx: vms.recover(tx, ADMIN, waiting.id, 2))
    assert f"Image {saved} cannot be made again" in said
