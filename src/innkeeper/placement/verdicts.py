"""Checks and verdicts of single hosts, put into words. The filters' masks decide; this only tells."""

from collections.abc import Iterable, Iterator, Sequence

from .columns import Mask
from .filters import FILTERS
from .records import Check
from .request import Request
from .snapshot import Snapshot


def masks(snapshot: Snapshot, request: Request) -> list[Mask]:
    """The answer of every filter for all hosts, in the order of FILTERS."""
    return [each.holds(snapshot, request) for each in FILTERS]


def checks(
    snapshot: Snapshot, request: Request, rows: Iterable[int], answers: Sequence[Mask]
) -> Iterator[tuple[Check, ...]]:
    """Every check of these hosts, one after the other, by the answers that `masks` gave."""
    needed = [each.needed(snapshot, request) for each in FILTERS]
    for row in rows:
        yield tuple(
            Check(each.name, text, each.had(snapshot, request, row), bool(mask[row]))
            for each, text, mask in zip(FILTERS, needed, answers, strict=True)
        )


def checks_of(snapshot: Snapshot, request: Request, row: int) -> tuple[Check, ...]:
    """Every check of one host."""
    return next(checks(snapshot, request, (row,), masks(snapshot, request)))
