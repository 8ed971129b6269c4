"""Scheduled actions of VMs and backup jobs: added, changed, taken away, and carried out when they are due.

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
from typing import TypeVar

from innkeeper.model import schedule
from innkeeper.model.errors import BadValue, Code, Refusal, invalid, must_be, wrong_state
from innkeeper.model.jobs import BackupJob
from innkeeper.model.objects import ScheduledAction, User, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.schedule import Repeat, Scheduled
from innkeeper.model.states import VmState
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction

from .auth import caller_of
from .common import check_right, parse
from .core import Core
from .vm_rights import check_operation, operated

#: The events after which something else may be due next.
RESCHEDULING = frozenset({"created", "scheduled", "rescheduled", "unscheduled"})
#: Seconds after which a time of something that repeats is not made up for.
LATE = 3600
#: Seconds after which the clock is looked at again: somebody may have set it.
LOOK_AGAIN = 60.0
#: What a backup job does when it is due.
BACKUP = "backup"
#: Scheduled actions that a VM has at most.
MOST = 256

#: Carries out an action on a VM, given its ARGS.
Perform = Callable[[Transaction, Caller, int, str], object]

#: What can be scheduled, by kind of object: the right that it needs, and how it is carried out. Commands offer
#: themselves.
OFFERED: dict[str, dict[str, tuple[str, Perform]]] = {Vm.KIND: {}, BackupJob.KIND: {}}

H = TypeVar("H", Vm, BackupJob)


def offer(action: str, operation: str, perform: Perform, kind: type[Scheduled] = Vm) -> None:
    """Lets an action be scheduled; on VMs by those who may carry the operation out."""
    OFFERED[kind.KIND][action] = operation, perform


def add(tx: Transaction, caller: Caller, vm_id: int, text: str) -> int:
    """Schedules an action on a VM; its number."""
    if operated(tx.world, caller, vm_id, "sched-action").state is VmState.DONE:
        raise invalid("Scheduled actions cannot be added: the VM is DONE", vm_id)
    return add_to(tx, caller, Vm, vm_id, text)


def add_to(tx: Transaction, caller: Caller, kind: type[H], object_id: int, text: str) -> int:
    """Schedules an action on an object; its number."""
    holder: H = _handled(tx, caller, kind, object_id)
    made = _made(tx, caller, holder, _vector(text))
    tx.change(holder, schedule=(*holder.schedule, made))
    tx.log(holder, "scheduled", schedule=made.id, action=made.name, time=made.time, by=caller.uid)
    return made.id


def _handled(tx: Transaction, caller: Caller, kind: type[H], object_id: int) -> H:
    """The object, if the caller may schedule actions on it."""
    record = tx.world.table(kind)[object_id]
    if isinstance(record, Vm):
        check_operation(tx.world, caller, "sched-action", record)
    else:
        check_right(tx.world, caller, Right.MANAGE, record)
    return record


def update(tx: Transaction, caller: Caller, vm_id: int, number: int, text: str) -> int:
    """Changes the attributes that are given of a VM's scheduled action."""
    return update_of(tx, caller, Vm, vm_id, number, text)


def update_of(
    tx: Transaction, caller: Caller, kind: type[H], object_id: int, number: int, text: str
) -> int:
    """Changes the attributes that are given of a scheduled action."""
    vm: H = _handled(tx, caller, kind, object_id)
    old = _found(vm, number)
    known = {k: v for k, v in schedule.attributes(old, object_id).items() if k in _CHANGEABLE}
    given = _vector(text)
    if "REPEAT" in given and given["REPEAT"] != known["REPEAT"]:
        known = {k: v for k, v in known.items() if k not in ("DAYS", "END_TYPE", "END_VALUE")}
    made = _made(tx, caller, vm, {**known, **given}, old)
    changed = tuple(made if action.id == number else action for action in vm.schedule)
    tx.change(vm, schedule=changed)
    tx.log(vm, "rescheduled", schedule=number, action=made.name, time=made.time, by=caller.uid)
    return number


def delete(tx: Transaction, caller: Caller, vm_id: int, number: int) -> int:
    """Takes a VM's scheduled action away."""
    delete_of(tx, caller, Vm, vm_id, number)
    return vm_id


def delete_of(tx: Transaction, caller: Caller, kind: type[H], object_id: int, number: int) -> int:
    """Takes a scheduled action away."""
    holder: H = _handled(tx, caller, kind, object_id)
    action = _found(holder, number)
    tx.change(holder, schedule=tuple(other for other in holder.schedule if other.id != number))
    tx.log(holder, "unscheduled", schedule=number, action=action.name, by=caller.uid)
    return number


