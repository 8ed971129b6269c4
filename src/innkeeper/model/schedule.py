"""Scheduled actions: what a SCHED_ACTION says, and when it is due next (spec: templates.md 4.8, states.md 8).

A time of day means the clock of a time zone that is handed in: an action of every evening stays in the evening.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import IntEnum

import msgspec

from .errors import BadValue, Mistake, must_be
from .jobs import BackupJob
from .objects import ScheduledAction, Vm
from .states import VmState
from .template import Vector, as_int

HOUR = 3600
#: Days within which a repetition comes round at the latest (a 29 February after a century's end).
HORIZON = 366 * 9
#: The last second that a date can be told of (the year 9998): no time may lie behind it.
LATEST = 253_370_764_800


class Repeat(IntEnum):
    """REPEAT: by what the DAYS are counted."""

    NONE = -1
    WEEKLY = 0
    MONTHLY = 1
    YEARLY = 2
    HOURLY = 3


class End(IntEnum):
    """END_TYPE: when repetitions end. `NONE` is what an action without repetition has."""

    NONE = -1
    NEVER = 0
    TIMES = 1
    DATE = 2


#: The numbers that DAYS may hold: 0 is Sunday, the first day of a year is 0, hourly is every so many hours.
RANGES = {
    Repeat.WEEKLY: range(7),
    Repeat.MONTHLY: range(1, 32),
    Repeat.YEARLY: range(366),
    Repeat.HOURLY: range(1, 168),
}


def parse(vector: Vector, number: int, start: int, uid: int) -> ScheduledAction:
    """A SCHED_ACTION as a record. Relative times count from `start`."""
    repeat = Repeat(_whole(vector, "REPEAT", -1, range(-1, 4)))
    end = End(_whole(vector, "END_TYPE", -1, range(-1, 3)))
    if end > End.NEVER and repeat is Repeat.NONE:
        raise BadValue("END_TYPE is for actions with REPEAT only")
    name = vector.get("ACTION", "")
    if not name:
        raise BadValue("ACTION is missing", Mistake("ACTION", "a value", "nothing"))
    return ScheduledAction(
        id=number,
        name=name,
        args=vector.get("ARGS", ""),
        time=_time(vector, "TIME", start),
        repeat=repeat,
        days=_days(vector, repeat),
        end_type=end,
        end_value=_end_value(vector, end),
        warning=_time(vector, "WARNING", start) if vector.get("WARNING") else 0,
        uid=uid,
    )


def _whole(vector: Vector, name: str, default: int, allowed: range) -> int:
    text = vector.get(name, "")
    value = as_int(text) if text else default
    if value is None or value not in allowed:
        expected = f"a whole number from {allowed[0]} to {allowed[-1]}"
        raise BadValue(must_be(name, expected, text[:40]))
    return value


def _time(vector: Vector, name: str, start: int) -> int:
    text = vector.get(name, "").strip()
    value = as_int(text.removeprefix("+"))
    if value is None or value < 0 or value + start > LATEST:
        expected = "seconds since 1970, or +seconds from the VM's start"
        raise BadValue(must_be(name, expected, text[:40]))
    return start + value if text.startswith("+") else value


def _days(vector: Vector, repeat: Repeat) -> tuple[int, ...]:
    text = vector.get("DAYS", "")
    if repeat is Repeat.NONE:
        if text:
            raise BadValue("DAYS is for actions with REPEAT only")
        return ()
    allowed = RANGES[repeat]
    found = [as_int(part.strip()) for part in text.split(",")]
    known = sorted({day for day in found if day is not None and day in allowed})
    if not known or None in found or any(day not in allowed for day in found):
        expected = f"numbers from {allowed[0]} to {allowed[-1]}, joined by commas"
        raise BadValue(must_be(f"DAYS of a {repeat.name} action", expected, text[:40]))
    if repeat is Repeat.HOURLY and len(known) != 1:
        raise BadValue(must_be("DAYS of an HOURLY action", "one number of hours", text[:40]))
    return tuple(known)


def _end_value(vector: Vector, end: End) -> int:
    if end in (End.NONE, End.NEVER):
        return -1
    return _whole(vector, "END_VALUE", -1, range(1, LATEST))


# ---- when ------------------------------------------------------------------------------------


def pending(action: ScheduledAction) -> bool:
    """Whether its time is still to be served."""
    return action.done < action.time


def served(
    action: ScheduledAction, now: int, zone: tzinfo, *, ran: bool, message: str = ""
) -> ScheduledAction:
    """The action after its time was served at `now`: with the next time, if there is one.

    Times that have gone by meanwhile are not made up for.
    """
    runs = action.runs + ran
    time = _next(action, max(now, action.time), runs, zone)
    return msgspec.structs.replace(
        action,
        done=max(now, action.time) if ran or time is None else action.done,
        time=action.time if time is None else time,
        runs=runs,
        message=message,
    )


def _next(action: ScheduledAction, after: int, runs: int, zone: tzinfo) -> int | None:
    if action.end_type == End.TIMES and runs >= action.end_value:
        return None
    time = following(action, after, zone)
    if time is not None and action.end_type == End.DATE and time > action.end_value:
        return None
    return time


def following(action: ScheduledAction, after: int, zone: tzinfo = UTC) -> int | None:
    """The first repetition of an action later than `after`; None when it has none."""
    if action.repeat == Repeat.NONE:
        return None
    if action.repeat == Repeat.HOURLY:
        period = action.days[0] * HOUR
        return action.time + ((after - action.time) // period + 1) * period
    begun = datetime.fromtimestamp(action.time, zone)
    listed = _LISTED[Repeat(action.repeat)]
    for day in _from(datetime.fromtimestamp(after, zone).date()):
        if listed(day) in action.days:
            time = int(datetime.combine(day, begun.time(), zone).timestamp())
            if time > after:
                return time
    return None


def _from(day: date) -> Iterator[date]:
    return (day + timedelta(days=number) for number in range(HORIZON))


_LISTED: dict[Repeat, Callable[[date], int]] = {
    Repeat.WEEKLY: lambda day: (day.weekday() + 1) % 7,
    Repeat.MONTHLY: lambda day: day.day,
    Repeat.YEARLY: lambda day: day.timetuple().tm_yday - 1,
}


def attributes(action: ScheduledAction, parent: int, kind: str = "VM") -> dict[str, str]:
    """The action as documents show it."""
    return {
        "ACTION": action.name,
        "ARGS": action.args,
        "DAYS": ",".join(str(day) for day in action.days),
        "DONE": str(action.done),
        "END_TYPE": str(action.end_type),
        "END_VALUE": str(action.end_value),
        "ID": str(action.id),
        "MESSAGE": action.message,
        "PARENT_ID": str(parent),
        "REPEAT": str(action.repeat),
        "TIME": str(action.time),
        "TYPE": kind,
        "WARNING": str(action.warning),
    }


Scheduled = Vm | BackupJob


def _actions(holder: Scheduled | None) -> tuple[ScheduledAction, ...]:
    """What it has to do; what has ended has nothing."""
    if holder is None or (isinstance(holder, Vm) and holder.state is VmState.DONE):
        return ()
    return holder.schedule


class Timetable:
    """When the next scheduled action of each VM, or backup job, is due."""

    def __init__(self) -> None:
        self.times: dict[int, int] = {}

    def change(self, old: Scheduled | None, new: Scheduled | None) -> None:
        """One of them is replaced."""
        before, after = _actions(old), _actions(new)
        if before is after:
            return
        number = (new or old).id  # type: ignore[union-attr]
        times = [action.time for action in after if pending(action)]
        self.times.pop(number, None)
        if times:
            self.times[number] = min(times)

    def next(self) -> int | None:
        """When the next one of all is due."""
        return min(self.times.values(), default=None)

    def due(self, now: float) -> list[int]:
        """The numbers of those that have something due."""
        return sorted(number for number, time in self.times.items() if time <= now)
