"""Images."""

import posixpath
import re

from innkeeper.lifecycle.operations import backups
from innkeeper.lifecycle.operations import images as work
from innkeeper.lifecycle.operations.images import cloning
from innkeeper.lifecycle.operations.saving import saving
from innkeeper.model import storage
from innkeeper.model.errors import Code, Refusal, cannot_allocate, invalid, must_be, wrong_state
from innkeeper.model.objects import Datastore, Image, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import FILE_TYPES, DatastoreType, ImageState, ImageType
from innkeeper.model.template import Template, as_bool, as_int
from innkeeper.model.world import Transaction, World

from .auth import caller_of
from .building.disks import FILE_SYSTEMS, MAX_SIZE
from .common import (
    check_create,
    check_free_name,
    check_right,
    creation_bits,
    need,
    needed_name,
    parse,
    update,
    usable,
)  # fmt: skip
from .restricted import check_restricted

#: Folders from which images may be imported besides those that a datastore names; none of /etc, /root, ...
SAFE_FOLDERS = ("/var/tmp", "/var/lib/innkeeper/images")  # noqa: S108  read from, never written to
#: Types that guests can write to.
DISKS = (ImageType.OS, ImageType.DATABLOCK)
FORMATS = ("raw", "qcow2")
#: Attributes that are fields of the record and not part of its template.
FIELDS = ("NAME", "TYPE", "PATH", "SOURCE", "SIZE", "PERSISTENT", "FORMAT", "FS", "DRIVER")


def allocate(
    tx: Transaction,
    caller: Caller,
    text: str,
    datastore_id: int,
    no_check_capacity: bool,
    safe: tuple[str, ...],
    networks: tuple[str, ...] = (),
) -> int:
    """Registers an image; its content is brought in once this is durable.

    It may come from the folders `safe`; a user's address must be public or lie in one of `networks`.
    """
    template = parse(text)
    datastore = need(tx.world, Datastore, datastore_id, caller, Right.USE)
    check_create(tx.world, caller, Image)
    if no_check_capacity and not caller.admin:
        raise Refusal(
            Code.AUTHORIZATION,
            f"User [{caller.uid}] : no_check_capacity is for administrators only.",
        )
    check_restricted(caller, Image.KIND, template)
    name = needed_name(template, Image)
    check_free_name(tx.world, Image, name, caller.uid)
    image = _described(tx, caller, name, template, datastore)
    folders = (*safe, *SAFE_FOLDERS, *(datastore.template.get("SAFE_DIRS") or "").split())
    if image.path:
        _check_path(image, folders)
    elif not template.get("SOURCE") and not no_check_capacity:
        check_room(tx.world, datastore, image.size)
    tx.put(image)
    tx.log(image, "created", by=caller.uid, datastore=datastore_id)
    if template.get("SOURCE"):
        work.settle(tx, tx.change(image, state=ImageState.READY, prev_state=image.state))
    else:
        work.begin_import(tx, image, caller, folders, None if caller.admin else networks)
    return image.id


def _described(
    tx: Transaction, caller: Caller, name: str, template: Template, datastore: Datastore
) -> Image:
    kind = _type(template, datastore)
    persistent = as_bool(template.get("PERSISTENT")) and kind in DISKS
    path, source = template.get("PATH") or "", template.get("SOURCE") or ""
    size = as_int(template.get("SIZE")) or 0
    if path and source:
        raise cannot_allocate("image", "PATH and SOURCE exclude each other.")
    if source:
        _check_source(tx.world, source, template, datastore)
    elif not path:
        _check_empty(kind, size, template)
    number = tx.new_id(Image)
    return Image(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        template=_completed(template, kind, datastore), type=kind,
        disk_type=1 if kind is ImageType.CDROM else 0, persistent=persistent,
        regtime=tx.second, modtime=tx.second, path=path,
        source=source or storage.image_source(datastore, number),
        # What a file is shows when it is brought in.
        format="" if path else storage.image_format(datastore, template.get("FORMAT") or ""),
        fs=template.get("FS") or "", size=max(size, 0), state=ImageState.LOCKED, datastore_id=datastore.id,
    )  # fmt: skip


