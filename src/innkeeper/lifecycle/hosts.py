"""What hosts tell us: that they are there or gone, and what their guests do.

Theory of operation
-------------------
A host that connects says what it has (`HostUp.inventory`). The world decides what of it is right: a VM belongs on
the host when its open history record names it and the generation agrees. What belongs is taken up as it is now; what
does not (its VM is gone, elsewhere, or newer) is removed. That is also how every undo is settled that could not be
done while the host was away.
A VM with an open operation is left to it: its current step is sent again when the link stands, and what was seen
meanwhile is noted in the operation, for its end to look at.
"""

from typing import Any

from innkeeper.model.objects import Host, Vm
from innkeeper.model.states import HostState, VmAction
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction

from . import engine
from .machine import move, phase
from .messages import (
    DomainSeen,
    Event,
    HostDown,
    HostUp,
    Instruction,
    Reply,
    Sampled,
    StoreMeasured,
)
from .stays import stamped

#: Seconds after its start in which a guest's absence from a list means nothing.
SETTLING = 30.0
#: What an agent calls a guest that has stopped.
STOPPED = frozenset({"off", "crashed"})


def take(tx: Transaction, event: Event) -> None:
    """Changes the world by what an agent said."""
    if isinstance(event, Reply):
        engine.reply(tx, event)
    elif isinstance(event, HostUp):
        _host_up(tx, event)
    elif isinstance(event, HostDown):
        _host_down(tx, event)
    elif isinstance(event, DomainSeen):
        _domain_seen(tx, event)
    elif isinstance(event, Sampled):
        _sampled(tx, event)
    elif isinstance(event, StoreMeasured):
        _store_measured(tx, event)


def set_state(tx: Transaction, host: Host, state: HostState, error: str = "") -> Host:
    """Brings a host into a state, with a line in the event log."""
    if host.state is state and host.error == error:
        return host
    changed = tx.change(host, state=state, prev_state=host.state, error=error)
    tx.log(
        changed, "state", was=host.state.name, now=state.name, **({"why": error} if error else {})
    )
    tx.wake = True
    return changed


def _host_up(tx: Transaction, event: HostUp) -> None:
    host = tx.world.hosts.get(event.host_id)
    if host is None or host.state is HostState.OFFLINE:
        return
    facts = event.facts
    host = tx.change(
        host,
        facts=facts,
        total_cpu=int(facts["cpus"]) * 100,
        total_memory=int(facts["memory_kib"]),
        template=host.template.merged(_described(facts)),
    )
    if host.state in (HostState.INIT, HostState.ERROR):
        host = set_state(tx, host, HostState.MONITORED)
    tx.wake = True
    _settle(tx, host, event.inventory)


def _described(facts: dict[str, Any]) -> Template:
    """A host's facts under the names that OpenNebula's users write requirements with."""
    named = {
        "HOSTNAME": facts.get("hostname"),
        "ARCH": facts.get("arch"),
        "HYPERVISOR": facts.get("hypervisor"),
        "MODELNAME": facts.get("cpu_model"),
        "VERSION": facts.get("agent"),
        "ACCELERATOR": facts.get("accelerator"),
        "ACCELERATOR_REASON": facts.get("accelerator_reason"),
        "KVM_MACHINES": " ".join(facts.get("machines", ())),
        "KVM_CPU_MODELS": " ".join(facts.get("cpu_models", ())),
        "KVM_CPU_FEATURES": ",".join(facts.get("features", ())),
    }
    return Template({name: (str(value),) for name, value in named.items() if value})


def _host_down(tx: Transaction, event: HostDown) -> None:
    host = tx.world.hosts.get(event.host_id)
    if host is None or host.state is HostState.OFFLINE:
        return
    if host.state is HostState.DISABLED:
        tx.change(host, error=event.why)
    else:
        set_state(tx, host, HostState.ERROR, event.why)
    for number in list(tx.world.occupancy.of(host.id).vms):
        vm = tx.world.vms[number]
        if vm.running and tx.world.operation_on(vm) is None:
            move(tx, vm, "UNKNOWN")


