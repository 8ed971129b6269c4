"""Backups restored: to new images, and in place.

backup restore: POWEROFF -> RESTORE -> POWEROFF. The files of a backup are only read, each against its hash, before
anything is touched.
"""

from typing import Any

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.backups import chain, file_name
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Procedure, Step, register, target_of
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model import storage
from innkeeper.model.objects import Image, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import ImageState, VmAction
from innkeeper.model.world import Transaction, World

from . import backups, common, images
from .backups import at_store, new_image
from .common import vm_of
from .images import COPY_TIME

# ---- to a new image ------------------------------------------------------------------------------


def _compose(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    origin = world.images[operation.args["origin"]]
    link = chain(origin, operation.args["increment"], operation.args["disk"])
    return at_store(
        world, image.datastore_id, "backup.compose", chain=link, into=image.source, format="qcow2"
    )


def _uncompose(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    return at_store(world, image.datastore_id, "image.remove", path=image.source)


def _composed(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    image: Image = target_of(tx.world, operation)
    tx.change(image, format="qcow2", size=int(result.get("virtual_mib") or image.size or 1))


RESTORE_IMAGE = register(
    Procedure(
        backups.RESTORE_IMAGE,
        steps=(
            Step(
                "compose",
                why="the only one: the backup is only read, each file against its hash",
                do=_compose,
                undo=_uncompose,
                done=_composed,
            ),
        ),
        finish=images.ready,
        fail=images.failed,
    )
)


def begin_restore_image(
    tx: Transaction, image: Image, origin: Image, increment: int, disk: int, caller: Caller
) -> None:
    """Fills a new image with a disk as it was."""
    engine.start(tx, RESTORE_IMAGE, image, caller, origin=origin.id, increment=increment, disk=disk)


# ---- in place ----------- ---------------------------------------------------------------------------


def _prepare(world: World, operation: Operation) -> Instruction:
    image = world.images[operation.args["image"]]
    disks = [
        {"chain": chain(image, operation.args["increment"], number), "into": _whole(image, operation, number)}
        for number in operation.args["disks"]
    ]  # fmt: skip
    return at_store(
        world, image.datastore_id, "backup.merge", path=image.source, disks=disks, format="qcow2"
    )


def _working(image: Image, operation: Operation) -> str:
    return f"{image.source}/restore-{operation.id}"


def _whole(image: Image, operation: Operation, disk: int) -> str:
    return f"{_working(image, operation)}/{file_name(disk)}"


def _prepared(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    made = {entry["into"]: entry.get("sha256", "") for entry in result.get("disks", ())}
    tx.change(operation, results={**operation.results, "hashes": made})


def _clear(world: World, operation: Operation) -> Instruction | None:
    image = world.images.get(operation.args["image"])
    if image is None:
        return None
    paths = [_working(image, operation)]
    return at_store(world, image.datastore_id, "backup.remove", path=image.source, paths=paths)


def _put(world: World, operation: Operation) -> Instruction:
    image = world.images[operation.args["image"]]
    vm = vm_of(world, operation)
    forms = {int(disk["DISK_ID"]): storage.disk_format(vm, disk) for disk in vm.disks}
    hashes = operation.results["hashes"]
    disks = []
    for number in operation.args["disks"]:
        path = _whole(image, operation, number)
        disks.append({
            "disk": number, "kind": "copy", "format": forms[number], "base": f"bases/{hashes.get(path, '')}",
            "origin": path, "base_format": "qcow2",
        })  # fmt: skip
    return ask(operation, "disk.restore", timeout=COPY_TIME, disks=disks)


def _restored(tx: Transaction, operation: Operation) -> None:
    """The disks are as they were; what has changed since the last backup is known no more."""
    if operation.failure:
        vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    else:
        vm = common.recorded(tx, operation, VmAction.RESTORE)
    config = {**vm.backup_config, "LAST_INCREMENT_ID": "-1"} if vm.backup_config else {}
    move(tx, vm, "POWEROFF", backup_config=config)


def _abandoned(tx: Transaction, operation: Operation) -> None:
    image = tx.world.images.get(operation.args["image"])
    if image is None:
        return
    datastore = tx.world.datastores[image.datastore_id]
    name, folder = f"discarded-{operation.id}", _working(image, operation)
    doomed = new_image(tx, vm_of(tx.world, operation), datastore, name, folder, ImageState.READY)
    images.begin_delete(tx, doomed)


RESTORE = register(
    Procedure(
        backups.RESTORE,
        steps=(
            Step(
                "compose",
                why="first: a damaged increment is found before a disk is touched",
                do=_prepare,
                undo=_clear,
                done=_prepared,
            ),
            Step("put", why="each disk whole, or as it is", do=_put),
            Step("clear", why="the copies are of no more use", do=_clear),
        ),
        no_return="put",
        finish=_restored,
        fail=_restored,
        abandoned=_abandoned,
    )
)


def begin_restore(
    tx: Transaction, vm: Vm, image: Image, increment: int, disks: list[int], caller: Caller
) -> None:
    """Puts disks of a VM that is powered off back to what they were."""
    vm = move(tx, vm, "RESTORE", generation=vm.generation + 1)
    engine.start(
        tx, RESTORE, vm, caller,
        image=image.id, increment=increment, disks=disks,
    )  # fmt: skip
