"""Hooks: written, noticed, recorded, done.

Theory of operation
-------------------
An execution is a record that exists before its command does. For a state hook it is made in the very transaction that
brings the object into the state: both are durable, or neither. Whoever runs commands (`daemon/hooks.py`) notes that one
begins, runs it, and notes how it ended. What had begun when the front end died is not begun again: nobody knows how far
it came, so it is logged as failed, and can be retried on request.
"""

import base64
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from innkeeper.model import hooks
from innkeeper.model.errors import BadValue, Code, Refusal, invalid
from innkeeper.model.indexes import images_of
from innkeeper.model.nouns import Hook, HookRun
from innkeeper.model.objects import Host, Image, Record, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import VmState
from innkeeper.model.world import Transaction, World, shown_state

from . import common
from .common import check_create, check_possible_name, need, needed_name, parse

#: Executions of a hook that are kept, and those that wait at most.
KEPT, MOST_WAITING = 20, 1000
#: The exit code of what could not be run, or of which nobody knows how it ended.
UNKNOWN = 255
#: The event that says that there is something to run.
DUE = "execution due"

#: The document of an object, as hooks are given it.
Render = Callable[[Record], str]


def allocate(tx: Transaction, caller: Caller, text: str, calls: Collection[str]) -> int:
    """Writes a hook. `calls` are the methods that there are hooks on."""
    check_create(tx.world, caller, Hook)
    template = parse(text)
    name = needed_name(template, Hook)
    check_possible_name(Hook, name)
    try:
        kind, template = hooks.checked(template.without("NAME"), calls)
    except BadValue as problem:
        raise invalid(f"{problem}.", mistake=problem.mistake) from None
    hook = Hook(id=tx.new_id(Hook), name=name, type=kind, template=template)
    tx.put(hook)
    tx.log(hook, "created", by=caller.uid)
    return hook.id


def update(
    tx: Transaction, caller: Caller, hook_id: int, text: str, append: int, calls: Collection[str]
) -> int:
    """Replaces or merges a hook's template; its type stays."""
    hook = need(tx.world, Hook, hook_id, caller, Right.MANAGE)
    new = parse(text).without("NAME", "TYPE")
    made = common.updated(caller, Hook.KIND, hook.template, new, append)
    if "ON" in new:
        made = made.without("STATE", "LCM_STATE")
    try:
        _, made = hooks.checked(made.with_("TYPE", hook.type), calls)
    except BadValue as problem:
        raise invalid(f"{problem}.", hook_id, problem.mistake) from None
    tx.change(hook, template=made)
    tx.log(hook, "update", by=caller.uid)
    return hook_id


def delete(tx: Transaction, caller: Caller, hook_id: int) -> int:
    """Deletes a hook and its log. What runs goes on, and nobody hears of its end."""
    hook = need(tx.world, Hook, hook_id, caller, Right.MANAGE)
    for run in runs_of(tx.world, hook_id):
        tx.delete(run)
    return common.drop(tx, caller, hook)


def runs_of(world: World, hook_id: int) -> list[HookRun]:
    """The executions of a hook, oldest first."""
    return [run for run in world.table(HookRun) if run.hook_id == hook_id]


def retry(tx: Transaction, caller: Caller, hook_id: int, run_id: int) -> int:
    """Does an execution again, with what it was given then."""
    hook = need(tx.world, Hook, hook_id, caller, Right.MANAGE)
    run = tx.world.table(HookRun).get(run_id)
    if run is None or run.hook_id != hook_id:
        text = f"Error getting execution [{run_id}] of hook [{hook_id}]."
        raise Refusal(Code.NO_EXISTS, text, run_id)
    _record(tx, hook, run.payload, run.host_id, retry=True)
    return hook_id


# ---- noticing ----------------------------------------------------------------------------------


def notice(tx: Transaction, render: Render) -> None:
    """Records the executions of state hooks that this transaction calls for."""
    waiting: dict[type[Record], list[Hook]] = {}
    for hook in tx.world.table(Hook):
        if (kind := hooks.subject(hook)) is not None:
            waiting.setdefault(kind, []).append(hook)
    for record, state, lcm_state in _entered(tx, waiting) if waiting else ():
        for hook in waiting[type(record)]:
            if hooks.waits_for(hook, state, lcm_state):
                _record(tx, hook, encoded(render(record)), _host_of(hook, record))


def _entered(tx: Transaction, kinds: Collection[type[Record]]) -> Iterator[tuple[Record, str, str]]:
    """The objects of these kinds that came into a state, and its names."""
    changed = list(tx.replaced())
    for old, new in changed:
        now = hooks.states(new) if type(new) in kinds else ()
        if now and (old is None or hooks.states(old) != now):
            state, lcm_state = (*(each.name for each in now), "")[:2]
            yield new, state, lcm_state
    if Image in kinds:
        yield from _images(tx.world, changed)


