"""Redeploy: a VM that was stopped or undeployed goes on, on the host that placement has chosen for it.

PENDING -> PROLOG_RESUME -> BOOT_STOPPED -> RUNNING with its memory; PENDING -> PROLOG_UNDEPLOY -> BOOT_UNDEPLOY ->
RUNNING without. Its files come from the host that kept them, and are removed there only when the guest runs. A failure
leaves them there and nothing on the new host; `recover` tries again.
"""

from typing import Any

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.engine import Procedure, register
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import opened, stamped
from innkeeper.model.objects import Datastore, Host, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common, moving
from .common import vm_of

_PROLOG = {True: "PROLOG_RESUME", False: "PROLOG_UNDEPLOY"}
_BOOT = {True: "BOOT_STOPPED", False: "BOOT_UNDEPLOY"}
#: Failure state -> whether the guest's memory is kept.
FAILED = {f"{name}_FAILURE": saved for table in (_PROLOG, _BOOT) for saved, name in table.items()}


def _show_prolog(tx: Transaction, operation: Operation) -> None:
    move(tx, vm_of(tx.world, operation), _PROLOG[operation.args["saved"]])


def _show_boot(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    history = stamped(vm, petime=tx.second)
    move(tx, vm, _BOOT[operation.args["saved"]], history=history)


def _context(world: World, operation: Operation) -> Instruction | None:
    return None if operation.args["saved"] else common.ensure_context(world, operation)


def _start(world: World, operation: Operation) -> Instruction:
    return moving.start(world, operation, saved=operation.args["saved"])


def _end(world: World, operation: Operation) -> Instruction | None:
    """One that was saved has its memory on the host until it runs: if it does after all, that is well."""
    return None if operation.args["saved"] else common.destroy_domain(world, operation)


REDEPLOY = register(
    Procedure(
        "redeploy",
        steps=moving.on_there(_show_prolog, _show_boot, _context, _start, _end),
        finish=moving.goes_on,
        fail=moving.failed,
    )
)


def begin(
    tx: Transaction,
    vm: Vm,
    host: Host,
    datastore: Datastore,
    caller: Caller,
    decision: dict[str, Any] | None,
) -> None:
    """Places the VM again; its disks stay in the datastore where they are."""
    saved = vm.history[-1].action == VmAction.STOP
    datastore = tx.world.datastores.get(vm.history[-1].ds_id) or datastore
    _open(
        tx,
        vm,
        caller,
        saved,
        history=opened(tx, vm, host, datastore, host.cluster_id),
        template=vm.template.with_("TM_MAD_SYSTEM", datastore.tm_mad),
        decision=decision if decision is not None else vm.decision,
    )


def retry(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Tries again, on the host where it failed."""
    _open(tx, vm, caller, FAILED[phase(vm)])


def _open(tx: Transaction, vm: Vm, caller: Caller, saved: bool, **fields: Any) -> None:
    vm = move(
        tx,
        vm,
        _PROLOG[saved],
        generation=vm.generation + 1,
        guest_generation=vm.generation + 1,
        user_template=vm.user_template.without("SCHED_MESSAGE", "ERROR"),
        **fields,
    )
    engine.start(
        tx,
        REDEPLOY,
        vm,
        caller,
        source=vm.kept_on,
        saved=saved,
    )
