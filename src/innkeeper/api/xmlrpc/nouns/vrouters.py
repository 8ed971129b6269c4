"""`one.vrouter.*` and `one.vrouterpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents.vrouters import parts
from innkeeper.api.xmlrpc.methods import CHMOD, CHOWN, ID, UPDATE, Method, b, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import vrouters
from innkeeper.model.nouns import VRouter
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction


def _chmod(tx: Transaction, caller: Caller, router_id: int, *bits: int) -> int:
    return vrouters.chmod(tx, caller, router_id, bits)


METHODS: Final = Noun("one.vrouter", VRouter, "VROUTER", parts).methods(
    Method("one.vrouter.allocate", (s("template"),), change(vrouters.allocate),
           "Makes a virtual router with NIC=[...]; FLOATING_IP=YES takes an address for it."),
    Method("one.vrouter.instantiate",
           (ID, i("count"), i("template"), s("name", ""), b("hold", False), s("extra", "")),
           change(vrouters.instantiate), "Makes VMs of it from a template with VROUTER=YES (-1: its TEMPLATE_ID)."),
    Method("one.vrouter.attachnic", (ID, s("template")), change(vrouters.attach_nic),
           "Gives it and its VMs one more NIC: NIC=[...]."),
    Method("one.vrouter.detachnic", (ID, i("nic")), change(vrouters.detach_nic), "Takes a NIC from it and its VMs."),
    Method("one.vrouter.update", UPDATE, change(vrouters.update), "Replaces (0) or merges (1) a template; NICs stay."),
    Method("one.vrouter.delete", (ID,), change(vrouters.delete), "Ends its VMs, and with the last one the router."),
    Method("one.vrouter.chown", CHOWN, change(vrouters.chown), "Sets owner and group, of its VMs too; -1 keeps one."),
    Method("one.vrouter.chmod", CHMOD, change(_chmod), "Sets (1), clears (0) or keeps (-1) nine bits, of its VMs too."),
)  # fmt: skip
