"""What grows and shrinks in place: a disk, and the CPU and memory of a guest that runs.

disk: RUNNING -> DISK_RESIZE -> RUNNING; POWEROFF -> DISK_RESIZE_POWEROFF -> POWEROFF. A disk only grows, so there is
nothing to undo: one that grew although that was thought to have failed has more than its record says.
CPU and memory: RUNNING -> HOTPLUG_RESIZE -> RUNNING, within the limits that the guest was started with.
"""

from typing import Any

from innkeeper.lifecycle import descriptions
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.template import Template, Vector, number
from innkeeper.model.world import Transaction, World

from . import in_place

#: What a guest's capacity is described with, in the DOMAIN of the agent's protocol.
_CAPACITY = ("vcpus", "memory_mib", "cpu_shares")


def _disk(operation: Operation, vm: Vm) -> Vector:
    wanted = str(operation.args["disk"])
    return next(disk for disk in vm.disks if disk["DISK_ID"] == wanted)


def _grow(world: World, operation: Operation) -> Instruction:
    vm = in_place.wanted(world, operation)
    domain = descriptions.domain(vm)
    disk = next(disk for disk in domain["disks"] if disk["disk"] == operation.args["disk"])
    size = int(_disk(operation, vm)["SIZE"])
    return in_place.ask(operation, "disk.grow", timeout=120.0, disk=disk, size_mib=size)


def _grown(tx: Transaction, operation: Operation, _: dict[str, Any]) -> None:
    """A persistent image is the disk itself."""
    disk = _disk(operation, in_place.wanted(tx.world, operation))
    image = tx.world.images.get(int(disk.get("IMAGE_ID", -1)))
    if image is not None and image.persistent:
        tx.change(image, size=int(disk["SIZE"]))


def _resize(world: World, operation: Operation) -> Instruction:
    domain = descriptions.domain(in_place.wanted(world, operation))
    asked = {name: domain[name] for name in _CAPACITY}
    return in_place.ask(operation, "domain.resize", domain=domain, **asked)


GROW = register(
    Procedure(
        "disk resize",
        steps=(
            Step(
                "grow",
                why="the only one: a disk that has grown cannot shrink",
                do=_grow,
                done=_grown,
            ),
        ),
        finish=in_place.finish,
        fail=in_place.fail,
        abandoned=in_place.abandoned,
    )
)
RESIZE = register(
    Procedure(
        "resize",
        steps=(
            Step(
                "resize",
                why="the only one: what the host takes for it was checked and is held",
                do=_resize,
                undo=_resize,
            ),
        ),
        finish=in_place.finish,
        fail=in_place.fail,
        abandoned=in_place.abandoned,
    )
)


def begin_grow(tx: Transaction, vm: Vm, disk_id: int, size: int, caller: Caller) -> None:
    """Grows a disk to a size in MB."""
    sized = [
        disk | ({"SIZE": str(size)} if disk["DISK_ID"] == str(disk_id) else {}) for disk in vm.disks
    ]
    marked = [
        disk | ({"RESIZE": "YES"} if disk["DISK_ID"] == str(disk_id) else {}) for disk in sized
    ]
    in_place.begin(
        tx, GROW, vm, caller, "disk-resize", VmAction.DISK_RESIZE,
        held=vm.template.with_("DISK", *marked), after=vm.template.with_("DISK", *sized), disk=disk_id,
    )  # fmt: skip


def begin_resize(tx: Transaction, vm: Vm, after: Template, caller: Caller) -> None:
    """Gives the VM another capacity; while a guest is being changed its host keeps room for either."""
    cpu = max(vm.cpu, float(after.get("CPU", "0")))
    memory = max(vm.memory, int(after.get("MEMORY", "0")))
    held = after.with_("CPU", number(cpu)).with_("MEMORY", str(memory))
    in_place.begin(tx, RESIZE, vm, caller, "resize", VmAction.RESIZE, held=held, after=after)
