"""The sweep: every step of every operation meets every fault.

Theory of operation
-------------------
The cases are generated from the step tables (`PROCEDURES`): for each step, what may befall it while it is done, and
for each step with an undo, what may befall that. A case runs in a small zone of its own: a scenario leads to the
operation's start, a `Trap` waits for the request of the step and lets one fault befall it. Then the zone is healed,
comes to rest, and is compared with its machines; at last everything is ended, and nothing may be left.
A fault that a front end or a host is meant to get over must not keep the operation from its goal. After any other the
zone must rest in some state that an administrator can end.
A procedure without a scenario, or a step that a scenario never comes to, fails: a new operation cannot escape.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from innkeeper.commands import hosts
from innkeeper.lifecycle.engine import PROCEDURES, Procedure
from innkeeper.lifecycle.messages import Reply
from innkeeper.model.objects import Operation

from .faults import Fault, NoFaults
from .loop import VirtualLoop, run
from .machines import Machine
from .rest import disagreements, left_over, starving, undone
from .scenarios import SCENARIOS, Scenario, end_everything
from .trouble import TROUBLES
from .zone import Zone

#: Seconds within which a zone must come to rest: nine times the longest time limit (copying an image).
LIMIT = 100 * 3600.0
#: Seconds in which every host is looked over once more.
LOOK_OVER = 400.0
VERB_TIME = 2.0


@dataclass(frozen=True)
class Case:
    """One step of one operation, done or undone (after `failing` has failed), and what befalls it."""

    procedure: str
    step: str
    undoing: bool
    failing: str
    trouble: str

    def __str__(self) -> str:
        words = [self.procedure, f"undo {self.step}" if self.undoing else self.step, self.trouble]
        if self.undoing and self.failing != self.step:
            words.insert(2, f"after {self.failing}")
        return "-".join(word.replace(" ", "_") for word in words)


def cases() -> Iterator[Case]:
    """All of them."""
    for procedure in PROCEDURES.values():
        for number, step in enumerate(procedure.steps):
            for trouble in TROUBLES:
                yield Case(procedure.name, step.name, False, "", trouble)
            if step.undo is None or not procedure.undoable(number):
                continue
            for failing in _triggers(procedure, number):
                for trouble in TROUBLES:
                    yield Case(procedure.name, step.name, True, failing, trouble)


def _triggers(procedure: Procedure, number: int) -> list[str]:
    """Steps whose failure leads to the undo of a step: itself, and the last from which one comes there."""
    able = [
        step.name
        for at, step in enumerate(procedure.steps)
        if at >= number and procedure.undoable(at)
    ]
    return list(dict.fromkeys((able[0], able[-1])))


@dataclass
class Trap:
    """A plan under which all goes well but for one step of the open operation on the scenario's target."""

    zone: Zone
    case: Case
    befalls: Callable[["Trap"], Fault | None]
    times: int = 1
    sprung: int = 0
    target: tuple[str, int] = ("", -1)
    repeated: Sequence[float] = ()
    #: Which machine was asked when it sprang: the VM's host, or the one with the images.
    machine: Machine | None = None
    good: NoFaults = field(default_factory=lambda: NoFaults(VERB_TIME))

    def seconds(self, verb: str) -> float:
        """As on a good day."""
        return self.good.seconds(verb)

    def fault(self, machine: Machine, verb: str, args: dict[str, Any]) -> Fault | None:
        """What befalls a request: nothing, unless it is the step's."""
        operation = self._operation(args)
        if operation is None or operation.name != self.case.procedure:
            return None
        step = PROCEDURES[operation.name].steps[operation.step].name
        if self.case.undoing and not operation.undoing and step == self.case.failing:
            return Fault(error=("refused", "the host will not have it"))
        if (step, operation.undoing) != (self.case.step, self.case.undoing):
            return None
        if self.sprung >= self.times:
            return None
        self.sprung += 1
        self.machine = machine
        return self.befalls(self)

    def _operation(self, args: dict[str, Any]) -> Operation | None:
        """The operation for which a request is, if it is the one under test."""
        front = self.zone.front
        if front is None or not args.keys() & {"vm", "into", "path", "profile"}:
            return None
        number = front.world.open.of(*self.target)
        return None if number is None else front.world.operations[number]

    def repeats(self, reply: Reply) -> Sequence[float]:
        """Once sprung, replies may come again."""
        return self.repeated if self.sprung else ()


async def play(loop: VirtualLoop, case: Case) -> Zone:
    """Plays one case to its end; raises what is wrong."""
    scenario = scenario_of(case.procedure)
    trouble = TROUBLES[case.trouble]
    zone = Zone(loop, NoFaults(), commit_time=trouble.commit_time)
    await zone.start()
    for name in ("north", "south"):
        await zone.add_host(name)
    await zone.until(zone.all_up, 60, "hosts are up")
    await zone.do(
        lambda tx: hosts.status(tx, zone.admin, 0, 1)
    )  # so that one may go elsewhere later
    target = await scenario.prepare(zone)
    await zone.until(zone.idle, 600, "the scenario is prepared")
    trap = Trap(zone, case, trouble.befalls, trouble.times, target=target)
    zone.plan = trap
    await zone.do(lambda tx: hosts.status(tx, zone.admin, 0, 0))
    await scenario.start(zone, target[1])
    await zone.until(lambda: trap.sprung > 0, LIMIT, f"step {case.step} is come to")
    if trouble.meanwhile is not None:
        await trouble.meanwhile(zone, target)
    undoes = any(step.undo is not None for step in PROCEDURES[case.procedure].steps)
    if trouble.undone_at_once and undoes and not case.undoing:
        await zone.until(zone.idle, LIMIT, "all operations have ended")
        for violation in undone(zone.world, zone.machines):
            raise violation
    await _rest(zone)
    if trouble.got_over(case) and not case.undoing and not scenario.reached(zone.world, target[1]):
        raise AssertionError(f"{case}: not there, though it should have got over it")
    for violation in (
        *disagreements(zone.world, zone.machines),
        *starving(zone.world, loop.clock.time()),
    ):
        raise violation
    await _end(zone)
    return zone


def scenario_of(procedure: str) -> Scenario:
    """The scenario that starts a procedure; there must be one for each."""
    if procedure not in SCENARIOS:
        raise AssertionError(f"no scenario in sim/scenarios.py starts the operation {procedure!r}")
    return SCENARIOS[procedure]


async def _rest(zone: Zone) -> None:
    """All is healed, all operations end, and every host has been looked over."""

    def healed() -> bool:
        return zone.idle() and zone.all_up()

    await zone.until(healed, LIMIT, "all operations have ended, all hosts are up")
    await asyncio.sleep(LOOK_OVER)
    await zone.until(healed, LIMIT, "all operations have ended, all hosts are up")
    zone.checker.full()


async def _end(zone: Zone) -> None:
    zone.plan = NoFaults()
    await end_everything(zone)
    await _rest(zone)
    for violation in left_over(zone.world, zone.machines):
        raise violation


def run_case(case: Case) -> Zone:
    """Plays one case under a loop of its own."""

    async def main(loop: VirtualLoop) -> Zone:
        return await play(loop, case)

    return run(main, seed=1)
