"""`one.datastore.*` and `one.datastorepool.*`."""

from typing import Any, Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import datastores as documents
from innkeeper.api.xmlrpc.methods import (
    DECRYPT,
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
from innkeeper.commands import datastores
from innkeeper.commands.common import need
from innkeeper.model.objects import Datastore
from innkeeper.model.permissions import Caller, Right


async def allocate(desk: Desk, caller: Caller, text: str, cluster_id: int) -> Answer:
    """Creates a datastore below the front end's datastore folder."""
    root = desk.settings.datastore_root
    return await desk.core.run(lambda tx: datastores.allocate(tx, caller, text, cluster_id, root))


def info(desk: Desk, caller: Caller, datastore_id: int, _decrypt: bool) -> Answer:
    """The document of a datastore."""
    datastore = need(desk.world, Datastore, datastore_id, caller, Right.USE)
    return Raw(*documents.parts(desk.view, datastore, documents.images(desk.world)))


def pool_info(desk: Desk, caller: Caller, *_: Any) -> Answer:
    """All datastores."""
    found = pools.all_of(desk.world, desk.world.datastores, caller)
    images = documents.images(desk.world)
    return pool("DATASTORE_POOL", found, lambda ds: documents.parts(desk.view, ds, images))


METHODS: Final = (
    Method("one.datastore.allocate", (s("template"), i("cluster")), allocate,
           "Creates a datastore in a cluster (-1: the default one)."),
    Method("one.datastore.delete", (ID,), change(datastores.delete), "Deletes a datastore that holds nothing."),
    Method("one.datastore.info", (ID, DECRYPT), read(info), "A datastore's document."),
    Method("one.datastore.update", UPDATE, change(datastores.update_datastore),
           "Replaces (0) or merges (1) the template."),
    Method("one.datastore.enable", (ID, b("enable")), change(datastores.enable),
           "Lets a system datastore take VMs, or not."),
    generic.rename("one.datastore", Datastore),
    generic.chmod("one.datastore", Datastore),
    generic.chown("one.datastore", Datastore),
    Method("one.datastorepool.info", (), read(pool_info), "All datastores."),
)  # fmt: skip
