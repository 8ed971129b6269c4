"""NICs and aliases for VMs: what is taken, what is refused and with which code; nothing changes then."""

from typing import Any

import pytest

from innkeeper.commands import networks, nics, secgroups, vms
from innkeeper.lifecycle import guarding
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Code
from tests.commands.realm import ADMIN, ALICE, BOB, Realm

VM = "CPU=1\nMEMORY=128\nNIC=[NETWORK_ID=0,NAME=first]\nCONTEXT=[NETWORK=YES]"


@pytest.fixture
def networked(realm: Realm) -> Realm:
    realm.network()
    return realm


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "one NIC"),
        ("DISK=[TYPE=fs,SIZE=1]", "one NIC"),
        ("NIC=[MODEL=virtio]", "NIC needs NETWORK or NETWORK_ID"),
        ("NIC=[NETWORK=nowhere]", "does not own a network with name: nowhere"),
        ("NIC=[NETWORK_ID=0,IP=10.0.0.1]", "IP 10.0.0.1 of network 0 is not free"),
        ("NIC=[NETWORK_ID=0,IP=10.9.9.9]", "is in no address range"),
        ("NIC=[NETWORK_ID=0,TARGET=one-7-7]", "TARGET of a NIC"),
        ("NIC_ALIAS=[NETWORK_ID=0]", "PARENT of a NIC_ALIAS is missing: the NAME of a NIC (first) is expected"),
        ("NIC_ALIAS=[NETWORK_ID=0,PARENT=other]", "not 'other'"),
    ],
)  # fmt: skip
def test_what_is_no_nic(networked: Realm, text: str, said: str) -> None:
    vm = networked.running(VM)
    assert said in networked.refused(Code.ACTION, lambda tx: nics.attach(tx, ADMIN, vm.id, text))


def test_a_full_network_has_no_address_left(networked: Realm) -> None:
    vm = networked.running("CPU=1\nMEMORY=128\n" + "NIC=[NETWORK_ID=0]\n" * 9)
    said = networked.refused(
        Code.ACTION, lambda tx: nics.attach(tx, ADMIN, vm.id, "NIC=[NETWORK_ID=0]")
    )
    assert "has no free address" in said


def test_aliases_from_the_beginning(networked: Realm) -> None:
    text = f"{VM}\nNIC_ALIAS=[NETWORK_ID=0,PARENT=first]\nNIC_ALIAS=[NETWORK_ID=0,PARENT=first,IP=10.0.0.9]"
    vm = networked.vm(text)
    told = [(a["NIC_ID"], a["ALIAS_ID"], a["PARENT_ID"], a["IP"]) for a in vm.aliases]
    assert told == [("1", "0", "0", "10.0.0.2"), ("2", "1", "0", "10.0.0.9")]
    assert "TARGET" not in vm.aliases[0]
    assert vm.nics[0]["ALIAS_IDS"] == "1,2"
    context = vm.template.vector("CONTEXT") or {}
    assert (context["ETH0_ALIAS0_IP"], context["ETH0_ALIAS1_IP"]) == ("10.0.0.2", "10.0.0.9")
    assert len(networked.world.leases.of(0, 0)) == 3
    networked.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    assert len(networked.world.leases.of(0, 0)) == 0
    lost = f"{VM}\nNIC_ALIAS=[NETWORK_ID=0,PARENT=NIC7]"
    said = networked.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, lost, True))
    assert "must be the NAME of a NIC (first)" in said


def test_detach_and_update_name_what_there_is(networked: Realm) -> None:
    vm = networked.running(VM)
    networked.do(lambda tx: nics.attach(tx, ADMIN, vm.id, "NIC_ALIAS=[NETWORK_ID=0,PARENT=first]"))
    networked.finish()
    said = networked.refused(Code.ACTION, lambda tx: nics.detach(tx, ADMIN, vm.id, 7))
    assert said == f"VM {vm.id} has no NIC 7 (it has: 0, 1)."

    def update(text: str, nic: int = 0, append: int = 1, code: Code = Code.ACTION) -> str:
        return networked.refused(code, lambda tx: nics.update(tx, ADMIN, vm.id, nic, text, append))

    assert "is an alias" in update("NIC=[METRIC=1]", 1)
    assert "IP of a NIC cannot be changed" in update("NIC=[IP=10.0.0.8]")
    assert "0 (replace) or 1 (append), not 2" in update("NIC=[]", append=2, code=Code.BAD_ARGUMENT)
    networked.do(lambda tx: nics.update(tx, ADMIN, vm.id, 0, "NIC=[IP=10.0.0.1,METRIC=1]", 1))


