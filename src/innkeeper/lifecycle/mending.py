"""Devices and disks that are there and should not be, or the other way round: put right when a host is looked over.

A change that failed while its host was away may have come about there, and its undoing is owed (`engine.py`). What a
host says it has is compared with the VM's record; where they differ the host is told once more how the VM is to be
(what guards its NICs it does not say: while a VM is unsettled that is told every time).
That can be told at any time, because it is never wrong: a request that a change has overtaken is stale.
"""

from typing import Any

from innkeeper.model.objects import Host, Vm
from innkeeper.model.world import Transaction

from . import descriptions, guarding
from .machine import phase
from .messages import Instruction

#: Phases in which this can be done; the memory of a SUSPENDED guest may still have what is too much.
_AT_REST = frozenset({"RUNNING", "POWEROFF"})


def mend(tx: Transaction, host: Host, inventory: dict[str, Any]) -> None:
    """Tells the host what is not as it should be of the VMs that it has."""
    ours = tx.world.occupancy.of(host.id).vms
    for entry in inventory.get("vms", ()):
        if entry["vm"] not in ours:
            continue
        vm = tx.world.vms[entry["vm"]]
        if phase(vm) in _AT_REST and tx.world.operation_on(vm) is None:
            _mend_devices(tx, host, vm, entry.get("plugged"))
            _mend_files(tx, host, vm, entry.get("disks"))


def disks_of(vm: Vm) -> set[int]:
    """The numbers of all disks that the VM has, the context CD among them."""
    context = descriptions.context(vm)
    return {int(disk["DISK_ID"]) for disk in vm.disks} | ({context["disk"]} if context else set())


def _mend_devices(tx: Transaction, host: Host, vm: Vm, plugged: dict[str, Any] | None) -> None:
    if not vm.running or plugged is None:
        return
    nics = {int(nic["NIC_ID"]) for nic in vm.nics}
    if (set(plugged["disks"]), set(plugged["nics"])) != (disks_of(vm), nics):
        _tell(tx, host, vm, "domain.adjust", domain=descriptions.domain(vm))
    if vm.unsettled:
        _tell(tx, host, vm, "network.guard", nics=guarding.nics(tx.world, vm))


def _mend_files(tx: Transaction, host: Host, vm: Vm, files: list[int] | None) -> None:
    surplus = sorted(set(files or ()) - disks_of(vm))
    if surplus:
        _tell(tx, host, vm, "disk.release", disks=surplus)


def _tell(tx: Transaction, host: Host, vm: Vm, verb: str, **args: Any) -> None:
    tx.log(vm, "mended", verb=verb)
    about = {"vm": vm.id, "generation": vm.generation}
    tx.tell(Instruction(place=host.id, verb=verb, args={**about, **args}, timeout=120.0))
