"""Whatever is written, the journal in memory and the one in SQLite hold the same."""

import tempfile
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from innkeeper.store.journal import Batch, EventRow, Journal, Retention
from innkeeper.store.memory import MemoryJournal
from innkeeper.store.sqlite import SqliteJournal
from tests.store.histories import Desk, Thing, objects_in

integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
kinds = st.sampled_from(["vm", "host", "image", ""])
numbers = st.integers(0, 5) | integers
things = st.builds(Thing, integers, texts)
details = st.dictionaries(texts, st.none() | st.booleans() | integers | texts | st.lists(texts))
events = st.builds(
    EventRow, st.floats(allow_nan=False, allow_infinity=False), kinds, numbers, texts, details
)


def tuples(elements: st.SearchStrategy, size: int) -> st.SearchStrategy:
    return st.lists(elements, max_size=size).map(tuple)


batches = st.builds(
    Batch,
    seq=st.integers(0, 99),
    writes=tuples(st.tuples(kinds, numbers, st.none() | things), 6),
    counters=tuples(st.tuples(kinds, integers), 3),
    events=tuples(events, 3),
)


def state(journal: Journal) -> tuple:
    loaded = journal.load()
    keys = [key[:2] for key in loaded.objects]
    events = journal.events(0, 10**6)
    objects = {(row.kind, row.id) for _, row in events}
    one_by_one = {of: journal.events(1, 3, of) for of in objects}
    return keys, objects_in(journal), loaded.counters, loaded.last_event, events, one_by_one


@settings(max_examples=60, deadline=None)
@given(lives=st.lists(st.lists(batches, max_size=8), max_size=3))
def test_both_journals_load_the_same(lives: list[list[Batch]]) -> None:
    """Each inner list is one life of the front end, between starting and stopping."""
    # Both prune, but SQLite does it in its own time.
    forever = Retention(age=float("inf"))
    memory, desk = MemoryJournal(retention=forever), Desk()
    with tempfile.TemporaryDirectory() as folder:
        for life in [*lives, []]:
            path = Path(folder) / "zone.db"
            with closing(SqliteJournal(path, desk.call_soon, forever)) as journal:
                assert state(journal) == state(memory)
                desk.answers.clear()
                for n, batch in enumerate(life):
                    journal.append(batch, desk.done(n))
                    memory.append(batch, lambda failure: None)
                desk.wait_for(len(life))
                assert state(journal) == state(memory)
            memory = memory.crash()
