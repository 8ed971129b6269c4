"""The VM's stays on hosts: opening, stamping and closing its history records."""

from typing import Any

import msgspec

from innkeeper.model import hypervisors
from innkeeper.model.objects import Datastore, History, Host, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.quotas import space
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction


def stamped(vm: Vm, **fields: Any) -> tuple[History, ...]:
    """The VM's history with fields of its last record set."""
    return (*vm.history[:-1], msgspec.structs.replace(vm.history[-1], **fields))


def closed(tx: Transaction, vm: Vm, action: VmAction, caller: Caller) -> tuple[History, ...]:
    """The VM's history with its last record closed, if it is open."""
    if vm.place is None:
        return vm.history
    last = vm.place
    return stamped(
        vm,
        etime=tx.second,
        retime=last.retime or (tx.second if last.rstime else 0),
        action=action,
        uid=caller.uid,
        gid=caller.gid,
        **_sizes(vm),
    )


def _sizes(vm: Vm) -> dict[str, Any]:
    """What it has: when it is resized later, that does not change what it had."""
    return {"cpu": vm.cpu, "memory": vm.memory, "disk": sum(map(space, vm.disks))}


def opened(
    tx: Transaction, vm: Vm, host: Host, datastore: Datastore, cluster_id: int
) -> tuple[History, ...]:
    """The VM's history with a new open record: a stay on this host."""
    record = History(
        seq=len(vm.history),
        host_id=host.id,
        hostname=host.name,
        cluster_id=cluster_id,
        vm_mad=hypervisors.driver(hypervisors.wish(vm), host),
        tm_mad=datastore.tm_mad,
        ds_id=datastore.id,
        stime=tx.second,
        pstime=tx.second,
    )
    return (*vm.history, record)


def copied(tx: Transaction, vm: Vm, action: VmAction, caller: Caller) -> tuple[History, ...]:
    """Closes the open record with an action that changed the VM where it is; the next one goes on from it."""
    last = vm.history[-1]
    runs = last.rstime and not last.retime
    history = again(tx, vm, action, caller)
    return (*history[:-1], msgspec.structs.replace(history[-1], rstime=tx.second if runs else 0))


def moved(
    tx: Transaction, vm: Vm, host: Host, datastore_id: int, action: VmAction, caller: Caller
) -> tuple[History, ...]:
    """Closes the open record and opens one on another host, to which the VM goes."""
    there = {"host_id": host.id, "hostname": host.name, "cluster_id": host.cluster_id}
    record = _next(tx, vm.history[-1], **there, ds_id=datastore_id, pstime=tx.second)
    return (*closed(tx, vm, action, caller), record)


def returned(tx: Transaction, vm: Vm, host_id: int) -> tuple[History, ...]:
    """Closes the open record of a move that failed; the VM is back where it came from, in a copy of that record."""
    origin = next(r for r in reversed(vm.history[:-1]) if r.host_id == host_id)
    ended = vm.history[-1].petime or tx.second
    history = stamped(vm, etime=tx.second, petime=ended, **_sizes(vm))
    return (
        *history,
        msgspec.structs.replace(
            origin, seq=vm.history[-1].seq + 1, etime=0, action=0, stime=tx.second
        ),
    )


def again(tx: Transaction, vm: Vm, action: VmAction, caller: Caller) -> tuple[History, ...]:
    """Closes the open record and opens the next one on the same host (resume from POWEROFF or SUSPENDED)."""
    return (*closed(tx, vm, action, caller), _next(tx, vm.history[-1]))


#: What a record has in common with the one behind it, unless the VM has moved.
_PLACE = ("host_id", "hostname", "cluster_id", "vm_mad", "tm_mad", "ds_id")


def _next(tx: Transaction, last: History, **fields: Any) -> History:
    """The record behind one, which begins now."""
    place = {name: getattr(last, name) for name in _PLACE}
    return History(seq=last.seq + 1, stime=tx.second, **(place | fields))
