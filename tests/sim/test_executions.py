"""Commands in guests in virtual time: whoever dies meanwhile, what came of one is told, and none runs for ever."""

import base64
from collections.abc import Awaitable, Callable

import pytest

from innkeeper.commands import executing, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.zone import Zone


async def furnished(loop: VirtualLoop) -> Zone:
    """A zone with a VM that runs."""
    zone = Zone(loop, NoFaults(), 0.0)
    await zone.start()
    await zone.add_host("north")
    await zone.until(zone.all_up, 60, "the host is up")
    await zone.do(lambda tx: vms.allocate(tx, zone.admin, "CPU=1\nMEMORY=64", False))
    await zone.until(lambda: phase(zone.world.vms[0]) == "RUNNING", 60, "it runs")
    return zone


async def begun(zone: Zone, command: str) -> None:
    await zone.do(lambda tx: executing.execute(tx, zone.admin, 0, command, ""))
    await zone.until(lambda: bool(zone.world.vms[0].executing), 60, "it is begun")


def status(zone: Zone) -> str:
    return (zone.world.vms[0].template.vector("QEMU_GA_EXEC") or {}).get("STATUS", "")


def why(zone: Zone) -> str:
    said = (zone.world.vms[0].template.vector("QEMU_GA_EXEC") or {}).get("STDERR", "")
    return base64.b64decode(said).decode()


async def dies(zone: Zone) -> None:
    zone.die(keep_some=True)
    await zone.restart(after=1.0)


async def is_cut_off(zone: Zone) -> None:
    zone.machines["north"].lose_link("cut", agent_ends=True)


async def nothing(zone: Zone) -> None:
    """All goes well."""


@pytest.mark.parametrize("meanwhile", [nothing, dies, is_cut_off])
def test_its_end_is_heard(meanwhile: Callable[[Zone], Awaitable[None]]) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await begun(zone, "sleep 12")
        await meanwhile(zone)
        await zone.until(lambda: zone.front is not None and status(zone) == "DONE", 300, "its end")
        assert not zone.world.vms[0].executing and zone.idle()

    run(main, seed=1)


@pytest.mark.parametrize("action", ["poweroff-hard", "terminate-hard"])
def test_it_ends_with_its_guest(action: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await begun(zone, "sleep 1000000")
        await zone.do(lambda tx: vms.act(tx, zone.admin, action, 0))
        await zone.until(lambda: status(zone) == "ERROR", 60, "it is given up")
        assert "switched off" in why(zone)

    run(main, seed=1)


def test_a_guest_that_starts_over_knows_it_no_more() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await begun(zone, "sleep 1000000")
        await zone.do(lambda tx: vms.act(tx, zone.admin, "reboot", 0))
        await zone.until(lambda: status(zone) == "ERROR", 60, "it is given up")
        assert "started anew" in why(zone)

    run(main, seed=1)


def test_one_that_does_not_end_is_killed() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = await furnished(loop)
        await begun(zone, "sleep 1000000")
        await zone.until(lambda: status(zone) == "ERROR", 4000, "its time is over")
        assert "had not ended after 3600 s" in why(zone)
        [left] = [guest.commands for guest in zone.machines["north"].guests.values()]
        assert not left

    run(main, seed=1)
