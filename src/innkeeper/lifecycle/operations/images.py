"""Images: bringing one in, copying one, removing one. All three run on the front end's own agent.

import, clone: LOCKED -> READY, or ERROR with nothing left. delete: DELETE -> gone, or ERROR.
"""

from typing import Any

from innkeeper.lifecycle import engine, stores
from innkeeper.lifecycle.engine import Procedure, Step, register, target_of
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.messages import FRONT_END, SIMULATED, Instruction
from innkeeper.model import storage
from innkeeper.model.objects import Datastore, Image, Operation, Vm
from innkeeper.model.permissions import SYSTEM, Caller
from innkeeper.model.states import FILE_TYPES, ImageState, ImageType, VmState
from innkeeper.model.template import as_int
from innkeeper.model.world import Transaction, World

#: Seconds that copying an image may take.
COPY_TIME = 6 * 3600.0


def _ask(
    world: World, operation: Operation, verb: str, timeout: float = 60.0, **args: Any
) -> Instruction:
    image = target_of(world, operation)
    simulated = world.datastores[image.datastore_id].simulated
    args |= stores.for_image(world.datastores[image.datastore_id])
    return Instruction(
        place=SIMULATED if simulated else FRONT_END, verb=verb, args=args, timeout=timeout
    )


def left_of_limit(world: World, datastore: Datastore, besides: int = -1) -> int | None:
    """MiB that a datastore's own limit (LIMIT_MB) leaves, an image not counted; None without a limit."""
    limit = as_int(datastore.template.get("LIMIT_MB"))
    if limit is None:
        return None
    images = (image for image in world.images if image.datastore_id == datastore.id)
    return max(0, limit - sum(image.size for image in images if image.id != besides))