def _settle(tx: Transaction, host: Host, inventory: dict[str, Any]) -> None:
    """Compares what the host has with what it should have."""
    there = {int(entry["vm"]): entry for entry in inventory.get("vms", ())}
    for number, entry in there.items():
        if number not in tx.world.occupancy.of(host.id).vms:
            _remove_stranger(tx, host, number, int(entry["generation"]))
    states = {number: str(entry["state"]) for number, entry in there.items()}
    _compare(tx, host.id, states, "seen when the host connected")


def _compare(tx: Transaction, host_id: int, there: dict[int, str], reason: str) -> None:
    """Corrects what we believed about the guests of a host by a list of what it has.

    The list may be older than a guest that has just started: those are left for the next one.
    """
    for number in list(tx.world.occupancy.of(host_id).vms):
        vm = tx.world.vms[number]
        young = tx.now - vm.history[-1].rstime < SETTLING
        if tx.world.operation_on(vm) is None and not (young and number not in there):
            _observed(tx, vm, there.get(number, "off"), reason)


def _remove_stranger(tx: Transaction, host: Host, number: int, generation: int) -> None:
    """Only up to the generation that was seen: a newer placement of the same VM here is safe from it."""
    tx.log(host, "stranger removed", vm=number, generation=generation)
    tx.tell(
        Instruction(place=host.id, verb="vm.remove", args={"vm": number, "generation": generation})
    )


def _domain_seen(tx: Transaction, event: DomainSeen) -> None:
    vm = tx.world.vms.get(event.vm)
    if vm is None or vm.place is None or vm.place.host_id != event.host_id:
        return
    if event.generation != vm.generation:
        return
    operation = tx.world.operation_on(vm)
    if operation is not None:
        tx.change(operation, results={**operation.results, "seen": event.state})
        return
    _observed(tx, vm, event.state, event.reason)


def _sampled(tx: Transaction, event: Sampled) -> None:
    current = {
        number: state
        for number, generation, state in event.vms
        if (vm := tx.world.vms.get(number)) is not None and vm.generation == generation
    }
    _compare(tx, event.host_id, current, "seen by monitoring")


def _observed(tx: Transaction, vm: Vm, state: str, reason: str) -> None:
    """What a host sees corrects what we believed; nothing is done when they agree."""
    now = phase(vm)
    if state == "running" and now in ("UNKNOWN", "POWEROFF", "SUSPENDED", "BOOT_FAILURE"):
        _log(tx, vm, state, reason)
        move(
            tx,
            vm,
            "RUNNING",
            history=stamped(vm, rstime=vm.history[-1].rstime or tx.second, retime=0),
        )
    elif state in STOPPED and now in ("RUNNING", "UNKNOWN"):
        _log(tx, vm, state, reason)
        history = stamped(vm, retime=tx.second, action=VmAction.MONITOR)
        move(tx, vm, "POWEROFF", history=history, deploy_id="")
        tx.wake = True
    elif state in ("paused", "saved") and now in ("RUNNING", "UNKNOWN"):
        _log(tx, vm, state, reason)
        move(tx, vm, "SUSPENDED", history=stamped(vm, retime=tx.second, action=VmAction.MONITOR))


def _log(tx: Transaction, vm: Vm, state: str, reason: str) -> None:
    tx.log(vm, "observed", state=state, why=reason)


def _store_measured(tx: Transaction, event: StoreMeasured) -> None:
    """Placement looks at a datastore's room: it is kept, but not written anew for every megabyte."""
    datastore = tx.world.datastores.get(event.datastore)
    if datastore is None:
        return
    moved = abs(datastore.free_mb - event.free) > event.total // 200
    if moved or datastore.total_mb != event.total:
        tx.change(datastore, total_mb=event.total, free_mb=event.free, used_mb=event.used)
        tx.wake = True
