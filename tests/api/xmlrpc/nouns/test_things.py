"""`one.image.*`, `one.vn.*`, `one.template.*`: states and bad arguments."""

import pytest

from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import ALICE, BOB, IMAGE, NETWORK, VM, Cloud, texts
from tests.api.xmlrpc.examples import network

# ---- images -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "datastore", "code"),
    [
        ("TYPE=DATABLOCK\nSIZE=1", 1, Code.ALLOCATE),
        ("NAME=x", 1, Code.ALLOCATE),
        ("NAME=x\nTYPE=TAPE\nSIZE=1", 1, Code.ALLOCATE),
        ("NAME=x\nTYPE=DATABLOCK\nSIZE=1", 0, Code.ALLOCATE),
        ("NAME=x\nPATH=/etc/passwd", 1, Code.ALLOCATE),
        ("NAME=x\nPATH=/images/../etc/passwd", 1, Code.ALLOCATE),
        ("NAME=x\nPATH=ftp://host/file", 1, Code.ALLOCATE),
        ("NAME=x\nTYPE=DATABLOCK\nSIZE=1", 77, Code.NO_EXISTS),
    ],
)
def test_images_that_cannot_be(cloud: Cloud, text: str, datastore: int, code: Code) -> None:
    cloud.refused(code, "one.image.allocate", text, datastore)


def test_images_come_from_the_folders_for_it(cloud: Cloud) -> None:
    cloud.do("one.image.allocate", "NAME=x\nPATH=/images/x.qcow2", 1, session=ALICE)


def test_what_only_administrators_may_ask_for(cloud: Cloud) -> None:
    cloud.refused(Code.AUTHORIZATION, "one.image.allocate", IMAGE, 1, True, session=ALICE)
    source = "NAME=x\nSOURCE=/ds/1/x\nFORMAT=raw\nSIZE=1"
    cloud.refused(Code.AUTHORIZATION, "one.image.allocate", source, 1, session=ALICE)
    cloud.do("one.image.allocate", source, 1, True)


def test_an_image_in_use_stays_as_it_is(cloud: Cloud) -> None:
    image = cloud.add_image()
    cloud.add_vm(f"{VM}\nDISK=[IMAGE_ID={image}]")
    cloud.refused(Code.ACTION, "one.image.delete", image)
    cloud.refused(Code.INTERNAL, "one.image.persistent", image, True)
    cloud.refused(Code.INTERNAL, "one.image.enable", image, False)
    cloud.refused(Code.INTERNAL, "one.image.chtype", image, "OS")


def test_an_image_that_is_not_ready(cloud: Cloud) -> None:
    image = cloud.do("one.image.allocate", IMAGE, 1)
    cloud.refused(Code.INTERNAL, "one.image.delete", image)
    cloud.refused(Code.ACTION, "one.image.clone", image, "copy")
    cloud.refused(Code.INTERNAL, "one.image.enable", image, True)
    cloud.settle()
    cloud.refused(Code.ACTION, "one.image.clone", image, "copy", 2)
    cloud.do("one.image.clone", image, "copy", 1)


def test_types_stay_in_their_family(cloud: Cloud) -> None:
    image = cloud.add_image()
    for wanted in ("KERNEL", "", "FLOPPY"):
        cloud.refused(Code.INTERNAL, "one.image.chtype", image, wanted)
    cloud.do("one.image.chtype", image, "cdrom")
    cloud.refused(Code.INTERNAL, "one.image.persistent", image, True)


def test_image_names_belong_to_their_owners(cloud: Cloud) -> None:
    cloud.add_image(session=ALICE)
    cloud.refused(Code.ALLOCATE, "one.image.allocate", IMAGE, 1, session=ALICE)
    other = cloud.add_image(session=BOB)
    cloud.refused(Code.INTERNAL, "one.image.chown", other, 2, -1)


