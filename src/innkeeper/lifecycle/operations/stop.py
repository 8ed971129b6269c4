"""Stop and undeploy: the VM gives its place up, and can go on anywhere later.

Stop keeps the guest's memory: RUNNING -> SAVE_STOP -> EPILOG_STOP -> STOPPED; SUSPENDED -> EPILOG_STOP -> STOPPED.
Undeploy shuts it down: RUNNING or UNKNOWN -> SHUTDOWN_UNDEPLOY -> EPILOG_UNDEPLOY -> UNDEPLOYED; POWEROFF ->
EPILOG_UNDEPLOY -> UNDEPLOYED. Its files stay where they are, without taking capacity, until it is resumed: they go
from host to host once, and not at all when it comes back to where it was.
"""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Note, Procedure, Step, register
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import closed, stamped
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common
from .common import vm_of
from .poweroff import back, shut_down


def _save(world: World, operation: Operation) -> Instruction:
    return ask(operation, "domain.save", timeout=600.0)


def _shut_down(world: World, operation: Operation) -> Instruction:
    """A guest that should be off already is asked for all the same: it may run elsewhere next."""
    if operation.args["from"] == "POWEROFF":
        return ask(operation, "domain.destroy")
    return shut_down(world, operation)


def _show(working: str, resting: str, epilog: str) -> Note:
    """What is shown first depends on where the VM was."""

    def enter(tx: Transaction, operation: Operation) -> None:
        off = operation.args["from"] == resting
        move(tx, vm_of(tx.world, operation), epilog if off else working)

    return enter


def _epilog(shown: str) -> Note:
    def enter(tx: Transaction, operation: Operation) -> None:
        vm = vm_of(tx.world, operation)
        retime = vm.history[-1].retime or tx.second
        move(tx, vm, shown, history=stamped(vm, retime=retime, estime=tx.second))

    return enter


def _rested(to: str) -> Note:
    def finish(tx: Transaction, operation: Operation) -> None:
        vm = vm_of(tx.world, operation)
        vm = tx.change(vm, history=stamped(vm, eetime=tx.second), kept_on=operation.host_id)
        caller = common.asker(operation)
        history = closed(tx, vm, VmAction(operation.args["action"]), caller)
        tx.wake = True
        move(tx, vm, to, history=history, deploy_id="")

    return finish


def _end(first: str, to: str) -> Note:
    """A failure of the first step leaves it where it was; one of the second does not matter."""
    finish = _rested(to)

    def fail(tx: Transaction, operation: Operation) -> None:
        if operation.results.get("failed_step") == first:
            back(tx, operation)
        else:
            finish(tx, operation)

    return fail


def _leave(shown: str) -> Step:
    return Step(
        "leave networks",
        why=common.LEAVE_NETWORKS.why,
        do=common.release_networks,
        enter=_epilog(shown),
    )


STOP = register(
    Procedure(
        "stop",
        steps=(
            Step(
                "save",
                why="first: the guest goes on from its memory later, maybe elsewhere: its host's word is needed",
                do=_save,
                enter=_show("SAVE_STOP", "SUSPENDED", "EPILOG_STOP"),
                proof=True,
            ),
            _leave("EPILOG_STOP"),
        ),
        no_return="leave networks",
        finish=_rested("STOPPED"),
        fail=_end("save", "STOPPED"),
    )
)

UNDEPLOY = register(
    Procedure(
        "undeploy",
        steps=(
            Step(
                "shut down",
                why="first: it may run elsewhere next, so that its host's word is needed; not tried again, because "
                "the guest has had its time",
                do=_shut_down,
                enter=_show("SHUTDOWN_UNDEPLOY", "POWEROFF", "EPILOG_UNDEPLOY"),
                retries=0,
                proof=True,
            ),
            _leave("EPILOG_UNDEPLOY"),
        ),
        no_return="leave networks",
        finish=_rested("UNDEPLOYED"),
        fail=_end("shut down", "UNDEPLOYED"),
    )
)


def stop(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Saves the guest and gives its place up."""
    _begin(tx, STOP, vm, caller, VmAction.STOP)


def undeploy(tx: Transaction, vm: Vm, caller: Caller, *, hard: bool) -> None:
    """Shuts the guest down and gives its place up; a soft attempt under way gives way to a hard one."""
    _begin(
        tx, UNDEPLOY, vm, caller, VmAction.UNDEPLOY_HARD if hard else VmAction.UNDEPLOY, hard=hard
    )


def _begin(
    tx: Transaction,
    procedure: Procedure,
    vm: Vm,
    caller: Caller,
    action: VmAction,
    *,
    hard: bool = False,
) -> None:
    origin = phase(vm)
    under_way = tx.world.operation_on(vm)
    if under_way is not None:
        origin = under_way.args["from"]
        engine.abandon(tx, under_way, "undeploy-hard")
    vm = common.anew(tx, vm)
    engine.start(
        tx,
        procedure,
        vm,
        caller,
        hard=hard,
        action=int(action),
        **common.since(origin),
    )
