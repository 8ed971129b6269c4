"""Suspend: the guest's memory goes to a file on its host. RUNNING -> SAVE_SUSPEND -> SUSPENDED."""

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
from .poweroff import back


def _save(world: World, operation: Operation) -> Instruction:
    return ask(operation, "domain.save", timeout=600.0)


def _saved(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    history = stamped(
        vm, retime=tx.second, action=VmAction.SUSPEND, uid=operation.uid, gid=operation.gid
    )
    move(tx, vm, "SUSPENDED", history=history)


def _end(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "save":
        back(tx, operation)
    else:
        _saved(tx, operation)


SUSPEND = register(
    Procedure(
        "suspend",
        steps=(
            Step(
                "save",
                why="first: once the memory is in the file the guest is gone from the hypervisor",
                do=_save,
                enter=common.show("SAVE_SUSPEND"),
            ),
            common.LEAVE_NETWORKS,
        ),
        no_return="leave networks",
        finish=_saved,
        fail=_end,
    )
)


def begin(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Saves the guest."""
    origin = phase(vm)
    vm = common.anew(tx, vm)
    engine.start(
        tx,
        SUSPEND,
        vm,
        caller,
        **common.since(origin),
    )
