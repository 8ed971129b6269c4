"""Samples thinned out: one of each minute for a day, of ten minutes for a week, of an hour for 90 days.

Theory of operation. A tier gathers what is measured of an object while its step lasts; the first sample of the next
step closes it. Then the gathered figures become one: gauges their mean, totals their last value. It is written to the
tier's table under the time at which its step began, so that all objects share their times, and handed to the next
tier. What is gathered when the front end ends is lost with it: at most a step.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

#: What was measured: the name of the figure, and the figure.
Values = Mapping[str, int | float]
Key = tuple[str, int]


@dataclass(frozen=True)
class Tier:
    """A table, the seconds of which it keeps one sample, and the seconds for which it keeps it."""

    table: str
    step: int
    keep: int


def tiers(keep: Sequence[int] = (86_400, 604_800, 7_776_000)) -> tuple[Tier, ...]:
    """The three tiers, finest first, kept for so many seconds."""
    tables = (("samples", 60), ("samples_medium", 600), ("samples_coarse", 3600))
    return tuple(Tier(table, step, kept) for (table, step), kept in zip(tables, keep, strict=True))


class Gathered:
    """What one tier has gathered of one object since its step began: of gauges their sum and how many it is of."""

    __slots__ = ("began", "last", "sums")

    def __init__(self, began: int) -> None:
        self.began = began
        self.last: Values = {}
        self.sums: dict[str, tuple[int | float, int]] = {}

    def add(self, values: Values, totals: Collection[str]) -> None:
        """One sample more."""
        self.last = values
        for name, value in values.items():
            if name not in totals:
                total, count = self.sums.get(name, (0, 0))
                self.sums[name] = total + value, count + 1

    def one(self) -> dict[str, int | float]:
        """One sample for all, with the figures of the last."""
        return {
            name: _mean(*self.sums[name], like=value) if name in self.sums else value
            for name, value in self.last.items()
        }


def _mean(total: int | float, count: int, like: int | float) -> int | float:
    return round(total / count) if isinstance(like, int) else round(total / count, 2)


class Gathering:
    """One tier at work."""

    def __init__(self, tier: Tier, totals: Collection[str]) -> None:
        self.tier = tier
        self.totals = totals
        self.open: dict[Key, Gathered] = {}

    def add(self, key: Key, ts: int, values: Values) -> tuple[int, dict[str, int | float]] | None:
        """Takes a sample. The first of a step gives what became of the step before: when it began, and figures."""
        began = ts - ts % self.tier.step
        gathered = closed = self.open.get(key)
        if gathered is None or gathered.began != began:
            gathered = self.open[key] = Gathered(began)
        else:
            closed = None
        gathered.add(values, self.totals)
        return None if closed is None else (closed.began, closed.one())
