"""Terminate: the guest stops and everything of it is removed; its record remains, DONE.

RUNNING or UNKNOWN -> SHUTDOWN -> EPILOG -> DONE; POWEROFF or SUSPENDED -> EPILOG -> DONE.
"""

from innkeeper.lifecycle import engine, routers
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.kept import let_go
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.stays import closed, stamped
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction

from . import common
from .common import vm_of
from .poweroff import back, shut_down


def _epilog(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    now = tx.second
    move(tx, vm, "EPILOG", history=stamped(vm, retime=vm.history[-1].retime or now, estime=now))


def done(tx: Transaction, vm: Vm, action: VmAction, caller: Caller) -> Vm:
    """The VM is DONE: its addresses, images, ports and capacity are free in the same transaction."""
    history = closed(tx, vm, action, caller)
    vm = let_go(tx, vm, ended=True)
    tx.wake = True
    ended = move(tx, vm, "DONE", history=history, etime=tx.second, deploy_id="", redirects=())
    routers.left(tx, ended)
    return ended


def _finish(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    vm = tx.change(vm, history=stamped(vm, eetime=tx.second))
    action = VmAction.TERMINATE_HARD if operation.args.get("hard") else VmAction.TERMINATE
    done(tx, vm, action, common.asker(operation))


def _fail(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "shut down":
        back(tx, operation)
        return
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    move(tx, vm, "EPILOG_FAILURE")


_REMOVE = Step(
    "remove",
    why="after the guest is off: its disks go, and with them the last that it had on the host",
    do=common.remove_all,
    enter=_epilog,
)

TERMINATE = register(
    Procedure(
        "terminate",
        steps=(
            Step(
                "shut down",
                why="first: a guest that refuses to stop keeps its disks",
                do=shut_down,
                enter=common.show("SHUTDOWN"),
                retries=0,
            ),
            _REMOVE,
        ),
        no_return="remove",
        finish=_finish,
        fail=_fail,
    )
)

EPILOG = register(
    Procedure("epilog", steps=(_REMOVE,), no_return="remove", finish=_finish, fail=_fail)
)


def begin(tx: Transaction, vm: Vm, caller: Caller, *, hard: bool) -> None:
    """Ends a VM that has a place on a host."""
    origin = phase(vm)
    under_way = tx.world.operation_on(vm)
    if under_way is not None:
        origin = under_way.args["from"]
        engine.abandon(tx, under_way, "terminate-hard")
    vm = common.anew(tx, vm)
    off = origin in ("POWEROFF", "SUSPENDED", "EPILOG_FAILURE", "STOPPED", "UNDEPLOYED")
    engine.start(
        tx,
        EPILOG if off else TERMINATE,
        vm,
        caller,
        hard=hard,
        **common.since(origin),
    )
