"""Taking VMs to other hosts."""

from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.operations import cold, live
from innkeeper.model import processors, storage
from innkeeper.model.errors import Refusal, bad_argument, must_be, wrong_state
from innkeeper.model.hypervisors import architecture, check, needs, unfit, wish
from innkeeper.model.objects import Datastore, Host, Vm
from innkeeper.model.permissions import SYSTEM, Caller, Right
from innkeeper.model.states import HostState
from innkeeper.model.world import Transaction, World
from innkeeper.placement.decide import fits
from innkeeper.placement.stores import reaches

from .common import need
from .vm_rights import check_operation
from .vms import chosen_datastore

#: Phases in which a VM can be taken elsewhere.
MOVABLE = frozenset({"RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"})


def migrate(
    tx: Transaction,
    caller: Caller,
    vm_id: int,
    host_id: int,
    lively: bool,
    enforce: bool = False,
    datastore_id: int = -1,
    how: int = cold.SAVE,
) -> int:
    """Takes a VM to a host of the administrator's choice: as it runs, or stopped on the way."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, "migrate", vm)
    host = need(tx.world, Host, host_id, caller, Right.MANAGE)
    if how not in cold.ACTIONS:
        raise bad_argument(must_be("The migration type", "0, 1 or 2", how), vm_id)
    lively = lively and vm.running
    datastore = _datastore(tx, caller, vm, host, datastore_id)
    _check(tx.world, vm, host, datastore, lively, how)
    if enforce or not caller.admin:
        missing = [check for check in fits(tx.world, vm, host) if not check.ok]
        if missing:
            listed = "; ".join(f"{c.name}: needed {c.needed}, had {c.had}" for c in missing)
            raise wrong_state(f"VM {vm_id} does not fit on host {host_id}: {listed}", vm_id)
    name = "live-migrate" if lively else "migrate"
    tx.log(vm, "action", name=name, by=caller.uid, host=host_id)
    if lively:
        live.begin(tx, vm, host, datastore.id, caller)
    else:
        cold.begin(tx, vm, host, datastore.id, caller, how)
    return vm_id


def _datastore(tx: Transaction, caller: Caller, vm: Vm, host: Host, datastore_id: int) -> Datastore:
    """Where its disks will lie: where they are said to, else where they are now, else where that host can have them."""
    now = tx.world.datastores.get(vm.history[-1].ds_id) if vm.history else None
    if datastore_id < 0 and now is not None and reaches(now, host):
        return now
    return chosen_datastore(tx, caller, vm, host, datastore_id)


def _check(world: World, vm: Vm, host: Host, datastore: Datastore, lively: bool, how: int) -> None:
    """Refuses what cannot be done, before anything is."""
    if phase(vm) not in MOVABLE or vm.place is None:
        raise wrong_state(f"Migrate action is not available for state {phase(vm)}", vm.id)
    under_way = world.operation_on(vm)
    if under_way is not None:
        raise wrong_state(f"VM {vm.id} is busy ({under_way.name})", vm.id)
    if host.state not in (HostState.MONITORED, HostState.DISABLED):
        raise wrong_state(f"Cannot migrate to host {host.id}: it is {host.state.name}", host.id)
    if host.error:
        raise wrong_state(f"Cannot migrate to host {host.id}: {host.error}", host.id)
    elsewhere = host.id != vm.place.host_id
    if not elsewhere and datastore.id == vm.place.ds_id:
        text = f"VM {vm.id} is already running on host {host.id} and datastore {datastore.id}"
        raise wrong_state(text, vm.id)
    if not elsewhere:
        text = f"VM {vm.id} stays on host {host.id}: its disks cannot go to another datastore there"
        raise wrong_state(text, vm.id)
    if datastore.id != vm.place.ds_id and storage.SHARED & {datastore.tm_mad, vm.place.tm_mad}:
        text = (
            f"VM {vm.id}'s disks cannot go between datastores {vm.place.ds_id} and {datastore.id}"
        )
        raise wrong_state(f"{text}: hosts share one of them", vm.id)
    if lively and datastore.id != vm.place.ds_id:
        text = f"VM {vm.id} cannot go to another host and another datastore while it runs"
        raise wrong_state(text, vm.id)
    for problem in (unreachable(world, vm), impossible(world, vm, host, lively, how)):
        if problem:
            raise wrong_state(f"VM {vm.id} cannot go to host {host.id}: {problem}", vm.id)


def unreachable(world: World, vm: Vm) -> str:
    """Why the host that has a VM cannot give it away; empty when it can."""
    host = world.hosts.get(vm.place.host_id) if vm.place else None
    if host is None or host.state is HostState.OFFLINE:
        return "its own host is offline"
    if host.error:
        text = f"its own host {host.id} ({host.name}) cannot be reached, so that its guest may run there"
        return f"{text} ({host.error})"
    return ""


def impossible(world: World, vm: Vm, host: Host, lively: bool, how: int = cold.SAVE) -> str:
    """Why a VM cannot come to a host from where it is; empty when it can."""
    kept = lively or phase(vm) == "SUSPENDED" or (vm.running and how == cold.SAVE)
    source = world.hosts[vm.place.host_id] if vm.place else host
    if source.vm_mad != host.vm_mad and "dummy" in (source.vm_mad, host.vm_mad):
        return "one of the two hosts is simulated, the other is not"
    for each in (source, host):
        if not each.facts.get("peer_key"):
            return f"host {each.id} ({each.name}) has no ssh by which hosts reach each other"
    other = unfit(host, wish(vm), needs(vm), architecture(vm)) or _unable(vm)
    if not other and lively and vm.place and storage.is_thin(world.datastores.get(vm.place.ds_id)):
        other = "its disks are thin logical volumes, which are active on one host at a time; power it off first"
    if other or not kept:
        return other
    return _lacking(vm, source, host, lively) or (_left_behind(world, vm) if lively else "")


def _unable(vm: Vm) -> str:
    """Why its hypervisor cannot give it away; empty when it can."""
    try:
        check(vm, cold.COLD.name)
    except Refusal as no:
        return no.text
    return ""


def _lacking(vm: Vm, source: Host, host: Host, lively: bool) -> str:
    """What the guest's CPU has and the host lacks, when its memory goes there."""
    ours, theirs = source.facts.get("accelerator"), host.facts.get("accelerator")
    if lively and ours != theirs:
        return (
            f"it runs under {ours}, which host {host.id} ({host.name}) does not have, but {theirs}"
        )
    missing = processors.lacking(host, _features(vm, source))
    if missing:
        return f"host {host.id} ({host.name}) lacks CPU features that the guest has: {', '.join(missing)}"
    return ""