def _check_source(world: World, source: str, template: Template, datastore: Datastore) -> None:
    """What lies there already: one image's alone, because it goes with its image."""
    if storage.in_pool(datastore):
        pool = f"{storage.pool_of(datastore)}/"
        if not re.fullmatch(re.escape(pool) + r"[A-Za-z0-9][A-Za-z0-9_.-]*", source):
            raise cannot_allocate(
                "image", must_be("SOURCE", f"an image of the pool ({pool}...)", source)
            )
    elif not source.startswith("/") or posixpath.normpath(source) != source:
        raise cannot_allocate("image", must_be("SOURCE", "a whole path without '..'", source))
    for other in world.images:
        if other.source == source:
            raise cannot_allocate("image", f"SOURCE {source!r} is image {other.id}'s.")
    formats = ("raw",) if storage.in_pool(datastore) else FORMATS
    if template.get("FORMAT") not in formats:
        wanted = " or ".join(formats)
        raise cannot_allocate("image", f"An image with SOURCE needs FORMAT, {wanted}.")


def _check_empty(kind: ImageType, size: int, template: Template) -> None:
    """A new disk without content."""
    if kind not in DISKS or not 0 < size <= MAX_SIZE:
        raise cannot_allocate(
            "image", "One of PATH, SOURCE, or SIZE in MB (type OS or DATABLOCK) is needed."
        )
    form, system = template.get("FORMAT") or FORMATS[0], template.get("FS")
    if form not in FORMATS:
        raise cannot_allocate("image", must_be("FORMAT", " or ".join(FORMATS), form))
    if system and system not in (*FILE_SYSTEMS, "swap"):
        listed = ", ".join(sorted((*FILE_SYSTEMS, "swap")))
        raise cannot_allocate("image", must_be("FS", f"one of {listed}", system))


def check_room(world: World, datastore: Datastore, size: int) -> None:
    """Refuses what a datastore has no room for, as far as its room is known."""
    left = room_left(world, datastore)
    if left is not None and size > left:
        raise wrong_state(
            f"Not enough space in datastore {datastore.id}: {size} MB are needed, {left} MB are free",
            datastore.id,
        )


def room_left(world: World, datastore: Datastore) -> int | None:
    """MiB that images may still take in a datastore; None where nobody counts."""
    if (datastore.template.get("DATASTORE_CAPACITY_CHECK") or "YES").upper() == "NO":
        return None
    left = [datastore.free_mb] if datastore.total_mb else []
    allowed = work.left_of_limit(world, datastore)
    return min([*left, *([] if allowed is None else [allowed])], default=None)


def _completed(template: Template, kind: ImageType, datastore: Datastore) -> Template:
    """An image's template with what every image has, and without what the record has."""
    template = template.without(*FIELDS).with_("TM_MAD", datastore.tm_mad)
    if kind in DISKS:
        return template.with_("DEV_PREFIX", template.get("DEV_PREFIX") or "sd")
    return template


def _type(template: Template, datastore: Datastore) -> ImageType:
    text = (template.get("TYPE") or "OS").upper()
    if text not in ImageType.__members__ or text == "BACKUP":
        raise cannot_allocate("image", f"TYPE {text!r} is not a type of image.")
    kind = ImageType[text]
    wanted = DatastoreType.FILE if kind in FILE_TYPES else DatastoreType.IMAGE
    if datastore.type is not wanted:
        raise cannot_allocate(
            "image",
            f"Images of type {kind.name} need a {wanted.name}_DS; datastore {datastore.id} is not one.",
        )
    return kind


