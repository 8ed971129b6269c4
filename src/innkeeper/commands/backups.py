"""Backups of VMs: made, checked, restored to new images or in place (spec: xmlrpc-methods.md, templates.md 4.8)."""

from typing import Any

from innkeeper.lifecycle.backups import chain
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.operations import backups as work
from innkeeper.lifecycle.operations import restores
from innkeeper.model import storage
from innkeeper.model.errors import invalid, must_be, wrong_state
from innkeeper.model.jobs import BackupJob, vms_of
from innkeeper.model.objects import Datastore, Image, Vm, VmTemplate
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import DatastoreType, ImageState, ImageType
from innkeeper.model.template import Template, Vector, as_bool, as_int
from innkeeper.model.world import Transaction, World

from . import schedules
from .building.backup import of_another
from .common import check_create, check_free_name, creation_bits, need, parse, usable
from .vm_rights import check_operation

#: Parts of DISK and NIC vectors that say how a user wants them; the rest was filled in for the VM that was backed up.
_DISK = ("DEV_PREFIX", "TARGET", "CACHE", "IO", "DISCARD", "SERIAL")
_NIC = ("NETWORK", "NETWORK_ID", "MODEL", "NAME")
#: What a restored template does not take over.
_OF_THE_VM = (
    "DISK", "NIC", "NIC_ALIAS", "VMID", "TEMPLATE_ID", "TM_MAD_SYSTEM", "AUTOMATIC_REQUIREMENTS", "CREATED_BY",
    "ERROR", "SCHED_MESSAGE",
)  # fmt: skip


# ---- making ------------------------------------------------------------------------------------


def job_of(world: World, vm_id: int) -> BackupJob | None:
    """The job that a VM belongs to."""
    return next((job for job in world.table(BackupJob) if vm_id in vms_of(job.template)), None)


def backup(tx: Transaction, caller: Caller, vm_id: int, datastore_id: int, reset: bool) -> int:
    """Backs a VM up into a backup datastore, unless that is for its backup job to do."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, "backup", vm)
    if (job := job_of(tx.world, vm_id)) is not None:
        raise invalid(f"VM {vm_id} belongs to backup job {job.id}, which backs it up", vm_id)
    return make(tx, caller, vm_id, datastore_id, reset)


def make(tx: Transaction, caller: Caller, vm_id: int, datastore_id: int, reset: bool) -> int:
    """Backs a VM up into a backup datastore."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, "backup", vm)
    datastore = _datastore(tx.world, caller, vm, datastore_id)
    _check_phase(tx.world, vm, "backup", ("RUNNING", "POWEROFF"))
    disks = _disks(vm)
    chained = vm.backup_config.get("MODE") == "INCREMENT" and all(_notes(vm, d) for d in disks)
    numbers = [int(disk["DISK_ID"]) for disk in disks]
    image = _continued(tx.world, vm, datastore, numbers) if chained and not reset else None
    tx.log(vm, "action", name="backup", by=caller.uid, datastore=datastore.id)
    work.begin(tx, vm, caller, datastore, numbers, chained=chained, image=image)
    return vm_id


def _by_the_clock(tx: Transaction, caller: Caller, vm_id: int, args: str) -> int:
    """ARGS of a scheduled backup: where to, if not where the last one went, and whether it begins a new chain."""
    number, _, reset = (part.strip() for part in args.partition(","))
    datastore_id = as_int(number or "-1")
    if datastore_id is None or reset.upper() not in ("", *_YES, *_NO):
        wrong = must_be("ARGS of backup", "a datastore's number[,YES or NO]", args[:40])
        raise invalid(wrong, vm_id)
    return backup(tx, caller, vm_id, datastore_id, reset.upper() in _YES)


#: How ARGS say whether a new chain is begun.
_YES, _NO = ("YES", "1"), ("NO", "0")
schedules.offer("backup", "backup", _by_the_clock)


def _datastore(world: World, caller: Caller, vm: Vm, number: int) -> Datastore:
    if number < 0:
        number = as_int(vm.backup_config.get("LAST_DATASTORE_ID", "")) or -1
    if number < 0:
        found = [store.id for store in world.datastores if store.type is DatastoreType.BACKUP]
        if not found:
            raise invalid("There is no backup datastore: create one with TYPE=BACKUP_DS", vm.id)
        number = found[0]
    datastore = need(world, Datastore, number, caller, Right.USE)
    if datastore.type is not DatastoreType.BACKUP:
        raise invalid(f"Datastore {number} is no backup datastore", number)
    real = not world.hosts[vm.history[-1].host_id].simulated if vm.history else False
    if datastore.simulated is real and vm.place is not None:
        raise invalid(f"Datastore {number} cannot hold backups of VM {vm.id}", number)
    return datastore


