"""`one.image.*` and `one.imagepool.*`."""

from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import images as documents
from innkeeper.api.xmlrpc.methods import (
    DECRYPT,
    FILTER,
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    b,
    change,
    i,
    pool,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns import generic
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import backups, images
from innkeeper.commands.common import need
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
        )
    )


def info(desk: Desk, caller: Caller, image_id: int, _decrypt: bool) -> Answer:
    """The document of an image."""
    image = need(desk.world, Image, image_id, caller, Right.USE)
    return Raw(*documents.parts(desk.view, image, documents.clones(desk.world)))


def pool_info(desk: Desk, caller: Caller, flag: int, start: int, end: int) -> Answer:
    """Images by filter and range."""
    found = pools.selected(desk.world, desk.world.images, caller, flag, start, end)
    clones = documents.clones(desk.world)
    return pool("IMAGE_POOL", found, lambda image: documents.parts(desk.view, image, clones))


METHODS: Final = (
    Method("one.image.allocate", (s("template"), i("datastore"), b("no_check_capacity", False)), allocate,
           "Registers an image in a datastore."),
    Method("one.image.clone", (ID, s("name"), i("datastore", -1)), change(images.clone), "Copies an image."),
    Method("one.image.delete", (ID, b("force", False)), change(images.delete), "Removes an image that nobody uses."),
    Method("one.image.info", (ID, DECRYPT), read(info), "An image's document."),
    Method("one.image.update", UPDATE, change(images.update_image), "Replaces (0) or merges (1) the template."),
    Method("one.image.enable", (ID, b("enable")), change(images.enable), "Makes an image usable, or not."),
    Method("one.image.persistent", (ID, b("persistent")), change(images.persistent),
           "Makes VMs write to the image itself, or to copies."),
    Method("one.image.chtype", (ID, s("type")), change(images.chtype), "Changes the type within its family."),
    Method("one.image.restore", (ID, i("datastore"), s("options", "")), change(backups.restore_image),
           "Makes images and a template of a backup; tells their numbers."),
    generic.rename("one.image", Image),
    generic.chmod("one.image", Image),
    generic.chown("one.image", Image),
    *generic.lock("one.image", Image),
    Method("one.imagepool.info", FILTER, read(pool_info), "Images by filter and range."),
)  # fmt: skip
