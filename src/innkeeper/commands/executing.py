"""Commands in guests (`one.vm.exec`)."""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations import executing as work
from innkeeper.model.errors import wrong_state
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction

from .vm_rights import operated

#: Characters of a command, and of what it is given to read.
LONGEST = 64 * 1024


def execute(tx: Transaction, caller: Caller, vm_id: int, command: str, stdin: str) -> int:
    """Has a guest that runs carry out a command with its shell."""
    vm = operated(tx.world, caller, vm_id, "exec")
    for name, text in (("command", command), ("stdin", stdin)):
        if len(text) > LONGEST:
            said = f"The {name} has {len(text)} characters; {LONGEST} are the most."
            raise wrong_state(said, vm_id)
    if not command.strip():
        raise wrong_state("The command is empty.", vm_id)
    shown_during(tx.world, vm, "exec")
    work.begin(tx, vm, command, stdin, caller)
    return vm_id


def retry(tx: Transaction, caller: Caller, vm_id: int) -> int:
    """Has the last command carried out once more."""
    vm = operated(tx.world, caller, vm_id, "exec")
    last = vm.template.vector(work.NAME)
    if last is None:
        raise wrong_state(f"VM {vm_id} has no command that could be carried out again.", vm_id)
    return execute(tx, caller, vm_id, last["COMMAND"], last.get("STDIN", ""))


def cancel(tx: Transaction, caller: Caller, vm_id: int) -> int:
    """Gives up the command that a guest is carrying out; in the guest it may go on."""
    vm = operated(tx.world, caller, vm_id, "exec")
    operation = tx.world.operation_on(vm)
    if operation is None or operation.name != work.EXEC.name:
        raise wrong_state(f"VM {vm_id} is not carrying out a command.", vm_id)
    if not operation.undoing:
        engine.give_up(tx, operation, work.CANCELLED)
    return vm_id
