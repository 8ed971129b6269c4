"""Monitoring samples: the ring, the table, how both are read as one."""

from contextlib import closing
from pathlib import Path

import pytest

from innkeeper.model.samples import Sample
from innkeeper.store.samples import HISTORY, Samples
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.tiers import Tier, tiers
from tests.store.histories import Desk, batch_of, last_whole_batch, wait_until

#: One tier whose step is that of the tests' rounds: each sample but the last, which another may still join.
EACH = (Tier("samples", 10, 14_400),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zone.db"


def rounds(samples: Samples, first: int, last: int, objects: int = 3) -> None:
    for n in range(first, last + 1):
        samples.append(1000 + 10 * n, [("vm", i, {"cpu": n + i / 2}) for i in range(objects)])


def times(found: list[Sample]) -> list[int]:
    return [sample.ts for sample in found]


def stored(journal: SqliteJournal) -> int:
    return journal.read("SELECT count(*) FROM samples")[0][0]


def test_in_memory_alone_the_newest_are_kept() -> None:
    samples = Samples(depth=4)
    rounds(samples, 1, 10)
    assert samples.latest("vm", 2) == Sample.of(1100, {"cpu": 11.0})
    assert times(samples.since("vm", 1, 0)) == [1070, 1080, 1090, 1100]
    assert times(samples.since("vm", 1, 1085)) == [1090, 1100]
    assert samples.since("vm", 9, 0) == []
    assert samples.latest("host", 1) is None


def test_what_is_gone_is_forgotten() -> None:
    samples = Samples()
    rounds(samples, 1, 2)
    samples.forget("vm", 1)
    samples.forget("vm", 77)
    assert samples.latest("vm", 1) is None
    assert samples.latest("vm", 0) is not None


def test_whole_and_broken_figures_come_back_as_they_were() -> None:
    samples = Samples()
    samples.append(5, [("vm", 1, {"netrx": 2**53 + 1, "cpu": 0.1})])
    assert samples.since("vm", 1, 5) == [Sample.of(5, {"netrx": 2**53 + 1, "cpu": 0.1})]


def test_the_disk_has_what_memory_has_dropped(path: Path) -> None:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, depth=3, kept=EACH)
        rounds(samples, 1, 10)
        wait_until(lambda: stored(journal) == 27)
        found = samples.since("vm", 1, 0)
        assert found == [Sample.of(1000 + 10 * n, {"cpu": n + 0.5}) for n in range(1, 11)]
        assert times(samples.since("vm", 1, 1042)) == list(range(1050, 1101, 10))
        assert times(samples.since("vm", 1, 1090)) == [1090, 1100]
        assert samples.since("vm", 5, 0) == []


def test_history_goes_on_after_a_restart(path: Path) -> None:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        rounds(Samples(journal, kept=EACH), 1, 6)
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, kept=EACH)
        assert times(samples.since("vm", 1, 1020)) == [1020, 1030, 1040, 1050]
        rounds(samples, 6, 7)
        assert times(samples.since("vm", 1, 1020)) == list(range(1020, 1071, 10))


def test_an_object_that_missed_rounds_has_gaps(path: Path) -> None:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, depth=1, kept=EACH)
        for ts in range(100, 200, 10):
            samples.append(ts, [("vm", 1, {"x": 1})] if ts % 30 == 0 else [("vm", 2, {"x": 2})])
        wait_until(lambda: stored(journal) == 8)
        assert times(samples.since("vm", 1, 0)) == [120, 150, 180]


def test_what_is_too_old_goes(path: Path) -> None:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, depth=1, kept=(Tier("samples", 10, 50),))
        rounds(samples, 1, 20, objects=500)
        query = "SELECT min(ts), max(ts), count(*) FROM samples"
        wait_until(lambda: journal.read(query) == [(1150, 1190, 5 * 500)])


def test_a_big_round_is_written_whole_beside_batches(path: Path) -> None:
    desk = Desk()
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        samples = Samples(journal, kept=EACH)
        for ts in (100, 110):
            samples.append(ts, [("vm", i, {"cpu": i}) for i in range(9001)])
        for n in range(1, 51):
            journal.append(batch_of(n), desk.done(n))
        desk.wait_for(50)
    with closing(SqliteJournal(path, desk.call_soon)) as journal:
        assert stored(journal) == 9001
        assert last_whole_batch(journal) == 50


def test_a_round_may_be_said_again(path: Path) -> None:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, kept=EACH)
        for ts, cpu in ((100, 1), (100, 2), (110, 3)):
            samples.append(ts, [("vm", 1, {"cpu": cpu})])
        journal.aside(lambda db: None)
        wait_until(lambda: stored(journal) == 1)
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        assert Samples(journal).since("vm", 1, 0) == [Sample.of(100, {"cpu": 2})]


def test_history_is_looked_up_not_scanned(path: Path) -> None:
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        values = {"since": 0, "before": 9, "kind": "vm", "id": 1}
        query = HISTORY.replace("{table}", "samples")
        plan = [row[3] for row in journal.read(f"EXPLAIN QUERY PLAN {query}", values)]
        assert plan
        assert not [step for step in plan if step.startswith("SCAN samples")]


def test_the_older_the_fewer(path: Path) -> None:
    """Five hours of samples: minutes for one, tens of minutes for two, hours for four."""
    kept = tiers((3600, 7200, 14_400))
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, depth=2, kept=kept, totals={"netrx"})
        end = 5 * 3600
        for ts in range(0, end + 1, 30):
            samples.append(ts, [("vm", 1, {"cpu": ts // 30 % 2 * 1.0, "mem": ts, "netrx": ts})])
        journal.aside(lambda db: None)
        count = "SELECT count(*), min(ts) FROM "
        for tier, expected in zip(kept, [(60, end - 3600), (11, 10_800), (3, 3600)], strict=True):
            wait_until(lambda t=tier, e=expected: journal.read(count + t.table) == [e])
        found = samples.since("vm", 1, 0)
        assert times(found) == [
            3600, 7200, *range(10_800, end - 3600, 600), *range(end - 3600, end, 60), end - 30, end,
        ]  # fmt: skip
        hour = found[0]
        assert hour.values == {"cpu": 0.5, "mem": round((3600 + 7170) / 2), "netrx": 7170}


def test_more_objects_than_the_disk_has_room_for_are_kept_for_shorter(path: Path) -> None:
    kept = (Tier("samples", 10, 10_000),)
    with closing(SqliteJournal(path, Desk().call_soon)) as journal:
        samples = Samples(journal, depth=1, kept=kept, disk=500_000)
        for ts in range(0, 5000, 10):
            samples.append(ts, [("vm", i, {"cpu": 0.5}) for i in range(100)])
        assert 500 < samples.kept_for(kept[0]) < 1200
        wait_until(lambda: stored(journal) * 51 < 500_000)


def test_of_what_has_ended_the_last_sample_stays(path: Path) -> None:
    samples = Samples()
    rounds(samples, 1, 5)
    samples.rest("vm", 1)
    samples.rest("vm", 77)
    assert times(samples.since("vm", 1, 0)) == [1050]