def _left_behind(world: World, vm: Vm) -> str:
    """What would not come along: disks that are copied while they are written to come as they are now."""
    store = world.datastores.get(vm.place.ds_id) if vm.place else None
    if store is None or store.template.get("SHARED") == "YES":
        return ""
    copied = {int(d["DISK_ID"]) for d in vm.disks if storage.technology(vm, d) == storage.FILE}
    has = [
        _listed(f"disk {of.disk}", [str(s.id) for s in of.snapshots])
        for of in vm.disk_snapshots
        if of.disk in copied
    ]
    has.append(_listed("the VM", [s["SNAPSHOT_ID"] for s in vm.template.vectors("SNAPSHOT")]))
    listed = " and ".join(each for each in has if each)
    return f"{listed}, which only go along when its guest does not run" if listed else ""


def _listed(what: str, snapshots: list[str]) -> str:
    plural = "s" if len(snapshots) > 1 else ""
    return f"{what} has snapshot{plural} {', '.join(snapshots)}" if snapshots else ""


def _features(vm: Vm, source: Host) -> frozenset[str]:
    """What the guest's CPU has: as its agent said, else all of its host's when it is like that."""
    wanted = processors.asked(vm.template)
    if not vm.processor and processors.like_host(wanted, source):
        return wanted.extra | processors.features(source)
    return processors.demanded(vm)


def rehouse(tx: Transaction, vm: Vm, host: Host, datastore: Datastore) -> None:
    """Takes a VM where placement wants it: as it runs if that is possible, else stopped on the way."""
    now = vm.history[-1].ds_id
    if impossible(tx.world, vm, host, False):
        return
    kept = tx.world.datastores.get(now)
    target = kept if kept is not None and reaches(kept, host) else datastore
    lively = vm.running and target.id == now
    why = impossible(tx.world, vm, host, lively) if lively else ""
    tx.log(vm, "placed elsewhere", host=host.id, live=lively and not why, why=why)
    if lively and not why:
        live.begin(tx, vm, host, target.id, SYSTEM)
    else:
        cold.begin(tx, vm, host, target.id, SYSTEM)
