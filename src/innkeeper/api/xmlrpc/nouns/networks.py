"""`one.vn.*` and `one.vnpool.*`."""

from collections.abc import Iterable
from typing import Final

from innkeeper.api.xmlrpc.documents import networks as documents
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.methods import (
    ID,
    UPDATE,
    Method,
    b,
    change,
    i,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import networks, reservations
from innkeeper.model import addresses
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import Network
from innkeeper.model.permissions import Caller, Right, may


def whole(view: View, caller: Caller, network: Network) -> Iterable[bytes]:
    """The document of a network, with the leases of the VMs that the caller may use."""

    def visible(owner: int) -> bool:
        """VMs' and virtual routers' that the caller may use; what is held or reserved is shown to all."""
        router = addresses.router(owner)
        if owner < 0 and router is None:
            return True
        table = view.world.vms if router is None else view.world.table(VRouter)
        return may(view.world, caller, Right.USE, table[owner if router is None else router])

    return documents.parts(view, network, visible)


def pooled(view: View, network: Network) -> Iterable[bytes]:
    """The document of a network as pools show it, without leases."""
    return documents.parts(view, network, None)


_TEMPLATE = (ID, s("template"))

METHODS: Final = Noun("one.vn", Network, "VNET", pooled, whole=whole).methods(
    Method("one.vn.allocate", (s("template"), i("cluster")), change(networks.allocate),
           "Creates a virtual network in a cluster (-1: the default one)."),
    Method("one.vn.delete", (ID,), change(networks.delete), "Deletes a network of which no lease is taken."),
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
