"""The journal of record: what every kind of journal promises.

The active front end holds all objects in memory. What a transaction changed goes to the journal as
one `Batch`, and its caller is answered only after the journal has called `done`. A journal keeps
the order of the batches: if one is durable, so are all before it, and none is ever there in part.

A journal that failed once stays closed for writes, because memory is then ahead of the record and
nobody may be told otherwise. Starting the front end again loads what is durable.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec


class EventRow(msgspec.Struct, frozen=True):
    """One line of the event log: `what` happened to the object `kind` `id` at `at` (epoch s)."""

    at: float
    kind: str
    id: int
    what: str
    detail: dict[str, object]


class AuditRow(msgspec.Struct, frozen=True):
    """One line of the audit log (`commands/audit.py` makes it): numbered without gaps, `body` is JSON.

    `link` is the SHA-256 in hex of the link before, a line feed and the body.
    """

    seq: int
    body: str
    link: str


#: What the first row of the audit log follows.
ORIGIN = AuditRow(0, "", "0" * 64)


class Batch(msgspec.Struct, frozen=True):
    """What one transaction changed; it becomes durable whole or not at all.

    `writes` holds (kind, id, frozen struct), with None instead of the struct for an object that
    was deleted; `counters` holds (name, next value). A later entry for the same key wins.
    """

    seq: int
    writes: tuple[tuple[str, int, object | None], ...]
    counters: tuple[tuple[str, int], ...]
    events: tuple[EventRow, ...]
    audit: tuple[AuditRow, ...] = ()


class Loaded(msgspec.Struct, frozen=True):
    """Everything durable, as a starting front end reads it.

    `objects` yields (kind, id, body) in order of kind and id, once; the body is JSON in bytes or,
    from a journal in memory, the struct itself. Events are numbered without gaps in the order of
    the batches, so the next event gets the number `last_event` + 1.
    """

    objects: Iterator[tuple[str, int, object]]
    counters: dict[str, int]
    last_event: int
    last_audit: AuditRow = ORIGIN


class Retention(msgspec.Struct, frozen=True):
    """How much of the event log is kept: at most `count` rows, none older than `age` seconds.

    Age counts back from the newest event, so the journal needs no clock. The newest event stays
    always, for the numbering of events goes on from it.
    """

    count: int = 500_000
    age: float = 90 * 86_400.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"retention: count: expected at least 1, got {self.count}")
        if self.age < 0:
            raise ValueError(f"retention: age: expected 0 or more seconds, got {self.age}")


class JournalFailure(Exception):
    """The journal does not take writes (any more), or could not be opened. The text says why.

    A batch that was answered with this may or may not be found after a restart.
    """


class Journal(Protocol):
    """The record of one zone. All methods are called on the event loop's thread."""

    def load(self) -> Loaded:
        """What is durable now; read it before the first append."""
        ...

    def append(self, batch: Batch, done: Callable[[BaseException | None], None]) -> None:
        """Take a batch without waiting.

        `done` is called once, in the order of the batches, on the event loop's thread: with None
        when the batch is durable, with a JournalFailure when it is not. After a failure every
        later batch fails too.
        """
        ...

    def events(
        self, after: int, limit: int, of: tuple[str, int] | None = None
    ) -> list[tuple[int, EventRow]]:
        """At most `limit` durable events with numbers above `after`, oldest first; `of` one object (kind, id) alone.

        A first number above `after` + 1 means that the rows between have been pruned.
        """
        ...

    def audit(self, after: int, limit: int) -> list[AuditRow]:
        """At most `limit` durable rows of the audit log with numbers above `after`, oldest first."""
        ...

    def close(self) -> None:
        """Make durable what was appended, and stop."""
        ...
