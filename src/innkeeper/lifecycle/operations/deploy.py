"""Deploy: a VM that waits becomes a guest that runs on a host.

PENDING or HOLD -> PROLOG -> BOOT -> RUNNING. Everything can be undone: a failure leaves nothing on the host, and
the VM in PROLOG_FAILURE or BOOT_FAILURE, from where `recover` tries again or gives up. What cannot be undone because
the host is away is removed when it comes back (`hosts.py`).
"""

from typing import Any

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.machine import move
from innkeeper.lifecycle.stays import opened, stamped
from innkeeper.model.objects import Datastore, Host, Operation, Vm
from innkeeper.model.permissions import SYSTEM, Caller
from innkeeper.model.world import Transaction

from . import common, redeploy
from .common import vm_of


def _boot(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    move(tx, vm, "BOOT", history=stamped(vm, petime=tx.second))


def _fail(tx: Transaction, operation: Operation) -> None:
    vm = vm_of(tx.world, operation)
    vm = common.note_error(tx, vm, operation.failure)
    booting = operation.results.get("failed_step") == "guest"
    move(tx, vm, "BOOT_FAILURE" if booting else "PROLOG_FAILURE", deploy_id="")


DEPLOY = register(
    Procedure(
        "deploy",
        steps=(
            Step(
                "networks",
                why=common.NETWORKS.why + "; its undo, the last one, removes whatever there is",
                do=common.ensure_networks,
                undo=common.remove_all,
            ),
            Step(
                "disks",
                why="copying is the longest part and the likeliest to fail: before anything runs",
                do=common.ensure_disks,
            ),
            common.CONTEXT,
            Step(
                "guest",
                why="last: from here on the guest may write to its disks",
                do=common.ensure_domain,
                undo=common.destroy_domain,
                enter=_boot,
                done=common.note_domain,
            ),
        ),
        finish=common.now_running,
        fail=_fail,
    )
)


def begin(
    tx: Transaction,
    vm: Vm,
    host: Host,
    datastore: Datastore,
    caller: Caller = SYSTEM,
    decision: dict[str, Any] | None = None,
) -> None:
    """Places the VM: its capacity is taken on the host, its generation grows, its deployment starts."""
    if vm.kept_on >= 0:
        redeploy.begin(tx, vm, host, datastore, caller, decision)
        return
    vm = move(
        tx,
        vm,
        "PROLOG",
        history=opened(tx, vm, host, datastore, host.cluster_id),
        generation=vm.generation + 1,
        guest_generation=vm.generation + 1,
        template=vm.template.with_("TM_MAD_SYSTEM", datastore.tm_mad),
        user_template=vm.user_template.without("SCHED_MESSAGE", "ERROR"),
        decision=decision if decision is not None else vm.decision,
    )
    engine.start(tx, DEPLOY, vm, caller, host_id=host.id, generation=vm.generation)


def retry(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Deploys again, on the host where it failed."""
    vm = move(
        tx,
        vm,
        "PROLOG",
        generation=vm.generation + 1,
        guest_generation=vm.generation + 1,
        user_template=vm.user_template.without("ERROR"),
    )
    engine.start(tx, DEPLOY, vm, caller)
