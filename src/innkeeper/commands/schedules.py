"""Scheduled actions of VMs: added, changed, taken away, and carried out when they are due.

Theory of operation
-------------------
An action is part of its VM's record. Carrying it out is one transaction, which notes that its time was served (and the
next time) and starts the action: whatever dies, either both are durable or neither, so no time is served twice. What is
refused is rolled back, and noted with the reason in a transaction of its own: that time was served, too.
While the front end is away nothing is carried out. When it is back, what should have happened once happens now,
however late; of what repeats, times that are more than `LATE` ago are passed over, and said to be: the machine that is
to be off at night is not switched off in the morning. Never is one action carried out for two of its times at once.
It runs on behalf of whoever scheduled it, with the rights that they have then.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo

from innkeeper.model import schedule
from innkeeper.model.errors import Code, Refusal, invalid, wrong_state
from innkeeper.model.objects import ScheduledAction, User, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.schedule import Repeat, ScheduleProblem
from innkeeper.model.states import VmState
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction

from .auth import caller_of
from .common import check_right, need, parse
from .core import Core

#: The events after which something else may be due next.
RESCHEDULING = frozenset({"created", "scheduled", "rescheduled", "unscheduled"})
#: Seconds after which a time of something that repeats is not made up for.
LATE = 3600
#: Seconds after which the clock is looked at again: somebody may have set it.
LOOK_AGAIN = 60.0
#: Scheduled actions that a VM has at most.
MOST = 256

#: Carries out an action on a VM, given its ARGS.
Perform = Callable[[Transaction, Caller, int, str], object]

#: What can be scheduled: the right on the VM that it needs, and how it is carried out. Commands offer themselves.
OFFERED: dict[str, tuple[Right, Perform]] = {}


def offer(action: str, right: Right, perform: Perform) -> None:
    """Lets an action be scheduled."""
    OFFERED[action] = right, perform


def add(tx: Transaction, caller: Caller, vm_id: int, text: str) -> int:
    """Schedules an action; its number."""
    vm = need(tx.world, Vm, vm_id, caller, Right.MANAGE)
    if vm.state is VmState.DONE:
        raise invalid("Scheduled actions cannot be added: the VM is DONE", vm_id)
    made = _made(tx, caller, vm, _vector(text))
    tx.change(vm, schedule=(*vm.schedule, made))
    tx.log(vm, "scheduled", schedule=made.id, action=made.name, time=made.time, by=caller.uid)
    return made.id


def update(tx: Transaction, caller: Caller, vm_id: int, number: int, text: str) -> int:
    """Changes the attributes that are given of a scheduled action."""
    vm = need(tx.world, Vm, vm_id, caller, Right.MANAGE)
    old = _found(vm, number)
    known = {k: v for k, v in schedule.attributes(old, vm_id).items() if k in _CHANGEABLE}
    given = _vector(text)
    if "REPEAT" in given and given["REPEAT"] != known["REPEAT"]:
        known = {k: v for k, v in known.items() if k not in ("DAYS", "END_TYPE", "END_VALUE")}
    made = _made(tx, caller, vm, {**known, **given}, old)
    changed = tuple(made if action.id == number else action for action in vm.schedule)
    tx.change(vm, schedule=changed)
    tx.log(vm, "rescheduled", schedule=number, action=made.name, time=made.time, by=caller.uid)
    return number


def delete(tx: Transaction, caller: Caller, vm_id: int, number: int) -> int:
    """Takes a scheduled action away."""
    vm = need(tx.world, Vm, vm_id, caller, Right.MANAGE)
    action = _found(vm, number)
    tx.change(vm, schedule=tuple(other for other in vm.schedule if other.id != number))
    tx.log(vm, "unscheduled", schedule=number, action=action.name, by=caller.uid)
    return vm_id


def of_template(tx: Transaction, caller: Caller, vm: Vm, vectors: tuple[Vector, ...]) -> Vm:
    """A new VM with the scheduled actions that its template asks for."""
    for vector in vectors:
        vm = tx.change(vm, schedule=(*vm.schedule, _made(tx, caller, vm, vector)))
    return vm


_CHANGEABLE = frozenset(
    {"ACTION", "ARGS", "TIME", "REPEAT", "DAYS", "END_TYPE", "END_VALUE", "WARNING"}
)


def _vector(text: str) -> Vector:
    template: Template = parse(text)
    vectors = template.vectors("SCHED_ACTION")
    if len(vectors) != 1:
        raise invalid(f"One SCHED_ACTION = [ ... ] is expected, not {len(vectors)}")
    return vectors[0]


def _found(vm: Vm, number: int) -> ScheduledAction:
    for action in vm.schedule:
        if action.id == number:
            return action
    raise Refusal(
        Code.NO_EXISTS,
        f"Error getting scheduled action [{number}] of virtual machine [{vm.id}].",
        number,
    )


def _made(
    tx: Transaction,
    caller: Caller,
    vm: Vm,
    vector: Mapping[str, str],
    old: ScheduledAction | None = None,
) -> ScheduledAction:
    """The record of a SCHED_ACTION, if it can be, and if the caller may do by hand what it does."""
    if old is None and len(vm.schedule) >= MOST:
        raise invalid(f"A VM has at most {MOST} scheduled actions", vm.id)
    number = tx.new_id(ScheduledAction) if old is None else old.id
    try:
        made = schedule.parse(dict(vector), number, vm.stime, caller.uid)
    except ScheduleProblem as problem:
        raise invalid(f"SCHED_ACTION: {problem}", vm.id) from None
    if made.name not in OFFERED:
        known = ", ".join(sorted(OFFERED))
        raise invalid(
            f"SCHED_ACTION: ACTION must be one of {known}, not {made.name[:40]!r}.", vm.id
        )
    check_right(tx.world, caller, OFFERED[made.name][0], vm)
    return made


# ---- when it is due ----------------------------------------------------------------------------


class Timekeeper:
    """Carries out what is due. `arm` looks when that is next: at the start, and whenever a schedule changed."""

    def __init__(self, core: Core, zone: tzinfo = UTC) -> None:
        self.core = core
        self.zone = zone
        self._timer: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Waits for the next time, unless there is none."""
        self.stop()
        time = self.core.world.timetable.next()
        if time is not None and not self.core.failure:
            wait = min(max(time - self.core.clock.time(), 0.0), LOOK_AGAIN)
            self._timer = asyncio.get_running_loop().call_later(wait, self._look)

    def stop(self) -> None:
        """Waits for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        if self.core.failure:
            return
        # Whatever goes wrong below, there is another look.
        self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look)
        now = self.core.clock.time()
        for vm_id in self.core.world.timetable.due(now):
            for action in self.core.world.vms[vm_id].schedule:
                if schedule.pending(action) and action.time <= now and not self.core.failure:
                    self._serve(vm_id, action)
        self.arm()

    def _serve(self, vm_id: int, action: ScheduledAction) -> None:
        late = self.core.clock.time() - action.time
        if late > LATE and action.repeat != Repeat.NONE:
            self._note(vm_id, action, f"missed by {late:.0f} s: the front end was away")
            return
        try:
            self.core.transact(lambda tx: carry_out(tx, vm_id, action, self.zone))
        except Refusal as refusal:
            if not self.core.failure:
                self._note(vm_id, action, refusal.text, ran=True)

    def _note(self, vm_id: int, action: ScheduledAction, why: str, *, ran: bool = False) -> None:
        """Notes that the time was served without effect, and why."""

        def change(tx: Transaction) -> None:
            _served(tx, vm_id, action, self.zone, ran=ran, message=why)

        self.core.transact(change)


def carry_out(tx: Transaction, vm_id: int, action: ScheduledAction, zone: tzinfo) -> None:
    """Starts an action that is due, and notes that."""
    _served(tx, vm_id, action, zone, ran=True)
    user = tx.world.users.get(action.uid)
    if user is None:
        raise wrong_state(f"{User.LABEL} {action.uid}, who scheduled it, is gone", vm_id)
    OFFERED[action.name][1](tx, caller_of(user), vm_id, action.args)


def _served(
    tx: Transaction,
    vm_id: int,
    action: ScheduledAction,
    zone: tzinfo,
    *,
    ran: bool,
    message: str = "",
) -> None:
    vm = tx.world.vms[vm_id]
    after = schedule.served(action, tx.second, zone, ran=ran, message=message)
    tx.change(vm, schedule=tuple(after if each.id == action.id else each for each in vm.schedule))
    told = {"why": message} if message else {}
    tx.log(vm, "schedule", schedule=action.id, action=action.name, due=action.time, **told)
