"""What only administrators may set, on whatever way it comes."""

import msgspec
import pytest

from innkeeper.commands import (
    common,
    datastores,
    images,
    networks,
    template_images,
    templates,
    users,
    vms,
)
from innkeeper.model.errors import Code
from innkeeper.model.objects import Network, User, VmTemplate
from innkeeper.model.permissions import Caller
from tests.commands.realm import ADMIN, ALICE, VM, Realm

RAW = f"{VM}\nNAME=t\nRAW=[TYPE=kvm,DATA=\"<x/>\"]"  # fmt: skip


def give(realm: Realm, kind: str, number: int, caller: Caller = ALICE) -> None:
    """Makes somebody the owner of an object, with all rights on it."""
    record = realm.world.tables[kind][number]
    owned = msgspec.structs.replace(record, uid=caller.uid, permissions=0o777)
    realm.do(lambda tx: tx.put(owned))


@pytest.mark.parametrize(
    "text",
    ["OS=[KERNEL=/boot/vmlinuz]", "OS=[INITRD=/etc/shadow]", "RAW=[DATA=x]", "EMULATOR=/bin/sh",
     "CONTEXT=[FILES=/etc/passwd]", "NIC=[NETWORK=net,MAC=02:00:0a:00:00:01]", "PCI=[CLASS=0300]",
     "os = [ kernel_ds = x, Kernel = /x ]", "USER_PRIORITY=9"],
)  # fmt: skip
def test_templates_of_users_have_none_of_it(realm: Realm, text: str) -> None:
    realm.network()
    realm.refused(
        Code.AUTHORIZATION, lambda tx: vms.allocate(tx, ALICE, f"{VM}\n{text}", hold=True)
    )
    realm.refused(Code.AUTHORIZATION, lambda tx: templates.allocate(tx, ALICE, f"NAME=t\n{text}"))
    mine = realm.do(lambda tx: templates.allocate(tx, ALICE, f"{VM}\nNAME=t"))
    for append in (0, 1):
        realm.refused(
            Code.AUTHORIZATION,
            lambda tx, a=append: common.update(tx, ALICE, VmTemplate, mine, text, a),
        )
    realm.refused(
        Code.AUTHORIZATION, lambda tx: templates.instantiate(tx, ALICE, mine, "", True, text)
    )
    vm = realm.vm(caller=ALICE)
    for append in (0, 1):
        realm.refused(
            Code.AUTHORIZATION, lambda tx, a=append: vms.update(tx, ALICE, vm.id, text, a)
        )


def test_an_administrators_template_may_have_it_for_others(realm: Realm) -> None:
    number = realm.do(lambda tx: templates.allocate(tx, ADMIN, RAW))
    realm.do(lambda tx: common.chmod(tx, ADMIN, _template(), number, (-1,) * 6 + (1, -1, -1)))
    made = realm.do(lambda tx: templates.instantiate(tx, ALICE, number, "", True, "MEMORY=64"))
    assert "RAW" in realm.world.vms[made].template
    made = realm.do(
        lambda tx: template_images.instantiate(tx, ALICE, number, "copy", True, "", True)
    )
    assert "RAW" in realm.world.vms[made].template


def test_a_copy_of_it_that_a_user_can_change_may_not(realm: Realm) -> None:
    number = realm.do(lambda tx: templates.allocate(tx, ADMIN, RAW))
    realm.do(lambda tx: common.chmod(tx, ADMIN, _template(), number, (-1,) * 6 + (1, -1, -1)))
    copy = realm.do(lambda tx: templates.clone(tx, ALICE, number, "mine"))
    realm.refused(
        Code.AUTHORIZATION, lambda tx: templates.instantiate(tx, ALICE, copy, "", True, "")
    )
    realm.do(lambda tx: templates.instantiate(tx, ADMIN, copy, "", True, ""))


def test_what_is_there_may_be_said_again_and_is_not_lost(realm: Realm) -> None:
    number = realm.do(lambda tx: templates.allocate(tx, ADMIN, f"{RAW}\nCPU_COST=2"))
    give(realm, "template", number)
    again = "RAW=[TYPE=kvm,DATA=\"<x/>\"]\nMEMORY=1"  # fmt: skip
    realm.do(lambda tx: common.update(tx, ALICE, VmTemplate, number, again, 0))
    kept = realm.world.templates[number].template
    assert (kept.get("MEMORY"), kept.get("CPU_COST"), "CPU" in kept) == ("1", "2", False)
    realm.refused(
        Code.AUTHORIZATION, lambda tx: common.update(tx, ALICE, VmTemplate, number, "CPU_COST=1", 1)
    )
    realm.refused(
        Code.AUTHORIZATION, lambda tx: common.update(tx, ALICE, VmTemplate, number, "RAW=[]", 1)
    )


