"""Datastore documents (spec: xml-documents.md section 5). Sizes in MiB."""

from collections.abc import Mapping

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import cdata, identity, ids, owners, permissions
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.commands.datastores import shown
from innkeeper.model.objects import Datastore
from innkeeper.model.world import World

#: The images of each datastore.
Images = Mapping[int, list[int]]


def datastore(datastore: Datastore, uname: str, gname: str, images: tuple[int, ...]) -> tuple[str]:
    """The whole document."""
    return (
        f"<DATASTORE>{identity(datastore, uname, gname)}{permissions(datastore.permissions)}"
        f"{cdata('DS_MAD', datastore.ds_mad)}{cdata('TM_MAD', datastore.tm_mad)}"
        f"{cdata('BASE_PATH', datastore.base_path)}<TYPE>{datastore.type:d}</TYPE>"
        f"<DISK_TYPE>{datastore.disk_type}</DISK_TYPE><STATE>{datastore.state}</STATE>"
        f"{ids('CLUSTERS', datastore.clusters)}<TOTAL_MB>{datastore.total_mb}</TOTAL_MB>"
        f"<FREE_MB>{datastore.free_mb}</FREE_MB><USED_MB>{datastore.used_mb}</USED_MB>"
        f"{ids('IMAGES', images)}{shown(datastore.template).to_xml()}</DATASTORE>",
    )


DATASTORE = Form("datastore", datastore)


def images(world: World) -> Images:
    """The images of all datastores."""
    found: dict[int, list[int]] = {}
    for image in world.images:
        found.setdefault(image.datastore_id, []).append(image.id)
    return found


def parts(view: View, record: Datastore, images: Images) -> Parts:
    """The document of a datastore."""
    uses = (*owners(view.world, record), tuple(images.get(record.id, ())))
    return view.cache.parts(DATASTORE, record, uses)
