"""Races that no step table knows of: lists of what a host has, and placements that they do not know yet."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from innkeeper.commands import hosts, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.messages import Reply
from innkeeper.model.states import HostState
from innkeeper.sim.faults import Fault, NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.machines import Machine
from innkeeper.sim.zone import Zone

VM = "CPU=1\nMEMORY=64\nDISK=[TYPE=fs,SIZE=10]"


class LateLooks:
    """Looks at hosts are answered late: what they say is as old as that."""

    def __init__(self, late: float) -> None:
        self.late = late
        self.looks = 0

    def fault(self, machine: Machine, verb: str, args: dict[str, Any]) -> Fault | None:
        if verb != "observe":
            return None
        self.looks += 1
        return Fault(reply_time=self.late)

    def seconds(self, verb: str) -> float:
        return 0.1 if "." in verb else 0.0

    def repeats(self, reply: Reply) -> Sequence[float]:
        return ()


@pytest.mark.parametrize("late", [1.0, 20.0, 45.0, 59.0])
def test_a_guest_that_started_behind_a_look_is_not_taken_for_gone(late: float) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults())
        await zone.start()
        await zone.add_host("north")
        await zone.until(zone.all_up, 60, "the host is up")
        plan = zone.plan = LateLooks(late)
        await zone.until(lambda: plan.looks > 0, 400, "the host is looked over")
        await zone.do(lambda tx: vms.allocate(tx, zone.admin, VM, False))
        await zone.until(lambda: phase(zone.world.vms[0]) == "RUNNING", 10, "it runs")
        await asyncio.sleep(150.0)
        assert phase(zone.world.vms[0]) == "RUNNING"
        assert [row.what for _, row in zone.events() if row.what == "observed"] == []

    run(main, seed=1)


def test_a_host_that_goes_and_comes_in_one_breath_comes_back() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults())
        await zone.start()
        await zone.add_host("north")
        await zone.until(zone.all_up, 60, "the host is up")
        admin = zone.admin
        core = zone.living.core
        core.transact(lambda tx: hosts.status(tx, admin, 0, 2))
        core.transact(lambda tx: hosts.status(tx, admin, 0, 0))
        await zone.until(
            lambda: zone.world.hosts[0].state is HostState.MONITORED, 60, "it is looked after"
        )

    run(main, seed=1)


def test_a_host_that_is_off_when_it_is_added_is_in_error_until_it_comes() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults())
        await zone.start()
        zone.add_machine("north").power_off()
        admin = zone.admin
        await zone.do(lambda tx: hosts.allocate(tx, admin, "north", "dummy", "dummy", -1))
        await zone.until(lambda: zone.world.hosts[0].state is HostState.ERROR, 5, "it is in error")
        zone.machines["north"].come_back()
        await zone.until(zone.all_up, 60, "the host is up")

    run(main, seed=1)


def test_a_machine_that_is_another_host_again_is_rid_of_what_the_old_one_owed() -> None:
    """Its VM was deleted while it was away, then it was deleted itself, then added again."""

    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults())
        await zone.start()
        await zone.add_host("north")
        await zone.until(zone.all_up, 60, "the host is up")
        await zone.do(lambda tx: vms.allocate(tx, zone.admin, VM, False))
        await zone.until(lambda: phase(zone.world.vms[0]) == "RUNNING", 10, "it runs")
        machine = zone.machines["north"]
        machine.cut_off(agent_ends=True)
        await zone.do(lambda tx: vms.recover(tx, zone.admin, 0, 3))
        await zone.until(lambda: phase(zone.world.vms[0]) == "DONE", 120, "it is done")
        await zone.do(lambda tx: hosts.delete(tx, zone.admin, 0))
        machine.come_back()
        assert machine.left()
        await zone.do(lambda tx: hosts.allocate(tx, zone.admin, "north", "dummy", "dummy", -1))
        await zone.until(lambda: not machine.left(), 60, "nothing is left")

    run(main, seed=1)
