"""A zone under virtual time: machines, the journal's disk, and front ends that come and go.

Theory of operation
-------------------
The front end is the real one (`daemon/frontend.py`), with a journal in memory, links to simulated machines, a clock
and a source of chance that follow the virtual loop, and passwords without their price. `die` throws it away in the
middle of whatever it does: what its journal had not made durable is lost, its links end, its callers get an error.
The machines live on. `start` begins again from what the journal's disk holds, read as JSON as the real one is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from innkeeper.commands import hosts
from innkeeper.commands.auth import caller_of
from innkeeper.daemon.frontend import FrontEnd
from innkeeper.daemon.settings import Monitoring, Settings
from innkeeper.fleet.fleet import Connector
from innkeeper.fleet.link import Link, OnEvent
from innkeeper.lifecycle.messages import Event, Reply
from innkeeper.model.errors import Refusal
from innkeeper.model.nouns import HookRun
from innkeeper.model.objects import Host
from innkeeper.model.permissions import Caller
from innkeeper.model.states import HostState
from innkeeper.model.world import Transaction, World
from innkeeper.store.journal import AuditRow, Batch, EventRow, JournalFailure, Loaded
from innkeeper.store.memory import MemoryJournal
from innkeeper.store.samples import Samples

from .faults import FaultyLink, NoFaults, Plan
from .invariants import Checker
from .loop import VirtualLoop
from .machines import IMAGES, Machine

T = TypeVar("T")
Change = Callable[[Transaction], T]

ADMIN_PASSWORD = "simulated"  # noqa: S105 - of a cloud that exists for a second
GIB = 1 << 20


class FrontEndDied(Exception):
    """The front end died before it answered: what was asked may or may not have been done."""


class Disk:
    """The journal's disk, which outlives front ends. `delay` is how long a commit takes, in seconds."""

    def __init__(self, loop: VirtualLoop, watch: Callable[[Batch], None], delay: float) -> None:
        self.delay = delay
        self._loop = loop
        self._watch = watch
        self._memory = MemoryJournal(self._later)
        self._finish: Callable[[], None] | None = None
        self._open: dict[int, Callable[[BaseException | None], None]] = {}

    def _later(self, finish: Callable[[], None]) -> None:
        """Commits are gathered: one timer makes durable all that came before it fires."""
        if not self.delay:
            finish()
            return
        if self._finish is None:
            self._loop.call_later(self.delay, self._commit)
        self._finish = finish

    def _commit(self) -> None:
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()

    def load(self) -> Loaded:
        """What is durable, as bytes: so that nothing can hide in the structs that JSON does not carry."""
        loaded = self._memory.load()
        encode = msgspec.json.Encoder().encode
        rows: Iterator[tuple[str, int, object]] = (
            (kind, number, encode(body)) for kind, number, body in loaded.objects
        )
        return Loaded(rows, loaded.counters, loaded.last_event)

    def append(self, batch: Batch, done: Callable[[BaseException | None], None]) -> None:
        """Takes a batch; the checker sees it first."""
        self._watch(batch)
        if not self.delay:
            self._memory.append(batch, done)
            return
        self._open[batch.seq] = done

        def answered(error: BaseException | None) -> None:
            self._open.pop(batch.seq, None)
            done(error)

        self._memory.append(batch, answered)

    def events(
        self, after: int, limit: int, of: tuple[str, int] | None = None
    ) -> list[tuple[int, EventRow]]:
        """The durable event log."""
        return self._memory.events(after, limit, of)

    def audit(self, after: int, limit: int) -> list[AuditRow]:
        """The durable audit log."""
        return self._memory.audit(after, limit)

    def close(self) -> None:
        """Nothing: the disk outlives the front end."""

    def power_cut(self, *, keep_some: bool) -> None:
        """What was not durable is lost (or some of it is not), and whoever waits for it learns it."""
        self._memory = self._memory.crash(self._loop.random if keep_some else None)
        self._finish = None
        waiting, self._open = list(self._open.values()), {}
        for done in waiting:
            done(JournalFailure("the front end died"))


class PlainPasswords:
    """Passwords that cost nothing."""

    def hash(self, password: str) -> str:
        """The text to store."""
        return f"plain:{password}"

    def verify(self, stored: str, password: str) -> bool:
        """Is it the password?"""
        return stored == f"plain:{password}"