def _check_path(image: Image, folders: tuple[str, ...]) -> None:
    """A path on the front end must lie in a folder that is meant for it (where links lead, the agent sees)."""
    if image.path.startswith(("http://", "https://")):
        return
    if "://" in image.path:
        raise cannot_allocate("image", must_be("PATH", "a path or an http(s) address", image.path))
    path = posixpath.normpath(image.path)
    if not path.startswith("/") or not any(
        path.startswith(folder.rstrip("/") + "/") for folder in folders
    ):
        listed = ", ".join(folders)
        raise cannot_allocate(
            "image", f"PATH {image.path!r} does not lie in a folder for images ({listed})."
        )


def delete(tx: Transaction, caller: Caller, image_id: int, force: bool) -> int:
    """Removes an image that nobody uses; one that is still locked only by force."""
    image = need(tx.world, Image, image_id, caller, Right.MANAGE)
    users = sorted(tx.world.image_users.of(image_id))
    if users:
        raise wrong_state(
            f"Cannot delete image. Image {image_id} is in use by VMs: {users[:10]}", image_id
        )
    if saving(tx.world, image_id):
        text = f"Cannot delete image. A disk is being saved as image {image_id}"
        raise wrong_state(text, image_id)
    if cloning(tx.world, image_id):
        raise wrong_state(f"Cannot delete image. Image {image_id} is being cloned", image_id)
    if backups.in_use(tx.world, image_id):
        raise wrong_state(f"Cannot delete image. Backup {image_id} is at work", image_id)
    if image.state is ImageState.LOCKED:
        if not force:
            raise invalid(
                f"Cannot delete image. Image {image_id} is locked: force is needed", image_id
            )
        check_right(tx.world, caller, Right.ADMIN, image)
    if image.state is ImageState.DELETE and tx.world.operation_on(image):
        return image_id
    tx.log(image, "delete asked", by=caller.uid)
    work.begin_delete(tx, image, caller)
    return image_id


def clone(tx: Transaction, caller: Caller, image_id: int, name: str, datastore_id: int) -> int:
    """Copies an image."""
    origin = usable(tx.world, Image, image_id, caller)
    check_create(tx.world, caller, Image)
    target = need(
        tx.world,
        Datastore,
        origin.datastore_id if datastore_id < 0 else datastore_id,
        caller,
        Right.USE,
    )
    if origin.type not in (ImageType.OS, ImageType.CDROM, ImageType.DATABLOCK):
        raise wrong_state(f"Images of type {origin.type.name} cannot be cloned", image_id)
    if origin.state is not ImageState.READY:
        raise wrong_state(f"Cannot clone image in state {origin.state.name}", image_id)
    if origin.persistent and tx.world.image_users.of(image_id):
        raise wrong_state(f"Cannot clone image {image_id}: a VM may be writing to it", image_id)
    mads = tx.world.datastores[origin.datastore_id].ds_mad, target.ds_mad
    one_pool = not storage.in_pool(target) or target.id == origin.datastore_id
    if target.type is not DatastoreType.IMAGE or mads[0] != mads[1] or not one_pool:
        raise wrong_state(f"Datastore {target.id} cannot hold a copy of image {image_id}", image_id)
    check_room(tx.world, target, origin.size)
    check_free_name(tx.world, Image, name, caller.uid)
    number = tx.new_id(Image)
    image = Image(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        template=origin.template, type=origin.type, disk_type=origin.disk_type, persistent=False,
        regtime=tx.second, modtime=tx.second, source=storage.image_source(target, number),
        format=origin.format, fs=origin.fs, size=origin.size, state=ImageState.LOCKED, datastore_id=target.id,
        cloning_id=origin.id,
    )  # fmt: skip
    tx.put(image)
    tx.log(image, "created", by=caller.uid, origin=image_id)
    work.begin_clone(tx, image, origin, caller)
    return number


