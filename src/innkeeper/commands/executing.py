"""Commands in guests (`one.vm.exec`)."""

from typing import Any

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.operations import executing as work
from innkeeper.model.errors import wrong_state
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import SYSTEM, Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from .vm_rights import operated

#: Characters of a command, and of what it is given to read.
LONGEST = 64 * 1024


def execute(tx: Transaction, caller: Caller, vm_id: int, command: str, stdin: str) -> int:
    """Has a guest that runs carry out a command with its shell."""
    return _execute(tx, caller, vm_id, command, stdin, VmAction.EXEC)


def _execute(
    tx: Transaction, caller: Caller, vm_id: int, command: str, stdin: str, action: VmAction
) -> int:
    vm = operated(tx.world, caller, vm_id, "exec")
    for name, text in (("command", command), ("stdin", stdin)):
        if len(text) > LONGEST:
            said = f"The {name} has {len(text)} characters; {LONGEST} are the most."
            raise wrong_state(said, vm_id)
    if not command.strip() or "\0" in command:
        raise wrong_state("The command is empty, or has NUL characters.", vm_id)
    shown_during(tx.world, vm, "exec")
    if vm.executing:
        raise wrong_state(f"VM {vm_id} is carrying out a command: wait, or cancel it.", vm_id)
    work.begin(tx, vm, command, stdin, caller, action)
    return vm_id


def retry(tx: Transaction, caller: Caller, vm_id: int) -> int:
    """Has the last command carried out once more."""
    vm = operated(tx.world, caller, vm_id, "exec")
    last = vm.template.vector(work.NAME)
    if last is None:
        raise wrong_state(f"VM {vm_id} has no command that could be carried out again.", vm_id)
    stdin = last.get("STDIN", "")
    return _execute(tx, caller, vm_id, last["COMMAND"], stdin, VmAction.EXEC_RETRY)


def cancel(tx: Transaction, caller: Caller, vm_id: int) -> int:
    """Ends the command that a guest is carrying out, with all that it has started."""
    vm = operated(tx.world, caller, vm_id, "exec")
    shown_during(tx.world, vm, "exec-cancel")
    if not vm.executing:
        raise wrong_state(f"VM {vm_id} is not carrying out a command.", vm_id)
    work.cancel(tx, vm, caller)
    return vm_id


# ---- while they run -------------------------------------------------------------------------------


def under_way(world: World) -> list[int]:
    """The VMs whose guests carry out a command."""
    return [vm.id for vm in world.vms if vm.executing]


def to_ask(world: World, vm: Vm) -> bool:
    """Can its guest be asked now? What came of it is only written down while nothing else changes the VM."""
    return phase(vm) == "RUNNING" and world.operation_on(vm) is None


def lost(tx: Transaction, vm_id: int, since: float, why: str) -> None:
    """Nobody will hear what came of a command that was begun then."""
    vm = _still(tx, vm_id, since)
    if vm is not None:
        work.failed(tx, vm, why)


def ended(tx: Transaction, vm_id: int, since: float, found: dict[str, Any]) -> None:
    """A command that was begun then has ended."""
    vm = _still(tx, vm_id, since)
    if vm is not None:
        work.ended(tx, vm, found)


def overdue(tx: Transaction, vm_id: int, since: float, longest: float) -> None:
    """A command that was begun then has taken longer than it may: it is ended."""
    vm = _still(tx, vm_id, since)
    if vm is not None and to_ask(tx.world, vm):
        why = f"it had not ended after {longest:g} s, and was killed"
        work.cancel(tx, vm, SYSTEM, why)


def _still(tx: Transaction, vm_id: int, since: float) -> Vm | None:
    """The VM, while it is still at that command and nothing else changes it."""
    vm = tx.world.vms.get(vm_id)
    if vm is None or vm.executing != since or tx.world.operation_on(vm) is not None:
        return None
    return vm