def test_rights_and_states(networked: Realm) -> None:
    vm = networked.running(VM)
    networked.do(lambda tx: vms.chown(tx, ADMIN, vm.id, ALICE.uid, ALICE.gid))
    text = "NIC=[NETWORK_ID=0]"
    for change in (
        lambda tx: nics.attach(tx, BOB, vm.id, text),
        lambda tx: nics.detach(tx, BOB, vm.id, 0),
        lambda tx: nics.attach(tx, ALICE, vm.id, "NIC=[NETWORK_ID=0,MAC=02:00:00:00:00:09]"),
    ):
        networked.refused(Code.AUTHORIZATION, change)
    bandwidth = "NIC=[INBOUND_AVG_BW=5]"
    networked.refused(Code.AUTHORIZATION, lambda tx: nics.update(tx, ALICE, vm.id, 0, bandwidth, 1))
    held = networked.vm(VM)
    networked.refused(Code.ACTION, lambda tx: nics.attach(tx, ADMIN, held.id, text))
    networked.do(lambda tx: nics.update(tx, ADMIN, held.id, 0, "NIC=[METRIC=3]", 1))
    assert networked.world.vms[held.id].nics[0]["METRIC"] == "3"


WEB = "NAME=web\nRULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=80]"


def closed(realm: Realm) -> int:
    """The default group allows SSH alone; another one allows HTTP."""
    ssh = "RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=22]"
    realm.do(lambda tx: secgroups.update(tx, ADMIN, 0, ssh, 0))
    return realm.do(lambda tx: secgroups.allocate(tx, ADMIN, WEB))


def groups_of(realm: Realm, vm: int) -> str:
    return realm.world.vms[vm].nics[0]["SECURITY_GROUPS"]


def test_a_nic_comes_under_groups_and_out_of_them(networked: Realm) -> None:
    group = closed(networked)
    vm = networked.running(VM).id
    networked.do(lambda tx: nics.attach_group(tx, ADMIN, vm, 0, group))
    assert phase(networked.world.vms[vm]) == "HOTPLUG_NIC"
    assert vm in networked.world.group_users.of(group)  # nobody deletes it meanwhile
    assert networked.asked[0].verb == "network.guard"
    networked.finish()
    assert groups_of(networked, vm) == f"0,{group}"
    networked.do(lambda tx: nics.detach_group(tx, ADMIN, vm, 0, 0))
    told = networked.answer().args["nics"][0]["rules"]
    assert [rule["direction"] for rule in told] == ["inbound"]
    assert groups_of(networked, vm) == str(group)
    assert [entry.action for entry in networked.world.vms[vm].history[:-1]] == [56, 57]


def test_a_group_that_the_host_does_not_take_is_not_there(networked: Realm) -> None:
    group = closed(networked)
    vm = networked.running(VM).id
    networked.do(lambda tx: nics.attach_group(tx, ADMIN, vm, 0, group))
    networked.answer("refused")
    networked.finish()
    assert groups_of(networked, vm) == "0" and networked.world.vms[vm].running
    assert "guard: says refused" in (networked.world.vms[vm].user_template.get("ERROR") or "")


def test_which_groups_cannot_be(networked: Realm) -> None:
    group = networked.do(lambda tx: secgroups.allocate(tx, ADMIN, WEB))
    vm = networked.vm(f"{VM}\nNIC_ALIAS=[NETWORK_ID=0,PARENT=first]").id

    def refused(do: Any, nic: int, number: int, who: Any = ADMIN, code: Code = Code.ACTION) -> str:
        return networked.refused(code, lambda tx: do(tx, who, vm, nic, number))

    attach, detach = nics.attach_group, nics.detach_group
    assert "NIC 0 of VM 0 is under security group 0" in refused(attach, 0, 0)
    assert "has no NIC 7" in refused(attach, 7, group)
    assert "NIC 1 of VM 0 is an alias" in refused(attach, 1, group)
    assert "security group [99]" in refused(attach, 0, 99, code=Code.NO_EXISTS)
    assert "is not under security group 99 (it is under: 0)" in refused(detach, 0, 99)
    assert "is the only one of NIC 0" in refused(detach, 0, 0)
    refused(attach, 0, group, BOB, Code.AUTHORIZATION)
    networked.do(lambda tx: vms.chown(tx, ADMIN, vm, BOB.uid, BOB.gid))
    assert "USE SECGROUP [100]" in refused(attach, 0, group, BOB, Code.AUTHORIZATION)
    networked.do(lambda tx: attach(tx, ADMIN, vm, 0, group))  # it waits: nobody has to be told
    assert not networked.asked and groups_of(networked, vm) == f"0,{group}"
    networked.do(lambda tx: detach(tx, BOB, vm, 0, group))


def test_a_switch_is_told_rules_as_a_bridge_is(realm: Realm) -> None:
    realm.network("NAME=net\nVN_MAD=ovswitch\nBRIDGE=ovs0\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=9]")
    group = realm.do(lambda tx: secgroups.allocate(tx, ADMIN, WEB))
    realm.do(lambda tx: networks.update(tx, ADMIN, 0, f"SECURITY_GROUPS={group}", 0))
    vm = realm.running(VM)
    [told] = guarding.nics(realm.world, vm)
    assert [rule["protocol"] for rule in told["rules"]] == ["tcp"]
