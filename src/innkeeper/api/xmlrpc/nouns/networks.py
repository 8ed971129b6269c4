"""`one.vn.*` and `one.vnpool.*`."""

from collections.abc import Iterable
from typing import Final

from innkeeper.api.xmlrpc.documents import networks as documents
from innkeeper.api.xmlrpc.documents.view import View
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
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import networks, reservations
from innkeeper.commands.common import need
from innkeeper.model import addresses
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import Network
from innkeeper.model.permissions import Caller, Right, may


def info(desk: Desk, caller: Caller, network_id: int, _decrypt: bool) -> Answer:
    """The document of a network, with the leases of the VMs that the caller may use."""
    network = need(desk.world, Network, network_id, caller, Right.USE)

    def visible(owner: int) -> bool:
        """VMs' and virtual routers' that the caller may use; what is held or reserved is shown to all."""
        router = addresses.router(owner)
        if owner < 0 and router is None:
            return True
        table = desk.world.vms if router is None else desk.world.table(VRouter)
        return may(desk.world, caller, Right.USE, table[owner if router is None else router])

    return Raw(*documents.parts(desk.view, network, visible))


def pooled(view: View, network: Network) -> Iterable[bytes]:
    """The document of a network as pools show it, without leases."""
    return documents.parts(view, network, None)


_TEMPLATE = (ID, s("template"))

METHODS: Final = Noun("one.vn", Network, "VNET", pooled).methods(
    Method("one.vn.allocate", (s("template"), i("cluster")), change(networks.allocate),
           "Creates a virtual network in a cluster (-1: the default one)."),
    Method("one.vn.delete", (ID,), change(networks.delete), "Deletes a network of which no lease is taken."),
    Method("one.vn.info", (ID, DECRYPT), read(info), "A virtual network's document."),
    Method("one.vn.update", UPDATE, change(networks.update), "Replaces (0) or merges (1) the template."),
    Method("one.vn.add_ar", _TEMPLATE, change(networks.add_range), "Adds an address range, AR=[...]."),
    Method("one.vn.rm_ar", (ID, i("ar"), b("force", False)), change(networks.remove_range),
           "Removes an address range; one with leases in use by force only."),
    Method("one.vn.update_ar", _TEMPLATE, change(networks.update_range), "Changes an address range, AR=[AR_ID=...]."),
    Method("one.vn.hold", _TEMPLATE, change(networks.hold), "Keeps an address from VMs, LEASES=[IP=...]."),
    Method("one.vn.release", _TEMPLATE, change(networks.release), "Ends a hold, LEASES=[IP=...]."),
    Method("one.vn.reserve", _TEMPLATE, change(reservations.reserve),
           "Takes SIZE addresses out of a network, for a new one (NAME) or for a reservation (NETWORK_ID)."),
    Method("one.vn.free_ar", (ID, i("ar")), change(reservations.free_range),
           "Gives an address range of a reservation back."),
    Method("one.vn.recover", (ID, i("operation")), change(networks.recover), "Helps a network out of ERROR."),
)  # fmt: skip
