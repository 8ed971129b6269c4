"""What may be asked of a VM, in which phase, and what it starts: one table (spec: states.md sections 4 and 5)."""

from collections.abc import Callable

from innkeeper.model import hypervisors
from innkeeper.model.errors import wrong_state
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import FAILURES, LcmState, VmAction, VmState
from innkeeper.model.world import Transaction

from . import engine
from .kept import let_go
from .machine import move, phase
from .operations import (
    cleanup,
    cold,
    deploy,
    images,
    poweroff,
    reboot,
    redeploy,
    resume,
    stop,
    suspend,
    terminate,
)
from .operations.common import anew

Start = Callable[[Transaction, Vm, Caller], None]


def _hold(tx: Transaction, vm: Vm, caller: Caller) -> None:
    move(tx, vm, "HOLD")


def _release(tx: Transaction, vm: Vm, caller: Caller) -> None:
    move(tx, vm, "PENDING")
    tx.wake = True


def _poweroff(tx: Transaction, vm: Vm, caller: Caller) -> None:
    poweroff.begin(tx, vm, caller, hard=False)


def _poweroff_hard(tx: Transaction, vm: Vm, caller: Caller) -> None:
    poweroff.begin(tx, vm, caller, hard=True)


def _reboot(tx: Transaction, vm: Vm, caller: Caller) -> None:
    reboot.begin(tx, vm, caller, hard=False)


def _reboot_hard(tx: Transaction, vm: Vm, caller: Caller) -> None:
    reboot.begin(tx, vm, caller, hard=True)


def _undeploy(tx: Transaction, vm: Vm, caller: Caller) -> None:
    stop.undeploy(tx, vm, caller, hard=False)


def _undeploy_hard(tx: Transaction, vm: Vm, caller: Caller) -> None:
    stop.undeploy(tx, vm, caller, hard=True)


