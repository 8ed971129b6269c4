"""The SQLite journal: order, grouping, failures, one front end at a time."""

import asyncio
import logging
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from innkeeper.store.journal import Batch, EventRow, JournalFailure, Retention
from innkeeper.store.sqlite import SqliteJournal
from tests.store.histories import (
    Desk,
    Thing,
    batch_of,
    last_whole_batch,
    objects_in,
    wait_until,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zone.db"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def journal(path: Path, desk: Desk) -> Iterator[SqliteJournal]:
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        yield journal


def put(journal: SqliteJournal, desk: Desk, first: int, last: int) -> None:
    for n in range(first, last + 1):
        journal.append(batch_of(n), desk.done(n))


def held(path: Path) -> closing[sqlite3.Connection]:
    """Somebody else who is writing to the database: no commit can begin until it is closed."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


def test_what_was_answered_is_there_after_a_restart(
    path: Path, desk: Desk, journal: SqliteJournal
) -> None:
    put(journal, desk, 1, 50)
    assert desk.wait_for(50) == list(range(1, 51))
    assert last_whole_batch(journal) == 50
    journal.close()
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        assert last_whole_batch(again) == 50
        put(again, desk, 51, 60)
        desk.wait_for(60)
        assert last_whole_batch(again) == 60


def test_answers_come_once_in_order_on_the_loops_thread(path: Path) -> None:
    async def main() -> None:
        loop, answered = asyncio.get_running_loop(), []
        last = loop.create_future()

        def done(n: int, failure: BaseException | None) -> None:
            assert failure is None
            assert threading.get_ident() == here
            answered.append(n)
            if n == 500:
                last.set_result(None)

        here = threading.get_ident()
        with closing(SqliteJournal(path, loop.call_soon_threadsafe)) as journal:
            for n in range(1, 501):
                journal.append(batch_of(n), lambda failure, n=n: done(n, failure))
                if n % 40 == 0:
                    await asyncio.sleep(0)
            await last
        assert answered == list(range(1, 501))

    asyncio.run(main())


def test_nothing_is_answered_before_the_commit(
    path: Path, desk: Desk, journal: SqliteJournal
) -> None:
    with held(path):
        put(journal, desk, 1, 5)
        wait_until(lambda: journal._writer._queue.empty())
        assert journal.events(0, 10) == []
        assert desk.quiet()
        assert journal.commits == 0
    assert desk.wait_for(5) == [1, 2, 3, 4, 5]


def test_what_waits_is_committed_together(path: Path, desk: Desk, journal: SqliteJournal) -> None:
    with held(path):
        put(journal, desk, 1, 300)
    assert desk.wait_for(300) == list(range(1, 301))
    assert journal.commits <= 2
    assert last_whole_batch(journal) == 300


def test_deleted_and_made_again_in_one_group(
    path: Path, desk: Desk, journal: SqliteJournal
) -> None:
    steps = [("a", 1, Thing(1)), ("a", 1, None), ("b", 1, None), ("b", 1, Thing(2)), ("c", 1, None)]
    with held(path):
        for n, step in enumerate(steps):
            journal.append(Batch(n, (step,), (), ()), desk.done(n))
    desk.wait_for(5)
    assert objects_in(journal) == {("b", 1): Thing(2)}


def test_within_a_batch_the_later_entry_wins(desk: Desk, journal: SqliteJournal) -> None:
    writes = (("a", 1, Thing(1)), ("a", 1, Thing(2)), ("b", 1, Thing(1)), ("b", 1, None))
    journal.append(Batch(1, writes, (("id", 5), ("id", 9)), ()), desk.done(1))
    desk.wait_for(1)
    assert objects_in(journal) == {("a", 1): Thing(2)}
    assert journal.load().counters == {"id": 9}


def test_objects_load_in_order_of_kind_and_number(desk: Desk, journal: SqliteJournal) -> None:
    keys = [("vm", 10), ("host", 3), ("vm", 2), ("vm", 0), ("image", 2**62)]
    journal.append(Batch(1, tuple((k, n, Thing(n)) for k, n in keys), (), ()), desk.done(1))
    desk.wait_for(1)
    assert [(kind, number) for kind, number, _ in journal.load().objects] == sorted(keys)


def test_any_text_survives(desk: Desk, journal: SqliteJournal) -> None:
    text = "quote ' \" \\ nul \0 newline \n Zürich 東京 \U0001f3e8"
    event = EventRow(1.5, text, -1, text, {"text": text, "list": [1, None, {"x": 2.5}]})
    journal.append(Batch(1, ((text, 1, Thing(1, text)),), ((text, 3),), (event,)), desk.done(1))
    desk.wait_for(1)
    assert objects_in(journal) == {(text, 1): Thing(1, text)}
    assert journal.load().counters == {text: 3}
    assert journal.events(0, 1) == [(1, event)]


def test_events_are_read_with_a_cursor(desk: Desk, journal: SqliteJournal) -> None:
    put(journal, desk, 1, 10)
    desk.wait_for(10)
    assert [seq for seq, _ in journal.events(0, 3)] == [1, 2, 3]
    assert [(seq, row.id) for seq, row in journal.events(17, 99)] == [(18, 9), (19, 10), (20, 10)]
    assert journal.events(20, 5) == []


def test_an_operator_can_read_the_bodies_with_sql(
    path: Path, desk: Desk, journal: SqliteJournal
) -> None:
    put(journal, desk, 1, 3)
    desk.wait_for(3)
    with closing(sqlite3.connect(path)) as shell:
        query = "SELECT json_extract(body, '$.number'), typeof(body) FROM objects WHERE kind='mark'"
        assert shell.execute(query).fetchall() == [(1, "text"), (2, "text"), (3, "text")]


def test_every_group_is_synced_and_asides_are_not(desk: Desk, journal: SqliteJournal) -> None:
    statements: list[str] = []
    journal._db.set_trace_callback(statements.append)
    journal.aside(lambda db: db.execute("PRAGMA user_version = 5") and None)
    put(journal, desk, 1, 1)
    desk.wait_for(1)
    journal.aside(lambda db: db.execute("PRAGMA user_version = 6") and None)
    journal.close()
    level, levels = "FULL", []
    for statement in statements:
        if statement.startswith("PRAGMA synchronous"):
            level = statement.rpartition(" ")[2]
        elif statement.startswith(("PRAGMA user_version", "INSERT OR REPLACE INTO counters")):
            levels.append((statement[:6], level))
    assert sorted(levels) == [("INSERT", "FULL"), ("PRAGMA", "NORMAL"), ("PRAGMA", "NORMAL")]


def test_the_database_is_opened_for_full_durability(journal: SqliteJournal) -> None:
    modes = [journal._db.execute(f"PRAGMA {name}").fetchone()[0] for name in MODES]
    assert dict(zip(MODES, modes, strict=True)) == MODES


MODES = {"journal_mode": "wal", "synchronous": 2}


def test_others_may_not_read_the_files(path: Path, desk: Desk, journal: SqliteJournal) -> None:
    put(journal, desk, 1, 1)
    desk.wait_for(1)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {f"zone.db{end}": 0o600 for end in ("", "-wal", "-shm", ".lock")}


# Failures


def refused(desk: Desk) -> list[int]:
    return [n for n, failure in desk.answers if isinstance(failure, JournalFailure)]


def test_a_full_disk_refuses_all_that_wait_and_all_that_come(
    path: Path, desk: Desk, journal: SqliteJournal
) -> None:
    put(journal, desk, 1, 3)
    desk.wait_for(3)
    in_effect = threading.Event()
    journal.aside(lambda db: db.execute("PRAGMA max_page_count = 1") and in_effect.set())
    assert in_effect.wait(60)
    big = tuple(("big", n, Thing(n, "y" * 9000)) for n in range(100))
    with held(path):
        journal.append(Batch(4, big, (), ()), desk.done(4))
        put(journal, desk, 5, 6)
    desk.wait_for(6)
    put(journal, desk, 7, 9)
    assert desk.wait_for(9) == list(range(1, 10))
    assert refused(desk) == [4, 5, 6, 7, 8, 9]
    assert re.search(
        rf"{path}: cannot be written: database or disk is full", str(desk.answers[-1][1])
    )
    journal.close()
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        assert last_whole_batch(again) == 3


def test_what_cannot_be_encoded_stops_the_journal_whole(
    path: Path, desk: Desk, journal: SqliteJournal, caplog: pytest.LogCaptureFixture
) -> None:
    put(journal, desk, 1, 3)
    desk.wait_for(3)
    journal.append(Batch(4, (("ok", 1, Thing(1)), ("bad", 1, object())), (), ()), desk.done(4))
    put(journal, desk, 5, 5)
    desk.wait_for(5)
    assert refused(desk) == [4, 5]
    assert last_whole_batch(journal) == 3
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


def test_a_failing_answer_does_not_swallow_the_others(
    path: Path, desk: Desk, journal: SqliteJournal, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: BaseException | None) -> None:
        raise ZeroDivisionError

    with held(path):
        journal.append(batch_of(1), broken)
        put(journal, desk, 2, 3)
    assert desk.wait_for(2) == [2, 3]
    assert "an answer to a durable batch failed" in caplog.text


def test_a_failing_aside_harms_nobody(
    desk: Desk, journal: SqliteJournal, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM objects")
        db.execute("SELECT nonsense")

    put(journal, desk, 1, 20)
    desk.wait_for(20)
    journal.aside(broken)
    put(journal, desk, 21, 30)
    desk.wait_for(30)
    assert last_whole_batch(journal) == 30
    journal.close()
    assert journal.lost_asides == 1
    assert "nonsense" in caplog.text


LIMITED = """
import resource, sys
from pathlib import Path
from innkeeper.store.sqlite import SqliteJournal
from tests.store.histories import Desk, batch_of

desk = Desk()
journal = SqliteJournal(Path(sys.argv[1]), desk.call_soon)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
n = 0
while not desk.answers or desk.answers[-1][1] is None:
    n += 1
    journal.append(batch_of(n), desk.done(n))
    desk.wait_for(n)
journal.append(batch_of(n + 1), desk.done(n + 1))
desk.wait_for(n + 1)
print(n - 1, [type(failure).__name__ for _, failure in desk.answers[-2:]])
"""


def test_a_write_error_of_the_real_file_system(path: Path, desk: Desk) -> None:
    """The write-ahead log hits the kernel's limit on file sizes in the middle of a commit."""
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True
    )
    last, _, failures = child.stdout.partition(" ")
    assert failures.strip() == "['JournalFailure', 'JournalFailure']"
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        assert last_whole_batch(again) == int(last) > 10


