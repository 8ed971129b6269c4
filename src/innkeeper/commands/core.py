"""The front end's heart: transactions, durability, and what follows from them.

Theory of operation
-------------------
`transact` runs a change on the world at once and hands it to the journal; the journal says when it is durable. Only
then are callers answered (`run`), what they read shown (`settled`), instructions sent to agents and events told to
those who follow them. Changes become durable in the order in which they were made. When the journal fails, the world
in memory is ahead of it and nothing may build on that any more: all waiting callers get the error, later changes are
refused, reads go on, and the daemon ends so that a new start takes up what is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from innkeeper.commands import audit
from innkeeper.commands.audit import Call
from innkeeper.lifecycle import engine, hosts
from innkeeper.lifecycle.messages import Event, Instruction
from innkeeper.model.clock import Clock
from innkeeper.model.errors import Refusal, StoreFailed
from innkeeper.model.world import Transaction, World
from innkeeper.store.journal import AuditRow, Batch, EventRow, Journal

from . import hooks, quotas, zones

T = TypeVar("T")
Follower = Callable[[tuple[EventRow, ...]], None]


class Core:
    """The world of one zone, changed by transactions that the journal makes durable.

    `dispatch` sends instructions to agents, `wake` asks for a placement pass; both are set by who wires the daemon.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.world = World()
        self.journal = journal
        self.clock = clock
        self.dispatch: Callable[[Sequence[Instruction]], None] = lambda _: None
        self.wake: Callable[[], None] = lambda: None
        self.failed: asyncio.Event | None = None
        self.failure = ""
        self.followers: list[Follower] = []
        #: Add to a transaction what follows from it, before it is stored.
        self.watchers: list[Callable[[Transaction], None]] = []
        self.last_event = 0
        self.trail = audit.Trail()
        self._sequence = 0
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}

    @property
    def transactions(self) -> int:
        """Changes since the start."""
        return self._sequence

    @property
    def waiting(self) -> int:
        """Changes that are not durable yet, of which somebody waits for it."""
        return len(self._waiting)

    def load(self) -> None:
        """Takes up what is durable: all objects, and how far numbers have been given."""
        loaded = self.journal.load()
        for kind, _, body in loaded.objects:
            self.world.load(kind, body)
        self.world.counters.update(loaded.counters)
        self.last_event = loaded.last_event
        self.trail.last = loaded.last_audit

    def resume(self) -> None:
        """Goes on with every open operation, and lets placement look at everything.

        One that cannot go on by our defect stays open, for administrators, and holds up no other.
        """
        for number in list(self.world.operations.rows):
            try:
                self.transact(partial(engine.resume, number=number), limited=False)
            except Exception as error:
                if self.failure:
                    raise
                _report(f"going on with operation {number}", error)
        self.wake()

    def transact(
        self,
        change: Callable[[Transaction], T],
        *,
        limited: bool = True,
        by: int = -1,
        asked: Call | None = None,
    ) -> tuple[T, int]:
        """Makes a change in memory and queues it; the ticket tells `durable` what to wait for (0: nothing).

        Not `limited` by quotas is what follows from something that is so already: it can be refused no more.
        `by` is the user who asks, `asked` the call that does, which gets its line in the audit log.
        """
        if self.failure:
            raise StoreFailed(f"The store has failed, no change is possible: {self.failure}")
        tx = Transaction(self.world, self.clock.time())
        self.world.usage.begin()
        try:
            result = change(tx)
            if limited:
                quotas.check(self.world, by)
            if tx.writes:
                for watch in self.watchers:
                    watch(tx)
        except BaseException:
            tx.rollback()
            raise
        if tx.empty:
            if tx.instructions:
                self.dispatch(tx.instructions)
            return result, 0
        return result, self._store(tx, self._line(tx, asked, result))

    def _line(self, tx: Transaction, asked: Call | None, result: object) -> tuple[AuditRow, ...]:
        if asked is None:
            return ()
        changed = [f"{kind} {number}" for kind, number in tx.writes]
        return (self.trail.done(asked, tx.now, result, changed),)

    def refused(self, refusal: Refusal) -> None:
        """Tells the audit log that the call that is being answered was refused."""
        call = audit.current()
        row = call and self.trail.refused(call, self.clock.time(), refusal)
        if row and not self.failure:
            self._store(Transaction(self.world, self.clock.time()), (row,))

    def _store(self, tx: Transaction, audited: tuple[AuditRow, ...]) -> int:
        self._sequence += 1
        ticket = self._sequence
        events = tuple(EventRow(e.at, e.kind, e.id, e.what, e.detail) for e in tx.events)
        batch = Batch(
            seq=ticket,
            writes=tuple((kind, number, record) for (kind, number), record in tx.writes.items()),
            counters=tuple(tx.counters.items()),
            events=events,
            audit=audited,
        )
        instructions = tx.instructions

        def stored(error: BaseException | None) -> None:
            self._stored(ticket, instructions, events, error)

        self.journal.append(batch, stored)
        if tx.wake:
            self.wake()
        return ticket

    def _stored(
        self,
        ticket: int,
        instructions: list[Instruction],
        events: tuple[EventRow, ...],
        error: BaseException | None,
    ) -> None:
        for waiting in self._waiting.pop(ticket, ()):
            if not waiting.done():
                waiting.set_result(None)
        if error is not None:
            self.failure = self.failure or str(error) or type(error).__name__
            if self.failed is not None:
                self.failed.set()
            return
        self._durable_up_to = ticket
        if instructions:
            self.dispatch(instructions)
        if events:
            self.last_event += len(events)
            self._tell(events)

    def _tell(self, events: tuple[EventRow, ...]) -> None:
        """Tells the followers; a defect of one must not keep it from the others."""
        for follower in list(self.followers):
            try:
                follower(events)
            except Exception as error:
                _report("following events", error)

    _durable_up_to = 0

    async def durable(self, ticket: int) -> None:
        """Waits until a change is durable."""
        if ticket > self._durable_up_to and not self.failure:
            # Each has a future of its own: who leaves ends it, and others wait for the same ticket.
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(ticket, []).append(waiting)
            await waiting
        if ticket > self._durable_up_to:
            raise StoreFailed(f"The store has failed: {self.failure}")

    async def settled(self) -> None:
        """Waits until all that was changed so far is durable: what was just read is then never taken back.

        After a failure of the journal reads go on, from a world that nobody can build on.
        """
        if self._durable_up_to < self._sequence and not self.failure:
            with suppress(Refusal):
                await self.durable(self._sequence)

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Waits until something holds, which is asked whenever events have become durable; False when it does not."""
        bell = asyncio.Event()

        def ring(_: object) -> None:
            bell.set()

        self.followers.append(ring)
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    bell.clear()
                    await bell.wait()
        except TimeoutError:
            return holds()
        finally:
            self.followers.remove(ring)
        return True

    def ask_again(self) -> None:
        """Whoever waits looks whether what he waits for holds now, although nothing has become durable."""
        self._tell(())

    async def run(self, change: Callable[[Transaction], T], by: int = -1) -> T:
        """Makes a change that a user asks for (`by`), and waits until it is durable."""

        def whole(tx: Transaction) -> T:
            result = change(tx)
            if by >= 0:
                zones.check_enabled(tx)
                hooks.done(tx, result)
            return result

        result, ticket = self.transact(whole, by=by, asked=audit.current())
        await self.durable(ticket)
        return result

    def take(self, event: Event) -> None:
        """Takes what an agent said."""
        if not self.failure:
            self.transact(lambda tx: hosts.take(tx, event), limited=False)

    async def blocking(self, work: Callable[..., T], *args: Any) -> T:
        """Runs something slow (a password hash) beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(None, work, *args)


def _report(doing: str, error: Exception) -> None:
    """Our own defect: the loop's handler shall hear of it."""
    context = {"message": doing, "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)


Blocking = Callable[..., Awaitable[Any]]
