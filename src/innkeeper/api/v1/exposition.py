"""Figures in Prometheus' text format (version 0.0.4)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any

import msgspec

from innkeeper.api.latencies import BUCKETS

TEXT = "text/plain; version=0.0.4; charset=utf-8"

#: Lines that are written in one go: a zone of 20,000 VMs has 160,000, and others want their turn between them.
PIECE = 2000


class Written(str):
    """Labels as they are written, for figures that share them."""

    __slots__ = ()


Labels = Mapping[str, Any] | Written
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
        yield f"# HELP {name} {_escaped(self.help)}\n"
        yield f"# TYPE {name} {self.kind}\n"
        for ending, labels, value in self.points:
            yield f"{name}{ending}{written(labels)} {value!r}\n"


def gauge(name: str, text: str, points: Iterable[tuple[Labels, float]]) -> Family:
    """What goes up and down."""
    return Family(name, "gauge", text, [("", labels, value) for labels, value in points])


def counter(name: str, text: str, points: Iterable[tuple[Labels, float]]) -> Family:
    """What only grows, but for a new start; the name ends in `_total`."""
    return Family(name, "counter", text, [("", labels, value) for labels, value in points])


def exposition(families: Iterable[Family]) -> Iterator[bytes]:
    """The whole document, in pieces."""
    for family in families:
        lines = family.lines()
        while piece := "".join(islice(lines, PIECE)):
            yield piece.encode()


def written(labels: Labels) -> Written:
    """Labels as they are written."""
    if isinstance(labels, Written):
        return labels
    pairs = ",".join([f'{name}="{_quoted(str(value))}"' for name, value in labels.items()])
    return Written(f"{{{pairs}}}" if pairs else "")


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
