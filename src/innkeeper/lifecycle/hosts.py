"""What hosts tell us: that they are there or gone, and what their guests do.

Theory of operation
-------------------
A host that connects says what it has (`HostUp.inventory`), and each round of monitoring says it again. The world
decides what of it is right: a VM belongs on the host when its open history record names it. What belongs is taken up
as it is now; what does not (its VM is gone, or elsewhere) is a stranger and is removed, and so is what a deployment
left behind that failed while the host was away. That is how every undo is settled that could not be done.
A removal carries the VM's present generation: whatever was sent for it before is stale from then on, and its next
placement is not concerned.
A VM with an open operation is left to it: its current step is sent again when the link stands, and what was seen
meanwhile is noted in the operation, for its end to look at.
Two names may lead to one machine, and a name to another machine than before: then what an inventory lacks or has too
much says nothing. A host's agent tells by which folder it is; a host that is not the one it should be is in ERROR and
nothing that it says counts.
A list may have been made before what we did last: for a while after its guest started or stopped (`SETTLING`), it
means nothing for a VM. A guest may run with a lower generation than its VM has (operations that end it, or try to, have
one of their own, so that nothing that was sent before can come behind them); an event of a guest that has been
replaced since means nothing.
"""

from typing import Any

from innkeeper.model.objects import Host, Vm
from innkeeper.model.permissions import SYSTEM
from innkeeper.model.states import FAILURES, HostState, VmAction, VmState
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction, World

from . import engine, profiles
from .kept import let_go
from .machine import move, phase
from .mending import mend
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
from .stays import again, stamped
from .stores import shared

#: Seconds after a guest's start or stop in which lists mean nothing for it.
SETTLING = 30.0
#: What an agent calls a guest that has stopped.
STOPPED = frozenset({"off", "crashed"})
#: Failures before anything could run, and of what was to run.
UNMADE = frozenset(state.name for state in FAILURES if state.name.startswith("PROLOG_"))
UNSTARTED = frozenset(
    {"BOOT_FAILURE", "BOOT_MIGRATE_FAILURE", "BOOT_STOPPED_FAILURE", "BOOT_UNDEPLOY_FAILURE"}
)
#: In these nothing runs: what lies there can wait for the next inventory.
RESTING = STOPPED | {"saved"}


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
    before = host.prev_state if host.state is state else host.state
    changed = tx.change(host, state=state, prev_state=before, error=error)
    tx.log(
        changed, "state", was=host.state.name, now=state.name, **({"why": error} if error else {})
    )
    tx.wake = True
    return changed


def _host_up(tx: Transaction, event: HostUp) -> None:
    host = tx.world.hosts.get(event.host_id)
    if host is None or host.state is HostState.OFFLINE:
        return
    wrong = mistaken(tx.world, host, event.facts.get("root"))
    if wrong:
        _out_of_reach(tx, host, wrong)
        return
    host = _with_facts(tx, host, event.facts)
    profiles.greet(tx, host)
    if host.state in (HostState.INIT, HostState.ERROR):
        host = set_state(tx, host, HostState.MONITORED)
    elif host.error:
        host = set_state(tx, host, host.state)
    _settle(tx, host, event.inventory)


def mistaken(world: World, host: Host, root: str | None) -> str:
    """Why this is not the machine that the host should be; empty when it is, or does not tell."""
    if not root:
        return ""
    for other in world.hosts:
        if other.id != host.id and other.facts.get("root") == root:
            return f"it is the same machine as host {other.id} ({other.name})"
    known = host.facts.get("root")
    has_vms = world.occupancy.of(host.id).vms or world.kept.of(host.id)
    if known and known != root and has_vms:
        return "it is another machine (or another folder there) than the one that has its VMs"
    return ""


