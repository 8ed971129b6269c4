"""Steps and outcomes that several operations share."""

from typing import Any

from innkeeper.lifecycle import descriptions, files, guarding, processors, stores
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Note, Step, target_of
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import copied, stamped
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World


def vm_of(world: World, operation: Operation) -> Vm:
    """The VM that an operation works on."""
    vm: Vm = target_of(world, operation)
    return vm


def show(phase: str, **fields: Any) -> Note:
    """Entering a step shows the VM in this phase."""

    def enter(tx: Transaction, operation: Operation) -> None:
        move(tx, vm_of(tx.world, operation), phase, **fields)

    return enter


def asker(operation: Operation) -> Caller:
    """Who asked for the operation, as history tells it."""
    return Caller(operation.uid, operation.gid, "", ())


def recorded(tx: Transaction, operation: Operation, action: VmAction) -> Vm:
    """The VM, with a history record that ends with an action which changed nothing of where it is."""
    vm = vm_of(tx.world, operation)
    return tx.change(vm, history=copied(tx, vm, action, asker(operation)))


def since(phase: str) -> dict[str, Any]:
    """The argument that says in which phase the VM was when its operation began."""
    return {"from": phase}


def anew(tx: Transaction, vm: Vm) -> Vm:
    """The VM with a new generation: whatever was sent before and comes late to its host is refused there."""
    return tx.change(vm, generation=vm.generation + 1)


def _networked(vm: Vm) -> bool:
    """Has it a NIC, or had one that its host may not know is gone?"""
    return bool(vm.nics or vm.used_nics)


def ensure_networks(world: World, operation: Operation) -> Instruction | None:
    """The bridges that the VM's NICs need, and no others that it needed before: NICs may have gone while it was off."""
    vm = vm_of(world, operation)
    if not _networked(vm):
        return None
    wanted = descriptions.networks(world, vm)
    return ask(operation, "network.ensure", networks=wanted, nics=guarding.nics(world, vm))


def release_networks(world: World, operation: Operation) -> Instruction | None:
    """The VM does not need its bridges any more; nor those of NICs that went while it was off."""
    if not _networked(vm_of(world, operation)):
        return None
    return ask(operation, "network.release")


def ensure_disks(world: World, operation: Operation) -> Instruction:
    """The VM's folder and disks."""
    vm = vm_of(world, operation)
    wanted, store = descriptions.disks(world, vm), stores.folder(world, vm)
    booted = files.booted(world, vm)
    more = {"attachments": booted} if booted else {}
    outside = stores.used(world, vm, wanted)
    return ask(operation, "disk.ensure", timeout=600.0, disks=wanted, **more, **store, **outside)


def ensure_context(world: World, operation: Operation) -> Instruction | None:
    """The CD that tells the guest who it is."""
    wanted = files.context(world, vm_of(world, operation))
    return ask(operation, "context.ensure", **wanted) if wanted else None


def ensure_domain(world: World, operation: Operation) -> Instruction:
    """The running guest."""
    vm = vm_of(world, operation)
    domain = descriptions.domain(vm) | processors.described(world, vm, operation.host_id)
    return ask(operation, "domain.ensure", timeout=120.0, domain=domain)


def destroy_domain(world: World, operation: Operation) -> Instruction:
    """The guest gone at once."""
    return ask(operation, "domain.destroy")


def remove_all(world: World, operation: Operation) -> Instruction:
    """Nothing of the VM left on the host, nor where hosts share its disks."""
    return ask(operation, "vm.remove", **stores.shared(world, vm_of(world, operation)))


def note_domain(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    """The hypervisor's name for the guest, and the CPU that it has."""
    vm = vm_of(tx.world, operation)
    cpu = processors.noted(tx.world, operation.host_id, result)
    tx.change(vm, deploy_id=str(result.get("domain") or f"one-{vm.id}"), **cpu)


NETWORKS = Step(
    "networks",
    why="first: the guest's interfaces are plugged into bridges that must be there when it starts",
    do=ensure_networks,
)
CONTEXT = Step(
    "context",
    why="after the disks, whose folder it lies in; before the guest, which reads it as it boots",
    do=ensure_context,
)
LEAVE_NETWORKS = Step(
    "leave networks",
    why="after the guest is off: a bridge that nobody uses any more is taken down",
    do=release_networks,
)


def now_running(tx: Transaction, operation: Operation) -> None:
    """The guest runs; unless the host saw it stop while we were still at it."""
    if as_seen(tx, operation):
        return
    vm = vm_of(tx.world, operation)
    history = stamped(vm, rstime=tx.second)
    move(tx, vm, "RUNNING", history=history, guest_generation=operation.generation)


def out_of_sight(world: World, operation: Operation) -> bool:
    """The operation's host is away: nobody can tell what its guests do."""
    host = world.hosts.get(operation.host_id)
    return host is None or bool(host.error)


def as_seen(tx: Transaction, operation: Operation) -> bool:
    """Shows the VM as its host saw it meanwhile, if it saw the guest stop; False when it did not."""
    vm = vm_of(tx.world, operation)
    shown = {"off": "POWEROFF", "crashed": "POWEROFF", "saved": "SUSPENDED"}
    to = shown.get(str(operation.results.get("seen")))
    if to is None:
        return False
    deploy_id = vm.deploy_id if to == "SUSPENDED" else ""
    move(tx, vm, to, history=stamped(vm, retime=tx.second), deploy_id=deploy_id)
    return True


def note_error(tx: Transaction, vm: Vm, text: str) -> Vm:
    """Writes the VM's ERROR attribute, as OpenNebula's users look for it."""
    return tx.change(vm, user_template=vm.user_template.with_("ERROR", text))
