"""The journal in memory: order, delays, crashes."""

import random
from collections.abc import Callable

import pytest

from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.store.journal import Batch, EventRow, Journal, JournalFailure, Retention
from innkeeper.store.memory import MemoryJournal
from tests.store.histories import Desk, Thing, batch_of, last_whole_batch, objects_in


class Disk:
    """A delay by hand: commits finish when the test says so."""

    def __init__(self) -> None:
        self.commits: list[Callable[[], None]] = []

    def __call__(self, finish: Callable[[], None]) -> None:
        self.commits.append(finish)


def filled(journal: Journal, desk: Desk, count: int) -> None:
    for n in range(1, count + 1):
        journal.append(batch_of(n), desk.done(n))


def test_a_batch_is_durable_at_once_without_a_delay() -> None:
    journal, desk = MemoryJournal(), Desk()
    filled(journal, desk, 30)
    assert desk.answers == [(n, None) for n in range(1, 31)]
    assert last_whole_batch(journal) == 30


def test_it_keeps_the_struct_itself() -> None:
    journal, thing = MemoryJournal(), Thing(7)
    journal.append(Batch(1, (("thing", 7, thing),), (), ()), lambda _: None)
    ((kind, number, body),) = journal.load().objects
    assert (kind, number) == ("thing", 7)
    assert body is thing


def test_an_answer_that_appends_does_not_overtake() -> None:
    journal, order = MemoryJournal(), []

    def answered(n: int) -> Callable[[BaseException | None], None]:
        def done(_: BaseException | None) -> None:
            if n < 10:
                journal.append(batch_of(n + 1), answered(n + 1))
            order.append(n)

        return done

    journal.append(batch_of(1), answered(1))
    assert order == list(range(1, 11))


def test_nothing_is_answered_or_readable_before_the_disk_has_it() -> None:
    disk, desk = Disk(), Desk()
    journal = MemoryJournal(disk)
    filled(journal, desk, 3)
    assert desk.answers == []
    assert last_whole_batch(journal) == 0
    disk.commits[0]()
    assert desk.wait_for(1) == [1]
    assert last_whole_batch(journal) == 1


def test_a_commit_carries_all_batches_before_it() -> None:
    disk, desk = Disk(), Desk()
    journal = MemoryJournal(disk)
    filled(journal, desk, 5)
    disk.commits[3]()
    assert desk.wait_for(4) == [1, 2, 3, 4]
    disk.commits[0]()
    assert desk.wait_for(4) == [1, 2, 3, 4]
    disk.commits[4]()
    assert desk.wait_for(5) == [1, 2, 3, 4, 5]


def test_under_virtual_time_an_answer_comes_after_the_delay() -> None:
    async def main(loop: VirtualLoop) -> float:
        journal = MemoryJournal(lambda finish: loop.call_later(0.004, finish))
        durable = loop.create_future()
        journal.append(batch_of(1), durable.set_result)
        assert await durable is None
        return loop.time()

    assert run(main, seed=1) == 0.004


def test_a_crash_loses_exactly_what_was_not_answered() -> None:
    disk, desk = Disk(), Desk()
    journal = MemoryJournal(disk)
    filled(journal, desk, 9)
    disk.commits[5]()
    heir = journal.crash()
    for commit in disk.commits:
        commit()
    assert desk.wait_for(6) == [1, 2, 3, 4, 5, 6]
    assert last_whole_batch(heir) == 6


def test_a_crash_may_keep_the_first_of_what_was_not_answered() -> None:
    kept = set()
    for seed in range(50):
        disk, desk = Disk(), Desk()
        journal = MemoryJournal(disk)
        filled(journal, desk, 5)
        disk.commits[1]()
        kept.add(last_whole_batch(journal.crash(random.Random(seed))))
        assert desk.wait_for(2) == [1, 2]
    assert kept == {2, 3, 4, 5}


def test_a_dead_journal_neither_writes_nor_answers() -> None:
    journal, desk = MemoryJournal(), Desk()
    filled(journal, desk, 2)
    heir = journal.crash()
    journal.append(batch_of(3), desk.done(3))
    journal.close()
    assert desk.wait_for(2) == [1, 2]
    assert last_whole_batch(heir) == 2
    heir.append(batch_of(3), desk.done(3))
    assert last_whole_batch(heir) == 3


def test_a_crash_inside_an_answer_stops_the_answers() -> None:
    disk, desk = Disk(), Desk()
    journal, heirs = MemoryJournal(disk), []
    journal.append(batch_of(1), lambda _: heirs.append(journal.crash()))
    journal.append(batch_of(2), desk.done(2))
    disk.commits[1]()
    assert desk.answers == []
    assert last_whole_batch(heirs[0]) == 1


def test_after_a_failure_everything_is_refused() -> None:
    disk, desk = Disk(), Desk()
    journal = MemoryJournal(disk)
    filled(journal, desk, 2)
    disk.commits[0]()
    journal.fail("disk full")
    journal.append(batch_of(3), desk.done(3))
    disk.commits[2]()
    assert desk.wait_for(3) == [1, 2, 3]
    assert desk.answers[0][1] is None
    for _, failure in desk.answers[1:]:
        assert isinstance(failure, JournalFailure)
        assert str(failure) == "disk full"
    assert last_whole_batch(journal.crash(random.Random(1))) == 1


def test_closing_finishes_what_waits_and_takes_no_more() -> None:
    desk = Desk()
    journal = MemoryJournal(Disk())
    filled(journal, desk, 3)
    journal.close()
    assert desk.answers == [(1, None), (2, None), (3, None)]
    with pytest.raises(JournalFailure, match="closed"):
        raise_failure_of(journal)


def raise_failure_of(journal: MemoryJournal) -> None:
    failures: list[BaseException | None] = []
    journal.append(batch_of(4), failures.append)
    journal.close()
    assert failures[0] is not None
    raise failures[0]


def test_loading_is_not_disturbed_by_writing() -> None:
    journal = MemoryJournal()
    filled(journal, Desk(), 20)
    objects = journal.load().objects
    next(objects)
    before = len(objects_in(journal)) - 1
    filled(journal, Desk(), 5)
    assert len(list(objects)) == before


def test_the_event_log_is_bounded_and_its_numbers_go_on() -> None:
    journal = MemoryJournal(retention=Retention(count=10))
    filled(journal, Desk(), 20)
    assert [seq for seq, _ in journal.events(0, 100)] == list(range(31, 41))
    assert [seq for seq, _ in journal.events(35, 3)] == [36, 37, 38]
    assert journal.events(40, 5) == []
    assert journal.load().last_event == 40


def test_old_events_go_but_the_newest_stays() -> None:
    journal = MemoryJournal(retention=Retention(age=60))
    for at in (0.0, 50.0, 100.0, 1000.0):
        event = EventRow(at, "vm", 1, "seen", {})
        journal.append(Batch(1, (), (), (event,)), lambda _: None)
    assert [(seq, row.at) for seq, row in journal.events(0, 9)] == [(4, 1000.0)]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"count": 0}, "count: expected at least 1, got 0"), ({"age": -1.0}, "age: expected 0")],
)
def test_a_retention_that_makes_no_sense_is_refused(settings: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Retention(**settings)