def test_images_keep_what_administrators_set(realm: Realm) -> None:
    image = realm.image(caller=ALICE)
    realm.refused(
        Code.AUTHORIZATION,
        lambda tx: images.update_image(tx, ALICE, image.id, "SOURCE=/etc/shadow", 1),
    )
    realm.do(lambda tx: images.update_image(tx, ALICE, image.id, "SIZE=1\nTYPE=OS\nX=1", 0))
    kept = realm.world.images[image.id].template
    assert (kept.get("X"), kept.get("TM_MAD"), kept.get("DEV_PREFIX")) == ("1", "dummy", "sd")
    assert not {"SIZE", "TYPE"} & kept.attributes.keys()


@pytest.mark.parametrize(
    "text", ["NAT=YES", "FILTER_IP_SPOOFING=NO", "BRIDGE_CONF=[x=y]", "PHYDEV=eth0", "CONF=[a=b]"]
)
def test_owners_of_networks_do_not_command_hosts(realm: Realm, text: str) -> None:
    network = realm.network()
    give(realm, Network.KIND, network.id)
    for append in (0, 1):
        realm.refused(
            Code.AUTHORIZATION,
            lambda tx, a=append: networks.update(tx, ALICE, network.id, text, a),
        )
    ar = "AR=[AR_ID=0,PHYDEV=eth0]"
    realm.refused(Code.AUTHORIZATION, lambda tx: networks.update_range(tx, ALICE, network.id, ar))
    ar = "AR=[TYPE=IP4,IP=10.9.0.1,SIZE=2,BRIDGE=br9]"
    realm.refused(Code.AUTHORIZATION, lambda tx: networks.add_range(tx, ALICE, network.id, ar))


def test_where_the_host_is_the_gateway_only_administrators_move_it(realm: Realm) -> None:
    text = "NAME=n\nVN_MAD=bridge\nNAT=YES\nGATEWAY=10.0.0.254\nNETWORK_MASK=255.255.255.0"
    network = realm.network(text)
    give(realm, Network.KIND, network.id)
    for new in ("GATEWAY=10.0.0.253", "NETWORK_MASK=255.0.0.0"):
        realm.refused(
            Code.AUTHORIZATION, lambda tx, n=new: networks.update(tx, ALICE, network.id, n, 1)
        )
    realm.do(lambda tx: networks.update(tx, ALICE, network.id, "DNS=1.1.1.1", 0))
    kept = realm.world.networks[network.id].template
    assert (kept.get("NAT"), kept.get("GATEWAY"), kept.get("DNS")) == (
        "YES",
        "10.0.0.254",
        "1.1.1.1",
    )


def test_users_do_not_choose_their_own_rights(realm: Realm) -> None:
    text = "VM_ADMIN_OPERATIONS=\"\""  # fmt: skip
    realm.refused(Code.AUTHORIZATION, lambda tx: users.update_user(tx, ALICE, 2, text, 1))
    realm.do(lambda tx: users.update_user(tx, ADMIN, 2, text, 1))
    realm.do(lambda tx: users.update_user(tx, ALICE, 2, "EMAIL=a@b", 0))
    assert "VM_ADMIN_OPERATIONS" in realm.world.table(User)[2].template


def test_folders_from_which_images_come_are_the_administrators_choice(realm: Realm) -> None:
    give(realm, "datastore", 1)
    text = "SAFE_DIRS=/"
    realm.refused(Code.AUTHORIZATION, lambda tx: datastores.update_datastore(tx, ALICE, 1, text, 1))
    realm.do(lambda tx: datastores.update_datastore(tx, ADMIN, 1, text, 1))


def test_numbers_that_the_front_end_gives_are_not_taken_from_users(realm: Realm) -> None:
    text = f"{VM}\nVMID=7\nTEMPLATE_ID=8\nVROUTER_ID=9\nAUTOMATIC_REQUIREMENTS=\"ID=0\""  # fmt: skip
    vm = realm.vm(text)
    assert vm.template.get("VMID") == str(vm.id)
    given = {"TEMPLATE_ID", "VROUTER_ID", "AUTOMATIC_REQUIREMENTS"}
    assert not given & vm.template.attributes.keys()
    assert not {*given, "VMID"} & vm.user_template.attributes.keys()


def _template() -> type:
    from innkeeper.model.objects import VmTemplate

    return VmTemplate
