"""What would help a VM that fits nowhere.

First what could be done to hosts that are there: for each way of failing (the set of checks failed), the host
that lacks the least, when each of its failures has a remedy. Only when there is no such host, what the hosts
in general do not offer.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from . import units
from .columns import Mask
from .filters import (
    AUTOMATIC,
    CAPABILITY,
    CLUSTER,
    CPU,
    FILTERS,
    GROUP,
    HYPERVISOR,
    MEMORY,
    REQUIREMENTS,
    Filter,
    guilty,
)
from .request import Request, unreadable
from .snapshot import Snapshot

#: Lines of advice, and comparisons of a requirement that one line tells.
MOST_LINES = 5
MOST_COMPARISONS = 3

Rows = list[int]


def advice(snapshot: Snapshot, request: Request, answers: Sequence[Mask]) -> tuple[str, ...]:
    """Lines that each say one thing that would let the VM be placed."""
    if problem := unreadable(request.demand):
        return (f"correct the template: {problem}",)
    if not len(snapshot):
        return ("add a host",)
    lines = list(dict.fromkeys(_per_host(snapshot, request, answers)))
    if not lines:
        lines = list(_in_general(snapshot, request, answers))
    return tuple(lines[:MOST_LINES])


def _per_host(snapshot: Snapshot, request: Request, answers: Sequence[Mask]) -> Iterator[str]:
    """One line for each way in which hosts fail and can be helped, the least failing first."""
    failing = ~np.array(answers)
    lacking = _share(request.cpu, snapshot.free_cpu) + _share(request.memory, snapshot.free_memory)
    done = set()
    for row in np.lexsort((lacking, failing.sum(axis=0))).tolist():
        kind = failing[:, row].tobytes()
        if kind in done:
            continue
        failed = [each for each, fails in zip(FILTERS, failing[:, row], strict=True) if fails]
        remedies = [each.remedy(snapshot, request, row) for each in failed]
        if all(remedies):
            done.add(kind)
            yield " and ".join(remedies)


def _share(needed: int, free: np.ndarray) -> np.ndarray:
    """How much of what is needed each host lacks: 0 nothing, 1 all of it."""
    lack: np.ndarray = np.clip(needed - free, 0, None) / max(needed, 1)
    return lack


def _in_general(snapshot: Snapshot, request: Request, answers: Sequence[Mask]) -> Iterator[str]:
    """One line for each filter that refuses hosts for which nothing can be done."""
    for each, mask in zip(FILTERS, answers, strict=True):
        tell = _GENERAL.get(each.name)
        rows = [
            row for row in (~mask).nonzero()[0].tolist() if not each.remedy(snapshot, request, row)
        ]
        if tell is not None and rows:
            yield tell(snapshot, request, rows)


def _other_kind(snapshot: Snapshot, request: Request, rows: Rows) -> str:
    needed = HYPERVISOR.needed(snapshot, request)
    return f"{needed}: not so on {units.counted(len(rows), 'host')}"


def _other_hypervisor(snapshot: Snapshot, request: Request, rows: Rows) -> str:
    needed = CAPABILITY.needed(snapshot, request)
    had = CAPABILITY.had(snapshot, request, rows[0])
    return f"a host that can give it {needed} ({snapshot.hosts[rows[0]].name}: {had})"


def _other_cluster(snapshot: Snapshot, request: Request, rows: Rows) -> str:
    if not request.demand.clusters:
        return "use images and networks that share a cluster"
    needed = CLUSTER.needed(snapshot, request)
    hosts = units.counted(len(rows), "host")
    return f"a host in {needed}, where its images and networks are ({hosts} elsewhere)"


def _unfulfilled(each: Filter, text: Callable[[Request], str]) -> Callable[..., str]:
    def tell(snapshot: Snapshot, request: Request, rows: Rows) -> str:
        lacked = Counter(atom for row in rows for atom, _ in guilty(snapshot, text(request), row))
        told = ", ".join(
            f"{units.counted(count, 'host')} {'lacks' if count == 1 else 'lack'} {atom}"
            for atom, count in lacked.most_common(MOST_COMPARISONS)
        )
        start = "no host matches" if len(rows) == len(snapshot) else "hosts do not match"
        return f"{start} {each.name}: {told}"

    return tell


def _too_small(
    each: Filter, word: str, whole: Callable[[Snapshot], np.ndarray], shown: Callable[[float], str]
) -> Callable[..., str]:
    def tell(snapshot: Snapshot, request: Request, rows: Rows) -> str:
        row = int(whole(snapshot).argmax())
        largest = f"{snapshot.hosts[row].name}, with {shown(whole(snapshot)[row])}"
        needed = each.needed(snapshot, request)
        return f"a host with at least {needed} of {word} (the largest is {largest})"

    return tell


def _other_group(snapshot: Snapshot, request: Request, rows: Rows) -> str:
    return f"other rules in its VM group, which asks {GROUP.needed(snapshot, request)}"


_GENERAL: dict[str, Callable[[Snapshot, Request, Rows], str]] = {
    HYPERVISOR.name: _other_kind,
    CAPABILITY.name: _other_hypervisor,
    CLUSTER.name: _other_cluster,
    AUTOMATIC.name: _unfulfilled(AUTOMATIC, lambda request: request.demand.automatic),
    REQUIREMENTS.name: _unfulfilled(REQUIREMENTS, lambda request: request.demand.requirements),
    GROUP.name: _other_group,
    CPU.name: _too_small(CPU, "CPU", lambda snapshot: snapshot.max_cpu, units.cores),
    MEMORY.name: _too_small(MEMORY, "memory", lambda snapshot: snapshot.max_memory, units.memory),
}