def _images(
    world: World, changed: list[tuple[Record | None, Record]]
) -> Iterator[tuple[Record, str, str]]:
    """The images whose state changed, their own or for the VMs that use them."""
    before = {new.id: old for old, new in changed if isinstance(new, Image)}
    joined: dict[int, int] = dict.fromkeys(before, 0)
    for old, new in changed:
        if isinstance(new, Vm) and not (isinstance(old, Vm) and _same_disks(old, new)):
            was, now = (_used(vm) for vm in (old, new))
            for number in was ^ now:
                joined[number] = joined.get(number, 0) + (1 if number in now else -1)
    for number, more in joined.items():
        image = world.images.get(number)
        if image is None:
            continue
        users = len(world.image_users.of(number))
        old_record = before.get(number, image)
        was_shown = (
            shown_state(old_record, used=users > more) if isinstance(old_record, Image) else None
        )
        if (state := shown_state(image, used=users > 0)) is not was_shown:
            yield image, state.name, ""


def _same_disks(old: Vm, new: Vm) -> bool:
    over = (old.state is VmState.DONE) != (new.state is VmState.DONE)
    return not over and old.template.shares(new.template, ("DISK",))


def _used(vm: Record | None) -> set[int]:
    return images_of(vm) if isinstance(vm, Vm) and vm.state is not VmState.DONE else set()


def _host_of(hook: Hook, record: Record) -> int:
    """Where the command runs: on the object's host if it is to, and has one; else on the front end."""
    if not hooks.on_host(hook):
        return -1
    if isinstance(record, Host):
        return record.id
    return record.history[-1].host_id if isinstance(record, Vm) and record.history else -1


def called(tx: Transaction, method: str, info: Callable[[], str]) -> None:
    """Records the executions of hooks on a method that succeeded; `info` is the document of the call."""
    for hook in on_method(tx.world, method):
        _record(tx, hook, encoded(info()), -1)


#: What is asked for: methods, and what hooks on them are given.
Told = list[tuple[str, Callable[[Any], str]]]
_asked: ContextVar[Told | None] = ContextVar("asked", default=None)


@contextmanager
def asked(told: Told) -> Iterator[None]:
    """Within it, the next change that a user makes is what these methods do, whichever protocol it came by."""
    token = _asked.set(told)
    try:
        yield
    finally:
        _asked.reset(token)


def done(tx: Transaction, result: object) -> None:
    """What was asked for is done, with this result: hooks on it have their executions, in the same transaction."""
    told = _asked.get() or []
    while told:
        method, info = told.pop(0)
        called(tx, method, lambda info=info: info(result))  # type: ignore[misc]


def repeated() -> None:
    """What was asked for had been done before, and calls for nothing."""
    (_asked.get() or []).clear()


def on_method(world: World, method: str) -> list[Hook]:
    """The hooks on a method."""
    return [
        hook
        for hook in world.table(Hook)
        if hook.type == hooks.API and hook.template.get("CALL") == method
    ]


def encoded(document: str) -> str:
    """A document as hooks are given it."""
    return base64.b64encode(document.encode()).decode()


def _record(
    tx: Transaction, hook: Hook, payload: str, host_id: int, *, retry: bool = False
) -> None:
    waiting = sum(1 for run in tx.world.table(HookRun) if run.hook_id == hook.id and not run.began)
    if waiting >= MOST_WAITING:
        tx.log(hook, "execution dropped", waiting=waiting)
        return
    run = HookRun(
        id=tx.new_id(HookRun), name=hook.name, hook_id=hook.id, time=tx.second, payload=payload, host_id=host_id,
        retry=retry,
    )  # fmt: skip
    tx.put(run)
    tx.log(hook, DUE, execution=run.id)


# ---- running -----------------------------------------------------------------------------------


def waiting(world: World) -> list[int]:
    """The executions that have not begun, in their order."""
    return [run.id for run in world.table(HookRun) if not run.began]


def begin(tx: Transaction, run_id: int) -> tuple[Hook, HookRun] | None:
    """Notes that an execution begins; None when it is not to any more."""
    run = tx.world.table(HookRun).get(run_id)
    hook = tx.world.table(Hook).get(run.hook_id) if run else None
    if run is None or hook is None or run.began:
        return None
    return hook, tx.change(run, began=tx.second)


def finish(tx: Transaction, run_id: int, code: int, stdout: str, stderr: str) -> None:
    """Notes how an execution ended (outputs in base64), and drops the oldest that are too many."""
    run = tx.world.table(HookRun).get(run_id)
    hook = tx.world.table(Hook).get(run.hook_id) if run else None
    if run is None or hook is None or run.ended:
        return
    tx.change(run, ended=tx.second, code=code, stdout=stdout, stderr=stderr)
    tx.log(hook, "execution", execution=run_id, code=code)
    done = [each for each in runs_of(tx.world, hook.id) if each.ended]
    for old in done[:-KEPT]:
        tx.delete(old)


def interrupted(tx: Transaction) -> None:
    """At the start: what had begun before will not be heard of any more."""
    for run in list(tx.world.table(HookRun)):
        if run.began and not run.ended:
            finish(tx, run.id, UNKNOWN, "", encoded("the front end ended while the command ran"))
