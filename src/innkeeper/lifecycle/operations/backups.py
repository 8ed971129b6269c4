"""Backups of VMs: made on their hosts, brought to the front end, merged when they get many.

RUNNING -> BACKUP -> RUNNING, POWEROFF -> BACKUP_POWEROFF -> POWEROFF. Until the last step a backup can be undone: the
host keeps the checkpoint that the chain goes on from. What came to the front end belongs to the operation until it is
an image's; of a backup that is not made in the end, an image that is being deleted takes it over.
"""

from typing import Any

import msgspec

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.backups import chain, checkpoint, file_name, named, over
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Procedure, Step, register, target_of
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import BRING, FRONT_END, SIMULATED, Instruction
from innkeeper.model.objects import EMPTY, BackupFile, Datastore, Image, Increment, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import ImageState, ImageType, VmAction
from innkeeper.model.template import as_int
from innkeeper.model.world import Transaction, World

from . import common, images
from .common import vm_of
from .images import COPY_TIME

#: What reads backups (`restores.py`).
RESTORE, RESTORE_IMAGE = "backup restore", "image restore"
_SHOWN = {"RUNNING": "BACKUP", "POWEROFF": "BACKUP_POWEROFF"}


def at_store(world: World, datastore: int, verb: str, **args: Any) -> Instruction:
    """Asks the agent that serves a datastore's files. What has the same `path` waits its turn there."""
    simulated = world.datastores[datastore].simulated
    place = SIMULATED if simulated else FRONT_END
    return Instruction(place=place, verb=verb, args=args, timeout=COPY_TIME)


# ---- making one --------------------------------------------------------------------------------


def _copy(world: World, operation: Operation) -> Instruction:
    args = operation.args
    more = {"since": args["since"]} if args["since"] else {}
    return ask(
        operation, "backup.make", timeout=COPY_TIME, checkpoint=checkpoint(args["number"]),
        disks=[{"disk": number} for number in args["disks"]], freeze=args["freeze"], **more,
    )  # fmt: skip


