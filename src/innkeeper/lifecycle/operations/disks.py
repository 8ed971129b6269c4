"""Disks that come to a VM and leave it, in a running guest or one that is powered off.

attach: RUNNING -> HOTPLUG -> RUNNING; POWEROFF -> HOTPLUG_PROLOG_POWEROFF -> POWEROFF. A failure leaves no trace.
detach: RUNNING -> HOTPLUG -> RUNNING; POWEROFF -> HOTPLUG_EPILOG_POWEROFF -> POWEROFF. A guest that does not let go of
a disk keeps it; once it has, the disk's file goes, if need be when its host is looked over.
"""

from innkeeper.lifecycle import descriptions, stores
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction, World

from . import in_place
from .common import vm_of


def _ensure(world: World, operation: Operation) -> Instruction:
    vm = vm_of(world, operation)
    disks = descriptions.disks(world, vm)
    new = [disk for disk in disks if disk["disk"] == operation.args["disk"]]
    outside = stores.used(world, vm, new)
    return in_place.ask(operation, "disk.ensure", timeout=600.0, disks=new, **outside)


def _release(world: World, operation: Operation) -> Instruction:
    return in_place.ask(operation, "disk.release", disks=[operation.args["disk"]])


ATTACH = register(
    Procedure(
        "disk attach",
        steps=(
            Step(
                "disk",
                why="first: what is plugged in must be there, and copying is the likeliest to fail",
                do=_ensure,
                undo=_release,
            ),
            Step(
                "plug",
                why="last: from here on the guest may write to it",
                do=in_place.adjust,
                undo=in_place.adjust,
            ),
        ),
        finish=in_place.finish,
        fail=in_place.fail,
        abandoned=in_place.abandoned,
    )
)


def _detached(tx: Transaction, operation: Operation) -> None:
    """Its snapshots are gone with it."""
    vm = vm_of(tx.world, operation)
    kept = tuple(each for each in vm.disk_snapshots if each.disk != operation.args["disk"])
    tx.change(vm, disk_snapshots=kept)
    in_place.finish(tx, operation)


def _detach_failed(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "release":
        _detached(tx, operation)
    else:
        in_place.fail(tx, operation)


DETACH = register(
    Procedure(
        "disk detach",
        steps=(
            Step(
                "unplug",
                why="first: a guest that does not let go of the disk keeps it",
                do=in_place.adjust,
                undo=in_place.adjust,
                retries=1,
            ),
            Step("release", why="last: nothing can bring the content back", do=_release),
        ),
        no_return="release",
        finish=_detached,
        fail=_detach_failed,
        abandoned=in_place.abandoned,
    )
)


def _marked(disk: Vector) -> Vector:
    """A disk that comes or goes, as OpenNebula shows it."""
    return {**disk, "ATTACH": "YES"}


def begin_attach(tx: Transaction, vm: Vm, disk: Vector, caller: Caller) -> None:
    """Gives the VM a disk; its record has it from now on, so that nobody else takes its image."""
    number = int(disk["DISK_ID"])
    in_place.begin(
        tx, ATTACH, tx.change(vm, used_disks=number + 1), caller, "disk-attach", VmAction.DISK_ATTACH,
        held=vm.template.adding("DISK", _marked(disk)), after=vm.template.adding("DISK", disk), disk=number,
    )  # fmt: skip


def begin_detach(tx: Transaction, vm: Vm, number: int, caller: Caller) -> None:
    """Takes a disk from the VM."""
    in_place.begin(
        tx, DETACH, vm, caller, "disk-detach", VmAction.DISK_DETACH,
        held=_with(vm, number, marked=True), after=_with(vm, number, marked=False), disk=number,
    )  # fmt: skip


def _with(vm: Vm, number: int, *, marked: bool) -> Template:
    """The VM's template with this disk marked, or without it."""
    disks = [
        _marked(disk) if int(disk["DISK_ID"]) == number else disk
        for disk in vm.disks
        if marked or int(disk["DISK_ID"]) != number
    ]
    return vm.template.with_("DISK", *disks)
