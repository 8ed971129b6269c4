"""A command in a guest, by the QEMU guest agent that runs there; what came of it is in the VM's template.

RUNNING -> HOTPLUG -> RUNNING; QEMU_GA_EXEC/STATUS EXECUTING -> DONE (whatever it returned), ERROR or CANCELLED.
It is begun once at most: one of which nobody hears the end, or that is given up, may go on in the guest.
"""

import base64
from typing import Any

from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import in_place
from .common import vm_of

NAME = "QEMU_GA_EXEC"
#: Seconds that a command may take, and that starting it and telling its end may take besides.
LONGEST, SLACK = 60.0, 60.0
#: Characters of base64 that are kept of each of its outputs.
KEPT = 64 * 1024
CANCELLED = "cancelled"


def _run(world: World, operation: Operation) -> Instruction:
    stdin = base64.b64encode(operation.args["stdin"].encode()).decode()
    return in_place.ask(
        operation, "guest.exec", LONGEST + SLACK, command=operation.args["command"], stdin=stdin, seconds=LONGEST
    )  # fmt: skip


def _heard(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    told = {
        "RETURN_CODE": str(result.get("code", "")),
        "STDOUT": str(result.get("stdout", ""))[:KEPT],
        "STDERR": str(result.get("stderr", ""))[:KEPT],
    }
    tx.change(operation, results={**operation.results, "told": told})


def _tell(tx: Transaction, operation: Operation, status: str, told: dict[str, str]) -> None:
    vm, args = vm_of(tx.world, operation), operation.args
    asked = {"COMMAND": args["command"], "STDIN": args["stdin"], "STATUS": status}
    tx.change(vm, template=vm.template.with_(NAME, asked | told))


def _done(tx: Transaction, operation: Operation) -> None:
    in_place.finish(tx, operation)
    told = operation.results.get("told")  # somebody's word that it is done tells nothing of it
    _tell(tx, operation, "DONE" if told else "ERROR", told or {})


def _failed(tx: Transaction, operation: Operation) -> None:
    said = vm_of(tx.world, operation).user_template
    in_place.fail(tx, operation)
    why = base64.b64encode(operation.failure.encode()).decode()
    cancelled = operation.failure.endswith(CANCELLED)
    if cancelled:
        tx.change(vm_of(tx.world, operation), user_template=said)
    _tell(tx, operation, "CANCELLED" if cancelled else "ERROR", {"STDERR": why})


EXEC = register(
    Procedure(
        "exec",
        steps=(
            Step(
                "run",
                why="the only one; not tried again, so that it does not run twice",
                do=_run,
                done=_heard,
                retries=0,
            ),
        ),
        finish=_done,
        fail=_failed,
        abandoned=in_place.abandoned,
    )
)


def begin(tx: Transaction, vm: Vm, command: str, stdin: str, caller: Caller) -> None:
    """Has the guest run a command."""
    asked = {"COMMAND": command, "STDIN": stdin, "STATUS": "EXECUTING"}
    in_place.begin(
        tx, EXEC, vm, caller, "exec", VmAction.NONE, held=vm.template.with_(NAME, asked), after=vm.template,
        command=command, stdin=stdin,
    )  # fmt: skip