def test_after_closing_everything_is_refused(desk: Desk, journal: SqliteJournal) -> None:
    journal.close()
    journal.close()
    journal.aside(lambda db: None)
    put(journal, desk, 1, 1)
    desk.wait_for(1)
    assert "the journal is closed" in str(desk.answers[0][1])


def test_closing_writes_what_waits(path: Path, desk: Desk, journal: SqliteJournal) -> None:
    put(journal, desk, 1, 200)
    journal.close()
    assert desk.wait_for(200) == list(range(1, 201))
    assert refused(desk) == []
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        assert last_whole_batch(again) == 200


def test_a_loop_that_is_gone_does_not_stop_the_writing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.new_event_loop()
    journal = SqliteJournal(path, loop.call_soon_threadsafe)
    loop.close()
    journal.append(batch_of(1), lambda _: None)
    journal.close()
    assert "nobody to answer" in caplog.text
    with closing(SqliteJournal(path, Desk().call_soon)) as again:
        assert last_whole_batch(again) == 1


# Opening


def test_a_second_front_end_is_refused(path: Path, desk: Desk, journal: SqliteJournal) -> None:
    with pytest.raises(JournalFailure) as caught:
        SqliteJournal(path, desk.call_soon)
    assert "another front end is running on this database" in str(caught.value)
    assert f"(process {os.getpid()})" in str(caught.value)
    journal.close()
    SqliteJournal(path, desk.call_soon).close()