def make_again(tx: Transaction, caller: Caller, vm: Vm, networks: tuple[str, ...]) -> None:
    """Makes the images anew that a VM waited for and that failed; `networks` as for `allocate`."""
    for disk in vm.disks:
        image = tx.world.images.get(int(disk.get("IMAGE_ID", -1)))
        if image is not None and image.state is ImageState.ERROR:
            _make_again(tx, caller, image, networks)


def _make_again(tx: Transaction, caller: Caller, image: Image, networks: tuple[str, ...]) -> None:
    origin = tx.world.images.get(image.cloning_id)
    if image.cloning_id >= 0 and (origin is None or origin.state is not ImageState.READY):
        text = (
            f"Image {image.id} cannot be copied again: its origin {image.cloning_id} is not READY"
        )
        raise wrong_state(text, image.id)
    if "SAVED_DISK_ID" in image.template or "FROM_BACKUP_DS" in image.template:
        text = f"Image {image.id} cannot be made again here: the disk must be saved, or restored, once more"
        raise wrong_state(text, image.id)
    template = image.template.without("ERROR")
    again = tx.change(image, state=ImageState.LOCKED, prev_state=image.state, template=template)
    if origin is not None:
        work.begin_clone(tx, again, origin, caller)
    else:
        # The folder was allowed when the image was made; where links in it lead is looked at again. Whoever helps a
        # user's image on does not make it reach further than the user could.
        owner = tx.world.users.get(image.uid)
        reach = None if owner is not None and caller_of(owner).admin else networks
        work.begin_import(tx, again, caller, (posixpath.dirname(image.path),), reach)


def update_image(tx: Transaction, caller: Caller, image_id: int, text: str, append: int) -> int:
    """Replaces or merges an image's template."""
    update(tx, caller, Image, image_id, text, append)
    image = tx.world.images[image_id]
    datastore = tx.world.datastores[image.datastore_id]
    tx.change(image, template=_completed(image.template, image.type, datastore))
    return image_id


def enable(tx: Transaction, caller: Caller, image_id: int, wanted: bool) -> int:
    """Makes an image usable, or not."""
    image = need(tx.world, Image, image_id, caller, Right.MANAGE)
    good = (
        (ImageState.DISABLED, ImageState.ERROR) if wanted else (ImageState.READY, ImageState.ERROR)
    )
    target = ImageState.READY if wanted else ImageState.DISABLED
    if image.state is target:
        return image_id
    if image.state not in good or tx.world.image_users.of(image_id):
        verb = "enable" if wanted else "disable"
        shown = tx.world.image_state(image).name
        raise invalid(f"Could not {verb} image {image_id}: it is {shown}", image_id)
    tx.change(image, state=target, prev_state=image.state)
    tx.log(image, "state", was=image.state.name, now=target.name)
    return image_id


def persistent(tx: Transaction, caller: Caller, image_id: int, wanted: bool) -> int:
    """Makes VMs write to the image itself, or to copies."""
    image = need(tx.world, Image, image_id, caller, Right.MANAGE)
    if image.type not in DISKS:
        raise invalid(f"Images of type {image.type.name} cannot be persistent", image_id)
    if tx.world.image_users.of(image_id):
        raise invalid(f"Image {image_id} is in use", image_id)
    tx.change(image, persistent=wanted)
    return image_id


def chtype(tx: Transaction, caller: Caller, image_id: int, text: str) -> int:
    """Changes an image's type within its family."""
    image = need(tx.world, Image, image_id, caller, Right.MANAGE)
    kind = ImageType.__members__.get(text.upper())
    families = ({ImageType.OS, ImageType.CDROM, ImageType.DATABLOCK}, set(FILE_TYPES))
    if kind is None or not any({image.type, kind} <= family for family in families):
        raise invalid(
            f"Image {image_id} of type {image.type.name} cannot become {text!r}", image_id
        )
    if tx.world.image_users.of(image_id):
        raise invalid(f"Image {image_id} is in use", image_id)
    tx.change(image, type=kind, disk_type=1 if kind is ImageType.CDROM else 0)
    return image_id
