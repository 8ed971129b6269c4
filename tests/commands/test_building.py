"""From template to VM: what is refused, and what users write that only the front end may."""

import re

import pytest

from innkeeper.commands import images, locks, templates, vms
from innkeeper.commands.building import graphics
from innkeeper.commands.building.disks import FILE_SYSTEMS
from innkeeper.host.disks.qcow2 import MAKERS
from innkeeper.lifecycle import descriptions
from innkeeper.model.errors import Code
from innkeeper.model.objects import Image, Network, VmTemplate
from tests.commands.realm import ADMIN, ALICE, VM, Realm

VOLATILE = "DISK=[TYPE=fs,SIZE=1]"
ROOM = "NAME=net\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=4000]"


@pytest.fixture
def furnished(realm: Realm) -> Realm:
    """With an image and a network."""
    realm.image()
    realm.network(ROOM)
    return realm


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n".join([VOLATILE] * 257), "DISK"),
        ("\n".join(["NIC=[NETWORK=net]"] * 257), "NIC"),
        (f"OS=[BOOT=disk{'9' * 5000}]\n{VOLATILE}", "BOOT"),
        (f"OS=[BOOT=disk1]\n{VOLATILE}", "BOOT"),
        ("CPU_MODEL=[MODEL=x]\nCPU=nan", "CPU"),
        ("CPU=inf", "CPU"),
        ("CPU=1e999", "CPU"),
        ("CPU=\u0661", "CPU"),
        ("CPU=1_0", "CPU"),
        ("MEMORY=0x80", "MEMORY"),
        ("MEMORY=9223372036854775808", "MEMORY"),
        ("VCPU=99999", "VCPU"),
        ("CPU_COST=nan", "CPU_COST"),
        ("DISK=[TYPE=fs,SIZE=9999999999999999]", "SIZE"),
        ("DISK=[TYPE=fs,SIZE=-1]", "SIZE"),
        ("DISK=[TYPE=fs,SIZE=1,FORMAT=vmdk]", "FORMAT"),
        ("DISK=[TYPE=fs,SIZE=1,FS=../../x]", "FS"),
        ("DISK=[TYPE=fs,SIZE=1,TARGET=vda1]", "TARGET"),
        ("DISK=[TYPE=fs,SIZE=1,TARGET=zza]", "TARGET"),
        ("DISK=[TYPE=fs,SIZE=1,DEV_PREFIX=zz]", "DEV_PREFIX"),
        ("CONTEXT=[TARGET=\"x y\"]", "TARGET"),
        (f"CONTEXT=[TARGET=sda]\n{VOLATILE.replace(']', ',TARGET=sda]')}", "TARGET"),
        ("NIC=[NETWORK=net,TARGET=one-7-0]", "TARGET"),
        ("NIC=[NETWORK=net,TARGET=\"a b\"]", "TARGET"),
        ("NIC=[NETWORK=net,TARGET=eth0]\nNIC=[NETWORK=net,TARGET=eth0]", "TARGET"),
        ("NIC=[NETWORK=net,IP=10.0.0.2]\nNIC=[NETWORK=net,IP=10.0.0.2]", "not free"),
        ("NIC=[NETWORK=net,IP=10.0.0.2,IP6=\"::1\"]", "one of"),
        ("NIC=[NETWORK=net,IP=\"::a00:2\"]", "no address range"),
        ("NIC=[NETWORK=net,MAC=\"0x02000a000002\"]", "no address range"),
        ("NIC=[NETWORK=net,MAC=\"\u0660\u0662:00:0a:00:00:02\"]", "no address range"),
        ("NIC=[NETWORK_MODE=auto]", "NETWORK"),
        ("NIC_DEFAULT=[NETWORK=net]", "NIC_DEFAULT"),
        ("GRAPHICS=[TYPE=vnc,PORT=65536]", "PORT"),
        ("GRAPHICS=[TYPE=vnc,PORT=5899]", "PORT"),
        ("GRAPHICS=[TYPE=vnc,PORT=x]", "PORT"),
        ("GRAPHICS=[TYPE=vnc,LISTEN=\"0.0.0.0,x\"]", "LISTEN"),
        ("GRAPHICS=[TYPE=vnc,KEYMAP=\"../../etc/passwd\"]", "KEYMAP"),
        ("OS=[UUID=x]", "UUID"),
    ],
)  # fmt: skip
def test_what_makes_no_vm(furnished: Realm, text: str, says: str) -> None:
    wanted = f"{text}\n{VM}" if re.match(r"(CPU|MEMORY)=", text) is None else text
    if wanted == text:
        wanted += "\nMEMORY=128" if text.startswith("CPU=") else "\nCPU=1"
    found = furnished.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, wanted, hold=True))
    assert says in found


