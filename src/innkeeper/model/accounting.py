"""What VMs took, from their histories: stays on hosts, and what they cost a month (spec: xml-documents.md section 7.1).

Nothing of it is stored: a VM's record is kept when it has ended, so its costs can be told at any time. Costs are per
hour: CPU_COST for a core, MEMORY_COST and DISK_COST for a MiB. Months are those of UTC.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from .objects import History, Vm
from .quotas import space
from .template import as_float

HOUR = 3600.0


class Month(NamedTuple):
    """A month of a year."""

    year: int
    month: int

    def following(self) -> "Month":
        """The next one."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def start(self) -> int:
        """Its first second."""
        return int(datetime(self.year, self.month, 1, tzinfo=UTC).timestamp())


class Bill(NamedTuple):
    """What a VM costs in a month: hours that it had a place, and that it ran."""

    vm: Vm
    month: Month
    hours: float
    running: float
    cpu: float
    memory: float
    disk: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.cpu + self.memory + self.disk


def month_of(time: float) -> Month:
    """The month of an epoch second."""
    at = datetime.fromtimestamp(time, UTC)
    return Month(at.year, at.month)


def stays(vm: Vm, since: int, until: int) -> Iterator[History]:
    """The stays of a VM that overlap a span of time (-1: open)."""
    for stay in vm.history:
        ended = stay.etime or None
        if (ended is None or ended > since) and (until < 0 or stay.stime < until):
            yield stay


def bills(vm: Vm, first: Month | None, last: Month | None, now: int) -> Iterator[Bill]:
    """What a VM costs in each month from `first` to `last` (None: those of its history) in which it had a place."""
    if not vm.history:
        return
    month = max(first or Month(0, 1), month_of(vm.history[0].stime))
    end = min(last or Month(9999, 12), month_of(vm.history[-1].etime or now))
    while month <= end:
        span = month.start(), min(month.following().start(), now)
        hours = [_overlap(stay.stime, stay.etime or now, span) for stay in vm.history]
        if any(hours):
            yield _bill(vm, month, hours, span, now)
        month = month.following()


def _bill(vm: Vm, month: Month, hours: list[float], span: tuple[int, int], now: int) -> Bill:
    running = sum(
        _overlap(stay.rstime, stay.retime or stay.etime or now, span)
        for stay in vm.history
        if stay.rstime
    )
    had = [amounts(vm, stay) for stay in vm.history]
    cpu, memory, disk = (
        (as_float(vm.template.get(f"{name}_COST")) or 0.0)
        * sum(each[at] * time for each, time in zip(had, hours, strict=True))
        for at, name in enumerate(("CPU", "MEMORY", "DISK"))
    )
    return Bill(vm, month, sum(hours), running, cpu, memory, disk)


def amounts(vm: Vm, stay: History) -> tuple[float, int, int]:
    """Cores, MiB of memory and MiB of disks that a VM had in a stay."""
    if stay.memory >= 0:
        return stay.cpu, stay.memory, stay.disk
    return vm.cpu, vm.memory, sum(map(space, vm.disks))


def _overlap(start: int, end: int, span: tuple[int, int]) -> float:
    """Hours in both."""
    return max(0, min(end, span[1]) - max(start, span[0])) / HOUR
