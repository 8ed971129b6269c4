"""A journal in memory, for the simulator and for tests.

It keeps references to the frozen structs and encodes nothing. "Durable" means: still there in the
journal that `crash` returns, which a restarted front end is given.
"""

import random
from collections import deque
from collections.abc import Callable
from itertools import islice
from operator import itemgetter

from innkeeper.store.journal import AuditRow, Batch, EventRow, JournalFailure, Loaded, Retention

Delay = Callable[[Callable[[], None]], None]
Done = Callable[[BaseException | None], None]


def at_once(finish: Callable[[], None]) -> None:
    """The delay of a disk that takes no time."""
    finish()


class MemoryJournal:
    """A `Journal` whose disk is a few dictionaries.

    `delay` is given what finishes a commit and calls it when the commit should be durable, for
    example `lambda finish: loop.call_later(0.004, finish)`. Without it a batch is durable at once
    and `done` is called before `append` returns. A commit that finishes carries all batches
    before it, as a real group commit does.
    """

    def __init__(self, delay: Delay = at_once, retention: Retention | None = None) -> None:
        self._delay = delay
        self._retention = retention or Retention()
        self._objects: dict[tuple[str, int], object] = {}
        self._counters: dict[str, int] = {}
        self._events: deque[tuple[int, EventRow]] = deque()
        self._last_event = 0
        self._audit: list[AuditRow] = []
        self._waiting: deque[tuple[Batch, Done]] = deque()
        self._appended = 0
        self._settled = 0
        self._settling = False
        self._reached = 0
        self._failure: JournalFailure | None = None
        self._dead = False

    def load(self) -> Loaded:
        objects = sorted(self._objects.items(), key=itemgetter(0))
        rows = ((kind, number, body) for (kind, number), body in objects)
        return Loaded(rows, dict(self._counters), self._last_event, *self._audit[-1:])

    def append(self, batch: Batch, done: Done) -> None:
        if self._dead:
            return
        self._waiting.append((batch, done))
        self._appended += 1
        reached = self._appended
        self._delay(lambda: self._settle(reached))

    def events(
        self, after: int, limit: int, of: tuple[str, int] | None = None
    ) -> list[tuple[int, EventRow]]:
        first = self._events[0][0] if self._events else 1
        rows = islice(self._events, max(0, after + 1 - first), None)
        wanted = (entry for entry in rows if of in (None, (entry[1].kind, entry[1].id)))
        return list(islice(wanted, limit))

    def audit(self, after: int, limit: int) -> list[AuditRow]:
        return self._audit[after : after + limit]

    def close(self) -> None:
        self._settle(self._appended)
        self._failure = self._failure or JournalFailure("the journal is closed")

    def fail(self, why: str) -> None:
        """From now on the disk answers with an error: what waits and what comes is refused."""
        self._failure = self._failure or JournalFailure(why)

    def crash(self, chance: random.Random | None = None) -> "MemoryJournal":
        """Cut the power: this journal never calls again; the one returned holds what survived.

        Every batch whose `done` was called is there. Of those still waiting a disk may have got
        the first few: `chance` draws how many; without it they are all lost.
        """
        survivors = chance.randint(0, len(self._waiting)) if chance and not self._failure else 0
        for batch, _ in list(self._waiting)[:survivors]:
            self._keep(batch)
        self._dead = True
        self._waiting.clear()
        heir = MemoryJournal(self._delay, self._retention)
        heir._objects, heir._counters = self._objects, self._counters
        heir._events, heir._last_event = self._events, self._last_event
        heir._audit = self._audit
        return heir

    def _settle(self, reached: int) -> None:
        """Answer the batches up to number `reached`, in order even if an answer appends more."""
        self._reached = max(self._reached, reached)
        if self._settling:
            return
        self._settling = True
        try:
            while self._waiting and self._settled < self._reached:
                self._settle_next()
        finally:
            self._settling = False

    def _settle_next(self) -> None:
        batch, done = self._waiting.popleft()
        self._settled += 1
        if self._failure is None:
            self._keep(batch)
        done(self._failure)

    def _keep(self, batch: Batch) -> None:
        for kind, number, body in batch.writes:
            if body is None:
                self._objects.pop((kind, number), None)
            else:
                self._objects[kind, number] = body
        self._counters.update(batch.counters)
        self._audit += batch.audit
        for event in batch.events:
            self._last_event += 1
            self._events.append((self._last_event, event))
        if batch.events:
            self._prune()

    def _prune(self) -> None:
        oldest = self._events[-1][1].at - self._retention.age
        while len(self._events) > self._retention.count or self._events[0][1].at < oldest:
            self._events.popleft()
