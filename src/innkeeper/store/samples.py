"""Monitoring samples: the latest in memory as they came, older ones thinned out in the journal's database.

Samples may be lost in a crash, so they never cost a sync. All objects share the times of a tier's
rows (see `tiers`): a table is keyed by time first, so what comes together lands in one place and
the old end is cut off there. The history of one object is then found by stepping from time to
time, one look-up in each.

The disk has an end: when more is measured than would fit it for as long as was asked for, all
tiers are kept for shorter.
"""

import sqlite3
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from innkeeper.model.samples import Sample
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.tiers import Gathering, Tier, Values, tiers
from innkeeper.store.writer import BITE, Aside

PUT = "INSERT OR REPLACE INTO {table} (ts, kind, id, body) VALUES (?, ?, ?, ?)"
PRUNE = (
    "DELETE FROM {table} WHERE (ts, kind, id) IN"
    " (SELECT ts, kind, id FROM {table} WHERE ts < ? ORDER BY ts, kind, id LIMIT ?)"
)
HISTORY = """
WITH RECURSIVE rounds(ts) AS (
  SELECT min(ts) FROM {table} WHERE ts >= :since
  UNION ALL
  SELECT (SELECT min(ts) FROM {table} WHERE ts > rounds.ts) FROM rounds
  WHERE rounds.ts < :before
)
SELECT {table}.ts, body FROM rounds JOIN {table} USING (ts)
WHERE kind = :kind AND id = :id AND {table}.ts < :before ORDER BY {table}.ts
"""
#: What a row costs on the disk beside its body, about.
OVERHEAD = 40
#: Later than anything.
NEVER = 1 << 62


class Samples:
    """The samples of all objects: `depth` of each in memory, thinned out on disk, where they take `disk` bytes at most.

    `totals` are the figures that only grow. Without a journal only what is in memory exists.
    """

    def __init__(
        self,
        journal: SqliteJournal | None = None,
        depth: int = 12,
        kept: Sequence[Tier] = tiers(),
        disk: int = 2 << 30,
        totals: Collection[str] = (),
    ) -> None:
        self._journal = journal
        self._depth = depth
        self._disk = disk
        self._gatherings = [Gathering(tier, totals) for tier in kept]
        self._pruned = dict.fromkeys(kept, 0)
        self._size = OVERHEAD
        self._rings: dict[tuple[str, int], deque[Sample]] = {}
        self._latest: dict[str, dict[int, Sample]] = {}

    def append(self, ts: int, measured: Iterable[tuple[str, int, Values]]) -> None:
        """Take one round: what was measured at `ts` (epoch s), as (kind, id, values)."""
        rows = [(ts, kind, number, values) for kind, number, values in measured]
        for _, kind, number, values in rows:
            sample = Sample.of(ts, values)
            self._ring(kind, number).append(sample)
            self.all_latest(kind)[number] = sample
        if self._journal is not None:
            for gathering in self._gatherings:
                rows = _closed(gathering, rows)
                self._write(gathering.tier, rows)
                self._prune(gathering.tier, ts)

    def _write(self, tier: Tier, rows: Sequence[tuple[int, str, int, Values]]) -> None:
        assert self._journal is not None
        bodies = (
            (ts, kind, number, Sample.of(ts, values).body) for ts, kind, number, values in rows
        )
        while piece := list(islice(bodies, BITE)):
            self._size = OVERHEAD + len(piece[-1][-1])
            self._journal.aside(_writing(tier, piece))

    def _prune(self, tier: Tier, ts: int) -> None:
        """Once a step: what is older than it is to be kept goes."""
        assert self._journal is not None
        if ts - self._pruned[tier] >= tier.step:
            self._pruned[tier] = ts
            self._journal.aside(_pruning(tier, ts - self.kept_for(tier)))

    def kept_for(self, tier: Tier) -> int:
        """Seconds for which a tier is kept, so that all tiers of all objects have room on the disk."""
        objects = len(self._gatherings[0].open)
        wanted = sum(g.tier.keep / g.tier.step for g in self._gatherings) * objects * self._size
        return int(tier.keep * min(1.0, self._disk / max(wanted, 1)))

    def latest(self, kind: str, number: int) -> Sample | None:
        """The newest sample in memory."""
        return self.all_latest(kind).get(number)

    def all_latest(self, kind: str) -> dict[int, Sample]:
        """The newest samples in memory of all objects of a kind, by number."""
        found = self._latest.get(kind)
        if found is None:
            found = self._latest[kind] = {}
        return found

    def since(self, kind: str, number: int, since: int) -> list[Sample]:
        """All samples of one object from `since` (epoch s) on, oldest first: the older, the fewer."""
        ring = self._rings.get((kind, number), ())
        found = [sample for sample in ring if sample.ts >= since]
        before = ring[0].ts if ring else NEVER
        for gathering in self._gatherings if self._journal is not None else ():
            if before <= since:
                break
            older = self._history(gathering.tier, kind, number, since, before)
            found = [*older, *found]
            before = older[0].ts if older else before
        return found

    def rest(self, kind: str, number: int) -> None:
        """Nothing more will be measured of an object: its last sample stays in memory."""
        ring = self._rings.get((kind, number))
        if ring:
            self._rings[kind, number] = deque([ring[-1]], maxlen=self._depth)
        for gathering in self._gatherings:
            gathering.open.pop((kind, number), None)

    def forget(self, kind: str, number: int) -> None:
        """Drop from memory the samples of an object that is gone; on disk they age."""
        self.rest(kind, number)
        self._rings.pop((kind, number), None)
        self.all_latest(kind).pop(number, None)

    def _ring(self, kind: str, number: int) -> deque[Sample]:
        ring = self._rings.get((kind, number))
        if ring is None:
            ring = self._rings[kind, number] = deque(maxlen=self._depth)
        return ring

    def _history(self, tier: Tier, kind: str, number: int, since: int, before: int) -> list[Sample]:
        assert self._journal is not None
        values = {"kind": kind, "id": number, "since": since, "before": before}
        return [Sample(ts, body) for ts, body in self._journal.read(_in(HISTORY, tier), values)]


def _closed(
    gathering: Gathering, rows: Sequence[tuple[int, str, int, Values]]
) -> list[tuple[int, str, int, Values]]:
    """What a tier makes of rows: those of steps that are over."""
    found: list[tuple[int, str, int, Values]] = []
    for ts, kind, number, values in rows:
        closed = gathering.add((kind, number), ts, values)
        if closed is not None:
            found.append((closed[0], kind, number, closed[1]))
    return found


def _in(statement: str, tier: Tier) -> str:
    return statement.replace("{table}", tier.table)


def _writing(tier: Tier, rows: list[tuple[int, str, int, bytes]]) -> Aside:
    def write(db: sqlite3.Connection) -> None:
        db.executemany(_in(PUT, tier), rows)

    return write


def _pruning(tier: Tier, oldest: int) -> Aside:
    """One bite of pruning, which asks for another until nothing older than `oldest` is left."""

    def prune(db: sqlite3.Connection) -> Aside | None:
        return prune if db.execute(_in(PRUNE, tier), (oldest, BITE)).rowcount == BITE else None

    return prune