# ---- networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "VN_MAD=dummy\nBRIDGE=br0",
        "NAME=x\nBRIDGE=br0",
        "NAME=x\nVN_MAD=dummy",
        "NAME=x\nVN_MAD=vxlan",
        "NAME=x\nVN_MAD=bridge\nBRIDGE=far-too-long-for-the-kernel",
        "NAME=x\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.300,SIZE=3]",
        "NAME=x\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.3,SIZE=0]",
        "NAME=x\nVN_MAD=bridge\nAR=[TYPE=IPX,SIZE=3]",
    ],
)
def test_networks_that_cannot_be(cloud: Cloud, text: str) -> None:
    cloud.refused(Code.ALLOCATE, "one.vn.allocate", text, -1)


def test_a_network_with_leases_stays(cloud: Cloud) -> None:
    net = network(cloud)
    cloud.add_vm(f"{VM}\nNIC=[NETWORK_ID={net}]")
    cloud.refused(Code.ACTION, "one.vn.delete", net)
    cloud.refused(Code.ACTION, "one.vn.rm_ar", net, 0)
    cloud.refused(Code.ACTION, "one.vn.hold", net, "LEASES=[IP=10.0.0.1]")
    cloud.do("one.vn.rm_ar", net, 1)
    cloud.do("one.vn.rm_ar", net, 0, True)
    cloud.refused(Code.ACTION, "one.vn.rm_ar", net, 0)


def test_holds(cloud: Cloud) -> None:
    net = network(cloud)
    cloud.do("one.vn.hold", net, "LEASES=[IP=10.0.0.5]")
    cloud.refused(Code.ACTION, "one.vn.hold", net, "LEASES=[IP=10.0.0.5]")
    cloud.refused(Code.ACTION, "one.vn.hold", net, "LEASES=[IP=10.7.0.5]")
    cloud.refused(Code.ACTION, "one.vn.hold", net, "LEASES=[IP=no]")
    cloud.refused(Code.ACTION, "one.vn.release", net, "LEASES=[IP=10.0.0.6]")
    cloud.refused(Code.INTERNAL, "one.vn.release", net, "IP=10.0.0.5")
    cloud.do("one.vn.release", net, "LEASES=[IP=10.0.0.5]")
    assert cloud.xml("one.vn.info", net).findtext("USED_LEASES") == "0"


def test_ranges_change_around_their_leases(cloud: Cloud) -> None:
    net = network(cloud)
    cloud.do("one.vn.hold", net, "LEASES=[IP=10.0.0.5]")
    cloud.refused(Code.ACTION, "one.vn.update_ar", net, "AR=[AR_ID=0,SIZE=3]")
    cloud.refused(Code.INTERNAL, "one.vn.update_ar", net, "AR=[SIZE=30]")
    cloud.refused(Code.INTERNAL, "one.vn.update_ar", net, "AR=[AR_ID=0,SIZE=x]")
    cloud.refused(Code.ACTION, "one.vn.update_ar", net, "AR=[AR_ID=9,SIZE=30]")
    cloud.do("one.vn.update_ar", net, "AR=[AR_ID=0,SIZE=30]")
    cloud.do("one.vn.add_ar", net, "AR=[TYPE=ETHER,SIZE=5]")
    found = cloud.xml("one.vn.info", net)
    assert texts(found, "AR_POOL/AR/SIZE") == ["30", "10", "5"]


def test_ranges_are_for_administrators(cloud: Cloud) -> None:
    net = network(cloud)
    cloud.do("one.vn.chown", net, 2, 1)
    cloud.refused(Code.AUTHORIZATION, "one.vn.add_ar", net, "AR=[TYPE=ETHER,SIZE=5]", session=ALICE)
    cloud.do("one.vn.hold", net, "LEASES=[IP=10.0.0.5]", session=ALICE)


# ---- templates --------------------------------------------------------------------------------


