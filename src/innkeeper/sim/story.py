"""The story: a seeded crowd of users and administrators in a zone of many hosts, in all weathers.

Theory of operation
-------------------
Everything is drawn from the loop's one source of chance, so a seed tells the same story each time. `People`
(`people.py`) ask for things in all states, also for what must be refused; `Weather` and `Disasters` (`weather.py`) do
their worst
meanwhile; front ends die. Then the sky clears: dead machines return, everything comes to rest and must agree with
the machines; then everything is ended, and nothing may be left of it anywhere.
"""

import asyncio
import gc
import hashlib
from dataclasses import dataclass

import msgspec

from innkeeper.commands import hosts
from innkeeper.model.states import HostState, VmState
from innkeeper.store.journal import EventRow

from .faults import NoFaults
from .invariants import Violation, same_after_a_journey, same_after_a_restart
from .loop import START, VirtualLoop, run
from .machines import IMAGES
from .people import People
from .remote import RemotePeople
from .rest import disagreements, left_over, misled, served_twice, starving
from .scenarios import end_everything
from .weather import STRAGGLES, Disasters, Weather
from .zone import FrontEndDied, Zone

#: Seconds in which every host is looked over once more.
LOOK_OVER = 340.0
#: Share of the seconds in which VMs are asked for: people come in crowds.
BURSTS = 0.2
#: So many refusals in a crowd, and the others come back later.
PATIENCE = 6
#: Seconds within which a zone must come to rest in fine weather.
LIMIT = 2 * 3600.0


@dataclass(frozen=True)
class Setting:
    """How large a story is: `hosts` at its beginning, `vms` in all, `addresses` in each of four networks (few enough to
    run out); how often front ends die; of how many requests `roughness` lets something befall one (1.0: all); whether
    people are `remote`, and come through the API.
    """

    hosts: int = 50
    vms: int = 500
    addresses: int = 120
    deaths: int = 2
    roughness: float = 0.05
    disasters: int = 40
    seconds: float = 240.0
    full_checks: int = 1
    remote: bool = False


@dataclass
class Outcome:
    """How a story ended. `log` is the hash of its event log; the same seed has the same."""

    seed: int
    log: str
    events: int
    transactions: int
    asked: int
    refused: int
    befallen: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: log {self.log[:16]}, {self.events} events, {self.transactions} transactions, "
            f"{self.asked} requests ({self.refused} refused), {self.befallen} faults, "
            f"{self.seconds:.0f} virtual seconds"
        )


class StoryFailed(Exception):
    """A story that must not be: what was wrong, and the story of the object concerned."""

    def __init__(self, seed: int, why: BaseException, story: list[str]) -> None:
        super().__init__("\n".join([f"seed {seed}: {type(why).__name__}: {why}", *story]))
        self.seed = seed


