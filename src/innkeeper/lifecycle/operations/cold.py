"""Cold migration: a guest stops, its files go to another host, and it goes on there as it was before.

RUNNING -> SAVE_MIGRATE -> PROLOG_MIGRATE -> BOOT_MIGRATE (or BOOT, when it was shut down) -> RUNNING;
POWEROFF, SUSPENDED and UNKNOWN -> PROLOG_MIGRATE_POWEROFF, _SUSPEND, _UNKNOWN -> POWEROFF, SUSPENDED, RUNNING.
What the old host has is touched only when all has arrived and, if it is to run, runs: a failure on the way leaves
nothing on the new host and the VM in a failure state, from where `recover` tries again, or goes back.
"""

from innkeeper.lifecycle import engine
from innkeeper.lifecycle.descriptions import ask_at
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.kept import remove_at
from innkeeper.lifecycle.machine import move, phase
from innkeeper.lifecycle.messages import Instruction
from innkeeper.lifecycle.stays import moved, returned
from innkeeper.model.objects import Host, Operation, Vm
from innkeeper.model.permissions import SYSTEM, Caller
from innkeeper.model.states import VmAction
from innkeeper.model.world import Transaction, World

from . import common, moving, resume
from .common import vm_of
from .moving import source_of
from .poweroff import PATIENCE

#: How the guest is stopped: its memory saved, by its power button, or by its plug.
SAVE, SHUT_DOWN, PULL = 0, 1, 2
ACTIONS = {
    SAVE: VmAction.MIGRATE,
    SHUT_DOWN: VmAction.POWEROFF_MIGRATE,
    PULL: VmAction.POWEROFF_HARD_MIGRATE,
}
#: Where the VM was -> what it is shown in while its files are on their way.
_PROLOG = {
    "RUNNING": "PROLOG_MIGRATE",
    "POWEROFF": "PROLOG_MIGRATE_POWEROFF",
    "SUSPENDED": "PROLOG_MIGRATE_SUSPEND",
    "UNKNOWN": "PROLOG_MIGRATE_UNKNOWN",
}
#: Failure state -> where the VM was.
FAILED = {f"{shown}_FAILURE": origin for origin, shown in _PROLOG.items()}
FAILED["BOOT_MIGRATE_FAILURE"] = "RUNNING"


def _saved(operation: Operation) -> bool:
    """Does the guest's memory go along?"""
    origin, how = operation.args["from"], operation.args["how"]
    return bool(origin == "SUSPENDED" or (origin == "RUNNING" and how == SAVE))


def _stop(world: World, operation: Operation) -> Instruction | None:
    """The old host must know that the guest does not run, and refuse to start it again, whatever it was before."""
    source = source_of(operation)
    if operation.args.get("stopped"):
        return None
    if _saved(operation):
        return ask_at(source, operation, "domain.save", timeout=600.0)
    if operation.args["from"] == "RUNNING" and operation.args["how"] == SHUT_DOWN:
        return ask_at(source, operation, "domain.shutdown", PATIENCE + 30, patience=PATIENCE)
    return ask_at(source, operation, "domain.destroy")


def _show_stopping(tx: Transaction, operation: Operation) -> None:
    if operation.args["from"] == "RUNNING" and not operation.args.get("stopped"):
        move(tx, vm_of(tx.world, operation), "SAVE_MIGRATE")
    else:
        _show_moving(tx, operation)


def _show_moving(tx: Transaction, operation: Operation) -> None:
    move(tx, vm_of(tx.world, operation), _PROLOG[operation.args["from"]])


def _runs_afterwards(operation: Operation) -> bool:
    return operation.args["from"] in ("RUNNING", "UNKNOWN")


def _show_booting(tx: Transaction, operation: Operation) -> None:
    if _runs_afterwards(operation):
        shown = "BOOT_MIGRATE" if _saved(operation) else "BOOT"
        move(tx, vm_of(tx.world, operation), shown)


def _context(world: World, operation: Operation) -> Instruction | None:
    if not _runs_afterwards(operation) or _saved(operation):
        return None
    return common.ensure_context(world, operation)


