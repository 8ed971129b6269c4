"""A command in a guest, by the QEMU guest agent that runs there; what came of it is in the VM's template.

RUNNING -> HOTPLUG -> RUNNING when it is begun, and again when it is ended before its time. While it runs the VM is free
for everything else: QEMU_GA_EXEC/STATUS is EXECUTING, and who asks the guest from time to time (`daemon/executions.py`)
says how it ended: DONE (whatever it returned), ERROR or CANCELLED. It is begun once at most.
"""

import base64
from typing import Any

from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.objects import Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction, VmState
from innkeeper.model.world import Transaction, World

from . import in_place
from .common import vm_of

NAME = "QEMU_GA_EXEC"
#: Seconds that a guest's agent, which may have only just been started, has to begin a command or to end one.
BEGINNING = 90.0
#: Characters of base64 that are kept of each of its outputs.
KEPT = 64 * 1024
#: The event that says that there is a command to look after.
BEGUN = "command begun"
#: States in which there is no memory of a guest that a command could go on in.
_OVER = frozenset({VmState.POWEROFF, VmState.UNDEPLOYED, VmState.DONE})


def _start(world: World, operation: Operation) -> Instruction:
    command, stdin = (operation.args[name] for name in ("command", "stdin"))
    given = base64.b64encode(stdin.encode()).decode()
    return in_place.ask(operation, "guest.start", BEGINNING, command=command, stdin=given)


def _withdraw(world: World, operation: Operation) -> Instruction:
    return in_place.ask(operation, "guest.kill", BEGINNING, begun=operation.generation)


def _noted(tx: Transaction, operation: Operation, result: dict[str, Any]) -> None:
    tx.change(operation, results={**operation.results, **result})


def _begun(tx: Transaction, operation: Operation) -> None:
    in_place.finish(tx, operation)
    vm, pid = vm_of(tx.world, operation), operation.results.get("pid")
    asked = _asked(operation)
    if pid is None:  # somebody's word that it is done tells nothing of it
        _tell(tx, vm, "ERROR", asked)
        return
    told = {**asked, "PID": str(pid), "STATUS": "EXECUTING"}
    tx.change(vm, template=vm.template.with_(NAME, told), executing=tx.now)
    tx.log(vm, BEGUN, by=operation.uid)


def _asked(operation: Operation) -> dict[str, str]:
    return {"COMMAND": operation.args["command"], "STDIN": operation.args["stdin"]}


def _not_begun(tx: Transaction, operation: Operation) -> None:
    in_place.fail(tx, operation)
    vm = vm_of(tx.world, operation)
    _tell(tx, vm, "ERROR", {**_asked(operation), "STDERR": _encoded(operation.failure)})


EXEC = register(
    Procedure(
        "exec",
        steps=(
            Step(
                "start",
                why="the only one; the host remembers with which generation it began one",
                do=_start,
                undo=_withdraw,
                done=_noted,
            ),
        ),
        finish=_begun,
        fail=_not_begun,
        abandoned=in_place.abandoned,
    )
)


def begin(
    tx: Transaction, vm: Vm, command: str, stdin: str, caller: Caller, action: VmAction
) -> None:
    """Has the guest begin a command."""
    asked = {"COMMAND": command, "STDIN": stdin, "STATUS": "EXECUTING"}
    in_place.begin(
        tx, EXEC, vm, caller, "exec", action, held=vm.template.with_(NAME, asked), after=vm.template,
        command=command, stdin=stdin,
    )  # fmt: skip


# ---- while it runs --------------------------------------------------------------------------------


def lost(vm: Vm) -> bool:
    """Is the command gone with the guest that it ran in?"""
    return vm.state in _OVER


def ended(tx: Transaction, vm: Vm, found: dict[str, Any]) -> None:
    """The command has ended by itself; its exit code and outputs."""
    _tell(tx, vm, "DONE", {
        "RETURN_CODE": str(found["code"]),
        "STDOUT": str(found["stdout"])[:KEPT],
        "STDERR": str(found["stderr"])[:KEPT],
    })  # fmt: skip


def failed(tx: Transaction, vm: Vm, why: str) -> None:
    """Nobody will hear how the command ended."""
    _tell(tx, vm, "ERROR", {"STDERR": _encoded(why)})


def _tell(tx: Transaction, vm: Vm, status: str, told: dict[str, str]) -> None:
    now = vm.template.vector(NAME) or {}
    tx.change(
        vm, template=vm.template.with_(NAME, {**now, "STATUS": status, **told}), executing=0.0
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# ---- before its time ------------------------------------------------------------------------------


def _kill(world: World, operation: Operation) -> Instruction:
    return in_place.ask(operation, "guest.kill", BEGINNING, pid=operation.args["pid"])


def _killed(tx: Transaction, operation: Operation) -> None:
    in_place.finish(tx, operation)
    vm, why = vm_of(tx.world, operation), operation.args["why"]
    if operation.results.get("state") == "ended":
        ended(tx, vm, operation.results)
    elif why:
        failed(tx, vm, why)
    else:
        _tell(tx, vm, "CANCELLED", {})


def _not_killed(tx: Transaction, operation: Operation) -> None:
    in_place.fail(tx, operation)
    failed(tx, vm_of(tx.world, operation), operation.failure)


CANCEL = register(
    Procedure(
        "exec cancel",
        steps=(
            Step(
                "kill", why="the only one; what has ended is not ended twice", do=_kill, done=_noted
            ),
        ),
        finish=_killed,
        fail=_not_killed,
        abandoned=in_place.abandoned,
    )
)


def cancel(tx: Transaction, vm: Vm, caller: Caller, why: str = "") -> None:
    """Has the guest end the command that it is carrying out; with a reason that counts as its failure."""
    pid = int((vm.template.vector(NAME) or {})["PID"])
    in_place.begin(
        tx,
        CANCEL,
        vm,
        caller,
        "exec-cancel",
        VmAction.EXEC_CANCEL,
        held=vm.template,
        after=vm.template,
        pid=pid,
        why=why,
    )
