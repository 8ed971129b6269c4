"""What a VM has on a host that is not, or not only, its place (`Vm.kept_on`)."""

from typing import Any

from innkeeper.model.objects import Vm
from innkeeper.model.world import Transaction

from .messages import Instruction
from .stores import shared


def let_go(tx: Transaction, vm: Vm, *, ended: bool = False) -> Vm:
    """Nothing of the VM is needed any more where it was kept: it is removed there, now or when that host is back.

    Of one that has `ended`, disks that hosts share are removed too.
    """
    if vm.kept_on < 0:
        return vm
    place = vm.place
    if place is None or place.host_id != vm.kept_on:
        remove_at(tx, vm, vm.kept_on, **(shared(tx.world, vm) if ended else {}))
    tx.wake = True
    return tx.change(vm, kept_on=-1)


def remove_at(tx: Transaction, vm: Vm, host_id: int, **more: Any) -> None:
    """Tells a host to remove what it has of a VM; should it not hear it, it is a stranger there later (`hosts.py`)."""
    args = {"vm": vm.id, "generation": vm.generation, **more}
    tx.tell(Instruction(place=host_id, verb="vm.remove", args=args, timeout=120.0))
