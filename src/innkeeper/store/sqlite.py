"""The journal in a SQLite file: nothing to install, one front end, durable.

The database runs with a write-ahead log and synchronous=FULL, so a commit that returned survives
a power cut. One thread writes (see `writer`); reading has a connection of its own and sees only
what is durable.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from innkeeper.store.journal import AuditRow, Batch, EventRow, JournalFailure, Loaded, Retention
from innkeeper.store.upgrade import FileLock, connect, open_database
from innkeeper.store.writer import Aside, Done, Writer

_AUDIT = "SELECT seq, body, link FROM audit"

logger = logging.getLogger(__name__)


class SqliteJournal:
    """A `Journal` in the file `path`, made if it is missing, upgraded if it is older.

    `call_soon_threadsafe` is the event loop's. Raises JournalFailure if the file cannot be used:
    another front end has it, a newer release wrote it, it is not ours, or the disk says no.
    """

    def __init__(
        self,
        path: Path,
        call_soon_threadsafe: Callable[..., object],
        retention: Retention | None = None,
    ) -> None:
        self._path = path
        self._call_soon = call_soon_threadsafe
        self._closed = False
        self._reading = threading.Lock()
        with contextlib.ExitStack() as undo:
            self._lock = _lock(path)
            undo.callback(self._lock.release)
            self._db = open_database(path)
            undo.callback(self._db.close)
            self._reader = connect(path)
            undo.callback(self._reader.close)
            self._reader.execute("PRAGMA query_only = ON")
            self._writer = Writer(self._db, str(path), self._post, retention or Retention())
            self._writer.start()
            undo.pop_all()

    def load(self) -> Loaded:
        counters = dict(self.read("SELECT name, next FROM counters ORDER BY name"))
        ((last_event,),) = self.read("SELECT coalesce(max(seq), 0) FROM events")
        last = [AuditRow(*row) for row in self.read(f"{_AUDIT} ORDER BY seq DESC LIMIT 1")]
        return Loaded(self._read_objects(), counters, last_event, *last)

    def _read_objects(self) -> Iterator[tuple[str, int, object]]:
        with contextlib.closing(connect(self._path)) as db:
            yield from db.execute(
                "SELECT kind, id, CAST(body AS BLOB) FROM objects ORDER BY kind, id"
            )

    def append(self, batch: Batch, done: Done) -> None:
        if self._closed:
            self._call_soon(done, JournalFailure(f"{self._path}: the journal is closed"))
        else:
            self._writer.put(batch, done)

    def events(
        self, after: int, limit: int, of: tuple[str, int] | None = None
    ) -> list[tuple[int, EventRow]]:
        one = "" if of is None else "kind = ? AND id = ? AND "
        rows = self.read(
            f"SELECT seq, at, kind, id, what, detail FROM events WHERE {one}seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
            (*(of or ()), after, limit),
        )
        return [
            (seq, EventRow(at, kind, number, what, msgspec.json.decode(detail)))
            for seq, at, kind, number, what, detail in rows
        ]

    def audit(self, after: int, limit: int) -> list[AuditRow]:
        rows = self.read(f"{_AUDIT} WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        return [AuditRow(*row) for row in rows]

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.stop()
        self._reader.close()
        self._db.close()
        self._lock.release()

    def aside(self, work: Aside) -> None:
        """Run `work` on the writer's connection between groups, in a transaction without a sync.

        For what may be lost in a crash: a few milliseconds of work each. It may return more work,
        which is dropped when the journal closes. If it fails, that is logged and counted.
        """
        if not self._closed:
            self._writer.put_aside(work)

    def read(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of a query on the read connection. May be called by any thread."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    @property
    def commits(self) -> int:
        """How many groups have been committed since the journal was opened."""
        return self._writer.commits

    @property
    def lost_asides(self) -> int:
        """How many asides have failed since the journal was opened."""
        return self._writer.lost_asides

    def _post(self, answers: Sequence[Done], failure: JournalFailure | None) -> None:
        """Called by the writer: hand a group's answers to the event loop."""
        try:
            self._call_soon(_answer, answers, failure)
        except RuntimeError as error:
            logger.warning("%s: nobody to answer: %s", self._path, error)


def _lock(path: Path) -> FileLock:
    try:
        return FileLock(path.with_name(path.name + ".lock"))
    except OSError as error:
        raise JournalFailure(f"{path}: cannot be locked: {error}") from error


def _answer(answers: Sequence[Done], failure: JournalFailure | None) -> None:
    for done in answers:
        try:
            done(failure)
        except Exception:
            logger.exception("an answer to a durable batch failed")