def _import(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    args: dict[str, Any] = {"into": image.source}
    allowed = left_of_limit(world, world.datastores[image.datastore_id], image.id)
    if allowed is not None:
        args["most_mib"] = allowed
    if not image.path:
        args |= {"empty": True, "format": image.format or "raw", "size_mib": image.size}
        if image.fs:
            args["fs"] = image.fs
    elif "://" in image.path:
        args["url"] = image.path
        if operation.args.get("reach") is not None:
            args["reach"] = operation.args["reach"]
    else:
        args["path"] = image.path
        if operation.args.get("within"):
            args["within"] = operation.args["within"]
    if image.type in FILE_TYPES:
        args |= {"format": "raw", "verbatim": True}
    elif storage.in_pool(world.datastores[image.datastore_id]):
        args["format"] = "raw"
    return _ask(world, operation, "image.import", COPY_TIME, **args)


def _clone(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    origin = world.images[operation.args["origin"]]
    args = {"from": origin.source, "into": image.source, "format": origin.format or "raw"}
    return _ask(world, operation, "image.clone", COPY_TIME, **args)


def _remove(world: World, operation: Operation) -> Instruction | None:
    image: Image = target_of(world, operation)
    verb = "backup.remove" if image.type is ImageType.BACKUP else "image.remove"
    return _ask(world, operation, verb, path=image.source) if image.source else None


def _arrived(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    image: Image = target_of(tx.world, operation)
    tx.change(
        image,
        format=str(result.get("format") or image.format or "raw"),
        size=int(result.get("virtual_mib") or image.size or 1),
        checksum=str(result.get("sha256") or ""),
    )


def ready(tx: Transaction, operation: Operation) -> None:
    """The image can be used."""
    image: Image = target_of(tx.world, operation)
    settle(tx, tx.change(image, state=ImageState.READY, prev_state=image.state, cloning_id=-1))


def failed(tx: Transaction, operation: Operation) -> None:
    """The image says why it cannot be used."""
    image: Image = target_of(tx.world, operation)
    template = image.template.with_("ERROR", operation.failure)
    settle(tx, tx.change(image, state=ImageState.ERROR, prev_state=image.state, template=template))


def settle(tx: Transaction, image: Image) -> None:
    """An image became READY or failed: VMs that waited for it may go on."""
    tx.log(image, "state", was=image.prev_state.name, now=image.state.name)
    waiting = set(tx.world.image_users.of(image.id)) & set(tx.world.pending.cloning)
    for number in sorted(waiting):
        _settle_vm(tx, number)


def wait_again(tx: Transaction, vm: Vm) -> None:
    """A VM one of whose images had failed waits for its images, or goes on when they are ready."""
    move(tx, vm, "CLONING")
    _settle_vm(tx, vm.id)


def _settle_vm(tx: Transaction, number: int) -> None:
    vm = tx.world.vms[number]
    images = [tx.world.images[int(disk["IMAGE_ID"])] for disk in vm.disks if "IMAGE_ID" in disk]
    if any(image.state is ImageState.ERROR for image in images):
        move(tx, vm, "CLONING_FAILURE")
    elif all(image.state is ImageState.READY for image in images):
        disks = tuple(
            _refreshed(disk, tx.world.images[int(disk["IMAGE_ID"])]) if "IMAGE_ID" in disk else disk
            for disk in vm.disks
        )
        held = (vm.template.get("SUBMIT_ON_HOLD") or "NO").upper() == "YES"
        template = vm.template.with_("DISK", *disks)
        moved = move(tx, vm, "HOLD" if held else "PENDING", template=template)
        tx.wake = tx.wake or moved.state is VmState.PENDING


def _refreshed(disk: dict[str, str], image: Image) -> dict[str, str]:
    """The disk with what is known about its image only now."""
    return {
        **{key: value for key, value in disk.items() if key != "CLONING"},
        "FORMAT": image.format,
        "DRIVER": image.format,
        "SOURCE": image.source,
        "ORIGINAL_SIZE": str(image.size),
        "SIZE": disk["SIZE"] if int(disk.get("SIZE") or 0) > image.size else str(image.size),
    }


IMPORT = register(
    Procedure(
        "image import",
        steps=(
            Step(
                "copy",
                why="the only one: beside its final name first, then renamed, so that a half copy is never used",
                do=_import,
                undo=_remove,
                done=_arrived,
            ),
        ),
        finish=ready,
        fail=failed,
    )
)
CLONE = register(
    Procedure(
        "image clone",
        steps=(
            Step(
                "copy",
                why="the only one: the origin is only read",
                do=_clone,
                undo=_remove,
                done=_arrived,
            ),
        ),
        finish=ready,
        fail=failed,
    )
)


def _gone(tx: Transaction, operation: Operation) -> None:
    image: Image = target_of(tx.world, operation)
    tx.log(image, "deleted")
    vm = tx.world.vms.get(image.vm_id)
    if vm is not None and image.id in vm.backups:
        _forget_backup(tx, vm, image.id)
    tx.delete(image)


def _forget_backup(tx: Transaction, vm: Vm, image_id: int) -> None:
    """A chain that is deleted is not gone on with."""
    config = dict(vm.backup_config)
    if config.get("INCREMENTAL_BACKUP_ID") == str(image_id):
        config["LAST_INCREMENT_ID"] = "-1"
    backups = tuple(number for number in vm.backups if number != image_id)
    tx.change(vm, backups=backups, backup_config=config)


DELETE = register(
    Procedure(
        "image delete",
        steps=(Step("remove", why="the file goes before the record that owns it", do=_remove),),
        no_return="remove",
        finish=_gone,
        fail=failed,
    )
)


def begin_import(
    tx: Transaction,
    image: Image,
    caller: Caller = SYSTEM,
    within: tuple[str, ...] = (),
    reach: tuple[str, ...] | None = None,
) -> None:
    """Brings in the image's content.

    A file of the front end must really lie in one of the folders `within`, an address be public or in one of the
    networks `reach` (None: anywhere).
    """
    bounds: dict[str, Any] = {} if reach is None else {"reach": list(reach)}
    engine.start(tx, IMPORT, image, caller, within=list(within), **bounds)


def begin_clone(tx: Transaction, image: Image, origin: Image, caller: Caller = SYSTEM) -> None:
    """Copies another image's content."""
    engine.start(tx, CLONE, image, caller, origin=origin.id)


def cloning(world: World, image_id: int) -> bool:
    """Is a copy being made of an image?"""
    return any(
        operation.name == CLONE.name and operation.args.get("origin") == image_id
        for operation in world.operations
    )


def begin_delete(tx: Transaction, image: Image, caller: Caller = SYSTEM) -> None:
    """Removes the image, whatever is under way."""
    under_way = tx.world.operation_on(image)
    if under_way is not None:
        engine.abandon(tx, under_way, "image delete")
    image = tx.change(image, state=ImageState.DELETE, prev_state=image.state)
    engine.start(tx, DELETE, image, caller)