def _check_phase(world: World, vm: Vm, action: str, good: tuple[str, ...]) -> None:
    now, under_way = phase(vm), world.operation_on(vm)
    if now not in good:
        text = f'Error performing action "{action}": This action is not available for state {now}'
        raise wrong_state(text, vm.id)
    if under_way is not None:
        text = f'Error performing action "{action}": VM is busy ({under_way.name})'
        raise wrong_state(text, vm.id)


def _disks(vm: Vm) -> list[Vector]:
    """The disks that are backed up: no CD-ROMs, no swap, volatile ones only if they are to be."""
    volatile = as_bool(vm.backup_config.get("BACKUP_VOLATILE", "NO"))
    chosen = vm.backup_config.get("DISK_IDS", "")
    listed = {text.strip() for text in chosen.split(",") if text.strip()}
    disks = [
        disk
        for disk in vm.disks
        if disk.get("TYPE", "").lower() not in ("cdrom", "swap")
        and ("IMAGE_ID" in disk or volatile)
        and (not listed or disk["DISK_ID"] in listed)
    ]
    if not disks:
        raise wrong_state(f"VM {vm.id} has no disks to back up", vm.id)
    return disks


def _notes(vm: Vm, disk: Vector) -> bool:
    """Can the disk note what changes? Only qcow2 files do, and Ceph of disks that are a VM's own."""
    if storage.technology(vm, disk) == storage.RBD:
        return disk.get("CLONE") != "NO"
    return storage.disk_format(vm, disk) == "qcow2"


def _continued(world: World, vm: Vm, datastore: Datastore, disks: list[int]) -> Image | None:
    """The chain that the VM's next backup goes on with; None when a new one begins."""
    if (as_int(vm.backup_config.get("LAST_INCREMENT_ID", "")) or 0) < 0:
        return None
    number = as_int(vm.backup_config.get("INCREMENTAL_BACKUP_ID", ""))
    image = None if number is None else world.images.get(number)
    if image is None or image.datastore_id != datastore.id or not image.increments:
        return None
    if image.state is ImageState.LOCKED:
        raise wrong_state(f"Backup image {image.id} is being merged: try again later", image.id)
    same = [file.disk for file in image.increments[-1].files] == disks
    return image if image.state is ImageState.READY and same else None


def cancel(tx: Transaction, caller: Caller, vm_id: int) -> int:
    """Gives up a backup that is being made; the VM goes on as it was."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, "backup", vm)
    if not work.cancel(tx, vm):
        raise invalid(f"VM {vm_id} is not being backed up: it is {phase(vm)}", vm_id)
    return vm_id


# ---- restoring ---------------------------------------------------------------------------------


def _backup_image(world: World, caller: Caller, image_id: int, increment: int) -> tuple[Image, int]:
    """A backup that can be read, and the number of one of its increments (-1: the last)."""
    image = usable(world, Image, image_id, caller)
    if image.type is not ImageType.BACKUP:
        raise invalid(f"Image {image_id} is no backup", image_id)
    if image.state is not ImageState.READY or not image.increments:
        raise wrong_state(f"Backup image {image_id} is {image.state.name}", image_id)
    known = [each.id for each in image.increments]
    found = known[-1] if increment < 0 else increment
    if found not in known:
        raise invalid(f"Backup image {image_id} has increments {known}, not {increment}", image_id)
    return image, found


def restore_vm(
    tx: Transaction, caller: Caller, vm_id: int, image_id: int, increment: int, disk: int
) -> int:
    """Puts a powered-off VM's disks (one, or all: -1) back to what they were."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, "restore", vm)
    image, found = _backup_image(tx.world, caller, image_id, increment)
    _check_phase(tx.world, vm, "restore", ("POWEROFF",))
    if image.vm_id != vm_id:
        raise invalid(f"Image {image_id} is a backup of VM {image.vm_id}, not of {vm_id}", image_id)
    backed = [file.disk for file in image.increments[-1].files]
    present = {int(each["DISK_ID"]) for each in vm.disks}
    wanted = [number for number in backed if number in present] if disk < 0 else [disk]
    if disk >= 0 and (disk not in backed or disk not in present):
        raise invalid(f"Backup image {image_id} has disks {backed}, not {disk}", image_id)
    if not wanted:
        raise wrong_state(f"VM {vm_id} has none of the disks {backed} any more", vm_id)
    tx.log(vm, "action", name="restore", by=caller.uid, image=image_id, increment=found)
    restores.begin_restore(tx, vm, image, found, wanted, caller)
    return vm_id


