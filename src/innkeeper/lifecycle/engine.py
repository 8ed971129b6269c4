"""Runs operations: durable work of many steps, each done by an agent, with undo.

Theory of operation
-------------------
An operation is a row in the world (`Operation`) and a table of steps in the code (`Procedure`). The row says
which step is under way and in which direction. Entering a step sends its instruction once the row is
durable; the reply moves the row on. So whatever dies between any two lines, the row tells what was under way,
and `resume` sends that instruction again: steps are idempotent, at least once is enough.

A failure that may pass is tried again with growing delays. A failure that stays, before the point of no return,
turns the direction: the steps' undos run from the failed step (whose effect may have happened) back to the
first. An undo that cannot be done (the host is away) is owed, not forgotten: the VM's generation has moved on, and
what a host reports when it comes back is compared with the world, and strangers are removed (`hosts.py`).
After the point of no return nothing is undone: the operation ends in its failure state, and can be tried again.

Replies are matched to the row by operation, step and direction: late and doubled ones fall through.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from innkeeper.model import hypervisors
from innkeeper.model.errors import InvariantBroken, wrong_state
from innkeeper.model.objects import Operation, Record, Vm
from innkeeper.model.permissions import SYSTEM, Caller
from innkeeper.model.world import Transaction, World

from .messages import PASSING, Instruction, Reply

#: How often a failure that may pass is tried again, and the first delay (doubled each time).
RETRIES = 3
FIRST_DELAY = 1.0

Ask = Callable[[World, Operation], Instruction | None]
Note = Callable[[Transaction, Operation], None]
Outcome = Callable[[Transaction, Operation, dict[str, Any]], None]


def nothing(*_: Any) -> None:
    """No effect on the world."""


@dataclass(frozen=True)
class Step:
    """One idempotent piece of an operation.

    `do` and `undo` say what to ask an agent (None: nothing to ask). `enter` changes the world when the step
    begins (again after a restart: it must not mind), `done` when it succeeded. What follows a step with `proof` is
    safe only when its host itself has said that it is done: nobody else's word will do.
    """

    name: str
    why: str
    do: Ask
    undo: Ask | None = None
    enter: Note = nothing
    done: Outcome = nothing
    retries: int = RETRIES
    proof: bool = False


@dataclass(frozen=True)
class Procedure:
    """An operation's table of steps. Steps from `no_return` on are never undone ("" : all can be).

    `finish` runs after the last step, `fail` when everything is undone or a step past the point of no
    return has failed for good. `abandoned` puts the target's record in order when something else takes the
    operation's place.
    """

    name: str
    steps: tuple[Step, ...]
    finish: Note
    fail: Note
    no_return: str = ""
    abandoned: Note = nothing
    _index: dict[str, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._index.update({step.name: number for number, step in enumerate(self.steps)})

    def undoable(self, step: int) -> bool:
        """May a failure at this step still be undone?"""
        return not self.no_return or step < self._index[self.no_return]


PROCEDURES: dict[str, Procedure] = {}
#: What else wants to know that no operation works on an object any more.
AT_REST: list[Callable[[Transaction, Record], None]] = []


def register(procedure: Procedure) -> Procedure:
    """Makes a procedure known by its name."""
    if procedure.name in PROCEDURES:
        raise InvariantBroken(f"two procedures are called {procedure.name}")
    PROCEDURES[procedure.name] = procedure
    return procedure


def target_of(world: World, operation: Operation) -> Any:
    """The object that an operation works on."""
    return world.tables[operation.target_kind][operation.target]


def start(
    tx: Transaction,
    procedure: Procedure,
    target: Record,
    caller: Caller = SYSTEM,
    *,
    host_id: int | None = None,
    generation: int | None = None,
    **args: Any,
) -> None:
    """Begins an operation on an object that has none open; that on a VM is done where it is, as what it is now."""
    if tx.world.operation_on(target) is not None:
        raise InvariantBroken(f"{target.KIND} {target.id} has an open operation already")
    if isinstance(target, Vm):
        hypervisors.check(target, procedure=procedure.name)
        host_id = target.history[-1].host_id if host_id is None else host_id
        generation = target.generation if generation is None else generation
    host_id = -1 if host_id is None else host_id
    operation = Operation(
        id=tx.new_id(Operation),
        name=procedure.name,
        target_kind=target.KIND,
        target=target.id,
        host_id=host_id,
        generation=generation or 0,
        args=args,
        started=tx.now,
        uid=caller.uid,
        gid=caller.gid,
    )
    tx.put(operation)
    tx.log(target, "operation", name=procedure.name, stage="started", host=host_id, by=caller.uid)
    _begin(tx, operation)


def abandon(tx: Transaction, operation: Operation, why: str) -> None:
    """Ends an operation without undo: what replaces it takes care of its effects."""
    _close(tx, operation, "replaced", why)
    PROCEDURES[operation.name].abandoned(tx, operation)


def _close(tx: Transaction, operation: Operation, how: str, why: str) -> None:
    """The operation is no more; the event log keeps how it ended, under its target and under its own number."""
    target = target_of(tx.world, operation)
    tx.delete(operation)
    tx.log(target, "operation", name=operation.name, stage=how, why=why)
    tx.log(
        operation,
        "ended",
        name=operation.name,
        target_kind=operation.target_kind,
        target=operation.target,
        stage=how,
        why=why,
        started=operation.started,
        by=operation.uid,
    )


def reply(tx: Transaction, message: Reply) -> None:
    """Takes an agent's answer; one that does not belong to what is under way changes nothing."""
    operation = tx.world.operations.get(message.operation)
    if operation is None or message.step != operation.step or message.undoing != operation.undoing:
        return
    if not message.code:
        succeeded(tx, operation, message.result)
    elif message.tries == operation.tries:
        _failed(tx, operation, message.code, message.message)


