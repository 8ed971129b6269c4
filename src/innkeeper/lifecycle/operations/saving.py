"""Save as: a disk of a VM becomes an image of its own.

RUNNING, POWEROFF, SUSPENDED -> HOTPLUG_SAVEAS* -> back, and the image LOCKED -> READY; a failure leaves it in ERROR.
The disk is copied on its host, at one moment; the copy is brought to the image's place, and removed from the host.
"""

from typing import Any

from innkeeper.lifecycle import descriptions, stores
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import BRING, FRONT_END, SIMULATED, Instruction
from innkeeper.model import storage
from innkeeper.model.objects import Image, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import ImageState, VmAction
from innkeeper.model.world import Transaction, World

from . import images, in_place
from .common import vm_of
from .images import COPY_TIME


def _disk(world: World, operation: Operation) -> dict[str, Any]:
    disks: list[dict[str, Any]] = descriptions.domain(vm_of(world, operation))["disks"]
    return next(disk for disk in disks if disk["disk"] == operation.args["disk"])


def _image(world: World, operation: Operation) -> Image:
    return world.images[operation.args["image"]]


def _copy(world: World, operation: Operation) -> Instruction:
    snapshot = operation.args["snapshot"]
    more = {"tag": f"disk-{snapshot}"} if snapshot >= 0 else {}
    more |= _into(world, operation)
    return in_place.ask(
        operation, "disk.save", COPY_TIME, disk=_disk(world, operation), number=operation.args["image"], **more
    )  # fmt: skip


def _into(world: World, operation: Operation) -> dict[str, Any]:
    """In a pool of Ceph's the image is made where the disk is."""
    image = _image(world, operation)
    in_pool = storage.in_pool(world.datastores[image.datastore_id])
    return {"into": image.source} if in_pool else {}


def _take_back(world: World, operation: Operation) -> Instruction:
    number = operation.args["image"]
    return in_place.ask(
        operation, "disk.unsave", disk=_disk(world, operation), number=number, **_into(world, operation)
    )  # fmt: skip


def _copied(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    tx.change(operation, results={**operation.results, "copy": result})


def _forget(world: World, operation: Operation) -> Instruction:
    number = operation.args["image"]
    return in_place.ask(operation, "disk.unsave", disk=_disk(world, operation), number=number)


def _bring(world: World, operation: Operation) -> Instruction | None:
    copy = operation.results.get("copy", {})
    if "path" not in copy:
        return None
    file = {"from": copy["path"], "into": _image(world, operation).source, "sha256": copy["sha256"]}
    return in_place.ask(operation, BRING, COPY_TIME, files=[file])


def _remove(world: World, operation: Operation) -> Instruction:
    image = _image(world, operation)
    datastore = world.datastores[image.datastore_id]
    place = SIMULATED if datastore.simulated else FRONT_END
    args = {"path": image.source, **stores.for_image(datastore)}
    return Instruction(place=place, verb="image.remove", args=args)


def _ready(tx: Transaction, operation: Operation) -> None:
    copy, image = operation.results.get("copy", {}), _image(tx.world, operation)
    if "path" not in copy and "name" not in copy:  # somebody's word that it was copied is no image
        _error(tx, operation)
        in_place.finish(tx, operation)
        return
    size = int(copy.get("virtual_mib") or image.size)
    saved = tx.change(
        image, state=ImageState.READY, prev_state=image.state, size=size, checksum=str(copy.get("sha256") or "")
    )  # fmt: skip
    images.settle(tx, saved)
    in_place.finish(tx, operation)


def _error(tx: Transaction, operation: Operation) -> None:
    image = _image(tx.world, operation)
    why = operation.failure or "the disk was not copied"
    template = image.template.with_("ERROR", why)
    failed = tx.change(image, state=ImageState.ERROR, prev_state=image.state, template=template)
    images.settle(tx, failed)


def _failed(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "clean":
        _ready(tx, operation)  # what is left on the host goes with the VM
        return
    _error(tx, operation)
    in_place.fail(tx, operation)


def _abandoned(tx: Transaction, operation: Operation) -> None:
    _error(tx, operation)
    in_place.abandoned(tx, operation)


SAVE = register(
    Procedure(
        "disk save as",
        steps=(
            Step(
                "copy",
                why="first: it shows the disk as it is at one moment, and lies beside it",
                do=_copy,
                undo=_take_back,
                done=_copied,
            ),
            Step(
                "bring",
                why="while the host still has the copy: what breaks off goes on where it was",
                do=_bring,
                undo=_remove,
            ),
            Step("clean", why="last: the image has all there was", do=_forget),
        ),
        no_return="clean",
        finish=_ready,
        fail=_failed,
        abandoned=_abandoned,
    )
)


def saving(world: World, image_id: int) -> bool:
    """Is a disk on its way to become this image?"""
    return any(o.name == SAVE.name and o.args["image"] == image_id for o in world.operations)


def begin(
    tx: Transaction, vm: Vm, disk_id: int, snapshot_id: int, image: Image, caller: Caller
) -> None:
    """Starts to make an image, which is LOCKED until then, of a disk."""
    disks = [
        disk | ({"SAVING": str(image.id)} if disk["DISK_ID"] == str(disk_id) else {})
        for disk in vm.disks
    ]
    in_place.begin(
        tx, SAVE, vm, caller, "disk-saveas", VmAction.NONE, held=vm.template.with_("DISK", *disks),
        after=vm.template, disk=disk_id, snapshot=snapshot_id, image=image.id,
    )  # fmt: skip
