"""VM groups: roles that come and go, and the VMs that belong to them."""

from innkeeper.commands import common, vmgroups, vms
from innkeeper.model import affinity
from innkeeper.model.errors import Code
from innkeeper.model.nouns import VmGroup
from tests.commands.realm import ADMIN, ALICE, VM, Realm

GROUP = "NAME=site\nROLE=[NAME=front,POLICY=ANTI_AFFINED]\nROLE=[NAME=back]"


def group(realm: Realm, text: str = GROUP) -> VmGroup:
    number = realm.do(lambda tx: vmgroups.allocate(tx, ADMIN, text))
    return realm.world.table(VmGroup)[number]


def member(realm: Realm, role: str = "front", *, running: bool = False) -> int:
    text = f"{VM}\nVMGROUP=[VMGROUP_NAME=site,ROLE={role}]"
    return (realm.running(text) if running else realm.vm(text)).id


def test_a_vm_belongs_to_a_role(realm: Realm) -> None:
    made = group(realm)
    number = member(realm)
    vector = realm.world.vms[number].template.vector("VMGROUP")
    assert vector == {"VMGROUP_ID": str(made.id), "ROLE": "front"}
    assert vmgroups.members(realm.world, made) == {"front": [number], "back": []}
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", number))
    assert vmgroups.members(realm.world, made)["front"] == []


def test_what_a_vm_says_of_its_group_must_be_right(realm: Realm) -> None:
    group(realm)
    wrongs = ("VMGROUP_ID=0,ROLE=no", "VMGROUP_ID=0", "VMGROUP_ID=x", "VMGROUP_NAME=no,ROLE=back")
    for wrong in wrongs:
        text = realm.refused(
            Code.INTERNAL,
            lambda tx, w=wrong: vms.allocate(tx, ADMIN, f"{VM}\nVMGROUP=[{w}]", False),
        )
        assert "VMGROUP" in text
    theirs = f"{VM}\nVMGROUP=[VMGROUP_ID=0,ROLE=back]"
    realm.refused(Code.AUTHORIZATION, lambda tx: vms.allocate(tx, ALICE, theirs, False))


def test_a_group_with_vms_stays(realm: Realm) -> None:
    made = group(realm)
    number = member(realm, "back")
    assert "has VMs: [0]" in realm.refused(
        Code.ACTION, lambda tx: vmgroups.delete(tx, ADMIN, made.id)
    )
    text = realm.refused(Code.ACTION, lambda tx: vmgroups.delete_role(tx, ADMIN, made.id, 1))
    assert text == "Role back of group 0 has VMs: [0]"
    realm.do(lambda tx: vmgroups.remove_vm(tx, ADMIN, number))
    realm.do(lambda tx: vmgroups.delete_role(tx, ADMIN, made.id, 1))
    assert [role.name for role in realm.world.table(VmGroup)[made.id].roles] == ["front"]
    realm.do(lambda tx: vmgroups.delete(tx, ADMIN, made.id))


def test_roles_are_added_and_changed(realm: Realm) -> None:
    made = group(realm)
    realm.do(lambda tx: vmgroups.add_role(tx, ADMIN, made.id, "ROLE=[NAME=cache,HOST_AFFINED=1]"))
    realm.do(lambda tx: vmgroups.update_role(tx, ADMIN, made.id, 2, "POLICY=AFFINED"))
    role = realm.world.table(VmGroup)[made.id].roles[2]
    assert affinity.described(role) == {"NAME": "cache", "POLICY": "AFFINED", "HOST_AFFINED": "1"}
    for wrong in ("NAME=other", "POLICY=x", "HOST_AFFINED=x"):
        realm.refused(
            Code.ACTION, lambda tx, w=wrong: vmgroups.update_role(tx, ADMIN, made.id, 2, w)
        )
    realm.refused(
        Code.ACTION, lambda tx: vmgroups.add_role(tx, ADMIN, made.id, "ROLE=[NAME=cache]")
    )
    realm.refused(Code.ACTION, lambda tx: vmgroups.delete_role(tx, ADMIN, made.id, 9))


def test_rules_are_checked_against_the_roles(realm: Realm) -> None:
    made = group(realm)
    rule = 'AFFINED="front,back"'
    realm.refused(Code.INTERNAL, lambda tx: vmgroups.update(tx, ADMIN, made.id, rule, 1))
    realm.do(lambda tx: vmgroups.update(tx, ADMIN, made.id, 'ANTI_AFFINED="front,back"', 1))
    text = realm.refused(Code.ACTION, lambda tx: vmgroups.delete_role(tx, ADMIN, made.id, 1))
    assert "names roles that are not there: back" in text


def test_a_vm_with_a_host_joins_only_where_the_group_wants_it(realm: Realm) -> None:
    made = group(realm)
    first = member(realm, running=True)
    host = realm.world.vms[first].history[-1].host_id
    other = realm.vm(VM).id
    realm.do(lambda tx: vms.deploy_on(tx, ADMIN, other, host, False, -1))
    realm.finish()
    text = realm.refused(
        Code.ACTION, lambda tx: vmgroups.add_vm(tx, ADMIN, other, made.id, "front")
    )
    assert text.endswith(f"had has VM {first} of the group")
    realm.do(lambda tx: vmgroups.add_vm(tx, ADMIN, other, made.id, "back"))
    realm.refused(Code.ACTION, lambda tx: vmgroups.add_vm(tx, ADMIN, other, made.id, "back"))


def test_names_belong_to_owners(realm: Realm) -> None:
    group(realm)
    realm.refused(Code.ALLOCATE, lambda tx: vmgroups.allocate(tx, ADMIN, GROUP))
    number = realm.do(lambda tx: vmgroups.allocate(tx, ALICE, GROUP))
    realm.refused(Code.INTERNAL, lambda tx: common.chown(tx, ADMIN, VmGroup, number, 0, -1))
