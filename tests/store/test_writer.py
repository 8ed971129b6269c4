"""What a group of batches comes to."""

import sqlite3

import msgspec
import pytest

from innkeeper.store.journal import Batch, EventRow
from innkeeper.store.writer import merge, transaction


def merged(*batches: Batch, last_event: int = 0):
    encoded: list[object] = []

    def encode(value: object) -> bytes:
        encoded.append(value)
        return msgspec.json.encode(value)

    return merge(batches, last_event, encode), encoded


def writing(*writes: tuple[str, int, object | None]) -> Batch:
    return Batch(1, writes, (), ())


def test_only_the_last_version_is_encoded_and_written() -> None:
    rows, encoded = merged(*(writing(("vm", 1, [n]), ("vm", n + 10, [n])) for n in range(5)))
    assert encoded.count([4]) == 2
    assert len(encoded) == 6
    assert rows.objects[0] == ("vm", 1, b"[4]")
    assert rows.dropped == []


def test_what_ends_deleted_is_only_dropped() -> None:
    rows, encoded = merged(writing(("vm", 1, [1])), writing(("vm", 1, None)))
    assert (rows.objects, rows.dropped, encoded) == ([], [("vm", 1)], [])


def test_what_is_made_again_is_not_dropped() -> None:
    rows, _ = merged(writing(("vm", 1, None)), writing(("vm", 1, [2])))
    assert (rows.objects, rows.dropped) == ([("vm", 1, b"[2]")], [])


def test_events_are_numbered_on_over_the_batches() -> None:
    one, two = EventRow(1.0, "vm", 1, "made", {}), EventRow(2.0, "vm", 1, "gone", {"a": 1})
    rows, _ = merged(Batch(1, (), (), (one, one)), Batch(2, (), (), (two,)), last_event=7)
    assert [row[0] for row in rows.events] == [8, 9, 10]
    assert rows.events[2] == (10, 2.0, "vm", 1, "gone", b'{"a":1}')


def test_the_last_value_of_a_counter_counts() -> None:
    rows, _ = merged(Batch(1, (), (("vm", 1), ("host", 5)), ()), Batch(2, (), (("vm", 2),), ()))
    assert rows.counters == [("vm", 2), ("host", 5)]


def test_a_transaction_that_fails_leaves_nothing_open() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE birds (name)")
    with pytest.raises(ZeroDivisionError), transaction(db):
        db.execute("INSERT INTO birds VALUES ('tit')")
        raise ZeroDivisionError
    assert not db.in_transaction
    assert db.execute("SELECT * FROM birds").fetchall() == []
    db.close()
