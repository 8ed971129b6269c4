"""Histories of samples, for VMs and hosts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from innkeeper.api.xmlrpc.documents.measures import element
from innkeeper.api.xmlrpc.methods import Answer, Desk, pool
from innkeeper.model.objects import Record
from innkeeper.model.samples import Sample

#: Instead of a number of seconds: all samples that are kept, or the last one of each object.
KEPT: Final = -1
LAST: Final = 0

Render = Callable[[int, Sample | None], bytes]


def answer(desk: Desk, records: Sequence[Record], render: Render, seconds: int) -> Answer:
    """MONITORING_DATA of these objects: the last one of each (0), those of the last `seconds`, or all (-1)."""

    def parts(record: Record) -> Iterable[bytes]:
        found = _samples(desk, record, seconds)
        return [element(render(record.id, sample)) for sample in found]

    return pool("MONITORING_DATA", records, parts)


def _samples(desk: Desk, record: Record, seconds: int) -> Sequence[Sample]:
    if seconds == LAST:
        last = desk.monitoring.latest(record.KIND, record.id)
        return [last] if last else []
    epoch = 0 if seconds < 0 else int(desk.core.clock.time()) - seconds
    return desk.monitoring.since(record.KIND, record.id, epoch)
