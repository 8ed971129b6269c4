"""Clean up: whatever state a VM is in, nothing of it stays on its host; then it is DONE, or waits again.

Any -> CLEANUP_DELETE -> DONE, and any -> CLEANUP_RESUBMIT -> PENDING. When the host cannot be reached, the guest may
run: its addresses and images are free in DONE, so that only an administrator who answers for it (`forced`) gets there,
and what is owed is removed when the host comes back; for all others it ends in EPILOG_FAILURE. Going back to PENDING
needs the host's word, because the same VM will run elsewhere.
"""

from typing import Any

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask_at
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.kept import let_go
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import closed
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common
from .common import vm_of
from .terminate import done


def _deleted(tx: Transaction, operation: Operation) -> None:
    done(tx, vm_of(tx.world, operation), VmAction.DELETE, common.asker(operation))


def _owed(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    if not operation.args.get("forced", True):
        move(tx, common.note_error(tx, vm, operation.failure), "EPILOG_FAILURE")
        return
    tx.log(vm, "cleanup owed", host=operation.host_id, why=operation.failure)
    _deleted(tx, operation)


def _resubmitted(tx: Transaction, operation: Operation) -> None:
    vm = let_go(tx, vm_of(tx.world, operation))
    history = closed(tx, vm, VmAction.DELETE_RECREATE, common.asker(operation))
    template = vm.template.without("SNAPSHOT")
    move(tx, vm, "PENDING", history=history, deploy_id="", template=template, disk_snapshots=())
    tx.wake = True


def _unproven(tx: Transaction, operation: Operation) -> None:
    text = f"the host could not show that the VM is gone from it: {operation.failure}"
    vm = common.note_error(tx, vm_of(tx.world, operation), text)
    move(tx, vm, "PROLOG_FAILURE")


def _removal(shown: str, *, proof: bool) -> Step:
    return Step(
        "remove",
        why="it works from any half-made state",
        do=common.remove_all,
        enter=common.show(shown),
        proof=proof,
    )


def _remove_there(world: World, operation: Operation) -> Instruction | None:
    kept_on = vm_of(world, operation).kept_on
    if kept_on in (-1, operation.host_id):
        return None
    return ask_at(kept_on, operation, "vm.remove")


def _removed_there(tx: Transaction, operation: Operation, _: dict[str, Any]) -> None:
    tx.change(vm_of(tx.world, operation), kept_on=-1)


def _removal_there(shown: str, *, proof: bool) -> Step:
    return Step(
        "remove there",
        why="first: a guest that is on its way may still be where it came from",
        do=_remove_there,
        done=_removed_there,
        enter=common.show(shown),
        proof=proof,
    )


DELETE = register(
    Procedure(
        "delete",
        steps=(
            _removal_there("CLEANUP_DELETE", proof=False),
            _removal("CLEANUP_DELETE", proof=False),
        ),
        no_return="remove there",
        finish=_deleted,
        fail=_owed,
    )
)
RECREATE = register(
    Procedure(
        "recreate",
        steps=(
            _removal_there("CLEANUP_RESUBMIT", proof=True),
            _removal("CLEANUP_RESUBMIT", proof=True),
        ),
        no_return="remove there",
        finish=_resubmitted,
        fail=_unproven,
    )
)


def begin(
    tx: Transaction, vm: Vm, caller: Caller, *, recreate: bool = False, forced: bool = False
) -> None:
    """Cleans up after a VM that has a place on a host, whatever is under way."""
    under_way = tx.world.operation_on(vm)
    if under_way is not None:
        engine.abandon(tx, under_way, "recover")
    vm = common.anew(tx, tx.world.vms[vm.id])
    engine.start(
        tx,
        RECREATE if recreate else DELETE,
        vm,
        caller,
        forced=forced,
    )
