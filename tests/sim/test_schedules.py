"""Scheduled actions in virtual time: when they are due, once, whoever dies meanwhile."""

import asyncio

import pytest

from innkeeper.commands import schedules, users, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Code, Refusal
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import Zone

VM = "CPU=1\nMEMORY=64\nDISK=[TYPE=fs,SIZE=10]\n"
HOUR = 3600


async def furnished(loop: VirtualLoop, extra: str = "") -> Zone:
    """A zone with one running VM, number 0."""
    zone = Zone(loop, NoFaults())
    await zone.start()
    await zone.add_host("north")
    await zone.until(zone.all_up, 60, "the host is up")
    await zone.do(lambda tx: vms.allocate(tx, zone.admin, VM + extra, False))
    await zone.until(lambda: phase(zone.world.vms[0]) == "RUNNING", 10, "it runs")
    return zone


async def schedule(zone: Zone, text: str) -> int:
    line = f"SCHED_ACTION = [ {text} ]"
    return await zone.do(lambda tx: schedules.add(tx, zone.admin, 0, line))


def told(zone: Zone, what: str) -> list[dict[str, object]]:
    return [row.detail for _, row in zone.events() if row.what == what]


def carried_out(zone: Zone, action: str) -> int:
    return sum(1 for detail in told(zone, "action") if detail["name"] == action)


def test_what_the_template_asks_for_happens_in_its_time() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(
            loop,
            "SCHED_ACTION = [ ACTION = poweroff, TIME = +600 ]\n"
            "SCHED_ACTION = [ ACTION = terminate, TIME = +1200 ]\n",
        )
        vm = zone.world.vms[0]
        assert "SCHED_ACTION" not in vm.user_template.attributes
        assert [action.time - vm.stime for action in vm.schedule] == [600, 1200]
        await asyncio.sleep(vm.stime + 595 - zone.living.core.clock.time())
        assert phase(zone.world.vms[0]) == "RUNNING"
        await zone.until(lambda: phase(zone.world.vms[0]) == "POWEROFF", 60, "it is off")
        await zone.until(lambda: phase(zone.world.vms[0]) == "DONE", 700, "it has ended")
        assert zone.world.timetable.times == {}

    run(main, seed=1)


@pytest.mark.parametrize("at", [0.0, 0.05, 0.2, 1.0, 30.0])
def test_it_happens_once_whenever_the_front_end_dies(at: float) -> None:
    """The front end dies about the time; the next one neither forgets nor repeats the reboot."""

    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        number = await schedule(zone, "ACTION = reboot, TIME = +120")
        due = zone.world.vms[0].schedule[0].time
        await asyncio.sleep(due - zone.living.core.clock.time() - 0.1 + at)
        zone.die()
        await zone.restart(after=50.0)
        await zone.until(
            lambda: zone.world.vms[0].schedule[0].done >= due, 300, "it was carried out"
        )
        await asyncio.sleep(HOUR)
        assert carried_out(zone, "reboot") == 1
        assert [detail["schedule"] for detail in told(zone, "schedule")] == [number]

    run(main, seed=2)


def test_what_was_missed_for_long_happens_late_if_single_and_is_passed_over_if_it_repeats() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await schedule(zone, "ACTION = reboot, TIME = +120")
        daily = 'ACTION = poweroff, TIME = +180, REPEAT = 0, DAYS = "0,1,2,3,4,5,6"'
        await schedule(zone, daily)
        due = zone.world.vms[0].schedule[1].time
        zone.die()
        await zone.restart(after=30.0 * HOUR)
        await zone.until(zone.all_up, 60, "the host is up")
        await asyncio.sleep(60)
        assert carried_out(zone, "reboot") == 1
        assert carried_out(zone, "poweroff") == 0
        passed = zone.world.vms[0].schedule[1]
        assert "missed" in passed.message
        assert (passed.time, passed.runs) == (due + 48 * HOUR, 0)
        await zone.until(lambda: phase(zone.world.vms[0]) == "POWEROFF", 30.0 * HOUR, "the next")
        assert zone.world.vms[0].schedule[1].message == ""

    run(main, seed=3)


def test_what_is_refused_is_noted_and_not_tried_again() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await schedule(zone, "ACTION = release, TIME = +60")
        await zone.until(lambda: bool(zone.world.vms[0].schedule[0].message), 120, "the refusal")
        noted = zone.world.vms[0].schedule[0]
        assert "not available for state RUNNING" in noted.message
        assert noted.done >= noted.time
        await asyncio.sleep(HOUR)
        assert len(told(zone, "schedule")) == 1
        assert phase(zone.world.vms[0]) == "RUNNING"

    run(main, seed=4)


def test_hourly_until_its_end() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await schedule(
            zone, "ACTION = reboot, TIME = +60, REPEAT = 3, DAYS = 2, END_TYPE = 1, END_VALUE = 3"
        )
        await asyncio.sleep(20 * HOUR)
        assert carried_out(zone, "reboot") == 3
        assert zone.world.timetable.next() is None

    run(main, seed=5)


def test_changed_and_taken_away_before_their_time() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        first = await schedule(zone, "ACTION = reboot, TIME = +60")
        second = await schedule(zone, "ACTION = poweroff, TIME = +60")
        later = f"SCHED_ACTION = [ TIME = +{2 * HOUR} ]"
        await zone.do(lambda tx: schedules.update(tx, zone.admin, 0, first, later))
        await zone.do(lambda tx: schedules.delete(tx, zone.admin, 0, second))
        await asyncio.sleep(HOUR)
        assert told(zone, "schedule") == []
        await asyncio.sleep(2 * HOUR)
        assert carried_out(zone, "reboot") == 1
        assert phase(zone.world.vms[0]) == "RUNNING"

    run(main, seed=6)


def test_it_runs_with_the_rights_of_who_scheduled_it() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        ann = await zone.do(lambda tx: users.allocate(tx, zone.admin, "ann", "x", "core", ()))
        await zone.do(lambda tx: vms.chown(tx, zone.admin, 0, ann, -1))
        caller = zone.admin.__class__(ann, 1, "ann", (1,))
        line = "SCHED_ACTION = [ ACTION = poweroff, TIME = +60 ]"
        await zone.do(lambda tx: schedules.add(tx, caller, 0, line))
        await zone.do(lambda tx: vms.chown(tx, zone.admin, 0, 0, -1))
        await zone.until(lambda: bool(zone.world.vms[0].schedule[0].message), 120, "the refusal")
        assert "Not authorized to perform MANAGE VM [0]" in zone.world.vms[0].schedule[0].message
        assert phase(zone.world.vms[0]) == "RUNNING"

    run(main, seed=7)


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("SCHED_ACTION = [ ACTION = explode, TIME = 5 ]", Code.INTERNAL, "ACTION must be one of .*'explode'"),
        ("SCHED_ACTION = [ ACTION = hold, TIME = x ]", Code.INTERNAL, "SCHED_ACTION: TIME must be"),
        ("NAME = x", Code.INTERNAL, "One SCHED_ACTION"),
        ("SCHED_ACTION = [", Code.INTERNAL, "Parse error"),
    ],
)  # fmt: skip
def test_bad_ones_are_refused_and_change_nothing(text: str, code: Code, named: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        with pytest.raises(Refusal, match=named) as refused:
            await zone.do(lambda tx: schedules.add(tx, zone.admin, 0, text))
        assert refused.value.code is code
        assert zone.world.vms[0].schedule == ()
        with pytest.raises(Refusal, match=r"scheduled action \[9\]"):
            await zone.do(lambda tx: schedules.delete(tx, zone.admin, 0, 9))

    run(main, seed=8)
