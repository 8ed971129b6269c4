"""Virtual routers end with the last of their VMs, when that is what was asked of them."""

from innkeeper.model.indexes import routers_of
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import Vm
from innkeeper.model.world import Transaction


def left(tx: Transaction, vm: Vm) -> None:
    """A VM has ended: a router that waits for that ends, too."""
    for number in routers_of(vm):
        router = tx.world.table(VRouter).rows.get(number)
        if router is not None and router.ending and not tx.world.router_vms.of(number):
            tx.delete(router)
            tx.log(router, "deleted")