def test_templates_are_checked(cloud: Cloud) -> None:
    cloud.refused(Code.ALLOCATE, "one.template.allocate", "CPU=1")
    cloud.refused(Code.INTERNAL, "one.template.allocate", "CPU")
    text = f"{VM}\nEMULATOR=/bin/sh"
    cloud.refused(Code.AUTHORIZATION, "one.template.allocate", text, session=ALICE)
    number = cloud.do("one.template.allocate", VM, session=ALICE)
    cloud.refused(Code.AUTHORIZATION, "one.template.update", number, "EMULATOR=x", 1, session=ALICE)
    cloud.refused(
        Code.AUTHORIZATION,
        "one.template.instantiate", number, "", False, "EMULATOR=x", session=ALICE,
    )  # fmt: skip


def test_instantiate(cloud: Cloud) -> None:
    number = cloud.do("one.template.allocate", VM)
    named = cloud.do("one.template.instantiate", number, "named", True, "MEMORY = 256\nA = 1")
    vm = cloud.xml("one.vm.info", named)
    assert (vm.findtext("NAME"), vm.findtext("STATE")) == ("named", "2")
    assert vm.findtext("TEMPLATE/MEMORY") == "256"
    assert vm.findtext("TEMPLATE/TEMPLATE_ID") == str(number)
    assert vm.findtext("USER_TEMPLATE/A") == "1"
    unnamed = cloud.do("one.template.instantiate", number, "")
    assert cloud.xml("one.vm.info", unnamed).findtext("NAME") == f"guest-{unnamed}"


def test_instantiate_as_persistent(cloud: Cloud) -> None:
    image = cloud.add_image()
    number = cloud.do("one.template.allocate", f"{VM}\nDISK=[IMAGE=disk,DRIVER=raw]")
    vm = cloud.do("one.template.instantiate", number, "mine", False, "", True)
    cloud.settle()
    copy = cloud.xml("one.templatepool.info", -2, -1, -1)[0]
    assert copy.findtext("NAME") == "mine"
    disk = cloud.xml("one.vm.info", vm).find("TEMPLATE/DISK")
    assert disk is not None
    assert disk.findtext("IMAGE_ID") == copy.findtext("TEMPLATE/DISK/IMAGE_ID") != str(image)
    assert (disk.findtext("PERSISTENT"), disk.findtext("IMAGE")) == ("YES", "mine-disk-0")
    assert cloud.xml("one.vm.info", vm).findtext("STATE") == "1"
    assert not cloud.world.images[image].persistent


def test_a_template_with_its_images(cloud: Cloud) -> None:
    cloud.add_image()
    number = cloud.do("one.template.allocate", f"{VM}\nDISK=[TYPE=swap,SIZE=1]\nDISK=[IMAGE_ID=0]")
    copy = cloud.do("one.template.clone", number, "copy", True)
    cloud.settle()
    found = cloud.xml("one.template.info", copy)
    assert texts(found, "TEMPLATE/DISK/IMAGE_ID") == ["1"]
    assert cloud.world.images[1].name == "copy-disk-1"
    cloud.do("one.template.chmod", copy, 1, 1, 0, 1, 0, 0, 0, 0, 0, True)
    assert cloud.world.images[1].permissions == cloud.world.templates[copy].permissions == 0o640
    assert cloud.world.images[0].permissions == 0o600
    cloud.do("one.template.delete", copy, True)
    cloud.settle()
    assert 1 not in cloud.world.images
    cloud.do("one.template.delete", number, False)
    assert 0 in cloud.world.images


def test_images_that_cannot_be_deleted_with_their_template(cloud: Cloud) -> None:
    cloud.add_image()
    cloud.add_vm(f"{VM}\nDISK=[IMAGE_ID=0]")
    number = cloud.do("one.template.allocate", f"{VM}\nDISK=[IMAGE_ID=0]")
    cloud.do("one.template.delete", number, True)
    assert number not in cloud.world.templates
    assert 0 in cloud.world.images


def test_template_names_belong_to_their_owners(cloud: Cloud) -> None:
    cloud.do("one.template.allocate", VM, session=ALICE)
    cloud.refused(Code.ALLOCATE, "one.template.allocate", VM, session=ALICE)
    cloud.do("one.template.allocate", VM, session=BOB)
    assert NETWORK
