"""Snapshots of VMs: of one disk, and of the whole guest with its memory."""

from collections.abc import Callable

import msgspec

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations import in_place
from innkeeper.lifecycle.operations import snapshots as work
from innkeeper.lifecycle.operations.snapshots import snapshots_of, with_snapshots
from innkeeper.model import storage
from innkeeper.model.errors import must_be, wrong_state
from innkeeper.model.objects import DiskSnapshot, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.template import Template, Vector, as_int
from innkeeper.model.world import Transaction, World

from . import schedules
from .disks import disk_of
from .vm_rights import operated

#: Snapshots of one disk, or of one VM, at most: QEMU's files hold as many.
MOST = 1000


# ---- of a disk -------------------------------------------------------------------------------------


def take_of_disk(tx: Transaction, caller: Caller, vm_id: int, disk_id: int, name: str) -> int:
    """A snapshot of a disk as it is now; returns its number."""
    vm = operated(tx.world, caller, vm_id, "disk-snapshot-create")
    _check_holds(tx.world, vm, disk_of(vm, disk_id))
    shown_during(tx.world, vm, "disk-snapshot-create")
    of = snapshots_of(vm, disk_id)
    if len(of.snapshots) >= MOST:
        raise wrong_state(f"A disk has at most {MOST} snapshots.", vm_id)
    counted = with_snapshots(tx, vm, msgspec.structs.replace(of, next=of.next + 1))
    work.begin(
        tx, work.TAKE, counted, caller, "disk-snapshot-create", VmAction.DISK_SNAPSHOT_CREATE,
        disk=disk_id, snapshot=of.next, name=name,
    )  # fmt: skip
    return of.next


def _check_holds(world: World, vm: Vm, disk: Vector) -> None:
    """Snapshots lie where the disk does, which must be able to have them and end with the VM."""
    number = disk["DISK_ID"]
    if disk.get("PERSISTENT") == "YES":
        text = (
            f"Disk {number} of VM {vm.id} is a persistent image, of which no snapshots are taken."
        )
        raise wrong_state(text, vm.id)
    form, technology = storage.disk_format(vm, disk), storage.technology(vm, disk)
    if technology == storage.LVM and not storage.is_thin(
        world.datastores.get(vm.history[-1].ds_id)
    ):
        text = f"Disk {number} of VM {vm.id} is a thick logical volume; snapshots need thin ones (LVM_THIN_ENABLE)."
        raise wrong_state(text, vm.id)
    if disk.get("TYPE") == "CDROM" or (technology == storage.FILE and form != "qcow2"):
        text = f"Disk {number} of VM {vm.id} has the format {form}; snapshots need qcow2."
        raise wrong_state(text, vm.id)


def snapshot_of(vm: Vm, disk_id: int, snapshot_id: int) -> DiskSnapshot:
    """The snapshot of a disk with this number."""
    disk_of(vm, disk_id)
    of = snapshots_of(vm, disk_id)
    found = of.find(snapshot_id)
    if found is None:
        has = ", ".join(str(each.id) for each in of.snapshots) or "none"
        text = f"Disk {disk_id} of VM {vm.id} has no snapshot {snapshot_id} (it has: {has})."
        raise wrong_state(text, vm.id)
    return found


def drop_of_disk(
    tx: Transaction, caller: Caller, vm_id: int, disk_id: int, snapshot_id: int
) -> int:
    """Removes a snapshot of a disk; the disk stays as it is."""
    vm = operated(tx.world, caller, vm_id, "disk-snapshot-delete")
    snapshot_of(vm, disk_id, snapshot_id)
    shown_during(tx.world, vm, "disk-snapshot-delete")
    work.begin(
        tx, work.DROP, vm, caller, "disk-snapshot-delete", VmAction.DISK_SNAPSHOT_DELETE,
        disk=disk_id, snapshot=snapshot_id,
    )  # fmt: skip
    return vm_id


def revert_disk(tx: Transaction, caller: Caller, vm_id: int, disk_id: int, snapshot_id: int) -> int:
    """A disk as it was at a snapshot, while its guest is off."""
    vm = operated(tx.world, caller, vm_id, "disk-snapshot-revert")
    snapshot_of(vm, disk_id, snapshot_id)
    shown_during(tx.world, vm, "disk-snapshot-revert")
    work.begin(
        tx, work.GO_BACK, vm, caller, "disk-snapshot-revert", VmAction.DISK_SNAPSHOT_REVERT,
        disk=disk_id, snapshot=snapshot_id,
    )  # fmt: skip
    return vm_id


def rename_of_disk(
    tx: Transaction, caller: Caller, vm_id: int, disk_id: int, snapshot_id: int, name: str
) -> int:
    """Gives a snapshot of a disk another name."""
    vm = operated(tx.world, caller, vm_id, "disk-snapshot-rename")
    renamed = msgspec.structs.replace(snapshot_of(vm, disk_id, snapshot_id), name=name)
    of = snapshots_of(vm, disk_id)
    listed = tuple(renamed if each.id == snapshot_id else each for each in of.snapshots)
    with_snapshots(tx, vm, msgspec.structs.replace(of, snapshots=listed))
    tx.log(vm, "action", name="disk-snapshot-rename", by=caller.uid)
    return vm_id


# ---- of a guest ------------------------------------------------------------------------------------


