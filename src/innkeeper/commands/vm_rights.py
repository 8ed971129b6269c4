"""The right on a VM that an operation needs (spec: xmlrpc-methods.md section 5).

Administrators can set that for a user or a group: VM_USE_OPERATIONS, VM_MANAGE_OPERATIONS and VM_ADMIN_OPERATIONS of
their templates list the operations that need this right then. The user's list goes before his group's, and both before
what holds for everybody.
"""

from collections.abc import Iterator
from typing import Final

from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template
from innkeeper.model.world import World

from .common import check_right

#: What needs more than MANAGE, and what needs MANAGE, for everybody.
ADMIN_OPERATIONS: Final = frozenset({
    "migrate", "delete", "recover", "retry", "deploy", "resched", "backup", "restore",
})  # fmt: skip
MANAGE_OPERATIONS: Final = frozenset({
    "undeploy", "hold", "release", "stop", "suspend", "resume", "reboot", "poweroff", "disk-attach", "nic-attach",
    "disk-snapshot", "terminate", "disk-resize", "snapshot", "updateconf", "rename", "resize", "update", "disk-saveas",
    "sched-action", "sg-attach", "pci-attach", "exec", "vmgroup",
})  # fmt: skip
#: Operations that need the right of another.
_LIKE: Final = {
    "delete-recreate": "delete", "unresched": "resched", "disk-detach": "disk-attach", "nic-detach": "nic-attach",
    "nic-update": "nic-attach", "sg-detach": "sg-attach", "pci-detach": "pci-attach",
    **{f"disk-snapshot-{verb}": "disk-snapshot" for verb in ("create", "delete", "revert", "rename")},
    **{f"snapshot-{verb}": "snapshot" for verb in ("create", "delete", "revert")},
}  # fmt: skip
_LISTS: Final = {
    "VM_ADMIN_OPERATIONS": Right.ADMIN,
    "VM_MANAGE_OPERATIONS": Right.MANAGE,
    "VM_USE_OPERATIONS": Right.USE,
}


def operation_class(operation: str) -> str:
    """The name under which lists have an operation."""
    name = operation.removesuffix("-hard")
    return _LIKE.get(name, name)


def right_for(world: World, caller: Caller, operation: str) -> Right:
    """The right on the VM that an operation of the caller's needs."""
    name = operation_class(operation)
    for template in _templates(world, caller):
        for attribute, right in _LISTS.items():
            listed = (template.get(attribute) or "").lower().replace(" ", "").split(",")
            if name in listed:
                return right
    return Right.ADMIN if name in ADMIN_OPERATIONS else Right.MANAGE


def _templates(world: World, caller: Caller) -> Iterator[Template]:
    user, group = world.users.get(caller.uid), world.groups.get(caller.gid)
    if user is not None:
        yield user.template
    if group is not None:
        yield group.template


def check_operation(world: World, caller: Caller, operation: str, vm: Vm) -> None:
    """Refuses when the caller lacks the right that the operation needs, or a lock forbids it."""
    check_right(world, caller, right_for(world, caller, operation), vm)


def operated(world: World, caller: Caller, vm_id: int, operation: str) -> Vm:
    """The VM, if the caller may do this to it."""
    vm = world.vms[vm_id]
    check_operation(world, caller, operation, vm)
    return vm
