"""Reboot: the guest starts over, in place. The VM stays RUNNING."""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction, World

from . import common
from .common import vm_of


def _reboot(world: World, operation: Operation) -> Instruction:
    return ask(operation, "domain.reboot", hard=operation.args["hard"])


def _done(tx: Transaction, operation: Operation) -> None:
    common.as_seen(tx, operation)


def _fail(tx: Transaction, operation: Operation) -> None:
    vm = common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    if not common.as_seen(tx, operation) and common.out_of_sight(tx.world, operation):
        move(tx, vm, "UNKNOWN")


REBOOT = register(
    Procedure(
        "reboot",
        steps=(
            Step(
                "reboot",
                why="the only one; not tried again, so that a guest is not rebooted twice by us without need",
                do=_reboot,
                retries=0,
            ),
        ),
        finish=_done,
        fail=_fail,
    )
)


def begin(tx: Transaction, vm: Vm, caller: Caller, *, hard: bool) -> None:
    """Reboots the guest: by its power button, or by reset."""
    engine.start(tx, REBOOT, vm, caller, hard=hard)
