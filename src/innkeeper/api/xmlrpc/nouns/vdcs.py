"""`one.vdc.*` and `one.vdcpool.*`."""

from collections.abc import Iterator
from typing import Final

from innkeeper.api.xmlrpc.documents import vdcs as documents
from innkeeper.api.xmlrpc.methods import ID, Method, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import vdcs
from innkeeper.model.objects import Cluster, Datastore, Host, Network, Record, Vdc


def _resources() -> Iterator[Method]:
    kinds: dict[str, type[Record]] = {
        "cluster": Cluster,
        "host": Host,
        "datastore": Datastore,
        "vnet": Network,
    }
    for name, kind in kinds.items():
        where = (ID, i("zone"), i(name))
        add, remove = change(vdcs.adding(kind)), change(vdcs.removing(kind))
        yield Method(f"one.vdc.add{name}", where, add, "Puts one into a VDC; -10: all of the zone.")
        yield Method(f"one.vdc.del{name}", where, remove, "Takes one out; -10: all of the zone.")


METHODS: Final = Noun("one.vdc", Vdc, "VDC", documents.vdc_parts, filtered=False).methods(
    Method("one.vdc.allocate", (s("template"),), change(vdcs.allocate), "Creates a VDC."),
    Method("one.vdc.delete", (ID,), change(vdcs.delete), "Deletes a VDC."),
    Method("one.vdc.addgroup", (ID, i("group")), change(vdcs.add_group), "Lets a group use it."),
    Method("one.vdc.delgroup", (ID, i("group")), change(vdcs.delete_group), "Takes a group out."),
    *_resources(),
)  # fmt: skip