def take(tx: Transaction, caller: Caller, vm_id: int, name: str) -> int:
    """A snapshot of a guest that runs, with its memory; returns its number."""
    vm = operated(tx.world, caller, vm_id, "snapshot-create")
    shown_during(tx.world, vm, "snapshot-create")
    if len(vm.template.vectors("SNAPSHOT")) >= MOST:
        raise wrong_state(f"A VM has at most {MOST} snapshots.", vm_id)
    number = vm.used_snapshots
    new = {
        "SNAPSHOT_ID": str(number), "NAME": name or f"snapshot-{number}", "TIME": str(tx.second),
        "HYPERVISOR_ID": f"vm-{number}", "SYSTEM_DISK_SIZE": "0",
    }  # fmt: skip
    after = vm.template.with_("SNAPSHOT", *_inactive(vm), {**new, "ACTIVE": "YES"})
    held = vm.template.adding("SNAPSHOT", {**new, "ACTION": "CREATE"})
    in_place.begin(
        tx, work.SAVE, tx.change(vm, used_snapshots=number + 1), caller, "snapshot-create",
        VmAction.SNAPSHOT_CREATE, held=held, after=after, tag=new["HYPERVISOR_ID"],
    )  # fmt: skip
    return number


def _inactive(vm: Vm) -> list[Vector]:
    return [_without(each, "ACTIVE") for each in vm.template.vectors("SNAPSHOT")]


def _without(vector: Vector, name: str) -> Vector:
    return {key: value for key, value in vector.items() if key != name}


def _find(vm: Vm, snapshot_id: int) -> Vector:
    present = vm.template.vectors("SNAPSHOT")
    for each in present:
        if each["SNAPSHOT_ID"] == str(snapshot_id):
            return each
    has = ", ".join(each["SNAPSHOT_ID"] for each in present) or "none"
    raise wrong_state(f"VM {vm.id} has no snapshot {snapshot_id} (it has: {has}).", vm.id)


def _marked(vm: Vm, snapshot_id: int, **marks: str) -> Template:
    """The VM's template with marks on a snapshot."""
    listed = [
        {**each, **marks} if each["SNAPSHOT_ID"] == str(snapshot_id) else each
        for each in vm.template.vectors("SNAPSHOT")
    ]
    return vm.template.with_("SNAPSHOT", *listed)


def revert(tx: Transaction, caller: Caller, vm_id: int, snapshot_id: int) -> int:
    """The guest goes on from where it was at a snapshot."""
    vm = operated(tx.world, caller, vm_id, "snapshot-revert")
    shown_during(tx.world, vm, "snapshot-revert")
    found = _find(vm, snapshot_id)
    after = vm.template.with_(
        "SNAPSHOT",
        *(
            {**s, "ACTIVE": "YES"} if s["SNAPSHOT_ID"] == str(snapshot_id) else s
            for s in _inactive(vm)
        ),
    )
    in_place.begin(
        tx, work.LOAD, vm, caller, "snapshot-revert", VmAction.SNAPSHOT_REVERT,
        held=_marked(vm, snapshot_id, ACTION="REVERT"), after=after, tag=found["HYPERVISOR_ID"],
    )  # fmt: skip
    return vm_id


def drop(tx: Transaction, caller: Caller, vm_id: int, snapshot_id: int) -> int:
    """Removes a snapshot of a guest; the guest stays as it is."""
    vm = operated(tx.world, caller, vm_id, "snapshot-delete")
    shown_during(tx.world, vm, "snapshot-delete")
    found = _find(vm, snapshot_id)
    kept = [s for s in vm.template.vectors("SNAPSHOT") if s["SNAPSHOT_ID"] != str(snapshot_id)]
    in_place.begin(
        tx, work.FORGET, vm, caller, "snapshot-delete", VmAction.SNAPSHOT_DELETE,
        held=_marked(vm, snapshot_id, ACTION="DELETE"), after=vm.template.with_("SNAPSHOT", *kept),
        tag=found["HYPERVISOR_ID"],
    )  # fmt: skip
    return vm_id


# ---- by the clock ----------------------------------------------------------------------------------


def _numbers(args: str, count: int, vm_id: int) -> list[int]:
    """The numbers that a scheduled action's ARGS list."""
    found = [as_int(text.strip()) for text in args.split(",")]
    numbers = [number for number in found if number is not None]
    if len(found) != count or len(numbers) != count:
        wrong = must_be("ARGS", f"{count} numbers joined by commas", args)
        raise wrong_state(f"{wrong}.", vm_id, wrong)
    return numbers


def _take_of_disk_named(tx: Transaction, caller: Caller, vm_id: int, args: str) -> int:
    disk, _, name = args.partition(",")
    return take_of_disk(tx, caller, vm_id, _numbers(disk, 1, vm_id)[0], name.strip())


def _with_numbers(change: Callable[..., int], count: int) -> schedules.Perform:
    def perform(tx: Transaction, caller: Caller, vm_id: int, args: str) -> int:
        return change(tx, caller, vm_id, *_numbers(args, count, vm_id))

    return perform


for _action, _perform in {
    "snapshot-create": take,
    "snapshot-revert": _with_numbers(revert, 1),
    "snapshot-delete": _with_numbers(drop, 1),
    "disk-snapshot-create": _take_of_disk_named,
    "disk-snapshot-revert": _with_numbers(revert_disk, 2),
    "disk-snapshot-delete": _with_numbers(drop_of_disk, 2),
}.items():
    schedules.offer(_action, _action, _perform)
