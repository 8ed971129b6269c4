"""`one.image.*` and `one.imagepool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents import images as documents
from innkeeper.api.xmlrpc.methods import ID, UPDATE, Answer, Desk, Method, b, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import backups, images
from innkeeper.model.objects import Image
from innkeeper.model.permissions import Caller, Right


async def allocate(
    desk: Desk, caller: Caller, text: str, datastore_id: int, no_check_capacity: bool
) -> Answer:
    """Registers an image."""
    folders, networks = desk.settings.image_folders, desk.settings.image_networks
    return await desk.core.run(
        lambda tx: images.allocate(
            tx, caller, text, datastore_id, no_check_capacity, folders, networks
        ),
        caller.uid,
    )


#: Snapshots belong to VMs' disks; an image that is saved from one holds what the disk was then.
_SNAPSHOT, _NONE = i("snapshot"), "images have no snapshots in this release"

IMAGE: Final = Noun("one.image", Image, "IMAGE", documents.parts, gather=documents.clones)

METHODS: Final = IMAGE.methods(
    IMAGE.never("snapshotdelete", (_SNAPSHOT,), Right.MANAGE, _NONE),
    IMAGE.never("snapshotrevert", (_SNAPSHOT,), Right.MANAGE, _NONE),
    IMAGE.never("snapshotflatten", (_SNAPSHOT,), Right.MANAGE, _NONE),
    Method("one.image.allocate", (s("template"), i("datastore"), b("no_check_capacity", False)), allocate,
           "Registers an image in a datastore."),
    Method("one.image.clone", (ID, s("name"), i("datastore", -1)), change(images.clone), "Copies an image."),
    Method("one.image.delete", (ID, b("force", False)), change(images.delete), "Removes an image that nobody uses."),
    Method("one.image.update", UPDATE, change(images.update_image), "Replaces (0) or merges (1) the template."),
    Method("one.image.enable", (ID, b("enable")), change(images.enable), "Makes an image usable, or not."),
    Method("one.image.persistent", (ID, b("persistent")), change(images.persistent),
           "Makes VMs write to the image itself, or to copies."),
    Method("one.image.chtype", (ID, s("type")), change(images.chtype), "Changes the type within its family."),
    Method("one.image.restore", (ID, i("datastore"), s("options", "")), change(backups.restore_image),
           "Makes images and a template of a backup; tells their numbers."),
)  # fmt: skip