def restore_image(
    tx: Transaction, caller: Caller, image_id: int, datastore_id: int, text: str
) -> str:
    """Makes images of the disks as they were, and a template that boots from them: "template image image ..."."""
    options = parse(text) if text.strip() else Template()
    increment, only = _number(options, "INCREMENT_ID"), _number(options, "DISK_ID")
    image, found = _backup_image(tx.world, caller, image_id, increment)
    datastore = need(tx.world, Datastore, datastore_id, caller, Right.USE)
    if datastore.type is not DatastoreType.IMAGE:
        raise invalid(f"Datastore {datastore_id} is no image datastore", datastore_id)
    if storage.in_pool(datastore):
        text = "backups are restored to datastores of files; export the image and import it there"
        raise invalid(f"Datastore {datastore_id} is a pool of Ceph's: {text}", datastore_id)
    if datastore.simulated != tx.world.datastores[image.datastore_id].simulated:
        raise invalid(f"Datastore {datastore_id} cannot hold disks of image {image_id}", image_id)
    check_create(tx.world, caller, Image)
    backed = [file.disk for file in image.increments[-1].files]
    if only >= 0 and only not in backed:
        raise invalid(f"Backup image {image_id} has disks {backed}, not {only}", image_id)
    name = options.get("NAME") or f"{image.name} restored {tx.second}"
    made = {
        number: _restored_disk(tx, caller, image, found, number, datastore, f"{name}-disk-{number}")
        for number in (backed if only < 0 else [only])
    }
    template = -1 if only >= 0 else _restored_template(tx, caller, image, name, made, options)
    return " ".join(map(str, (template, *made.values())))


def _number(options: Template, name: str) -> int:
    text = options.get(name)
    value = as_int(text or "-1")
    if value is None:
        raise invalid(must_be(name, "a whole number", text))
    return value


def _restored_disk(
    tx: Transaction, caller: Caller, backup: Image, increment: int, disk: int, datastore: Datastore, name: str
) -> int:  # fmt: skip
    check_free_name(tx.world, Image, name, caller.uid)
    vector = _vector(backup.vm_template, disk)
    number = tx.new_id(Image)
    image = Image(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        template=Template({
            "DEV_PREFIX": (vector.get("DEV_PREFIX", "sd"),), "TM_MAD": (datastore.tm_mad,),
            "FROM_BACKUP_DS": (str(backup.datastore_id),),
        }),
        type=ImageType.OS, regtime=tx.second, modtime=tx.second, format="qcow2", state=ImageState.LOCKED,
        source=storage.image_source(datastore, number), datastore_id=datastore.id,
        size=as_int(vector.get("SIZE", "")) or 1,
    )  # fmt: skip
    tx.put(image)
    tx.log(image, "created", by=caller.uid, backup=backup.id, increment=increment, disk=disk)
    restores.begin_restore_image(tx, image, backup, increment, disk, caller)
    return number


def _vector(template: Template, disk: int) -> Vector:
    return next((v for v in template.vectors("DISK") if v.get("DISK_ID") == str(disk)), {})


def _restored_template(
    tx: Transaction, caller: Caller, backup: Image, name: str, made: dict[int, int], options: Template
) -> int:  # fmt: skip
    check_create(tx.world, caller, VmTemplate)
    check_free_name(tx.world, VmTemplate, name, caller.uid)
    was = backup.vm_template
    disks = [
        {**_those(_vector(was, disk), _DISK), "IMAGE_ID": str(number)}
        for disk, number in made.items()
    ]
    nics = [] if as_bool(options.get("NO_NIC")) else list(was.vectors("NIC"))
    kept = (*_NIC, *(() if as_bool(options.get("NO_IP")) else ("IP", "IP6")))
    template = was.without(*_OF_THE_VM).with_("DISK", *disks)
    if nics:
        template = template.with_("NIC", *[_those(nic, kept) for nic in nics])
    for vector, part in (("OS", "UUID"), ("GRAPHICS", "PORT")):
        if found := was.vector(vector):
            template = template.with_(vector, {k: v for k, v in found.items() if k != part})
    if context := was.vector("CONTEXT"):
        template = template.with_("CONTEXT", of_another(context))
    number = tx.new_id(VmTemplate)
    record = VmTemplate(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        template=template, regtime=tx.second,
    )  # fmt: skip
    tx.put(record)
    tx.log(record, "created", by=caller.uid, backup=backup.id)
    return number


def _those(vector: Vector, names: tuple[str, ...]) -> Vector:
    return {name: vector[name] for name in names if name in vector}


# ---- looking -----------------------------------------------------------------------------------


def checkable(world: World, caller: Caller, image_id: int) -> Image:
    """A backup whose files may be gone through."""
    image, _ = _backup_image(world, caller, image_id, -1)
    return image


def parts(image: Image) -> list[dict[str, Any]]:
    """All files of a backup, with what they must be."""
    disks = sorted({file.disk for each in image.increments for file in each.files})
    return [part for disk in disks for part in chain(image, image.increments[-1].id, disk)]
