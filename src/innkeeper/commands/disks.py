"""Disks of VMs that are there: attached, detached, grown (what a VM begins with is in `building/`)."""

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations import disks as work
from innkeeper.lifecycle.operations import sizes
from innkeeper.model.errors import must_be, wrong_state
from innkeeper.model.objects import Image, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, Vector, as_int
from innkeeper.model.world import Transaction, World

from . import quotas
from .building.disks import MAX_DISKS, MAX_SIZE, another
from .building.draft import Draft, Problem
from .common import need, parse
from .images import check_room
from .restricted import check_restricted
from .vm_rights import operated


def attach(tx: Transaction, caller: Caller, vm_id: int, text: str) -> int:
    """Gives a VM one more disk, at once when its guest runs."""
    template = parse(text)
    vm = operated(tx.world, caller, vm_id, "disk-attach")
    check_restricted(caller, Vm.KIND, template.only(["DISK"]))
    given = only_vector(template, "DISK", vm_id)
    if "VROUTER_ID" in vm.template:
        raise wrong_state(f"VM {vm_id} is part of a virtual router, whose VMs are alike", vm_id)
    shown = shown_during(tx.world, vm, "disk-attach")
    if len(vm.disks) >= MAX_DISKS:
        raise wrong_state(f"A VM has at most {MAX_DISKS} DISKs.", vm_id)
    try:
        disk = another(draft_of(tx, caller, vm), given, next_disk(vm), plugged=shown == "HOTPLUG")
    except Problem as wrong:
        raise wrong_state(
            f"Could not add a new disk: {wrong.plain}", vm_id, wrong.mistake
        ) from None
    work.begin_attach(tx, vm, disk, caller)
    return vm_id


def detach(tx: Transaction, caller: Caller, vm_id: int, disk_id: int) -> int:
    """Takes a disk from a VM: a persistent image keeps what was written, all else goes."""
    vm = operated(tx.world, caller, vm_id, "disk-detach")
    shown_during(tx.world, vm, "disk-detach")
    disk_of(vm, disk_id)
    work.begin_detach(tx, vm, disk_id, caller)
    return vm_id


def resize(tx: Transaction, caller: Caller, vm_id: int, disk_id: int, size: str) -> int:
    """Grows a disk of a VM to a size in MB, in the eyes of a guest that runs too."""
    vm = operated(tx.world, caller, vm_id, "disk-resize")
    wanted = as_int(size)
    disk = disk_of(vm, disk_id)
    now = int(disk["SIZE"])
    if disk.get("TYPE") == "CDROM":
        raise wrong_state(f"Disk {disk_id} of VM {vm_id} is a CD-ROM, which cannot grow.", vm_id)
    if wanted is None or not now < wanted <= MAX_SIZE:
        wrong = must_be(
            f"The new size of disk {disk_id}", f"a whole number of more than {now} MB", size
        )
        raise wrong_state(f"{wrong}.", vm_id, wrong)
    shown_during(tx.world, vm, "disk-resize")
    if disk.get("PERSISTENT") == "YES":
        _check_image(tx.world, caller, disk, wanted)
    sizes.begin_grow(tx, vm, disk_id, wanted, caller)
    return vm_id


def _check_image(world: World, caller: Caller, disk: Vector, size: int) -> None:
    """A persistent image grows with its disk: the caller must be allowed to, and its datastore have the room."""
    image = need(world, Image, int(disk["IMAGE_ID"]), caller, Right.MANAGE)
    check_room(world, world.datastores[image.datastore_id], size - image.size)
    quotas.check_growth(world, caller, image, size - image.size)


def disk_of(vm: Vm, disk_id: int) -> Vector:
    """The VM's disk of this number; the context CD is not one."""
    for disk in vm.disks:
        if disk["DISK_ID"] == str(disk_id):
            return disk
    context = vm.template.vector("CONTEXT")
    if context is not None and context.get("DISK_ID") == str(disk_id):
        raise wrong_state(f"Disk {disk_id} of VM {vm.id} is its context CD, which stays.", vm.id)
    has = ", ".join(disk["DISK_ID"] for disk in vm.disks) or "none"
    raise wrong_state(f"VM {vm.id} has no disk {disk_id} (it has: {has}).", vm.id)


def only_vector(template: Template, name: str, vm_id: int) -> Vector:
    """The one vector of this name that the template must have."""
    found = template.vectors(name)
    if len(found) != 1:
        text = f"The template must have one {name} = [ ... ], not {len(found)}."
        raise wrong_state(text, vm_id)
    return found[0]


def draft_of(tx: Transaction, caller: Caller, vm: Vm) -> Draft:
    """A VM that is there, as what builds its parts knows it: bound to its host's cluster."""
    return Draft(
        tx, caller, vm.id, vm.name, vm.template, vm.user_template,
        clusters={vm.place.cluster_id} if vm.place is not None else None, disks=list(vm.disks),
        nics=[dict(nic) for nic in vm.nics], aliases=list(vm.aliases),
    )  # fmt: skip


def next_disk(vm: Vm) -> int:
    """The number of the next disk: one that no disk of this VM, nor its context CD, ever had."""
    context = vm.template.vector("CONTEXT") or {}
    numbers = [int(disk["DISK_ID"]) for disk in (*vm.disks, context) if "DISK_ID" in disk]
    return max([vm.used_disks, *(number + 1 for number in numbers)])
