"""Image documents (spec: xml-documents.md section 3). Sizes in MiB."""

from collections.abc import Mapping

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import (
    cdata,
    identity,
    ids,
    lock,
    owners,
    permissions,
    text,
)
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.lifecycle.backups import over
from innkeeper.model.objects import Image, Increment
from innkeeper.model.states import ImageState
from innkeeper.model.world import World

_NO_SNAPSHOTS = (
    "<SNAPSHOTS><ALLOW_ORPHANS><![CDATA[NO]]></ALLOW_ORPHANS><CURRENT_BASE>-1</CURRENT_BASE>"
    "<NEXT_SNAPSHOT>0</NEXT_SNAPSHOT></SNAPSHOTS>"
)

#: The copies that are being made, by the image they are made from.
Clones = Mapping[int, list[int]]


def image(
    image: Image,
    uname: str,
    gname: str,
    datastore: str,
    state: ImageState,
    clones: tuple[int, ...],
    vms: tuple[int, ...],
) -> tuple[str]:
    """The whole document."""
    return (
        f"<IMAGE>{identity(image, uname, gname)}{lock(image.lock)}{permissions(image.permissions)}"
        f"<TYPE>{image.type:d}</TYPE><DISK_TYPE>{image.disk_type}</DISK_TYPE>"
        f"<PERSISTENT>{image.persistent:d}</PERSISTENT>"
        f"<REGTIME>{image.regtime}</REGTIME><MODTIME>{image.modtime}</MODTIME>"
        f"{cdata('SOURCE', image.source)}{cdata('PATH', image.path)}"
        f"{cdata('FORMAT', image.format)}{cdata('FS', image.fs)}<SIZE>{image.size}</SIZE>"
        f"<STATE>{state:d}</STATE><PREV_STATE>{image.prev_state:d}</PREV_STATE>"
        f"<RUNNING_VMS>{len(vms)}</RUNNING_VMS><CLONING_OPS>{len(clones)}</CLONING_OPS>"
        f"<CLONING_ID>{image.cloning_id}</CLONING_ID><TARGET_SNAPSHOT>-1</TARGET_SNAPSHOT>"
        f"<DATASTORE_ID>{image.datastore_id}</DATASTORE_ID>{text('DATASTORE', datastore)}"
        f"{ids('VMS', vms)}{ids('CLONES', clones)}<APP_CLONES></APP_CLONES>"
        f"{image.template.to_xml()}{_NO_SNAPSHOTS}"
        f"<BACKUP_INCREMENTS>{''.join(map(_increment, image.increments))}</BACKUP_INCREMENTS>"
        f"{ids('BACKUP_DISK_IDS', _backed_up(image))}</IMAGE>",
    )


def _increment(increment: Increment) -> str:
    return (
        f"<INCREMENT><DATE>{increment.date}</DATE><ID>{increment.id}</ID>"
        f"<PARENT_ID>{increment.parent}</PARENT_ID><SIZE>{over((increment,))}</SIZE>"
        f"{cdata('SOURCE', increment.source)}{text('TYPE', increment.kind)}</INCREMENT>"
    )


def _backed_up(image: Image) -> tuple[int, ...]:
    return tuple(file.disk for file in image.increments[-1].files) if image.increments else ()


IMAGE = Form("image", image)


def clones(world: World) -> Clones:
    """All copies that are being made."""
    found: dict[int, list[int]] = {}
    for operation in world.operations:
        if operation.name == "image clone":
            found.setdefault(operation.args["origin"], []).append(operation.target)
    return found


def parts(view: View, record: Image, clones: Clones) -> Parts:
    """The document of an image."""
    datastore = view.world.datastores.get(record.datastore_id)
    uses = (
        *owners(view.world, record),
        datastore.name if datastore else "",
        view.world.image_state(record),
        tuple(clones.get(record.id, ())),
        tuple(view.world.image_users.of(record.id)),
    )
    return view.cache.parts(IMAGE, record, uses)
