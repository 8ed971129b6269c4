"""The content of images: who may have it, and new images made of what was sent."""

from contextlib import suppress

from innkeeper.model.errors import cannot_allocate, wrong_state
from innkeeper.model.objects import Datastore, Image
from innkeeper.model.permissions import Caller
from innkeeper.model.states import ImageState, ImageType
from innkeeper.model.world import Transaction, World

from . import images
from .common import parse, usable
from .core import Core

#: More bytes than any disk has: there is no bound.
BOUNDLESS = 1 << 62


def readable(world: World, caller: Caller, image_id: int) -> Image:
    """The image, if the caller may have its content and nobody is changing it."""
    image = usable(world, Image, image_id, caller)
    if image.state is not ImageState.READY:
        raise wrong_state(f"Image {image_id} is {image.state.name}: it has no content", image_id)
    if image.type is ImageType.BACKUP:
        raise wrong_state(f"Image {image_id} is a backup: restore it to an image first", image_id)
    if image.persistent and world.image_users.of(image_id):
        raise wrong_state(
            f"Cannot read image {image_id}: it is persistent, and a VM may be writing to it",
            image_id,
        )
    return image


def upload(
    tx: Transaction, caller: Caller, text: str, datastore_id: int, path: str, folder: str
) -> int:
    """Registers an image of what was sent, which lies at `path` in `folder`."""
    template = parse(text)
    for name in ("PATH", "SOURCE"):
        if name in template:
            raise cannot_allocate(
                "image", f"{name} has no place in an upload: the content is sent."
            )
    text = f'{text}\nPATH="{path}"'
    return images.allocate(tx, caller, text, datastore_id, False, (folder,))


class _Rehearsed(Exception):
    """It would have worked."""


def rehearse(
    core: Core, caller: Caller, text: str, datastore_id: int, size: int, folder: str
) -> int:
    """Refuses what `upload` would refuse before anything is sent; tells how many bytes there is room for."""

    def change(tx: Transaction) -> None:
        upload(tx, caller, text, datastore_id, f"{folder}/rehearsal", folder)
        images.check_room(tx.world, tx.world.datastores[datastore_id], size >> 20)
        raise _Rehearsed

    with suppress(_Rehearsed):
        core.transact(change)
    return _bytes_left(core.world, core.world.datastores[datastore_id])


def _bytes_left(world: World, datastore: Datastore) -> int:
    left = images.room_left(world, datastore)
    return BOUNDLESS if left is None else left << 20