def test_what_a_context_says_again_and_again_has_an_end(realm: Realm) -> None:
    """Each $TEMPLATE would become all of the template: the sum must not be made to be found too long."""
    again = "$TEMPLATE" * 2000
    text = f'{VM}\nX="{"x" * 200_000}"\nOS=[A="{"y" * 200_000}"]\nCONTEXT=[A="{again}"]'
    assert "CONTEXT" in realm.refused(
        Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, text, hold=True)
    )
    text = f'{VM}\nX="{"x" * 200_000}"\nSCHED_REQUIREMENTS="{"$X" * 20_000}"'
    realm.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, text, hold=True))


def test_what_the_front_end_fills_in_is_not_taken_from_users(furnished: Realm) -> None:
    given = (
        "CLONE=YES,SAVE=YES,PERSISTENT=YES,SOURCE=\"/etc/shadow\",DATASTORE_ID=7,CLUSTER_ID=9,ORDER=5,DISK_ID=3,"
        "IMAGE_STATE=1,TM_MAD=x,CLONING=YES"
    )  # fmt: skip
    text = (
        f"{VM}\nDISK=[TYPE=fs,SIZE=1,{given}]\nDISK=[IMAGE=img,{given}]\n"
        'NIC=[NETWORK=net,AR_ID=x,NIC_ID=x,ORDER=x,BRIDGE="br9",VN_MAD=x,CLUSTER_ID=x,PHYDEV=eth9]'
    )
    vm = furnished.vm(text)
    volatile, disk = vm.disks
    assert volatile.keys() == {
        "DISK_ID", "TYPE", "SIZE", "ORIGINAL_SIZE", "FORMAT", "DRIVER", "TARGET",
    }  # fmt: skip
    assert not {"ORDER", "PERSISTENT", "CLONING"} & disk.keys()
    assert (disk["SOURCE"], disk["SAVE"], disk["DATASTORE_ID"]) == ("/ds/1/image-0", "NO", "1")
    (nic,) = vm.nics
    assert not {"ORDER", "PHYDEV"} & nic.keys()
    assert (nic["AR_ID"], nic["NIC_ID"], nic["BRIDGE"]) == ("0", "0", "onebr0")


def test_a_uuid_is_of_one_vm(realm: Realm) -> None:
    first = realm.vm()
    uuid = first.template.vector("OS")["UUID"]  # type: ignore[index]
    text = f'{VM}\nOS=[UUID="{uuid.upper()}"]'
    assert "UUID" in realm.refused(
        Code.INTERNAL, lambda tx: vms.allocate(tx, ALICE, text, hold=True)
    )
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", first.id))
    realm.vm(text)


def screen(realm: Realm, *parts: str) -> dict[str, str]:
    """The GRAPHICS of a new VM."""
    vm = realm.vm(f"{VM}\nGRAPHICS=[{','.join(('TYPE=vnc', *parts))}]")
    graphics = vm.template.vector("GRAPHICS")
    assert graphics is not None
    assert descriptions.domain(vm)["graphics"]["port"] == int(graphics["PORT"])
    return graphics


