"""The thread that writes a SQLite journal: group commit.

Theory of operation
-------------------
A durable commit costs one sync of the disk, 0.1 to 10 ms, however much it carries. So the thread
takes everything that waits, writes it in one transaction, and syncs once; while it does, the next
group gathers by itself. Nobody waits for a group to fill: alone, a batch is written at once.

Within a group only the last version of an object is encoded and written, because nobody can have
read the versions between from the disk. Encoding happens here, off the event loop.

The answers of a group go to the event loop in one call, after the commit. The order of batches is
the order of the queue, and there is one thread, so answers keep it.

If anything fails in a group, the disk, the lock or the encoding, the whole group is rolled back
and refused, and so is everything that comes later: memory is ahead of the record from then on. We
never try a failed commit again, for after a failed sync the kernel may have dropped the data.

Beside the batches there are *asides*: monitoring samples, pruning. They may be lost in a crash, so
their transactions do not sync (the next group's sync covers them, in order), they come in small
bites, and at most one runs between two groups. An aside that fails is logged and harms nobody.
"""

import contextlib
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue

import msgspec

from innkeeper.store.journal import Batch, EventRow, JournalFailure, Retention

logger = logging.getLogger(__name__)

Done = Callable[[BaseException | None], None]
#: Work on the writer's connection in a transaction of its own; what it returns runs later.
Aside = Callable[[sqlite3.Connection], "Aside | None"]

#: No more batches than this go into one transaction, so that none waits long behind a flood.
GROUP_LIMIT = 4096
#: Rows deleted by one bite of pruning.
BITE = 2000

PUT_OBJECT = "INSERT OR REPLACE INTO objects (kind, id, body) VALUES (?, ?, CAST(? AS TEXT))"
DROP_OBJECT = "DELETE FROM objects WHERE kind = ? AND id = ?"
PUT_COUNTER = "INSERT OR REPLACE INTO counters (name, next) VALUES (?, ?)"
PUT_EVENT = (
    "INSERT INTO events (seq, at, kind, id, what, detail) VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT))"
)
PUT_AUDIT = "INSERT INTO audit (seq, body, link) VALUES (?, ?, ?)"
PRUNE_EVENTS = (
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq < ? ORDER BY seq LIMIT ?)"
    " AND (seq <= ? OR at < ?)"
)


class Rows(msgspec.Struct):
    """What a group of batches comes to, ready for the database."""

    objects: list[tuple[str, int, bytes]]
    dropped: list[tuple[str, int]]
    counters: list[tuple[str, int]]
    events: list[tuple[int, float, str, int, str, bytes]]
    audit: list[tuple[int, str, str]]


class Writer(threading.Thread):
    """Owns the write connection. `answer` hands the answers of a group to the event loop."""

    def __init__(
        self,
        db: sqlite3.Connection,
        name: str,
        answer: Callable[[Sequence[Done], JournalFailure | None], None],
        retention: Retention,
    ) -> None:
        super().__init__(name="journal", daemon=True)
        self._db = db
        self._database = name
        self._answer = answer
        self._retention = retention
        self._prune_every = max(1, min(BITE // 2, retention.count // 10))
        (self._last_event,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        self._unpruned = 0
        self._encoder = msgspec.json.Encoder()
        self._queue: SimpleQueue[tuple[Batch, Done] | Aside | None] = SimpleQueue()
        self._batches: list[tuple[Batch, Done]] = []
        self._asides: deque[Aside] = deque()
        self._stopping = False
        self.failure: JournalFailure | None = None
        self.commits = 0
        self.lost_asides = 0

    def put(self, batch: Batch, done: Done) -> None:
        self._queue.put((batch, done))

    def put_aside(self, work: Aside) -> None:
        self._queue.put(work)

    def stop(self) -> None:
        """Write what was put, then end. Called by another thread; waits."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        while not (self._stopping and not self._batches):
            self._gather()
            if self._batches:
                self._settle()
            if self._asides:
                self._do_aside(self._asides.popleft())
        while self._asides:
            self._do_aside(self._asides.popleft())

    def _gather(self) -> None:
        """Take what waits in the queue; sleep only if there is nothing to do at all."""
        with contextlib.suppress(Empty):
            while len(self._batches) < GROUP_LIMIT and not self._stopping:
                item = self._queue.get(block=not (self._batches or self._asides))
                if item is None:
                    self._stopping = True
                elif isinstance(item, tuple):
                    self._batches.append(item)
                else:
                    self._asides.append(item)

    def _settle(self) -> None:
        """Write the group at hand and answer it."""
        group, self._batches = self._batches, []
        if self.failure is None:
            try:
                self._commit([batch for batch, _ in group])
            except Exception as error:
                logger.critical("%s takes no more writes", self._database, exc_info=error)
                self.failure = JournalFailure(f"{self._database}: cannot be written: {error}")
                self.failure.__cause__ = error
        self._answer([done for _, done in group], self.failure)

    def _commit(self, group: Sequence[Batch]) -> None:
        rows = merge(group, self._last_event, self._encoder.encode)
        with transaction(self._db):
            self._db.executemany(PUT_OBJECT, rows.objects)
            self._db.executemany(DROP_OBJECT, rows.dropped)
            self._db.executemany(PUT_COUNTER, rows.counters)
            self._db.executemany(PUT_EVENT, rows.events)
            self._db.executemany(PUT_AUDIT, rows.audit)
        self.commits += 1
        self._last_event += len(rows.events)
        self._unpruned += len(rows.events)
        if self._unpruned >= self._prune_every:
            self._unpruned = 0
            newest = max(row[1] for row in rows.events)
            self._asides.append(self._pruning(self._last_event, newest))

    def _pruning(self, last: int, newest: float) -> Aside:
        """One bite of pruning, which asks for another until nothing is left to prune."""

        def prune(db: sqlite3.Connection) -> Aside | None:
            floor, oldest = last - self._retention.count, newest - self._retention.age
            pruned = db.execute(PRUNE_EVENTS, (last, BITE, floor, oldest)).rowcount
            return prune if pruned == BITE else None

        return prune

    def _do_aside(self, work: Aside) -> None:
        if self.failure is not None:
            return
        try:
            self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                with transaction(self._db):
                    more = work(self._db)
            finally:
                self._db.execute("PRAGMA synchronous = FULL")
        except Exception as error:
            self.lost_asides += 1
            logger.warning("%s: samples or pruning skipped", self._database, exc_info=error)
        else:
            if more is not None and not self._stopping:
                self._asides.append(more)


def merge(group: Sequence[Batch], last_event: int, encode: Callable[[object], bytes]) -> Rows:
    """The last version of everything in the group, and all its events, numbered on."""
    objects: dict[tuple[str, int], object | None] = {}
    counters: dict[str, int] = {}
    events: list[EventRow] = []
    for batch in group:
        for kind, number, body in batch.writes:
            objects[kind, number] = body
        counters.update(batch.counters)
        events += batch.events
    return Rows(
        [(kind, n, encode(body)) for (kind, n), body in objects.items() if body is not None],
        [key for key, body in objects.items() if body is None],
        list(counters.items()),
        [
            (seq, event.at, event.kind, event.id, event.what, encode(event.detail))
            for seq, event in enumerate(events, last_event + 1)
        ],
        [(row.seq, row.body, row.link) for batch in group for row in batch.audit],
    )


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, at once against other writers."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # Some errors (a full disk) have rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
