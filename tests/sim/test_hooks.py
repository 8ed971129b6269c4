"""Hooks in virtual time: every state that is entered has its execution, whoever dies meanwhile."""

import asyncio

import pytest

from innkeeper.commands import hooks, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.nouns import HookRun
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.machines import IMAGES
from innkeeper.sim.zone import FrontEndDied, Zone

HOOK = 'NAME=h\nTYPE=state\nRESOURCE=VM\nCOMMAND=/bin/x\nARGUMENTS="-v $TEMPLATE"\n'


async def furnished(loop: VirtualLoop, commit_time: float = 0.0) -> Zone:
    """A zone with a host, and hooks on RUNNING and DONE."""
    zone = Zone(loop, NoFaults(), commit_time)
    await zone.start()
    await zone.add_host("north")
    for rest in ("ON=RUNNING\nREMOTE=yes", "ON=DONE"):
        await zone.do(lambda tx, r=rest: hooks.allocate(tx, zone.admin, HOOK + r, frozenset()))
    await zone.until(zone.all_up, 60, "the host is up")
    return zone


def done(zone: Zone) -> bool:
    """All executions have ended."""
    return zone.front is not None and all(each.ended for each in zone.world.table(HookRun))


def test_a_command_runs_where_it_is_to_with_what_it_is_told() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await zone.do(lambda tx: vms.allocate(tx, zone.admin, "CPU=1\nMEMORY=64", False))
        await zone.until(lambda: phase(zone.world.vms[0]) == "RUNNING", 30, "it runs")
        await zone.do(lambda tx: vms.act(tx, zone.admin, "terminate-hard", 0))
        await zone.until(lambda: phase(zone.world.vms[0]) == "DONE", 30, "it has ended")
        await zone.until(lambda: done(zone), 30, "commands have run")
        (near,), (far,) = (zone.machines[name].hooks for name in ("north", IMAGES))
        runs = list(zone.world.table(HookRun))
        assert near == ("/bin/x", "-v", runs[0].payload)
        assert far == ("/bin/x", "-v", runs[1].payload)
        assert [each.code for each in runs] == [0, 0]

    run(main, seed=1)


@pytest.mark.parametrize("seed", range(12))
def test_a_front_end_that_dies_loses_no_execution_and_runs_none_twice(seed: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop, commit_time=0.02)

        async def one(number: int) -> None:
            try:
                await zone.do(lambda tx: vms.allocate(tx, zone.admin, "CPU=0.1\nMEMORY=64", False))
            except FrontEndDied:
                return

        makers = [asyncio.create_task(one(number)) for number in range(6)]
        await asyncio.sleep(loop.random.uniform(0.0, 3.0))
        zone.die(keep_some=True)
        await zone.restart(after=1.0)
        await asyncio.gather(*makers)
        await zone.until(zone.idle, 120, "nothing is under way")
        await zone.until(lambda: done(zone), 120, "commands have run, or were given up")
        running = [vm.id for vm in zone.world.vms if phase(vm) == "RUNNING"]
        assert len(zone.world.table(HookRun)) == len(running)
        ran = zone.machines["north"].hooks
        assert len(ran) == len(set(ran)) <= len(running)
        lost = [each for each in zone.world.table(HookRun) if each.code == hooks.UNKNOWN]
        assert len(ran) + len(lost) >= len(running)

    run(main, seed=seed)
