"""Batches whose traces tell at a glance whether all of them are there, and a stand-in event loop.

Batch number n writes: the new object ("mark", n), the shared objects ("slot", n % 7) and
("slot", n % 5 + 100), deletes ("mark", n - 10), sets the counter "batch" to n and logs two events.
So what a journal holds after batches 1..n can be said exactly, and a part of a batch shows.
"""

import time
from collections.abc import Callable
from queue import SimpleQueue

import msgspec

from innkeeper.store.journal import Batch, EventRow, Journal


class Thing(msgspec.Struct, frozen=True):
    number: int
    filler: str = ""


def writes_of(n: int) -> list[tuple[str, int, Thing | None]]:
    filler = "x" * (n * 37 % 900)
    return [
        ("mark", n, Thing(n, filler)),
        ("slot", n % 7, Thing(n, filler)),
        ("slot", n % 5 + 100, Thing(n)),
        ("mark", n - 10, None),
    ]


def batch_of(n: int) -> Batch:
    events = tuple(EventRow(1000.0 + n, "mark", n, what, {"n": n}) for what in ("made", "said"))
    return Batch(n, tuple(writes_of(n)), (("batch", n),), events)


def objects_after(n: int) -> dict[tuple[str, int], Thing]:
    objects: dict[tuple[str, int], Thing] = {}
    for number in range(1, n + 1):
        for kind, key, body in writes_of(number):
            if body is None:
                objects.pop((kind, key), None)
            else:
                objects[kind, key] = body
    return objects


def objects_in(journal: Journal, record: type = Thing) -> dict[tuple[str, int], object]:
    """What a front end would have in memory after loading."""
    return {
        (kind, key): msgspec.json.decode(body, type=record) if isinstance(body, bytes) else body
        for kind, key, body in journal.load().objects
    }


def last_whole_batch(journal: Journal) -> int:
    """The number of the last batch in the journal; fails unless exactly 1..n are there, whole."""
    loaded = journal.load()
    last = loaded.counters.get("batch", 0)
    assert objects_in(journal) == objects_after(last)
    assert loaded.last_event == 2 * last
    events = journal.events(0, 10**9)
    assert [seq for seq, _ in events] == list(range(1, 2 * last + 1))
    assert [row for _, row in events] == [
        row for n in range(1, last + 1) for row in batch_of(n).events
    ]
    return last


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


class Desk:
    """Takes `call_soon_threadsafe` from a journal, and makes the calls on the test's own thread."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = SimpleQueue()
        self.answers: list[tuple[int, BaseException | None]] = []

    def call_soon(self, callback: Callable[..., object], *args: object) -> None:
        self._calls.put((callback, args))

    def done(self, n: int) -> Callable[[BaseException | None], None]:
        return lambda failure: self.answers.append((n, failure))

    def wait_for(self, count: int) -> list[int]:
        """Make calls until `count` batches in all are answered; the numbers of those that are."""
        while len(self.answers) < count:
            callback, args = self._calls.get(timeout=60)
            callback(*args)
        return [n for n, _ in self.answers]

    def quiet(self) -> bool:
        return self._calls.empty()
