"""Monitoring samples: the latest in memory, the rest in the journal's database.

Samples may be lost in a crash, so they never cost a sync. A round of monitoring shares one time:
the table is keyed by time first, so a round lands in one place and the old end is cut off there.
The history of one object is then found by stepping from round to round, one look-up in each.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice

import msgspec

from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.writer import BITE, Aside

#: What was measured: the name of the figure, and the figure.
Values = Mapping[str, int | float]

PUT = "INSERT OR REPLACE INTO samples (ts, kind, id, body) VALUES (?, ?, ?, ?)"
PRUNE = (
    "DELETE FROM samples WHERE (ts, kind, id) IN"
    " (SELECT ts, kind, id FROM samples WHERE ts < ? ORDER BY ts, kind, id LIMIT ?)"
)
HISTORY = """
WITH RECURSIVE rounds(ts) AS (
  SELECT min(ts) FROM samples WHERE ts >= :since
  UNION ALL
  SELECT (SELECT min(ts) FROM samples WHERE ts > rounds.ts) FROM rounds
  WHERE rounds.ts < :before
)
SELECT samples.ts, body FROM rounds JOIN samples USING (ts)
WHERE kind = :kind AND id = :id AND samples.ts < :before ORDER BY samples.ts
"""


class Sample(msgspec.Struct, frozen=True):
    """What was measured of one object at `ts` (whole epoch seconds)."""

    ts: int
    values: dict[str, int | float]


class Samples:
    """The samples of all objects: `depth` of each in memory, `keep` seconds of them on disk.

    Without a journal only what is in memory exists.
    """

    def __init__(
        self, journal: SqliteJournal | None = None, depth: int = 12, keep: int = 14_400
    ) -> None:
        self._journal = journal
        self._depth = depth
        self._keep = keep
        self._rings: dict[tuple[str, int], deque[tuple[int, bytes]]] = {}
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(dict[str, int | float]).decode

    def append(self, ts: int, measured: Iterable[tuple[str, int, Values]]) -> None:
        """Take one round: what was measured at `ts` (epoch s), as (kind, id, values)."""
        rows = [(ts, kind, number, self._encode(values)) for kind, number, values in measured]
        for _, kind, number, body in rows:
            self._ring(kind, number).append((ts, body))
        if self._journal is not None:
            pieces = iter(rows)
            while piece := list(islice(pieces, BITE)):
                self._journal.aside(_writing(piece))
            self._journal.aside(_pruning(ts - self._keep))

    def latest(self, kind: str, number: int) -> Sample | None:
        """The newest sample in memory."""
        ring = self._rings.get((kind, number))
        return self._sample(*ring[-1]) if ring else None

    def since(self, kind: str, number: int, since: int) -> list[Sample]:
        """All samples of one object from `since` (epoch s) on, oldest first."""
        ring = self._rings.get((kind, number), ())
        recent = [row for row in ring if row[0] >= since]
        if self._journal is None or (ring and ring[0][0] <= since):
            older = []
        else:
            older = self._history(kind, number, since, ring[0][0] if ring else 1 << 62)
        return [self._sample(*row) for row in [*older, *recent]]

    def forget(self, kind: str, number: int) -> None:
        """Drop from memory the samples of an object that is gone; on disk they age."""
        self._rings.pop((kind, number), None)

    def _ring(self, kind: str, number: int) -> deque[tuple[int, bytes]]:
        ring = self._rings.get((kind, number))
        if ring is None:
            ring = self._rings[kind, number] = deque(maxlen=self._depth)
        return ring

    def _history(self, kind: str, number: int, since: int, before: int) -> list[tuple[int, bytes]]:
        assert self._journal is not None
        values = {"kind": kind, "id": number, "since": since, "before": before}
        return [(ts, body) for ts, body in self._journal.read(HISTORY, values)]

    def _sample(self, ts: int, body: bytes) -> Sample:
        return Sample(ts, self._decode(body))


def _writing(rows: list[tuple[int, str, int, bytes]]) -> Aside:
    def write(db: sqlite3.Connection) -> None:
        db.executemany(PUT, rows)

    return write


def _pruning(oldest: int) -> Aside:
    """One bite of pruning, which asks for another until nothing older than `oldest` is left."""

    def prune(db: sqlite3.Connection) -> Aside | None:
        return prune if db.execute(PRUNE, (oldest, BITE)).rowcount == BITE else None

    return prune
