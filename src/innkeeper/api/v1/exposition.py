"""Figures in Prometheus' text format (version 0.0.4)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from innkeeper.api.latencies import BUCKETS

TEXT = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, Any]
#: Ending of the name, labels, figure.
Point = tuple[str, Labels, float]


class Family(msgspec.Struct):
    """The figures of one name."""

    name: str
    kind: str
    help: str
    points: list[Point]

    def lines(self) -> Iterator[str]:
        """As they are written; a family without figures is still announced."""
        name = f"innkeeper_{self.name}"
        yield f"# HELP {name} {_escaped(self.help)}"
        yield f"# TYPE {name} {self.kind}"
        for ending, labels, value in self.points:
            yield f"{name}{ending}{_labels(labels)} {value!r}"


def gauge(name: str, text: str, points: Iterable[tuple[Labels, float]]) -> Family:
    """What goes up and down."""
    return Family(name, "gauge", text, [("", labels, value) for labels, value in points])


def counter(name: str, text: str, points: Iterable[tuple[Labels, float]]) -> Family:
    """What only grows, but for a new start; the name ends in `_total`."""
    return Family(name, "counter", text, [("", labels, value) for labels, value in points])


def exposition(families: Iterable[Family]) -> bytes:
    """The whole document."""
    return "".join([f"{line}\n" for family in families for line in family.lines()]).encode()


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join([f'{name}="{_quoted(str(value))}"' for name, value in labels.items()])
    return f"{{{pairs}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def histogram(
    name: str, text: str, label: str, counts: Mapping[str, tuple[Sequence[int], float]]
) -> Family:
    """Of each value of the label: how many were in each bucket (the last: in none), and their sum."""
    points: list[Point] = []
    for value, (buckets, total) in sorted(counts.items()):
        ends = zip((*BUCKETS, "+Inf"), accumulate(buckets), strict=True)
        points += [("_bucket", {label: value, "le": end}, count) for end, count in ends]
        points.append(("_sum", {label: value}, round(total, 6)))
        points.append(("_count", {label: value}, sum(buckets)))
    return Family(name, "histogram", text, points)