def _start(world: World, operation: Operation) -> Instruction | None:
    if not _runs_afterwards(operation):
        return None
    return moving.start(world, operation, saved=_saved(operation))


def _end(world: World, operation: Operation) -> Instruction | None:
    return common.destroy_domain(world, operation) if _runs_afterwards(operation) else None


def _finish(tx: Transaction, operation: Operation) -> None:
    if _runs_afterwards(operation):
        moving.goes_on(tx, operation)
    else:
        generation = operation.generation
        moving.arrived(tx, operation, operation.args["from"], guest_generation=generation)


def _fail(tx: Transaction, operation: Operation) -> None:
    if operation.results.get("failed_step") == "stop":
        _did_not_stop(tx, operation)
    else:
        moving.failed(tx, operation)


def _did_not_stop(tx: Transaction, operation: Operation) -> None:
    """It is where it was, as far as its host can tell."""
    origin = operation.args["from"]
    host = tx.world.hosts.get(source_of(operation))
    lost = origin == "RUNNING" and (host is None or bool(host.error))
    moving.back(tx, operation, moving.left_as(operation) or ("UNKNOWN" if lost else origin))


COLD = register(
    Procedure(
        "migrate",
        steps=(
            Step(
                "stop",
                why="first: nothing of it may be taken elsewhere while it could write here; not tried again, because "
                "the guest has had its time",
                do=_stop,
                enter=_show_stopping,
                retries=0,
                proof=True,
            ),
            *moving.on_there(_show_moving, _show_booting, _context, _start, _end),
        ),
        finish=_finish,
        fail=_fail,
    )
)


def begin(
    tx: Transaction, vm: Vm, host: Host, datastore_id: int, caller: Caller, how: int = SAVE
) -> None:
    """Takes the VM to another host, stopped on the way."""
    origin, source = phase(vm), vm.history[-1].host_id
    vm = tx.change(
        common.anew(tx, vm),
        history=moved(tx, vm, host, datastore_id, ACTIONS[how], caller),
        kept_on=source,
        resched=False,
        user_template=vm.user_template.without("ERROR"),
    )
    _open(tx, vm, caller, origin, how)


def _open(
    tx: Transaction, vm: Vm, caller: Caller, origin: str, how: int, *, stopped: bool = False
) -> None:
    engine.start(
        tx,
        COLD,
        vm,
        caller,
        source=vm.kept_on,
        how=how,
        stopped=stopped,
        **common.since(origin),
    )


def failed(vm: Vm) -> bool:
    """Is it in a state in which such a migration has failed?"""
    return vm.kept_on >= 0 and (phase(vm) in FAILED or phase(vm) == "BOOT_FAILURE")


def _origin_of(vm: Vm) -> tuple[str, int]:
    """Where a VM was whose migration has failed, and how it was stopped."""
    by_action = {action: how for how, action in ACTIONS.items()}
    how = by_action.get(VmAction(vm.history[-2].action), SAVE)
    if phase(vm) == "BOOT_FAILURE":
        return ("UNKNOWN" if how == SAVE else "RUNNING"), how
    return FAILED[phase(vm)], how


def retry(tx: Transaction, vm: Vm, caller: Caller) -> None:
    """Tries again to bring it to the host where it failed."""
    origin, how = _origin_of(vm)
    vm = tx.change(common.anew(tx, vm), user_template=vm.user_template.without("ERROR"))
    _open(tx, vm, caller, origin, how, stopped=True)


def go_back(tx: Transaction, vm: Vm, caller: Caller = SYSTEM) -> None:
    """The VM is on its old host again; a guest that ran goes on there."""
    origin, how = _origin_of(vm)
    source = vm.kept_on
    target = vm.history[-1].host_id
    vm = common.anew(tx, vm)
    remove_at(tx, vm, target)
    to = (
        "SUSPENDED"
        if origin == "SUSPENDED" or (origin == "RUNNING" and how == SAVE)
        else "POWEROFF"
    )
    history = returned(tx, vm, source)
    vm = move(tx, vm, to, history=history, kept_on=-1)
    if origin in ("RUNNING", "UNKNOWN"):
        resume.begin(tx, vm, caller)
