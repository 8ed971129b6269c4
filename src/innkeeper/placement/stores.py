"""System datastores: where the disks of a placed VM lie.

A system datastore serves a VM on a host when it is READY, shares a cluster with the host, is simulated as the
host is, and fulfils the VM's requirements on datastores. Among those, the one with the most free space is
taken (SCHED_DS_RANK instead, if the VM has one), the lowest number on ties. Room is looked at only where the
datastore is measured (TOTAL_MB is not 0) and does not say DATASTORE_CAPACITY_CHECK=NO.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from innkeeper.model import storage
from innkeeper.model.expressions import ExpressionError, compile_rank, compile_requirement
from innkeeper.model.objects import Datastore, Host
from innkeeper.model.states import DatastoreType

from .columns import Mask
from .lookups import datastore_lookup
from .request import Demand, Request

READY = 0


def reaches(datastore: Datastore, host: Host) -> bool:
    """Whether VMs on this host may have their disks there at all."""
    return near(datastore, host) and not unusable(datastore, host)


def near(datastore: Datastore, host: Host) -> bool:
    """Whether both are in one cluster, and of one kind."""
    return host.cluster_id in datastore.clusters and datastore.simulated == host.simulated


def unusable(datastore: Datastore, host: Host) -> str:
    """Why a host lacks what the datastore's disks need; empty when it has it."""
    return storage.problem(host, storage.NEEDED.get(datastore.tm_mad, storage.FILE))


def suits(datastore: Datastore, demand: Demand) -> bool:
    """Whether it is a READY system datastore that fulfils the VM's expressions."""
    if datastore.type is not DatastoreType.SYSTEM or datastore.state != READY:
        return False
    lookup = datastore_lookup(datastore)
    try:
        return all(
            compile_requirement(text).matches(lookup)
            for text in (demand.ds_automatic, demand.ds_requirements)
        )
    except ExpressionError:
        return False


def has_room(datastore: Datastore, free: float, needed: int) -> bool:
    """Whether `needed` MiB fit into what is `free` of it; true where that is not to be looked at."""
    if not datastore.total_mb or needed <= max(free, 0):
        return True
    return datastore.template.get("DATASTORE_CAPACITY_CHECK", "").upper() == "NO"


def rank_of(datastore: Datastore, demand: Demand) -> float:
    """What SCHED_DS_RANK says; 0 for all when there is none that can be read."""
    try:
        return compile_rank(demand.ds_rank).value(datastore_lookup(datastore))
    except ExpressionError:
        return 0


def best(candidates: Iterable[tuple[Datastore, float]], request: Request) -> Datastore | None:
    """The one to take among (datastore, free MiB); those without room come last."""

    def preference(candidate: tuple[Datastore, float]) -> tuple[bool, float, float, int]:
        datastore, free = candidate
        rank = rank_of(datastore, request.demand) if request.demand.ds_rank else 0
        return not has_room(datastore, free, request.disk), -rank, -free, datastore.id

    chosen = min(candidates, key=preference, default=None)
    return chosen[0] if chosen else None


class Stores:
    """All system datastores, and which hosts each of them reaches."""

    def __init__(self) -> None:
        self.records: list[Datastore] = []
        self.free: list[float] = []
        self._reach = np.zeros((0, 0), dtype=np.bool_)
        self._suitable: dict[Demand, tuple[int, ...]] = {}
        self._masks: dict[tuple[int, ...], Mask] = {}

    def refresh(
        self, datastores: Iterable[Datastore], hosts: Sequence[Host], changed: Sequence[int]
    ) -> None:
        """Takes the datastores as they are now; `changed` are the rows of hosts that are not as before."""
        records = [d for d in datastores if d.type is DatastoreType.SYSTEM]
        records.sort(key=lambda datastore: datastore.id)
        rows: Iterable[int] = changed
        if not _same(records, self.records) or self._reach.shape != (len(records), len(hosts)):
            self._reach = np.zeros((len(records), len(hosts)), dtype=np.bool_)
            rows = range(len(hosts))
        for row in rows:
            self._reach[:, row] = [reaches(datastore, hosts[row]) for datastore in records]
        self.records = records
        self.free = [float(datastore.free_mb) for datastore in records]
        self._suitable = {}
        self._masks = {}

    def available(self, request: Request) -> tuple[int, ...]:
        """The datastores (by position) that suit a VM and have room for it."""
        return tuple(
            at
            for at in self.suitable(request.demand)
            if has_room(self.records[at], self.free[at], request.disk)
        )

    def suitable(self, demand: Demand) -> tuple[int, ...]:
        """The datastores (by position) that suit a VM, full or not."""
        found = self._suitable.get(demand)
        if found is None:
            found = tuple(at for at, d in enumerate(self.records) if suits(d, demand))
            self._suitable[demand] = found
        return found

    def reachable(self, positions: tuple[int, ...]) -> Mask:
        """The hosts that reach any of these datastores."""
        mask = self._masks.get(positions)
        if mask is None:
            mask = np.logical_or.reduce(self._reach[list(positions)], axis=0)
            self._masks[positions] = mask
        return mask

    def of(self, row: int, positions: Iterable[int]) -> list[tuple[Datastore, float]]:
        """Which of these datastores a host reaches, each with its free MiB."""
        return [(self.records[at], self.free[at]) for at in positions if self._reach[at, row]]

    def take(self, datastore: Datastore, needed: int) -> None:
        """Counts the disks of one more VM."""
        self.free[self.records.index(datastore)] -= needed


def _same(first: Sequence[object], second: Sequence[object]) -> bool:
    """Whether these are the very same records."""
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))