def test_a_screen_is_on_loopback_unless_the_template_says_otherwise(realm: Realm) -> None:
    assert screen(realm)["LISTEN"] == "127.0.0.1"
    assert screen(realm, "LISTEN=0.0.0.0")["LISTEN"] == "0.0.0.0"


def test_no_two_screens_have_the_same_port(realm: Realm) -> None:
    """Not in the whole zone: a VM may go to any host."""
    assert screen(realm, "PORT=5901")["PORT"] == "5901"
    assert screen(realm, "PORT=0")["PORT"] == "5902"  # 5901 goes with its number, and is taken
    assert screen(realm)["PORT"] == "5903"
    text = f"{VM}\nGRAPHICS=[TYPE=vnc,PORT=5902]"
    said = realm.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ALICE, text, hold=True))
    assert said.endswith("PORT 5902 of GRAPHICS is that of VM 1.")
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", 1))
    assert screen(realm, "PORT=5902")["PORT"] == "5902"


def test_ports_begin_again_behind_the_last(realm: Realm) -> None:
    assert screen(realm, "PORT=65535")["PORT"] == "65535"
    made = graphics.completed(realm.world, 65535 - 5900, {})
    assert made["PORT"] == "5900"


def test_a_password_by_chance_is_another_for_each_vm(realm: Realm) -> None:
    made = [screen(realm, "RANDOM_PASSWD=YES")["PASSWD"] for _ in range(3)]
    assert len(set(made)) == 3 and {len(word) for word in made} == {8}
    assert screen(realm, "RANDOM_PASSWD=YES", "PASSWD=chosen-by-me")["PASSWD"] == "chosen-b"
    assert "PASSWD" not in screen(realm, "RANDOM_PASSWD=NO")


def test_an_image_of_unknown_size_keeps_its_size(realm: Realm) -> None:
    image = realm.image("NAME=old\nSOURCE=/ds/old\nFORMAT=raw")
    vm = realm.vm(f"{VM}\nDISK=[IMAGE_ID={image.id}]")
    (disk,) = descriptions.disks(realm.world, vm)
    assert disk["size_mib"] is None


def test_a_vm_of_a_template_with_a_long_name_has_a_name(realm: Realm) -> None:
    number = realm.do(lambda tx: templates.allocate(tx, ADMIN, f"{VM}\nNAME={'x' * 128}"))
    made = realm.do(lambda tx: templates.instantiate(tx, ADMIN, number, "", True, ""))
    assert realm.world.vms[made].name.endswith(f"-{made}")


def test_what_is_locked_for_use_is_not_used(furnished: Realm) -> None:
    template = furnished.do(lambda tx: templates.allocate(tx, ADMIN, f"{VM}\nNAME=t"))
    image, network = furnished.world.images[0], furnished.world.networks[0]
    uses = (
        (Image, image.id, lambda tx: vms.allocate(tx, ADMIN, f"{VM}\nDISK=[IMAGE=img]", True)),
        (Image, image.id, lambda tx: images.clone(tx, ADMIN, image.id, "copy", -1)),
        (Network, network.id, lambda tx: vms.allocate(tx, ADMIN, f"{VM}\nNIC=[NETWORK=net]", True)),
        (VmTemplate, template, lambda tx: templates.instantiate(tx, ADMIN, template, "", True, "")),
        (VmTemplate, template, lambda tx: templates.clone(tx, ADMIN, template, "copy")),
    )  # fmt: skip
    for kind, number, use in uses:
        furnished.do(lambda tx, k=kind, n=number: locks.lock(tx, ADMIN, k, n, 1, False))
        assert "locked" in furnished.refused(Code.AUTHORIZATION, use)
        furnished.do(lambda tx, k=kind, n=number: locks.lock(tx, ADMIN, k, n, 2, False))
        furnished.do(use)
        furnished.do(lambda tx, k=kind, n=number: locks.unlock(tx, ADMIN, k, n))


def test_hosts_make_the_file_systems_that_may_be_asked_for() -> None:
    assert set(MAKERS) == FILE_SYSTEMS