def succeeded(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    """The step under way has been done (or undone)."""
    if operation.undoing:
        _undo_from(tx, operation, operation.step - 1)
        return
    step = PROCEDURES[operation.name].steps[operation.step]
    step.done(tx, operation, result)
    current = tx.world.operations.get(operation.id)
    if current is not None:
        _begin(tx, tx.change(current, step=current.step + 1, tries=0))


def taken_for_done(tx: Transaction, operation: Operation) -> None:
    """An administrator says that the step under way has been done."""
    step = PROCEDURES[operation.name].steps[operation.step]
    if step.proof and not operation.undoing:
        text = f"Only the host can tell that step {step.name!r} of {operation.name} is done"
        raise wrong_state(text, operation.target)
    succeeded(tx, operation, {})


def give_up(tx: Transaction, operation: Operation, why: str) -> None:
    """The step under way counts as failed for good."""
    _failed(tx, operation, "refused", why)


def cancellable(operation: Operation) -> bool:
    """Can what was done so far still be undone (or is it already)?"""
    return operation.undoing or PROCEDURES[operation.name].undoable(operation.step)


def cancel(tx: Transaction, operation: Operation, why: str) -> None:
    """Undoes what was done so far; refuses from the point of no return on."""
    if not cancellable(operation):
        procedure = PROCEDURES[operation.name]
        raise wrong_state(
            f"Operation {operation.id} ({operation.name}) is past its point of no return,"
            f" {procedure.no_return!r}: it is at {procedure.steps[operation.step].name!r}",
            operation.id,
        )
    if not operation.undoing:
        give_up(tx, operation, why)


def retry(tx: Transaction, operation: Operation | None) -> None:
    """Sends again what is under way, at once."""
    if operation is not None:
        _send_again(tx, tx.change(operation, tries=0))


def resume(tx: Transaction, number: int) -> None:
    """After a restart: sends again what was under way in an operation, if there still is anything."""
    operation = tx.world.operations.get(number)
    if operation is not None:
        _send_again(tx, operation)


def _send_again(tx: Transaction, operation: Operation) -> None:
    """Sends what is under way; a step that asks for nothing any more is passed over."""
    instruction = _instruction(tx.world, operation)
    if instruction is not None:
        tx.tell(instruction)
    elif operation.undoing:
        _undo_from(tx, operation, operation.step)
    else:
        _begin(tx, operation)


def _begin(tx: Transaction, operation: Operation) -> None:
    """Enters the step under way, or ends the operation after the last one."""
    procedure = PROCEDURES[operation.name]
    while operation.step < len(procedure.steps):
        procedure.steps[operation.step].enter(tx, operation)
        instruction = _instruction(tx.world, operation)
        if instruction is not None:
            tx.tell(instruction)
            return
        operation = tx.change(operation, step=operation.step + 1)
    _end(tx, operation, procedure.finish, "finished")


def _instruction(world: World, operation: Operation) -> Instruction | None:
    step = PROCEDURES[operation.name].steps[operation.step]
    ask = step.undo if operation.undoing else step.do
    asked = None if ask is None else ask(world, operation)
    if asked is None:
        return None
    delay = FIRST_DELAY * 2 ** (operation.tries - 1) if operation.tries else 0.0
    return Instruction(
        place=asked.place,
        verb=asked.verb,
        args=asked.args,
        timeout=asked.timeout,
        operation=operation.id,
        step=operation.step,
        undoing=operation.undoing,
        tries=operation.tries,
        delay=delay,
    )


def _failed(tx: Transaction, operation: Operation, code: str, message: str) -> None:
    procedure = PROCEDURES[operation.name]
    step = procedure.steps[operation.step]
    tx.log(
        target_of(tx.world, operation),
        "step failed",
        operation=operation.name,
        step=step.name,
        undoing=operation.undoing,
        code=code,
        message=message,
    )
    if code in PASSING and code != "unreachable" and operation.tries < step.retries:
        _send_again(tx, tx.change(operation, tries=operation.tries + 1))
        return
    if operation.undoing:
        tx.log(target_of(tx.world, operation), "undo owed", step=step.name, host=operation.host_id)
        operation = tx.change(operation, results={**operation.results, "owed": True})
        _undo_from(tx, operation, operation.step - 1)
        return
    failure = f"{step.name}: {message}" if message else step.name
    operation = tx.change(
        operation,
        failure=failure,
        results={**operation.results, "failed_step": step.name, "code": code},
    )
    if procedure.undoable(operation.step):
        _undo_from(tx, tx.change(operation, undoing=True), operation.step)
    else:
        _end(tx, operation, procedure.fail, "failed")


def _undo_from(tx: Transaction, operation: Operation, step: int) -> None:
    """Undoes from this step back to the first."""
    for number in range(step, -1, -1):
        operation = tx.change(operation, step=number, tries=0)
        instruction = _instruction(tx.world, operation)
        if instruction is not None:
            tx.tell(instruction)
            return
    _end(tx, operation, PROCEDURES[operation.name].fail, "undone")


def _end(tx: Transaction, operation: Operation, then: Note, how: str) -> None:
    _close(tx, operation, how, operation.failure)
    then(tx, operation)
    rests = tx.world.tables[operation.target_kind].get(operation.target)
    if rests is not None and tx.world.operation_on(rests) is None:
        for look in AT_REST:
            look(tx, rests)
