"""A disk of a VM saved as an image (`one.vm.disksaveas`)."""

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations import saving as work
from innkeeper.model import storage
from innkeeper.model.errors import must_be, wrong_state
from innkeeper.model.objects import Datastore, Image
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import ImageState, ImageType
from innkeeper.model.world import Transaction

from .common import check_create, check_free_name, creation_bits, need
from .disks import disk_of
from .images import DISKS, check_room
from .snapshots import snapshot_of
from .vm_rights import operated


def save_as(
    tx: Transaction,
    caller: Caller,
    vm_id: int,
    disk_id: int,
    name: str,
    kind: str,
    snapshot_id: int,
) -> int:
    """Makes an image of a disk, as it is or as it was at a snapshot; returns the image's number."""
    vm = operated(tx.world, caller, vm_id, "disk-saveas")
    check_create(tx.world, caller, Image)
    disk = disk_of(vm, disk_id)
    origin = tx.world.images.get(int(disk.get("IMAGE_ID", -1)))
    if origin is None or disk.get("TYPE") == "CDROM":
        text = f"Disk {disk_id} of VM {vm_id} is not of an image that can be written to: it cannot be saved."
        raise wrong_state(text, vm_id)
    datastore = need(tx.world, Datastore, origin.datastore_id, caller, Right.USE)
    if snapshot_id >= 0:
        snapshot_of(vm, disk_id, snapshot_id)
    image_type = _type(kind, origin, vm_id)
    shown_during(tx.world, vm, "disk-saveas")
    size = int(disk["SIZE"])
    check_room(tx.world, datastore, size)
    check_free_name(tx.world, Image, name, caller.uid)
    number = tx.new_id(Image)
    saved = {
        "SAVED_IMAGE_ID": str(origin.id),
        "SAVED_DISK_ID": str(disk_id),
        "SAVED_VM_ID": str(vm_id),
    }
    template = origin.template.without("ERROR")
    for key, value in saved.items():
        template = template.with_(key, value)
    image = Image(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        template=template, type=image_type, persistent=False, regtime=tx.second, modtime=tx.second,
        source=storage.image_source(datastore, number), format=storage.image_format(datastore, "qcow2"),
        fs=origin.fs, size=size, state=ImageState.LOCKED, datastore_id=datastore.id,
    )  # fmt: skip
    tx.put(image)
    tx.log(image, "created", by=caller.uid, vm=vm_id, disk=disk_id)
    work.begin(tx, vm, disk_id, snapshot_id, image, caller)
    return number


def _type(kind: str, origin: Image, vm_id: int) -> ImageType:
    if not kind:
        return origin.type
    found = ImageType.__members__.get(kind.upper())
    if found not in DISKS:
        wrong = must_be("The type of a saved disk", "OS or DATABLOCK", kind)
        raise wrong_state(f"{wrong}.", vm_id, wrong)
    return found
