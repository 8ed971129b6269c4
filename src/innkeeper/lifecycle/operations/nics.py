"""NICs that come to a guest that runs and leave it, what it is told of its addresses, other security groups of a NIC.

attach, detach, other addresses or groups: RUNNING -> HOTPLUG_NIC -> RUNNING. A failure leaves all as it was. The
addresses belong to the VM from the first moment to the last.
"""

from innkeeper.lifecycle import descriptions, guarding
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.world import Transaction, World

from . import in_place
from .common import vm_of


def _ensure_networks(world: World, operation: Operation) -> Instruction | None:
    """The bridges that the VM is to have; what guards its NICs stays as it is, also when this comes late and again."""
    networks = descriptions.networks(world, in_place.wanted(world, operation))
    return in_place.ask(operation, "network.ensure", networks=networks) if networks else None


def _guard(world: World, operation: Operation) -> Instruction | None:
    """What may come to and from the NICs that the VM is to have, unless nothing of that changes."""
    held, wanted = vm_of(world, operation), in_place.wanted(world, operation)
    nics = guarding.nics(world, wanted)
    if nics == guarding.nics(world, in_place.before(world, operation)) and not operation.undoing:
        return None
    return in_place.ask(operation, "network.guard", nics=nics) if held.nics else None


def _leave_networks(world: World, operation: Operation) -> Instruction | None:
    """The networks that the VM holds now and is not to have any more."""
    held = _networks(world, vm_of(world, operation))
    surplus = sorted(held - _networks(world, in_place.wanted(world, operation)))
    return in_place.ask(operation, "network.release", networks=surplus) if surplus else None


def _networks(world: World, vm: Vm) -> set[int]:
    return {network["network"] for network in descriptions.networks(world, vm)}


_CONTEXT = Step(
    "context",
    why="the guest sees the NICs that it is told of, and is told of those that it has",
    do=in_place.context,
    undo=in_place.context,
)
_GUARD = Step(
    "guard",
    why="before packets come and go with what is new; a host replaces a VM's rules in one go",
    do=_guard,
    undo=_guard,
)
ATTACH = register(
    Procedure(
        "nic attach",
        steps=(
            Step(
                "networks",
                why="first: the interface is plugged into a bridge that must be there",
                do=_ensure_networks,
                undo=_leave_networks,
            ),
            _GUARD,
            Step(
                "plug",
                why="before the guest is told of it",
                do=in_place.adjust,
                undo=in_place.adjust,
            ),
            _CONTEXT,
        ),
        finish=in_place.finish,
        fail=in_place.fail,
        abandoned=in_place.abandoned,
    )
)


def _detach_failed(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "leave networks":
        in_place.finish(tx, operation)
    else:
        in_place.fail(tx, operation)


DETACH = register(
    Procedure(
        "nic detach",
        steps=(
            Step(
                "unplug",
                why="first: a guest that does not let go of the NIC keeps it",
                do=in_place.adjust,
                undo=in_place.adjust,
                retries=1,
            ),
            _CONTEXT,
            _GUARD,
            Step(
                "leave networks",
                why="last: nothing is plugged into their bridges any more; what stays is left when the guest stops",
                do=_leave_networks,
            ),
        ),
        no_return="leave networks",
        finish=in_place.finish,
        fail=_detach_failed,
        abandoned=in_place.abandoned,
    )
)
TELL = register(
    Procedure(
        "tell guest",
        steps=(_GUARD, _CONTEXT),
        finish=in_place.finish,
        fail=in_place.fail,
        abandoned=in_place.abandoned,
    )
)
REGROUP = register(
    Procedure(
        "regroup",
        steps=(_GUARD,),
        finish=in_place.finish,
        fail=in_place.fail,
        abandoned=in_place.abandoned,
    )
)