def _resubmit(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """A VM that gave its place up waits for another one."""
    move(tx, vm, "PENDING")
    tx.wake = True


def _resched(tx: Transaction, vm: Vm, caller: Caller) -> None:
    tx.change(vm, resched=True)
    tx.wake = True


def _unresched(tx: Transaction, vm: Vm, caller: Caller) -> None:
    tx.change(vm, resched=False)


def _terminate(tx: Transaction, vm: Vm, caller: Caller) -> None:
    terminate.begin(tx, vm, caller, hard=False)


def _terminate_hard(tx: Transaction, vm: Vm, caller: Caller) -> None:
    terminate.begin(tx, vm, caller, hard=True)


def _done_at_once(tx: Transaction, vm: Vm, caller: Caller) -> None:
    terminate.done(tx, vm, VmAction.TERMINATE, caller)


def _clean(tx: Transaction, vm: Vm, caller: Caller) -> None:
    cleanup.begin(tx, vm, caller)


def _nothing(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Asked again of a VM that is DONE: it is."""


_NO_PLACE = dict.fromkeys(("PENDING", "HOLD", "CLONING", "CLONING_FAILURE"), _done_at_once)
_FAILED = dict.fromkeys(sorted(state.name for state in FAILURES), _clean)

#: action -> phase in which it is accepted -> what it starts.
ACTIONS: dict[str, dict[str, Start]] = {
    "hold": {"PENDING": _hold},
    "release": {"HOLD": _release},
    "suspend": {"RUNNING": suspend.begin},
    "resume": {
        "POWEROFF": resume.begin, "SUSPENDED": resume.begin, "UNKNOWN": resume.begin,
        "STOPPED": _resubmit, "UNDEPLOYED": _resubmit,
    },
    "stop": {"RUNNING": stop.stop, "SUSPENDED": stop.stop},
    "undeploy": {"RUNNING": _undeploy, "UNKNOWN": _undeploy, "POWEROFF": _undeploy},
    "undeploy-hard": {
        "RUNNING": _undeploy_hard, "UNKNOWN": _undeploy_hard, "POWEROFF": _undeploy_hard,
        "SHUTDOWN_UNDEPLOY": _undeploy_hard,
    },
    # OpenNebula has no way to empty a host of its SUSPENDED VMs; here they move with their saved memory.
    "resched": dict.fromkeys(("RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"), _resched),
    "unresched": dict.fromkeys(("RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED"), _unresched),
    "poweroff": {"RUNNING": _poweroff, "UNKNOWN": _poweroff},
    "poweroff-hard": {
        "RUNNING": _poweroff_hard, "UNKNOWN": _poweroff_hard, "SHUTDOWN_POWEROFF": _poweroff_hard,
    },
    "reboot": {"RUNNING": _reboot},
    "reboot-hard": {"RUNNING": _reboot_hard},
    "terminate": {
        "RUNNING": _terminate, "UNKNOWN": _terminate, "POWEROFF": _terminate, "SUSPENDED": _terminate,
        "STOPPED": _terminate, "UNDEPLOYED": _terminate,
        **_NO_PLACE, **_FAILED, "DONE": _nothing,
    },
    "terminate-hard": {
        "RUNNING": _terminate_hard, "UNKNOWN": _terminate_hard, "SHUTDOWN": _terminate_hard,
        "POWEROFF": _terminate_hard, "SUSPENDED": _terminate_hard,
        "STOPPED": _terminate_hard, "UNDEPLOYED": _terminate_hard,
        **_NO_PLACE, **_FAILED, "DONE": _nothing,
    },
}  # fmt: skip

#: Phases in which an action may come although an operation is open (it takes its place).
_INTERRUPTS = frozenset({"SHUTDOWN", "SHUTDOWN_POWEROFF", "SHUTDOWN_UNDEPLOY"})


def act(tx: Transaction, vm: Vm, action: str, caller: Caller) -> None:
    """Starts an action, or refuses it with the state it found."""
    accepted = ACTIONS.get(action)
    if accepted is None:
        raise wrong_state(f'Action "{action}" is not supported', vm.id)
    now = phase(vm)
    start = accepted.get(now)
    if start is None:
        raise wrong_state(
            f'Error performing action "{action}": This action is not available for state {now}',
            vm.id,
        )
    hypervisors.check(vm, action=action)
    under_way = tx.world.operation_on(vm)
    if under_way is not None and now not in _INTERRUPTS:
        raise wrong_state(
            f'Error performing action "{action}": VM is busy ({under_way.name})', vm.id
        )
    tx.log(vm, "action", name=action, by=caller.uid)
    start(tx, tx.change(vm, resched=False) if vm.resched else vm, caller)


def recover(tx: Transaction, vm: Vm, how: int, caller: Caller) -> None:
    """Recover operations 0 to 5: failure, success, retry, delete, delete-recreate, delete-db."""
    if how not in _RECOVERIES:
        raise wrong_state(f"Recovery operation {how} is not one of 0 to 5", vm.id)
    tx.log(vm, "action", name="recover", how=how, by=caller.uid)
    _RECOVERIES[how](tx, tx.change(vm, resched=False) if vm.resched else vm, caller)


def _active(vm: Vm) -> None:
    if vm.state not in (VmState.ACTIVE, VmState.CLONING_FAILURE):
        raise wrong_state(f"Recover is not available for state {phase(vm)}", vm.id)


def _recover_failure(tx: Transaction, vm: Vm, caller: Caller) -> None:
    _active(vm)
    operation = tx.world.operation_on(vm)
    if operation is not None:
        engine.give_up(tx, operation, "given up by an administrator")
    elif cold.failed(vm):
        cold.go_back(tx, vm, caller)


def _recover_success(tx: Transaction, vm: Vm, caller: Caller) -> None:
    _active(vm)
    operation = tx.world.operation_on(vm)
    if operation is not None:
        engine.taken_for_done(tx, operation)
    elif vm.lcm_state is LcmState.UNKNOWN:
        move(tx, vm, "RUNNING")


def _recover_retry(tx: Transaction, vm: Vm, caller: Caller) -> None:
    _active(vm)
    now = phase(vm)
    if tx.world.operation_on(vm) is not None:
        engine.retry(tx, tx.world.operation_on(vm))
    elif cold.failed(vm):
        cold.retry(tx, vm, caller)
    elif now in redeploy.FAILED:
        redeploy.retry(tx, vm, caller)
    elif now in ("PROLOG_FAILURE", "BOOT_FAILURE"):
        deploy.retry(tx, vm, caller)
    elif now == "CLONING_FAILURE":
        images.wait_again(tx, vm)
    elif now == "EPILOG_FAILURE":
        terminate.begin(tx, vm, caller, hard=True)


def _recover_delete(tx: Transaction, vm: Vm, caller: Caller) -> None:
    if vm.state is VmState.DONE:
        return
    if vm.place is None:
        terminate.done(tx, _left_alone(tx, vm, "delete"), VmAction.DELETE, caller)
    elif phase(vm) != "CLEANUP_DELETE":
        cleanup.begin(tx, vm, caller, forced=True)


def _recover_recreate(tx: Transaction, vm: Vm, caller: Caller) -> None:
    if vm.state is VmState.DONE:
        raise wrong_state("Recover delete-recreate is not available for state DONE", vm.id)
    if vm.place is not None and phase(vm) not in ("CLEANUP_DELETE", "CLEANUP_RESUBMIT"):
        cleanup.begin(tx, vm, caller, recreate=True)
    elif vm.state in (VmState.HOLD, VmState.STOPPED, VmState.UNDEPLOYED):
        _release(tx, let_go(tx, vm), caller)


def _recover_forget(tx: Transaction, vm: Vm, caller: Caller) -> None:
    if vm.state is VmState.DONE:
        return
    terminate.done(tx, _left_alone(tx, vm, "delete-db"), VmAction.DELETE, caller)


def _left_alone(tx: Transaction, vm: Vm, why: str) -> Vm:
    """The VM without the work that was under way on it, none of which can come behind what is done now."""
    operation = tx.world.operation_on(vm)
    if operation is not None:
        engine.abandon(tx, operation, why)
    return anew(tx, tx.world.vms[vm.id])


_RECOVERIES: dict[int, Start] = {
    0: _recover_failure,
    1: _recover_success,
    2: _recover_retry,
    3: _recover_delete,
    4: _recover_recreate,
    5: _recover_forget,
}