def _with_facts(tx: Transaction, host: Host, facts: dict[str, Any]) -> Host:
    described = host.template.merged(described_by(host.vm_mad, facts))
    total_cpu, total_memory = int(facts["cpus"]) * 100, int(facts["memory_kib"])
    same = (host.total_cpu, host.total_memory) == (total_cpu, total_memory)
    if same and host.facts == facts and host.template == described:
        return host
    tx.wake = True
    return tx.change(
        host, facts=facts, total_cpu=total_cpu, total_memory=total_memory, template=described
    )


def described_by(vm_mad: str, facts: dict[str, Any]) -> Template:
    """A host's facts under the names that OpenNebula's users write requirements with."""
    named = {
        "HOSTNAME": facts.get("hostname"),
        "ARCH": facts.get("arch"),
        "HYPERVISOR": facts.get("hypervisor") and vm_mad,
        "HYPERVISORS": ",".join(facts.get("hypervisors", ())),
        "ARCHITECTURES": ",".join(facts.get("architectures", ())),
        "MODELNAME": facts.get("cpu_model"),
        "VERSION": facts.get("agent"),
        "QEMU_VERSION": facts.get("qemu"),
        "LIBVIRT_VERSION": facts.get("libvirt"),
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
    _out_of_reach(tx, host, event.why)


def _out_of_reach(tx: Transaction, host: Host, why: str) -> None:
    """Nobody can tell any more what the host's guests do."""
    now = host.state if host.state is HostState.DISABLED else HostState.ERROR
    set_state(tx, host, now, why)
    for number in list(tx.world.occupancy.of(host.id).vms):
        vm = tx.world.vms[number]
        if vm.running and tx.world.operation_on(vm) is None and not _elsewhere(vm, host):
            move(tx, vm, "UNKNOWN")


def _settle(tx: Transaction, host: Host, inventory: dict[str, Any]) -> None:
    """Compares what the host has with what it should have."""
    there = {
        int(entry["vm"]): (int(entry["generation"]), str(entry["state"]))
        for entry in inventory.get("vms", ())
    }
    ours = tx.world.occupancy.of(host.id).vms.keys() | set(tx.world.kept.of(host.id))
    for number in sorted(there.keys() - ours):
        _remove(tx, host, number, there[number][0], "stranger removed")
    for number in sorted(there.keys() & tx.world.occupancy.of(host.id).vms.keys()):
        _remove_leftover(tx, host, number, *there[number])
    _compare(tx, host, there, "seen when the host connected")
    mend(tx, host, inventory)


def _compare(tx: Transaction, host: Host, there: dict[int, tuple[int, str]], reason: str) -> None:
    """Corrects what we believed about the guests of a host by a list of what it has."""
    for number in list(tx.world.occupancy.of(host.id).vms):
        vm = tx.world.vms[number]
        if tx.world.operation_on(vm) is not None or _elsewhere(vm, host):
            continue
        generation, state = there.get(number, (vm.guest_generation, "off"))
        if tx.now - max(vm.history[-1].rstime, vm.history[-1].retime) >= SETTLING:
            _observed(tx, vm, generation, state, reason)
            _lost_memory(tx, vm, state)


def _elsewhere(vm: Vm, host: Host) -> bool:
    """Is the VM only kept here, and its place another?"""
    return vm.place is None or vm.place.host_id != host.id


def _remove_leftover(tx: Transaction, host: Host, number: int, generation: int, state: str) -> None:
    """Of a VM whose deployment failed nothing should be there, unless its guest runs after all."""
    vm = tx.world.vms[number]
    now = phase(vm)
    if _elsewhere(vm, host) or vm.kept_on == host.id:
        return
    if now in UNMADE or (now in UNSTARTED and state != "running"):
        _remove(tx, host, number, generation, "leftover removed")


def _lost_memory(tx: Transaction, vm: Vm, state: str) -> None:
    """A suspended VM without a checkpoint can only be booted: its host died just as its guest went on."""
    if state in STOPPED and phase(vm) == "SUSPENDED":
        _log(tx, vm, state, "its checkpoint is gone")
        move(tx, vm, "POWEROFF", deploy_id="")


def _remove(tx: Transaction, host: Host, number: int, seen: int, what: str) -> None:
    """Everything of a VM on a host. Whatever was sent for it before is stale from then on."""
    vm = tx.world.vms.get(number)
    generation = max(seen, vm.generation if vm is not None else 0)
    tx.log(host, what, vm=number, generation=seen)
    # What hosts share of one that has ended goes; so does what a deployment has left behind that failed here.
    here = vm is not None and not _elsewhere(vm, host)
    everything = vm is not None and (vm.state is VmState.DONE or here)
    args = {
        "vm": number,
        "generation": generation,
        **(shared(tx.world, vm) if everything and vm else {}),
    }
    tx.tell(Instruction(place=host.id, verb="vm.remove", args=args))


def _domain_seen(tx: Transaction, event: DomainSeen) -> None:
    vm = tx.world.vms.get(event.vm)
    if vm is None or vm.place is None:
        return
    operation = tx.world.operation_on(vm)
    if not vm.guest_generation <= event.generation <= vm.generation:
        return
    if vm.place.host_id != event.host_id:
        if vm.kept_on == event.host_id and operation is not None:
            tx.change(operation, results={**operation.results, "left": event.state})
        return
    if operation is not None:
        tx.change(operation, results={**operation.results, "seen": event.state})
    else:
        _observed(tx, vm, event.generation, event.state, event.reason)


def _sampled(tx: Transaction, event: Sampled) -> None:
    host = tx.world.hosts.get(event.host_id)
    if host is None or host.state is HostState.OFFLINE or host.error:
        return
    there = {number: (generation, state) for number, generation, state in event.vms}
    ours = tx.world.occupancy.of(host.id).vms.keys() | set(tx.world.kept.of(host.id))
    for number, (generation, state) in there.items():
        if number not in ours and state not in RESTING:
            _remove(tx, host, number, generation, "stranger removed")
    _compare(tx, host, there, "seen by monitoring")
    if event.drift is not None:
        profiles.seen(tx, host, profiles.deviations(event.drift))
    _told(tx, tx.world.hosts[event.host_id], event.attributes)


def _told(tx: Transaction, host: Host, attributes: dict[str, str]) -> None:
    """What the host's own probes tell may be what a waiting VM asks for."""
    if attributes != host.told:
        tx.change(host, told=attributes)
        tx.wake = True


def _observed(tx: Transaction, vm: Vm, generation: int, state: str, reason: str) -> None:
    """What a host sees corrects what we believed; nothing is done when they agree."""
    now = phase(vm)
    if state == "running":
        _runs(tx, vm, now, generation, reason)
    elif state in STOPPED and now in ("RUNNING", "UNKNOWN"):
        _log(tx, vm, state, reason)
        history = stamped(vm, retime=tx.second, action=VmAction.MONITOR)
        move(tx, vm, "POWEROFF", history=history, deploy_id="")
    elif state in ("paused", "saved") and now in ("RUNNING", "UNKNOWN"):
        _log(tx, vm, state, reason)
        move(tx, vm, "SUSPENDED", history=stamped(vm, retime=tx.second, action=VmAction.MONITOR))


def _runs(tx: Transaction, vm: Vm, now: str, generation: int, reason: str) -> None:
    if now not in ("UNKNOWN", "POWEROFF", "SUSPENDED") and now not in UNSTARTED:
        return
    _log(tx, vm, "running", reason)
    if now in ("POWEROFF", "SUSPENDED"):
        vm = tx.change(vm, history=again(tx, vm, VmAction.MONITOR, SYSTEM))
    vm = let_go(tx, vm)
    history = stamped(vm, rstime=vm.history[-1].rstime or tx.second, retime=0)
    deploy_id = vm.deploy_id or f"one-{vm.id}"
    move(tx, vm, "RUNNING", history=history, deploy_id=deploy_id, guest_generation=generation)


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
