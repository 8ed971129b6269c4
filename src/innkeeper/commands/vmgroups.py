"""Groups of VMs: their roles, and who belongs to them. What they ask of hosts is `placement/affinity.py`."""

from innkeeper.model import affinity
from innkeeper.model.errors import BadValue, cannot_allocate, invalid, wrong_state
from innkeeper.model.nouns import Role, VmGroup
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import VmState
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction, World
from innkeeper.placement.decide import fits
from innkeeper.placement.filters import GROUP

from . import common
from .common import need, parse, replaced, usable
from .vm_rights import check_operation


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Makes a group of the ROLEs and rules of a template."""
    name, template = common.named(tx, caller, VmGroup, text)
    try:
        roles = tuple(affinity.role(n, vector) for n, vector in enumerate(template.vectors("ROLE")))
        affinity.check(roles, template)
    except BadValue as problem:
        raise cannot_allocate(VmGroup.LABEL, f"{problem}.", problem.mistake) from None
    return common.create(tx, caller, VmGroup, name, template.without("ROLE"), roles=roles).id


def delete(tx: Transaction, caller: Caller, group_id: int) -> int:
    """Deletes a group that no VM belongs to."""
    group = need(tx.world, VmGroup, group_id, caller, Right.MANAGE)
    if vms := sorted(tx.world.vm_group_users.of(group_id)):
        text = f"Cannot delete {VmGroup.LABEL}. Group {group_id} has VMs: {vms[:10]}"
        raise wrong_state(text, group_id)
    return common.drop(tx, caller, group)


def update(tx: Transaction, caller: Caller, group_id: int, text: str, append: int) -> int:
    """Replaces or merges the rules and what else users wrote; roles have methods of their own."""
    group = need(tx.world, VmGroup, group_id, caller, Right.MANAGE)
    new = parse(text).without("NAME", "ROLE")
    made = common.updated(caller, VmGroup.KIND, group.template, new, append)
    try:
        affinity.check(group.roles, made)
    except BadValue as problem:
        raise invalid(f"{problem}.", group_id, problem.mistake) from None
    tx.change(group, template=made)
    tx.log(group, "update", by=caller.uid)
    tx.wake = True
    return group_id


# ---- roles -------------------------------------------------------------------------------------


def add_role(tx: Transaction, caller: Caller, group_id: int, text: str) -> int:
    """Adds a role: ROLE=[NAME=...]."""
    group = need(tx.world, VmGroup, group_id, caller, Right.MANAGE)
    number = max((role.id for role in group.roles), default=-1) + 1
    return _with_roles(tx, caller, group, number, _described(text))


def update_role(tx: Transaction, caller: Caller, group_id: int, role_id: int, text: str) -> int:
    """Changes a role; its name stays, as its VMs know it by that."""
    group = need(tx.world, VmGroup, group_id, caller, Right.MANAGE)
    old = _role(group, role_id)
    given = _described(text)
    if given.get("NAME", old.name) != old.name:
        raise wrong_state(f"The NAME of role {role_id} ({old.name}) cannot be changed", group_id)
    return _with_roles(tx, caller, group, role_id, {**affinity.described(old), **given})


def delete_role(tx: Transaction, caller: Caller, group_id: int, role_id: int) -> int:
    """Takes a role away that no VM has and no rule names."""
    group = need(tx.world, VmGroup, group_id, caller, Right.MANAGE)
    role = _role(group, role_id)
    if vms := sorted(members(tx.world, group)[role.name]):
        raise wrong_state(f"Role {role.name} of group {group_id} has VMs: {vms[:10]}", group_id)
    return _put(tx, caller, group, tuple(other for other in group.roles if other is not role))


def _described(text: str) -> Vector:
    """The ROLE of a template, or its attributes alone."""
    template: Template = parse(text)
    if vector := template.vector("ROLE"):
        return vector
    return {name: template.get(name, "") for name in template.attributes}


def _role(group: VmGroup, role_id: int) -> Role:
    found = next((role for role in group.roles if role.id == role_id), None)
    if found is None:
        raise wrong_state(f"Group {group.id} has no role {role_id}", group.id)
    return found


def _with_roles(
    tx: Transaction, caller: Caller, group: VmGroup, number: int, vector: Vector
) -> int:
    try:
        made = affinity.role(number, vector)
    except BadValue as problem:
        raise wrong_state(f"{problem}.", group.id, problem.mistake) from None
    others = [role for role in group.roles if role.id != number]
    return _put(tx, caller, group, tuple(sorted([*others, made], key=lambda role: role.id)))


def _put(tx: Transaction, caller: Caller, group: VmGroup, roles: tuple[Role, ...]) -> int:
    try:
        affinity.check(roles, group.template)
    except BadValue as problem:
        raise wrong_state(f"{problem}.", group.id, problem.mistake) from None
    tx.change(group, roles=roles)
    tx.log(group, "roles", by=caller.uid)
    tx.wake = True
    return group.id


def members(world: World, group: VmGroup) -> dict[str, list[int]]:
    """The VMs of each role."""
    found: dict[str, list[int]] = {role.name: [] for role in group.roles}
    for number in world.vm_group_users.of(group.id):
        member = affinity.membership(world.vms[number].template)
        if member is not None:
            found.setdefault(member[1], []).append(number)
    return found


# ---- VMs ---------------------------------------------------------------------------------------


def add_vm(tx: Transaction, caller: Caller, vm_id: int, group_id: int, role: str) -> int:
    """Lets a VM belong to a role of a group; one that has a host must be where the group wants it."""
    vm = _vm(tx.world, caller, vm_id)
    group = usable(tx.world, VmGroup, group_id, caller)
    if group.role(role) is None:
        raise wrong_state(f"Group {group_id} has no role {role[:40]!r}", group_id)
    if affinity.membership(vm.template) is not None:
        raise wrong_state(f"VM {vm_id} belongs to a group already", vm_id)
    vector = {"VMGROUP_ID": str(group_id), "ROLE": role}
    made = replaced(vm, template=vm.template.with_("VMGROUP", vector))
    _check_place(tx.world, made)
    tx.put(made)
    tx.log(vm, "vm group", group=group_id, role=role, by=caller.uid)
    tx.wake = tx.wake or vm.state is VmState.PENDING
    return vm_id


def remove_vm(tx: Transaction, caller: Caller, vm_id: int) -> int:
    """Takes a VM out of its group."""
    vm = _vm(tx.world, caller, vm_id)
    if affinity.membership(vm.template) is None:
        raise wrong_state(f"VM {vm_id} belongs to no group", vm_id)
    tx.change(vm, template=vm.template.without("VMGROUP"))
    tx.log(vm, "vm group", group=-1, by=caller.uid)
    tx.wake = tx.wake or vm.state is VmState.PENDING
    return vm_id


def _vm(world: World, caller: Caller, vm_id: int) -> Vm:
    vm = world.vms[vm_id]
    check_operation(world, caller, "vmgroup", vm)
    if vm.state is VmState.DONE:
        raise wrong_state(f"VM {vm_id} is DONE", vm_id)
    return vm


def _check_place(world: World, vm: Vm) -> None:
    host = world.hosts.get(vm.place.host_id) if vm.place else None
    if host is None:
        return
    for check in fits(world, vm, host):
        if check.name == GROUP.name and not check.ok:
            text = f"VM {vm.id} is on host {host.id}: needed {check.needed}, had {check.had}"
            raise wrong_state(text, vm.id)
