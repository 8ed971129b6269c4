"""Power off: the guest stops, its disks and its place on the host stay.

RUNNING or UNKNOWN -> SHUTDOWN_POWEROFF -> POWEROFF. A guest that does not stop by itself goes on running.
"""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import stamped
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common
from .common import vm_of

#: Seconds that a guest has to shut itself down.
PATIENCE = 120.0


def shut_down(world: World, operation: Operation) -> Instruction:
    """The power button, or the plug when it is to be hard."""
    if operation.args.get("hard"):
        return ask(operation, "domain.destroy")
    return ask(operation, "domain.shutdown", timeout=PATIENCE + 30, patience=PATIENCE)


def back(tx: Transaction, operation: Operation) -> None:
    """The guest did not stop: it is where it was, as far as its host can tell."""
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    if common.as_seen(tx, operation):
        return
    origin = operation.args["from"]
    lost = origin == "RUNNING" and common.out_of_sight(tx.world, operation)
    move(tx, vm, "UNKNOWN" if lost else origin)


def _off(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    action = VmAction.POWEROFF_HARD if operation.args.get("hard") else VmAction.POWEROFF
    history = stamped(vm, retime=tx.second, action=action, uid=operation.uid, gid=operation.gid)
    move(tx, vm, "POWEROFF", history=history, deploy_id="")


def _end(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "shut down":
        back(tx, operation)
    else:
        _off(tx, operation)


POWEROFF = register(
    Procedure(
        "poweroff",
        steps=(
            Step(
                "shut down",
                why="first: nothing else may change under a running guest; not tried again, because the "
                "guest has had its time",
                do=shut_down,
                enter=common.show("SHUTDOWN_POWEROFF"),
                retries=0,
            ),
            common.LEAVE_NETWORKS,
        ),
        no_return="leave networks",
        finish=_off,
        fail=_end,
    )
)


def begin(tx: Transaction, vm: Vm, caller: Caller, *, hard: bool) -> None:
    """Stops the guest; a soft attempt under way gives way to a hard one."""
    under_way = tx.world.operation_on(vm)
    origin = phase(vm)
    if under_way is not None:
        origin = under_way.args["from"]
        engine.abandon(tx, under_way, "poweroff-hard")
    vm = common.anew(tx, vm)
    engine.start(
        tx,
        POWEROFF,
        vm,
        caller,
        hard=hard,
        **common.since(origin),
    )
