"""What all changes of a VM where it is have in common: they lead from one template to another, or back.

While the change is under way the VM holds all that either template has (its disks and addresses are nobody else's);
in the end it holds one of the two. What undoes has a generation of its own, one above that of what does: no request
that comes late can come behind its undoing.
"""

from typing import Any

import msgspec

from innkeeper.lifecycle import descriptions, engine, files
from innkeeper.lifecycle.changes import CHANGES
from innkeeper.lifecycle.engine import Procedure
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import copied
from innkeeper.model.objects import History, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction, VmState
from innkeeper.model.template import Template, Value
from innkeeper.model.world import Transaction, World

from . import common
from .common import vm_of


def begin(
    tx: Transaction,
    procedure: Procedure,
    vm: Vm,
    caller: Caller,
    change: str,
    action: VmAction,
    *,
    held: Template,
    after: Template,
    unnoticed: bool = False,
    **args: Any,
) -> None:
    """Starts to change a VM; meanwhile it has the template `held`.

    When nobody has to be asked, because no guest runs or it does not notice, it is done at once.
    """
    origin = phase(vm)
    tx.log(vm, "action", name=change, by=caller.uid)
    if unnoticed or CHANGES[change][origin] == origin:
        _at_once(tx, vm, caller, action, after)
        return
    changing = move(
        tx,
        vm,
        CHANGES[change][origin],
        template=held,
        generation=vm.generation + 1,
        user_template=vm.user_template.without("ERROR"),
    )
    engine.start(
        tx,
        procedure,
        changing,
        caller,
        generation=vm.generation + 1,
        before=_packed(vm.template),
        after=_packed(after),
        action=int(action),
        **common.since(origin),
        **args,
    )


def _at_once(tx: Transaction, vm: Vm, caller: Caller, action: VmAction, after: Template) -> None:
    tx.change(vm, template=after, history=_recorded(tx, vm, action, caller))
    tx.wake = tx.wake or vm.state is VmState.PENDING


def _recorded(tx: Transaction, vm: Vm, action: VmAction, caller: Caller) -> tuple[History, ...]:
    """The VM's history with the change in it, if it is one that history tells of (NONE: it is not)."""
    if action is VmAction.NONE or vm.place is None:
        return vm.history
    return copied(tx, vm, action, caller)


def _packed(template: Template) -> str:
    return msgspec.json.encode(template.attributes).decode()


def _unpacked(text: str) -> Template:
    return Template(msgspec.json.decode(text, type=dict[str, tuple[Value, ...]]))


def template_of(operation: Operation) -> Template:
    """The template that the operation leads to, at the moment."""
    return _unpacked(operation.args["before" if operation.undoing else "after"])


def wanted(world: World, operation: Operation) -> Vm:
    """The VM as it is to be when the operation has ended in its present direction."""
    return msgspec.structs.replace(vm_of(world, operation), template=template_of(operation))


def before(world: World, operation: Operation) -> Vm:
    """The VM as it was."""
    template = _unpacked(operation.args["before"])
    return msgspec.structs.replace(vm_of(world, operation), template=template)


def running(operation: Operation) -> bool:
    """Does the change concern a guest that runs?"""
    return bool(operation.args["from"] == "RUNNING")


def ask(operation: Operation, verb: str, timeout: float = 60.0, **args: Any) -> Instruction:
    """An instruction for the VM's host, with the generation of its direction."""
    generation = operation.generation + operation.undoing
    directed = msgspec.structs.replace(operation, generation=generation)
    return descriptions.ask(directed, verb, timeout, **args)


def adjust(world: World, operation: Operation) -> Instruction | None:
    """The devices of the running guest as they are to be."""
    if not running(operation):
        return None
    domain = descriptions.domain(wanted(world, operation))
    return ask(operation, "domain.adjust", timeout=120.0, domain=domain)


def context(world: World, operation: Operation) -> Instruction | None:
    """The CD that tells the guest who it is to be; a guest that runs is shown it at once."""
    described = files.context(world, wanted(world, operation))
    return ask(operation, "context.ensure", **described) if described else None


def finish(tx: Transaction, operation: Operation) -> None:
    """The VM is as it was asked for."""
    caller = common.asker(operation)
    history = _recorded(tx, before(tx.world, operation), VmAction(operation.args["action"]), caller)
    _rest(tx, operation, _unpacked(operation.args["after"]), history=history)


def fail(tx: Transaction, operation: Operation) -> None:
    """The VM is as it was, and says why."""
    common.note_error(tx, vm_of(tx.world, operation), operation.failure)
    _rest(tx, operation, _unpacked(operation.args["before"]))


def abandoned(tx: Transaction, operation: Operation) -> None:
    """What takes the change's place finds the VM as it was before it."""
    _left(tx, operation, _unpacked(operation.args["before"]))


def _left(tx: Transaction, operation: Operation, template: Template, **fields: Any) -> Vm:
    """The VM that the change is done with; what was sent to undo it may have a generation more."""
    vm, owed = vm_of(tx.world, operation), bool(operation.results.get("owed"))
    generation = operation.generation + 1
    return tx.change(vm, template=template, generation=generation, unsettled=owed, **fields)


def _rest(tx: Transaction, operation: Operation, template: Template, **fields: Any) -> None:
    """Back in the phase where the change began, or where the guest was seen meanwhile."""
    vm = _left(tx, operation, template, **fields)
    if not common.as_seen(tx, operation):
        lost = running(operation) and common.out_of_sight(tx.world, operation)
        move(tx, vm, "UNKNOWN" if lost else operation.args["from"])
    tx.wake = True