class Story:
    """One zone's story."""

    def __init__(self, loop: VirtualLoop, seed: int, setting: Setting) -> None:
        self.loop = loop
        self.seed = seed
        self.setting = setting
        self.weather = Weather(loop.random, 0.0)
        self.zone = Zone(loop, self.weather, commit_time=0.02, monitor_every=60.0)
        crowd = RemotePeople if setting.remote else People
        self.people = crowd(self.zone, loop.random, setting.addresses)
        self.disasters = Disasters(self.zone, loop.random)

    async def tell(self) -> Outcome:
        """From the first start to the end of everything."""
        await self._begin()
        await self._busy()
        await self._heal()
        await self._agree()
        await self._end()
        lines = [line(number, row) for number, row in self.zone.events()]
        return Outcome(
            seed=self.seed,
            log=hashlib.sha256(b"\n".join(lines)).hexdigest(),
            events=len(lines),
            transactions=self.zone.checker.transactions,
            asked=self.people.asked,
            refused=self.people.refused,
            befallen=self.weather.befallen,
            seconds=self.loop.time(),
        )

    async def _begin(self) -> None:
        await self.zone.start()
        for number in range(self.setting.hosts):
            await self.people.add_host(f"host-{number}")
        await self.people.settle_in()
        await self.zone.until(self.zone.all_up, 60, "all hosts are up")

    async def _busy(self) -> None:
        """People ask for things while the weather gets rough, and fine again, and rough again."""
        chance, setting = self.loop.random, self.setting
        beats = int(setting.seconds)
        deaths = {chance.randrange(beats) for _ in range(setting.deaths)}
        checks = {beats * (n + 1) // (setting.full_checks + 1) for n in range(setting.full_checks)}
        made = 0
        for beat in range(beats):
            self.weather.roughness = setting.roughness if beat // 60 % 3 < 2 else 0.0
            if chance.random() < setting.disasters / beats:
                self.disasters.strike()
            if beat in deaths:
                self.zone.die(keep_some=chance.random() < 0.5)
                self.loop.create_task(self.zone.restart(chance.uniform(0.1, 20.0)))
            if beat in checks:
                self.zone.checker.full()
            if chance.random() < BURSTS or beat == beats - 1:
                made += await self._vms_wanted(setting.vms * (beat + 1) // beats - made)
            await self._things_wanted(setting.vms // beats + (beat % 2))
            self.zone.check_alive()
            await asyncio.sleep(1.0)

    async def _vms_wanted(self, due: int) -> int:
        """VMs that are due, until people give up for now; returns how many were made."""
        made = refused = 0
        while made < due and refused < PATIENCE and self.zone.front is not None:
            if await self.people.create_vm():
                made += 1
            else:
                refused += 1
        return made

    async def _things_wanted(self, number: int) -> None:
        try:
            for _ in range(number):
                await self.people.something()
        except FrontEndDied:
            return

    async def _heal(self) -> None:
        """Fine weather; all machines are back and in service again; a new front end looks at them all."""
        zone, chance = self.zone, self.loop.random
        self.weather.roughness = 0.0
        for machine in zone.machines.values():
            machine.come_back()
        await zone.until(lambda: zone.front is not None, 60, "a front end lives")
        for host in list(zone.world.hosts):
            if host.state in (HostState.OFFLINE, HostState.DISABLED):
                await self._enable(host.id)
        known = {host.name for host in zone.world.hosts}
        for name in zone.machines.keys() - known - {IMAGES}:
            await self.people.readd_host(name)
        await asyncio.sleep(STRAGGLES)
        if chance.random() < 0.8:
            zone.die()
            await zone.restart(1.0)
        else:
            await asyncio.sleep(LOOK_OVER)
        await self._rest()

    async def _enable(self, host_id: int) -> None:
        await self.zone.do(lambda tx: hosts.status(tx, self.zone.admin, host_id, 0))

    def _at_peace(self) -> bool:
        return self.zone.idle() and self.zone.all_up() and self.zone.heard()

    async def _rest(self) -> None:
        zone = self.zone
        for _ in range(2):
            await zone.until(
                self._at_peace, LIMIT, "all operations and commands end, all hosts are up"
            )
            await asyncio.sleep(65.0)
        await zone.until(zone.idle, LIMIT, "all operations end")

    async def _agree(self) -> None:
        zone = self.zone
        self.people.check()
        zone.checker.full()
        for violation in (
            *disagreements(zone.world, zone.machines, self.people.vouched),
            *starving(zone.world, self.loop.clock.time()),
            *misled(zone.world, zone.ports.open.keys()),
        ):
            raise violation
        same_after_a_journey(zone.world)

    async def _end(self) -> None:
        zone = self.zone
        await end_everything(zone)
        zone.plan = NoFaults()
        await self._rest()
        zone.checker.full()
        told = (row for _, row in zone.events())
        for violation in (
            *left_over(zone.world, zone.machines),
            *served_twice(told),
            *misled(zone.world, zone.ports.open.keys()),
        ):
            raise violation
        assert not zone.ports.open
        before = zone.world
        zone.die()
        await zone.restart(1.0)
        same_after_a_restart(before, zone.world)
        assert all(vm.state is VmState.DONE for vm in zone.world.vms)
        zone.check_alive()


def line(number: int, row: EventRow) -> bytes:
    """One line of the event log as text."""
    return b"%d " % number + msgspec.json.encode(row)


def tell(seed: int, setting: Setting = Setting()) -> Outcome:
    """Tells the story of a seed; StoryFailed when it must not be."""
    told: list[Story] = []

    async def main(loop: VirtualLoop) -> Outcome:
        told.append(Story(loop, seed, setting))
        return await told[0].tell()

    collecting = gc.isenabled()
    gc.disable()  # hardly anything dies young in a story, and it is over soon
    try:
        return run(main, seed=seed)
    except Exception as why:
        raise StoryFailed(seed, why, _story_of(told, why)) from why
    finally:
        if collecting:
            gc.enable()


def _story_of(told: list[Story], why: BaseException) -> list[str]:
    """The events of the object that a violation is about, those not yet durable too; else the last ones of all."""
    if not told:
        return []
    zone = told[0].zone
    violation = why if isinstance(why, Violation) else zone.checker.found
    rows = list(zone.events())
    if violation is not None:
        rows = [entry for entry in rows if (entry[1].kind, entry[1].id) == violation.subject]
    return [
        f"  {row.at - START:10.3f} s  {row.kind} {row.id}: {row.what} {row.detail}"
        for _, row in rows[-60:]
    ]