def of_template(tx: Transaction, caller: Caller, vm: H, vectors: tuple[Vector, ...]) -> H:
    """A new VM or job with the scheduled actions that its template asks for."""
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


def _found(vm: Scheduled, number: int) -> ScheduledAction:
    for action in vm.schedule:
        if action.id == number:
            return action
    raise Refusal(
        Code.NO_EXISTS,
        f"Error getting scheduled action [{number}] of {vm.LABEL} [{vm.id}].",
        number,
    )


def _made(
    tx: Transaction,
    caller: Caller,
    holder: Scheduled,
    vector: Mapping[str, str],
    old: ScheduledAction | None = None,
) -> ScheduledAction:
    """The record of a SCHED_ACTION, if it can be, and if the caller may do by hand what it does."""
    offered = OFFERED[holder.KIND]
    if old is None and len(holder.schedule) >= MOST:
        raise invalid(f"A {holder.LABEL} has at most {MOST} scheduled actions", holder.id)
    if isinstance(holder, BackupJob):
        vector = {"ACTION": BACKUP, **vector}
        if vector.get("TIME", "").startswith("+"):
            raise invalid(
                "SCHED_ACTION: TIME of a backup job must be seconds since 1970.", holder.id
            )
    number = tx.new_id(ScheduledAction) if old is None else old.id
    start = holder.stime if isinstance(holder, Vm) else 0
    try:
        made = schedule.parse(dict(vector), number, start, caller.uid)
    except BadValue as problem:
        raise invalid(f"SCHED_ACTION: {problem}.", holder.id, problem.mistake) from None
    if made.name not in offered:
        known = ", ".join(sorted(offered))
        wrong = must_be("ACTION", f"one of {known}", made.name[:40])
        raise invalid(f"SCHED_ACTION: {wrong}.", holder.id, wrong)
    if isinstance(holder, Vm):
        check_operation(tx.world, caller, offered[made.name][0], holder)
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
        world = self.core.world
        times = (world.timetable.next(), world.job_timetable.next())
        time = min((time for time in times if time is not None), default=None)
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
        world = self.core.world
        due: list[Scheduled] = [world.vms[number] for number in world.timetable.due(now)]
        due += [world.table(BackupJob)[number] for number in world.job_timetable.due(now)]
        for holder in due:
            for action in holder.schedule:
                if schedule.pending(action) and action.time <= now and not self.core.failure:
                    self._serve(holder, action)
        self.arm()

    def _serve(self, holder: Scheduled, action: ScheduledAction) -> None:
        late = self.core.clock.time() - action.time
        if late > LATE and action.repeat != Repeat.NONE:
            self._note(holder, action, f"missed by {late:.0f} s: the front end was away")
            return
        try:
            self.core.transact(lambda tx: carry_out(tx, holder, action, self.zone))
        except Refusal as refusal:
            if not self.core.failure:
                self._note(holder, action, refusal.text, ran=True)

    def _note(
        self, holder: Scheduled, action: ScheduledAction, why: str, *, ran: bool = False
    ) -> None:
        """Notes that the time was served without effect, and why."""

        def change(tx: Transaction) -> None:
            _served(tx, holder, action, self.zone, ran=ran, message=why)

        self.core.transact(change)


def carry_out(tx: Transaction, holder: Scheduled, action: ScheduledAction, zone: tzinfo) -> None:
    """Starts an action that is due, and notes that."""
    _served(tx, holder, action, zone, ran=True)
    user = tx.world.users.get(action.uid)
    if user is None:
        text = f"{User.LABEL} {action.uid}, who scheduled it, is gone"
        raise wrong_state(text, holder.id)
    perform = OFFERED[holder.KIND][action.name][1]
    perform(tx, caller_of(user), holder.id, action.args)


def _served(
    tx: Transaction,
    holder: Scheduled,
    action: ScheduledAction,
    zone: tzinfo,
    *,
    ran: bool,
    message: str = "",
) -> None:
    now: Scheduled = tx.world.tables[holder.KIND][holder.id]
    after = schedule.served(action, tx.second, zone, ran=ran, message=message)
    tx.change(now, schedule=tuple(after if each.id == action.id else each for each in now.schedule))
    told = {"why": message} if message else {}
    tx.log(now, "schedule", schedule=action.id, action=action.name, due=action.time, **told)
