"""When scheduled actions are due, and what a SCHED_ACTION may say."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.model import schedule
from innkeeper.model.errors import BadValue
from innkeeper.model.objects import ScheduledAction
from innkeeper.model.schedule import Repeat, following, parse, pending, served

ZURICH = ZoneInfo("Europe/Zurich")


def at(text: str, zone: ZoneInfo | None = None) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp())


def action(time: int, repeat: Repeat, *days: int, **more: int) -> ScheduledAction:
    return ScheduledAction(id=1, name="poweroff", time=time, repeat=repeat, days=days, **more)


@pytest.mark.parametrize(
    ("begun", "repeat", "days", "after", "expected"),
    [
        # 2026-11-28 is a Saturday; 0 is Sunday
        ("2026-11-28T22:00", Repeat.WEEKLY, (1, 3), "2026-11-28T22:00", "2026-11-30T22:00"),
        ("2026-11-28T22:00", Repeat.WEEKLY, (6,), "2026-11-28T21:59", "2026-11-28T22:00"),
        ("2026-11-28T22:00", Repeat.WEEKLY, (6,), "2026-11-28T22:00", "2026-12-05T22:00"),
        ("2026-01-31T06:30", Repeat.MONTHLY, (31,), "2026-01-31T06:30", "2026-03-31T06:30"),
        ("2026-11-28T22:00", Repeat.YEARLY, (0,), "2026-11-28T22:00", "2027-01-01T22:00"),
        ("2024-12-31T22:00", Repeat.YEARLY, (365,), "2024-12-31T22:00", "2028-12-31T22:00"),
        ("2026-11-28T22:00", Repeat.HOURLY, (5,), "2026-11-28T22:00", "2026-11-29T03:00"),
        ("2026-11-28T22:00", Repeat.HOURLY, (5,), "2026-11-29T03:00", "2026-11-29T08:00"),
        # long after: what was missed is not made up for
        ("2026-01-01T22:00", Repeat.WEEKLY, (0, 1, 2, 3, 4, 5, 6), "2026-11-28T09:00", "2026-11-28T22:00"),
    ],
)  # fmt: skip
def test_the_next_time(
    begun: str, repeat: Repeat, days: tuple[int, ...], after: str, expected: str
) -> None:
    assert following(action(at(begun), repeat, *days), at(after)) == at(expected)


def test_the_evening_stays_the_evening_when_the_clocks_change() -> None:
    weekly = action(at("2026-10-24T22:00", ZURICH), Repeat.WEEKLY, 6)
    assert following(weekly, weekly.time, ZURICH) == at("2026-10-31T22:00", ZURICH)


@given(
    st.integers(0, 2**32),
    st.integers(0, 10**7),
    st.sampled_from([r for r in Repeat if r >= 0]),
    st.data(),
)
def test_the_next_time_is_later_and_on_a_listed_day(
    begun: int, later: int, repeat: Repeat, data: st.DataObject
) -> None:
    day = data.draw(st.sampled_from(schedule.RANGES[repeat]))
    found = following(action(begun, repeat, day), begun + later)
    assert found is not None and found > begun + later
    if repeat is Repeat.HOURLY:
        assert (found - begun) % (day * 3600) == 0
    else:
        assert schedule._LISTED[repeat](datetime.fromtimestamp(found, UTC).date()) == day
        assert (found - begun) % 86400 == 0


def test_a_single_action_is_served_once() -> None:
    once = action(100, Repeat.NONE)
    assert pending(once)
    after = served(once, 107, UTC, ran=True, message="")
    assert (after.done, after.time, after.runs, pending(after)) == (107, 100, 1, False)


def test_repetitions_end_after_so_many_times_or_at_a_date() -> None:
    twice = action(0, Repeat.HOURLY, 1, end_type=1, end_value=2)
    first = served(twice, 5, UTC, ran=True)
    assert (first.time, pending(first)) == (3600, True)
    second = served(first, 3600, UTC, ran=True)
    assert (second.runs, pending(second)) == (2, False)
    until = action(0, Repeat.HOURLY, 1, end_type=2, end_value=3600)
    first = served(until, 0, UTC, ran=True)
    assert pending(first)
    assert not pending(served(first, 3600, UTC, ran=True))


def test_a_time_that_was_passed_over_is_no_run() -> None:
    passed = served(action(0, Repeat.HOURLY, 1), 8000, UTC, ran=False, message="missed")
    assert (passed.runs, passed.done, passed.time, passed.message) == (0, -1, 10800, "missed")


def test_relative_times_count_from_the_start() -> None:
    made = parse({"ACTION": "hold", "TIME": "+60", "WARNING": "+10"}, 7, 1000, 3)
    assert (made.id, made.name, made.time, made.warning, made.uid) == (7, "hold", 1060, 1010, 3)
    assert parse({"ACTION": "hold", "TIME": "2000"}, 7, 1000, 3).time == 2000


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"TIME": "+5"}, "ACTION is missing"),
        ({"ACTION": "hold"}, "TIME must be"),
        ({"ACTION": "hold", "TIME": "soon"}, "TIME must be seconds since 1970.*'soon'"),
        ({"ACTION": "hold", "TIME": "-5"}, "TIME must be"),
        ({"ACTION": "hold", "TIME": "9" * 30}, "TIME must be"),
        ({"ACTION": "hold", "TIME": "5", "REPEAT": "4"}, "REPEAT must be .* from -1 to 3"),
        ({"ACTION": "hold", "TIME": "5", "REPEAT": "0"}, "DAYS of a WEEKLY action"),
        ({"ACTION": "hold", "TIME": "5", "REPEAT": "0", "DAYS": "1,7"}, "from 0 to 6"),
        ({"ACTION": "hold", "TIME": "5", "REPEAT": "1", "DAYS": "0"}, "from 1 to 31"),
        ({"ACTION": "hold", "TIME": "5", "REPEAT": "3", "DAYS": "1,2"}, "one number of hours"),
        ({"ACTION": "hold", "TIME": "5", "DAYS": "1"}, "DAYS is for actions with REPEAT"),
        ({"ACTION": "hold", "TIME": "5", "END_TYPE": "1"}, "END_TYPE is for actions with REPEAT"),
        (
            {"ACTION": "hold", "TIME": "5", "REPEAT": "3", "DAYS": "1", "END_TYPE": "1"},
            "END_VALUE must be",
        ),
        ({"ACTION": "hold", "TIME": "5", "WARNING": "x"}, "WARNING must be"),
    ],
)
def test_what_is_wrong_is_named(said: dict[str, str], named: str) -> None:
    with pytest.raises(BadValue, match=named):
        parse(said, 1, 0, 0)
