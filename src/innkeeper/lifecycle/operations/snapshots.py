"""Snapshots of disks, and of whole guests with their memory.

disk: RUNNING, POWEROFF, SUSPENDED -> DISK_SNAPSHOT* -> back; a disk goes back to one while its guest is off.
guest: RUNNING -> HOTPLUG_SNAPSHOT -> RUNNING. Snapshots lie inside the disks' files and end with them; numbers are
not used again, so that what a failure leaves is never taken for another.
"""

from typing import Any

import msgspec

from innkeeper.lifecycle import descriptions
from innkeeper.lifecycle.engine import Ask, Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import DiskSnapshot, DiskSnapshots, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import in_place
from .common import vm_of

#: Seconds that writing or reading a guest's memory may take.
_MEMORY_TIME = 600.0


def _of_disk(verb: str) -> Ask:
    def ask(world: World, operation: Operation) -> Instruction:
        domain = descriptions.domain(vm_of(world, operation))
        number = operation.args["disk"]
        disk = next(disk for disk in domain["disks"] if disk["disk"] == number)
        tag = f"disk-{operation.args['snapshot']}"
        return in_place.ask(operation, verb, timeout=_MEMORY_TIME, disk=disk, tag=tag)

    return ask


def _of_guest(verb: str) -> Ask:
    def ask(world: World, operation: Operation) -> Instruction:
        return in_place.ask(operation, verb, timeout=_MEMORY_TIME, tag=operation.args["tag"])

    return ask


def snapshots_of(vm: Vm, disk_id: int) -> DiskSnapshots:
    """The snapshots of a disk."""
    there = (each for each in vm.disk_snapshots if each.disk == disk_id)
    return next(there, DiskSnapshots(disk_id))


def with_snapshots(tx: Transaction, vm: Vm, changed: DiskSnapshots) -> Vm:
    """The VM with other snapshots of a disk."""
    others = [each for each in vm.disk_snapshots if each.disk != changed.disk]
    ordered = sorted([*others, changed], key=lambda each: each.disk)
    return tx.change(vm, disk_snapshots=tuple(ordered))


def _taken(tx: Transaction, operation: Operation, _: dict[str, Any]) -> None:
    vm = vm_of(tx.world, operation)
    of = snapshots_of(vm, operation.args["disk"])
    size = next(int(disk["SIZE"]) for disk in vm.disks if int(disk["DISK_ID"]) == of.disk)
    number, name = operation.args["snapshot"], operation.args["name"]
    new = DiskSnapshot(number, name, tx.second, size, of.current)
    changed = msgspec.structs.replace(of, current=number, snapshots=(*of.snapshots, new))
    with_snapshots(tx, vm, changed)


def _dropped(tx: Transaction, operation: Operation, _: dict[str, Any]) -> None:
    """Those that stood on it stand on what it stood on."""
    vm = vm_of(tx.world, operation)
    of = snapshots_of(vm, operation.args["disk"])
    gone = of.find(operation.args["snapshot"])
    if gone is None:
        return
    kept = tuple(
        msgspec.structs.replace(each, parent=gone.parent) if each.parent == gone.id else each
        for each in of.snapshots
        if each.id != gone.id
    )
    current = gone.parent if of.current == gone.id else of.current
    with_snapshots(tx, vm, msgspec.structs.replace(of, current=current, snapshots=kept))


def _gone_back(tx: Transaction, operation: Operation, _: dict[str, Any]) -> None:
    vm = vm_of(tx.world, operation)
    of = snapshots_of(vm, operation.args["disk"])
    with_snapshots(tx, vm, msgspec.structs.replace(of, current=operation.args["snapshot"]))


def _procedure(name: str, *steps: Step) -> Procedure:
    return register(
        Procedure(
            name, steps, finish=in_place.finish, fail=in_place.fail, abandoned=in_place.abandoned
        )
    )


TAKE = _procedure(
    "disk snapshot",
    Step(
        "snapshot",
        why="the only one: it is inside the disk's file, and ends with it",
        do=_of_disk("disk.snapshot"),
        undo=_of_disk("disk.forget"),
        done=_taken,
    ),
)
DROP = _procedure(
    "disk snapshot delete",
    Step(
        "forget",
        why="the only one: nothing can bring it back",
        do=_of_disk("disk.forget"),
        done=_dropped,
    ),
)
GO_BACK = _procedure(
    "disk snapshot revert",
    Step(
        "revert",
        why="the only one: what was written since is gone",
        do=_of_disk("disk.revert"),
        done=_gone_back,
    ),
)
SAVE = _procedure(
    "snapshot",
    Step(
        "snapshot",
        why="the only one: memory and disks at one instant",
        do=_of_guest("domain.snapshot"),
        undo=_of_guest("domain.forget"),
    ),
)
LOAD = _procedure(
    "snapshot revert",
    Step(
        "revert",
        why="the only one; not tried again, so that the guest does not go back twice",
        do=_of_guest("domain.revert"),
        retries=0,
    ),
)
FORGET = _procedure(
    "snapshot delete",
    Step("forget", why="the only one: nothing can bring it back", do=_of_guest("domain.forget")),
)


def begin(
    tx: Transaction,
    procedure: Procedure,
    vm: Vm,
    caller: Caller,
    change: str,
    action: VmAction,
    **args: Any,
) -> None:
    """Starts an operation on a snapshot of one of the VM's disks, which leaves its template alone."""
    in_place.begin(
        tx, procedure, vm, caller, change, action, held=vm.template, after=vm.template, **args
    )