async def _inline(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


class Ports:
    """The ports on which the zone's front end listens; they end with it."""

    def __init__(self) -> None:
        self.open: dict[int, object] = {}

    def __call__(self, address: str, port: int, serve: object) -> "Ports.Door":
        """Opens one; that it is open already is an error, as everywhere."""
        if port in self.open:
            raise OSError(f"port {port} is in use")
        self.open[port] = serve
        return Ports.Door(self, port)

    class Door:
        """An open port."""

        def __init__(self, ports: "Ports", port: int) -> None:
            self._ports = ports
            self._port = port

        def close(self) -> None:
            """Nobody listens any more."""
            del self._ports.open[self._port]


class Zone:
    """One zone. `plan` decides about faults and may be replaced at any time."""

    def __init__(
        self,
        loop: VirtualLoop,
        plan: Plan | None = None,
        commit_time: float = 0.0,
        monitor_every: float = 30.0,
    ) -> None:
        self.loop = loop
        self.plan: Plan = plan or NoFaults()
        self.checker = Checker()
        self.disk = Disk(loop, self.checker.batch, commit_time)
        self.machines: dict[str, Machine] = {}
        self.front: FrontEnd | None = None
        self.ports = Ports()
        self.settings = Settings(monitoring=Monitoring(interval=monitor_every))
        self.deaths = 0
        self.defect: BaseException | None = None
        self._links: list[FaultyLink] = []
        self._burials: set[asyncio.Task[None]] = set()
        self.add_machine(IMAGES)
        loop.set_exception_handler(self._note_defect)

    def _note_defect(self, _: object, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(str(context.get("message")))
        self.defect = self.defect or error

    # -- machines

    def add_machine(self, name: str, cpus: int = 8, memory_kib: int = 16 * GIB) -> Machine:
        """Puts up a machine; it becomes a host when it is added as one."""
        machine = Machine(name, cpus, memory_kib, self.checker.guest_changed)
        self.machines[name] = machine
        machine.neighbours = self.machines
        return machine

    async def add_host(self, name: str, cpus: int = 8, memory_kib: int = 16 * GIB) -> int:
        """Puts up a machine and adds it as a host."""
        self.add_machine(name, cpus, memory_kib)
        return await self.do(lambda tx: hosts.allocate(tx, self.admin, name, "dummy", "dummy", -1))

    def machine_of(self, host_id: int) -> Machine:
        """The machine that a host is."""
        return self.machines[self.world.hosts[host_id].name]

    async def _connect(self, place: int, host: Host | None, on_event: OnEvent) -> Link:
        machine = self.machines[host.name if host is not None else IMAGES]
        if not machine.reachable:
            raise OSError(f"no route to host {machine.name}")
        if machine.frozen:
            await machine.thawed.wait()
        link = FaultyLink(machine, on_event, lambda: self.plan)
        self._links = [old for old in self._links if not old.lost.done()]
        self._links.append(link)
        return link

    # -- the front end

    async def start(self) -> None:
        """A front end begins from what is durable."""

        def make_connector(world: World) -> Connector:
            return self._connect

        self.ports = Ports()
        front = FrontEnd(
            self.settings,
            Path("/simulated"),
            self.disk,
            Samples(depth=2),
            self.loop.clock,
            PlainPasswords(),
            make_connector,
            _inline,
            self.ports,
        )
        front.fleet.take = self._taker(front)
        self.front = front
        self.checker.world = front.world
        if not await front.prepare(ADMIN_PASSWORD, "simulated", simulate=True):
            self.checker.take_over(front.world)
        front.start()

    def _taker(self, front: FrontEnd) -> Callable[[Event], None]:
        """What the fleet reports to: replies may come more than once."""

        def take(event: Event) -> None:
            front.core.take(event)
            if isinstance(event, Reply):
                for seconds in self.plan.repeats(event):
                    self.loop.call_later(seconds, front.core.take, event)

        return take

    def die(self, *, keep_some: bool = False) -> None:
        """The front end dies at this very instant; what the disk was writing may be there or not."""
        front = self.front
        if front is None:
            return
        self.front = None
        self.deaths += 1
        front.core.failure = "the front end died"
        self.disk.power_cut(keep_some=keep_some)
        for link in self._links:
            link.orphan()
        task = self.loop.create_task(front.fleet.close())
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)

    async def restart(self, after: float = 5.0) -> None:
        """A new front end takes up what is durable, if there is none."""
        await asyncio.sleep(after)
        if self.front is None:
            await self.start()

    @property
    def living(self) -> FrontEnd:
        """The front end; FrontEndDied when there is none."""
        if self.front is None:
            raise FrontEndDied
        return self.front

    @property
    def world(self) -> World:
        """The world of the living front end."""
        return self.living.world

    @property
    def admin(self) -> Caller:
        """oneadmin."""
        return caller_of(self.world.users[0])

    async def do(self, change: Change[T]) -> T:
        """Makes a change as an adapter does, and waits until it is durable."""
        front = self.living
        try:
            return await front.core.run(change)
        except Refusal:
            if front.core.failure:
                raise FrontEndDied from None
            raise

    async def durable(self, front: FrontEnd, ticket: int) -> None:
        """Waits until a change is durable."""
        try:
            await front.core.durable(ticket)
        except Refusal:
            raise FrontEndDied from None

    def events(self) -> Iterator[tuple[int, EventRow]]:
        """The durable event log, whole."""
        after = 0
        while rows := self.disk.events(after, 10_000):
            yield from rows
            after = rows[-1][0]

    # -- waiting

    def check_alive(self) -> None:
        """Raises the first violation or defect that anybody met."""
        if self.checker.found is not None:
            raise self.checker.found
        if self.defect is not None:
            raise self.defect

    async def until(self, holds: Callable[[], bool], limit: float, what: str) -> None:
        """Waits for a condition, looked at ever less often in the end; AssertionError after `limit` seconds."""
        began = self.loop.time()
        while not holds():
            self.check_alive()
            waited = self.loop.time() - began
            if waited > limit:
                raise AssertionError(f"not within {limit:g} s: {what}")
            await asyncio.sleep(max(1.0, waited / 100))
        self.check_alive()

    def idle(self) -> bool:
        """No operation is open, nothing is on its way to a host, no hook runs, and a front end lives that says so."""
        front = self.front
        if front is None or len(front.world.operations) or front.fleet.busy:
            return False
        return all(run.ended for run in front.world.table(HookRun))

    def heard(self) -> bool:
        """No guest that runs carries out a command."""
        return not any(vm.executing and vm.running for vm in self.world.vms)

    def all_up(self) -> bool:
        """Every host that is not offline has answered."""
        return self.front is not None and all(
            host.state in (HostState.MONITORED, HostState.OFFLINE)
            or (host.state is HostState.DISABLED and not host.error)
            for host in self.front.world.hosts
        )


Main = Callable[[Zone], Awaitable[T]]
