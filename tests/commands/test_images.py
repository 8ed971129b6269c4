"""Images: what guests may have written into them, who uses them, and what cannot be one."""

import pytest

from innkeeper.commands import datastores, images, vms
from innkeeper.lifecycle.messages import StoreMeasured
from innkeeper.model.errors import Code
from innkeeper.model.states import ImageState
from tests.commands.realm import ADMIN, ALICE, VM, Realm

PERSISTENT = "NAME=img\nSIZE=9\nFORMAT=raw\nPERSISTENT=YES"


def test_an_image_is_copied_as_what_it_is_known_to_be(realm: Realm) -> None:
    """Guests write into persistent images: what one looks like is the guest's word."""
    image = realm.image(PERSISTENT)
    realm.do(lambda tx: images.clone(tx, ADMIN, image.id, "copy", -1))
    (asked,) = realm.asked
    assert asked.args["format"] == "raw"


def test_what_a_guest_writes_to_is_not_copied_meanwhile(realm: Realm) -> None:
    image = realm.image(PERSISTENT)
    vm = realm.vm(f"{VM}\nDISK=[IMAGE=img]")
    realm.refused(Code.ACTION, lambda tx: images.clone(tx, ADMIN, image.id, "copy", -1))
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    realm.do(lambda tx: images.clone(tx, ADMIN, image.id, "copy", -1))


def test_what_is_being_copied_is_not_written_to(realm: Realm) -> None:
    image = realm.image(PERSISTENT)
    realm.do(lambda tx: images.clone(tx, ADMIN, image.id, "copy", -1))
    text = f"{VM}\nDISK=[IMAGE=img]"
    assert "copied" in realm.refused(
        Code.ACTION, lambda tx: vms.allocate(tx, ADMIN, text, hold=True)
    )
    realm.finish()
    realm.vm(text)


def test_an_image_that_vms_wait_for_stays(realm: Realm) -> None:
    image = realm.image(ready=False)
    vm = realm.vm(f"{VM}\nDISK=[IMAGE=img]")
    for force in (False, True):
        realm.refused(Code.ACTION, lambda tx, f=force: images.delete(tx, ADMIN, image.id, f))
    realm.refused(Code.INTERNAL, lambda tx: images.enable(tx, ADMIN, image.id, False))
    realm.refused(Code.INTERNAL, lambda tx: images.persistent(tx, ADMIN, image.id, True))
    realm.answer("refused")
    realm.finish()
    assert realm.world.images[image.id].state is ImageState.ERROR
    assert realm.world.vms[vm.id].state.name == "CLONING_FAILURE"
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    realm.do(lambda tx: images.delete(tx, ADMIN, image.id, False))
    realm.finish()
    assert image.id not in realm.world.images


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SIZE=9\nFORMAT=vmdk", "FORMAT"),
        ("SIZE=9\nFORMAT=\"-x\"", "FORMAT"),
        ("SIZE=9\nFS=zfs", "FS"),
        ("SIZE=9999999999999999", "SIZE"),
        ("SIZE=0", "SIZE"),
        ("SIZE=1e3", "SIZE"),
        ("SOURCE=/ds/1/image-0\nFORMAT=raw", "SOURCE"),
        ("SOURCE=relative\nFORMAT=raw", "SOURCE"),
        ("SOURCE=/ds/../etc/shadow\nFORMAT=raw", "SOURCE"),
        ("SOURCE=/x\nFORMAT=vmdk", "FORMAT"),
        ("PATH=/images/../etc/shadow", "PATH"),
        ("PATH=/images", "PATH"),
        ("PATH=//images/x", "PATH"),
        ("PATH=file:///images/x", "PATH"),
        ("PATH=ftp://host/x", "PATH"),
    ],
)  # fmt: skip
def test_what_no_store_can_hold(realm: Realm, text: str, says: str) -> None:
    realm.image()
    found = realm.refused(
        Code.ALLOCATE,
        lambda tx: images.allocate(tx, ADMIN, f"NAME=new\n{text}", 1, False, ("/images",)),
    )
    assert says in found


def test_a_full_datastore_takes_no_image(realm: Realm) -> None:
    origin = realm.image(caller=ALICE)
    realm.take(StoreMeasured(1, 1000, 8, 992))
    text = "NAME=new\nSIZE=9"
    found = realm.refused(Code.ACTION, lambda tx: images.allocate(tx, ALICE, text, 1, False, ()))
    assert "9 MB" in found and "8 MB" in found
    realm.refused(Code.ACTION, lambda tx: images.clone(tx, ALICE, origin.id, "copy", -1))
    realm.refused(Code.AUTHORIZATION, lambda tx: images.allocate(tx, ALICE, text, 1, True, ()))
    realm.do(lambda tx: images.allocate(tx, ADMIN, text, 1, True, ()))


def test_the_folders_from_which_it_may_come_go_with_the_import(realm: Realm) -> None:
    """What a path leads to (links) only the agent can see."""
    realm.do(lambda tx: datastores.update_datastore(tx, ADMIN, 1, 'SAFE_DIRS="/a /b"', 1))
    realm.image("NAME=img\nPATH=/images/x", ready=False)
    (asked,) = realm.asked
    assert {"/images", "/var/tmp", "/a", "/b"} <= set(asked.args["within"])
