"""Checks and verdicts of single hosts, put into words. The filters' masks decide; this only tells."""

from collections.abc import Sequence

from .columns import Mask
from .filters import FILTERS
from .records import Check
from .request import Request
from .snapshot import Snapshot


def masks(snapshot: Snapshot, request: Request) -> list[Mask]:
    """The answer of every filter for all hosts, in the order of FILTERS."""
    return [each.holds(snapshot, request) for each in FILTERS]


def checks(
    snapshot: Snapshot, request: Request, row: int, answers: Sequence[Mask] | None = None
) -> tuple[Check, ...]:
    """Every check of one host."""
    answers = masks(snapshot, request) if answers is None else answers
    return tuple(
        Check(
            each.name,
            each.needed(snapshot, request),
            each.had(snapshot, request, row),
            bool(mask[row]),
        )
        for each, mask in zip(FILTERS, answers, strict=True)
    )
