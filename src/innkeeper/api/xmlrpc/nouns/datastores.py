"""`one.datastore.*` and `one.datastorepool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents import datastores as documents
from innkeeper.api.xmlrpc.methods import ID, UPDATE, Answer, Desk, Method, b, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import datastores
from innkeeper.model.objects import Datastore
from innkeeper.model.permissions import Caller


async def allocate(desk: Desk, caller: Caller, text: str, cluster_id: int) -> Answer:
    """Creates a datastore below the front end's datastore folder."""
    root = desk.settings.datastore_root
    return await desk.core.run(
        lambda tx: datastores.allocate(tx, caller, text, cluster_id, root), caller.uid
    )


METHODS: Final = Noun(
    "one.datastore", Datastore, "DATASTORE", documents.parts, filtered=False, gather=documents.images
).methods(
    Method("one.datastore.allocate", (s("template"), i("cluster")), allocate,
           "Creates a datastore in a cluster (-1: the default one)."),
    Method("one.datastore.delete", (ID,), change(datastores.delete), "Deletes a datastore that holds nothing."),
    Method("one.datastore.update", UPDATE, change(datastores.update_datastore),
           "Replaces (0) or merges (1) the template."),
    Method("one.datastore.enable", (ID, b("enable")), change(datastores.enable),
           "Lets a system datastore take VMs, or not."),
)  # fmt: skip
