"""Resume: a guest that was powered off or suspended runs again, on the host where its disks are.

POWEROFF -> BOOT_POWEROFF -> RUNNING; SUSPENDED -> BOOT_SUSPENDED -> RUNNING; UNKNOWN -> BOOT_UNKNOWN -> RUNNING.
A failure leads back to where it came from. The networks are not given back then: a guest that runs after all (its
start was only slow, or it had never stopped) must not lose its bridges.
"""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import again
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common
from .common import vm_of


def _restore(world: World, operation: Operation) -> Instruction:
    return ask(operation, "domain.restore", timeout=300.0)


def _back(tx: Transaction, operation: Operation) -> None:
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    move(tx, vm, operation.args["from"])


BOOT = register(
    Procedure(
        "boot",
        steps=(
            common.NETWORKS,
            common.CONTEXT,
            Step(
                "guest",
                why="last: its bridges and its context must be there",
                do=common.ensure_domain,
                undo=common.destroy_domain,
                done=common.note_domain,
            ),
        ),
        finish=common.now_running,
        fail=_back,
    )
)

RESTORE = register(
    Procedure(
        "restore",
        steps=(
            common.NETWORKS,
            Step(
                "memory",
                why="last: the guest goes on in the instant when its memory is back; no undo, because the "
                "checkpoint stays until the guest runs",
                do=_restore,
                done=common.note_domain,
            ),
        ),
        finish=common.now_running,
        fail=_back,
    )
)

_SHOWN = {"POWEROFF": "BOOT_POWEROFF", "SUSPENDED": "BOOT_SUSPENDED", "UNKNOWN": "BOOT_UNKNOWN"}


def begin(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Starts the guest again where it is."""
    origin = phase(vm)
    vm = move(
        tx,
        vm,
        _SHOWN[origin],
        history=again(tx, vm, VmAction.RESUME, caller),
        generation=vm.generation + 1,
        guest_generation=vm.generation + 1,
        user_template=vm.user_template.without("ERROR"),
    )
    engine.start(
        tx,
        RESTORE if origin == "SUSPENDED" else BOOT,
        vm,
        caller,
        **common.since(origin),
    )