def test_a_front_end_that_died_does_not_hold_the_lock(path: Path, desk: Desk) -> None:
    code = (
        "import os, sys; from pathlib import Path; from innkeeper.store.sqlite import *;"
        "journal = SqliteJournal(Path(sys.argv[1]), print); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    SqliteJournal(path, desk.call_soon).close()


def _no_folder(path: Path) -> str:
    path.parent.rmdir()
    return "cannot be locked: .*No such file or directory"


def _no_database(path: Path) -> str:
    path.write_bytes(b"This is a letter to a friend. " * 100)
    return "cannot be opened as a database: file is not a database"


def _folder(path: Path) -> str:
    path.mkdir()
    return "cannot be opened as a database: .*Is a directory"


def _somebody_elses(path: Path) -> str:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE birds (name)")
    return "a database, but not one of Innkeeper's"


@pytest.mark.parametrize("obstacle", [_no_folder, _no_database, _folder, _somebody_elses])
def test_a_file_that_cannot_be_used_is_refused_and_left_alone(path: Path, obstacle) -> None:
    complaint = obstacle(path)
    before = path.read_bytes() if path.is_file() else None
    for _ in range(2):  # the first refusal must not hold the lock
        with pytest.raises(JournalFailure, match=complaint) as caught:
            SqliteJournal(path, Desk().call_soon)
        assert str(path) in str(caught.value)
    if before is not None:
        assert path.read_bytes() == before


# Retention


def logged(n: int, at: float) -> Batch:
    return Batch(n, (), (), (EventRow(at, "vm", n, "seen", {}),))


def test_the_event_log_is_bounded_by_count(path: Path, desk: Desk) -> None:
    with closing(SqliteJournal(path, desk.call_soon, Retention(count=50))) as journal:
        for n in range(1, 1001):
            journal.append(logged(n, float(n)), desk.done(n))
        desk.wait_for(1000)
        journal.append(logged(1001, 1001.0), desk.done(1001))
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        numbers = [seq for seq, _ in again.events(0, 2000)]
        assert numbers == list(range(numbers[0], 1002))
        assert 50 <= len(numbers) <= 55
        assert again.load().last_event == 1001


def test_the_event_log_is_bounded_by_age(path: Path, desk: Desk) -> None:
    retention = Retention(count=10, age=100)
    with closing(SqliteJournal(path, desk.call_soon, retention)) as journal:
        for n, at in enumerate((10.0, 20.0, 150.0, 210.0), 1):
            journal.append(logged(n, at), desk.done(n))
            desk.wait_for(n)
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        assert [(seq, row.at) for seq, row in again.events(0, 9)] == [(3, 150.0), (4, 210.0)]


def test_a_long_backlog_is_pruned_in_bites(path: Path, desk: Desk) -> None:
    rows = tuple(EventRow(float(n), "vm", n, "seen", {}) for n in range(9000))
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        journal.append(Batch(1, (), (), rows), desk.done(1))
    with closing(SqliteJournal(path, desk.call_soon, Retention(count=10))) as journal:
        journal.append(logged(2, 9001.0), desk.done(2))
        wait_until(lambda: len(journal.events(0, 10_000)) == 10)
        assert journal.load().last_event == 9001


def test_numbering_goes_on_after_everything_old_was_pruned(path: Path, desk: Desk) -> None:
    with closing(SqliteJournal(path, desk.call_soon, Retention(count=1, age=0))) as journal:
        for n in range(1, 6):
            journal.append(logged(n, 10.0 * n), desk.done(n))
            desk.wait_for(n)
    with closing(SqliteJournal(path, desk.call_soon)) as again:
        assert again.load().last_event == 5
        again.append(logged(6, 60.0), desk.done(6))
        desk.wait_for(6)
        assert [seq for seq, _ in again.events(0, 9)] == [5, 6]


def test_bodies_are_the_json_of_the_struct(desk: Desk, journal: SqliteJournal) -> None:
    journal.append(Batch(1, (("thing", 1, Thing(7, "z")),), (), ()), desk.done(1))
    desk.wait_for(1)
    ((_, _, body),) = journal.load().objects
    assert isinstance(body, bytes)
    assert msgspec.json.decode(body) == {"number": 7, "filler": "z"}