def _copied(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    """What the host made; changes of which it did not know all are a new chain."""
    whole = result.get("type") != "INCREMENT"
    chained = -1 if whole else operation.args["image"]
    folder = f"{_root(tx.world, operation, chained)}/{operation.args['number']}"
    files = [
        {**file, "from": file["path"], "path": f"{folder}/{file_name(file['disk'])}"}
        for file in result.get("files", ())
    ]
    made = {"folder": folder, "files": files, "image": chained, "why": result.get("why", "")}
    tx.change(operation, results={**operation.results, "made": made})


def _root(world: World, operation: Operation, chained: int) -> str:
    """The folder of the chain: of the image that goes on, or a new one."""
    if chained >= 0 and chained in world.images:
        return world.images[chained].source
    base = world.datastores[operation.args["datastore"]].base_path
    return f"{base}/vm-{operation.target}-{operation.args['number']}"


def _keep_since(world: World, operation: Operation) -> Instruction:
    return _forget(operation, operation.args["since"])


def _keep_new(world: World, operation: Operation) -> Instruction:
    new = checkpoint(operation.args["number"]) if operation.args["chained"] else ""
    return _forget(operation, new)


def _forget(operation: Operation, keep: str) -> Instruction:
    return ask(operation, "backup.forget", timeout=600.0, **({"keep": keep} if keep else {}))


def _bring(world: World, operation: Operation) -> Instruction:
    made = operation.results["made"]
    files = [
        {"from": file["from"], "into": file["path"], "sha256": file["sha256"]}
        for file in made["files"]
    ]
    return ask(operation, BRING, timeout=COPY_TIME, files=files)


def _take(world: World, operation: Operation) -> Instruction:
    made = operation.results["made"]
    files = [
        {"name": f"disk {file['disk']}", "into": file["path"], "sha256": file["sha256"]}
        for file in made["files"]
    ]
    store = operation.args["datastore"]
    return at_store(world, store, "backup.take", path=made["folder"], files=files)


def _made(tx: Transaction, operation: Operation) -> None:
    """The backup is an image's, and the VM is where it was."""
    made = operation.results["made"]
    chained = tx.world.images.get(made["image"])
    files = tuple(
        BackupFile(disk=f["disk"], path=f["path"], sha256=f["sha256"], size=f["bytes"])
        for f in made["files"]
    )
    last = chained.increments[-1].id if chained else -1
    increment = Increment(
        id=last + 1, parent=last, kind="INCREMENT" if chained else "FULL", date=tx.second,
        checkpoint=checkpoint(operation.args["number"]), source=made["folder"], files=files,
    )  # fmt: skip
    image = _grown(tx, chained, increment) if chained else _new_image(tx, operation, increment)
    vm = _noted(tx, common.recorded(tx, operation, VmAction.BACKUP), operation, image)
    _go_back(tx, vm, operation)
    _retire(tx, vm, image)


def _grown(tx: Transaction, image: Image, increment: Increment) -> Image:
    tx.log(image, "increment", id=increment.id)
    increments = (*image.increments, increment)
    return tx.change(image, increments=increments, size=over(increments), modtime=tx.second)


def _new_image(tx: Transaction, operation: Operation, increment: Increment) -> Image:
    vm = vm_of(tx.world, operation)
    datastore = tx.world.datastores[operation.args["datastore"]]
    template = vm.user_template.merged(vm.template)
    root = increment.source.rpartition("/")[0]
    image = new_image(tx, vm, datastore, named(vm, tx.now), root, ImageState.READY)
    image = tx.change(
        image, increments=(increment,), size=over((increment,)), vm_template=template,
        format="qcow2" if operation.args["chained"] else "raw",
    )  # fmt: skip
    tx.log(image, "created", vm=vm.id, why=operation.results["made"]["why"])
    return image


def new_image(
    tx: Transaction, vm: Vm, datastore: Datastore, name: str, source: str, state: ImageState
) -> Image:
    """A backup's image, which is the VM's owner's."""
    number = tx.new_id(Image)
    if tx.world.names.find(Image.KIND, name, vm.uid) is not None:
        name = f"{name} ({number})"
    image = Image(
        id=number, name=name, uid=vm.uid, gid=vm.gid, permissions=0o600, type=ImageType.BACKUP, disk_type=0,
        template=EMPTY.with_("VM_ID", str(vm.id)), vm_id=vm.id, regtime=tx.second, modtime=tx.second,
        source=source, state=state, datastore_id=datastore.id,
    )  # fmt: skip
    return tx.put(image)


def _noted(tx: Transaction, vm: Vm, operation: Operation, image: Image) -> Vm:
    """What the VM's next backup goes on from."""
    config = {
        **vm.backup_config,
        "LAST_DATASTORE_ID": str(image.datastore_id),
        "LAST_BACKUP_ID": str(image.id),
        "LAST_BACKUP_SIZE": str(over(image.increments[-1:])),
    }
    if operation.args["chained"]:
        config |= {
            "INCREMENTAL_BACKUP_ID": str(image.id),
            "LAST_INCREMENT_ID": str(image.increments[-1].id),
        }
    backups = tuple(dict.fromkeys((*vm.backups, image.id)))
    return tx.change(vm, backup_config=config, backups=backups)


def _go_back(tx: Transaction, vm: Vm, operation: Operation) -> None:
    """The VM is where it was, as far as its host can tell."""
    if common.as_seen(tx, operation):
        return
    origin = operation.args["from"]
    lost = origin == "RUNNING" and common.out_of_sight(tx.world, operation)
    move(tx, vm, "UNKNOWN" if lost else origin)


def _retire(tx: Transaction, vm: Vm, image: Image) -> None:
    """No more backups than are to be kept; what is being restored from goes another time."""
    keep = as_int(vm.backup_config.get("KEEP_LAST", "")) or 0
    if not keep:
        return
    if len(image.increments) > keep and not in_use(tx.world, image.id):
        begin_merge(tx, image, keep)
    if len(image.increments) == 1:
        whole = [tx.world.images[n] for n in vm.backups if n in tx.world.images]
        old = [i for i in whole if i.state is ImageState.READY and i.id != image.id]
        for each in old[: max(0, len(old) + 1 - keep)]:
            if not in_use(tx.world, each.id):
                images.begin_delete(tx, each)


def in_use(world: World, image_id: int) -> bool:
    """Is a backup being added to, or restored from?"""
    return any(
        image_id in (operation.args.get("image"), operation.args.get("origin"))
        for operation in world.operations
        if operation.name in (BACKUP.name, RESTORE, RESTORE_IMAGE)
    )


def underway_into(world: World, datastore_id: int) -> list[int]:
    """The VMs of which a backup is being made in a datastore."""
    return [
        operation.target
        for operation in world.operations
        if operation.name == BACKUP.name and operation.args["datastore"] == datastore_id
    ]


def _ended(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "forget":
        _made(tx, operation)  # the host will forget it at the next one
        return
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    _discard(tx, operation)
    _go_back(tx, tx.world.vms[vm.id], operation)


def _discard(tx: Transaction, operation: Operation) -> None:
    """What came to the front end, or is coming, goes; an image that is being deleted owns it until then."""
    made = operation.results.get("made")
    if made is None:
        return
    vm, datastore = vm_of(tx.world, operation), tx.world.datastores[operation.args["datastore"]]
    name = f"discarded-{operation.id}"
    folder = made["folder"] if made["image"] >= 0 else made["folder"].rpartition("/")[0]
    doomed = new_image(tx, vm, datastore, name, folder, ImageState.READY)
    images.begin_delete(tx, doomed)


BACKUP = register(
    Procedure(
        "backup",
        steps=(
            Step(
                "copy",
                why="first: it shows the disks as they are at one moment; nothing earlier is given up by it",
                do=_copy,
                undo=_keep_since,
                done=_copied,
            ),
            Step(
                "bring",
                why="while the host still has its files: what breaks off goes on where it was",
                do=_bring,
            ),
            Step(
                "take",
                why="after the last byte: only what is there whole, with its hash, counts",
                do=_take,
            ),
            Step(
                "forget",
                why="last: from here on the chain goes on from the new checkpoint",
                do=_keep_new,
            ),
        ),
        no_return="forget",
        finish=_made,
        fail=_ended,
        abandoned=_discard,
    )
)


def begin(
    tx: Transaction,
    vm: Vm,
    caller: Caller,
    datastore: Datastore,
    disks: list[int],
    *,
    chained: bool,
    image: Image | None,
) -> None:
    """Backs a VM up: what has changed since the last increment of an image, or everything."""
    origin = phase(vm)
    vm = move(
        tx, vm, _SHOWN[origin], generation=vm.generation + 1, backups_made=vm.backups_made + 1,
        user_template=vm.user_template.without("ERROR"),
    )  # fmt: skip
    engine.start(
        tx, BACKUP, vm, caller,
        datastore=datastore.id, disks=disks, number=vm.backups_made, chained=chained,
        image=image.id if image else -1, since=image.increments[-1].checkpoint if image else "",
        freeze=vm.backup_config.get("FS_FREEZE", "NONE"), **common.since(origin),
    )  # fmt: skip


def cancel(tx: Transaction, vm: Vm) -> bool:
    """Gives up the backup of a VM that is being made; False when there is none."""
    operation = tx.world.operation_on(vm)
    if operation is None or operation.name != BACKUP.name:
        return False
    if not operation.undoing:
        engine.give_up(tx, operation, "cancelled")
    return True


# ---- merging: the first two of a chain become one ------------------------------------------------


def _merge(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    first = image.increments[:2]
    disks = [
        {"chain": chain(image, first[1].id, file.disk), "into": _merged(first[1], file.disk)}
        for file in first[1].files
    ]
    return at_store(
        world, image.datastore_id, "backup.merge", path=image.source, disks=disks, format="qcow2"
    )


def _merged(increment: Increment, disk: int) -> str:
    return f"{increment.source}/merged-{file_name(disk)}"


def _unmerge(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    second = image.increments[1]
    paths = [_merged(second, file.disk) for file in second.files]
    return at_store(world, image.datastore_id, "backup.remove", path=image.source, paths=paths)


def _noted_merge(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    image: Image = target_of(tx.world, operation)
    first, second, *rest = image.increments
    made = {entry["into"]: entry for entry in result.get("disks", ())}
    files = []
    for file in second.files:
        into = _merged(second, file.disk)
        entry = made.get(into, {})
        sha256, size = str(entry.get("sha256", "")), int(entry.get("bytes", 0))
        files.append(BackupFile(disk=file.disk, path=into, sha256=sha256, size=size))
    whole = msgspec.structs.replace(second, kind="FULL", parent=-1, files=tuple(files))
    increments = (whole, *rest)
    tx.change(image, increments=increments, size=over(increments))
    old = [first.source, *(file.path for file in second.files)]
    tx.change(operation, results={**operation.results, "old": old})


def _remove_old(world: World, operation: Operation) -> Instruction:
    image: Image = target_of(world, operation)
    old = operation.results["old"]
    return at_store(world, image.datastore_id, "backup.remove", path=image.source, paths=old)


def _after_merge(tx: Transaction, operation: Operation) -> None:
    image: Image = target_of(tx.world, operation)
    image = tx.change(image, state=ImageState.READY, prev_state=image.state)
    tx.log(image, "state", was=image.prev_state.name, now=image.state.name)
    if len(image.increments) > operation.args["keep"] and not operation.failure:
        begin_merge(tx, image, operation.args["keep"])


MERGE = register(
    Procedure(
        "backup merge",
        steps=(
            Step(
                "merge",
                why="beside what there is: the chain is whole at every moment",
                do=_merge,
                undo=_unmerge,
                done=_noted_merge,
            ),
            Step("remove", why="after nothing refers to the old files any more", do=_remove_old),
        ),
        no_return="remove",
        finish=_after_merge,
        fail=_after_merge,
    )
)


def begin_merge(tx: Transaction, image: Image, keep: int) -> None:
    """Makes one of the two oldest of a chain."""
    image = tx.change(image, state=ImageState.LOCKED, prev_state=image.state)
    engine.start(tx, MERGE, image, keep=keep)
