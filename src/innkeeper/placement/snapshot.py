"""Capacity and what is taken of it, as arrays over all hosts.

Theory of operation
-------------------
Row i of every array is host `ids[i]`; rows are in order of host numbers, so that "the first best row" is the
lowest host number. A snapshot is kept between passes. `refresh` compares each host, cluster and datastore
record with the one it saw last time by identity (records are frozen, so the same one says the same) and each
host's load by its figures; only what differs is worked out again. It also forgets what a pass took with
`take`, so that a pass can count on its own decisions without changing the world.
Every change gets a tick; expressions are evaluated anew for hosts with later ticks only (`columns.py`). Which
VMs are on a host cannot be told from figures, so expressions that ask for it start afresh at each refresh.
A new snapshot gives the same answers as one that was refreshed any number of times (tests hold it to that).
float64 holds KiB exactly up to 8 EiB.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from innkeeper.model.affinity import membership
from innkeeper.model.expressions import Lookup
from innkeeper.model.indexes import Room, Users
from innkeeper.model.nouns import VmGroup
from innkeeper.model.objects import Cluster, Datastore, Host, Image, Vm
from innkeeper.model.states import HostState
from innkeeper.model.world import World

from .capacity import capacity
from .columns import Column, Mask, Numbers, rank_column, requirement_column
from .lookups import HostView, host_lookup
from .request import Demand, Request, request_of
from .stores import Stores

#: Expressions that are remembered between passes.
COLUMNS_KEPT = 256


class Snapshot:
    """The hosts as placement sees them. Arrays: CPU in 1/100 cores, memory in KiB."""

    def __init__(self) -> None:
        self.stores = Stores()
        #: Grows with every refresh and every VM taken or released.
        self.tick = 0
        self._clusters: dict[int, Cluster] = {}
        self._datastores: dict[int, Datastore] = {}
        self._images: dict[int, Image] = {}
        self._vms: Mapping[int, Vm] = {}
        self._group_users: Users | None = None
        self.groups: Mapping[int, VmGroup] = {}
        self._requests: dict[int, tuple[Vm, Request]] = {}
        self._start([])

    # ---- following the world ---------------------------------------------------------------

    def refresh(self, world: World) -> None:
        """Takes the world as it is now."""
        ids = sorted(world.hosts.rows)
        if ids != self.ids:
            self._start(ids)
        self.tick += 1
        changed = self._take_records(world)
        self._take_load(world)
        self._datastores = world.datastores.rows
        self._images = world.images.rows
        self._vms, self._group_users = world.vms.rows, world.vm_group_users
        self.groups = world.table(VmGroup).rows
        self.stores.refresh(world.datastores, self.hosts, changed)

    def _start(self, ids: list[int]) -> None:
        """Other hosts than before: nothing is known."""
        size = len(ids)
        self.ids = ids
        self.rows = {number: row for row, number in enumerate(ids)}
        self.hosts: list[Host] = []
        self.monitored: Mask = np.zeros(size, dtype=np.bool_)
        self.simulated: Mask = np.zeros(size, dtype=np.bool_)
        self.cluster_ids = np.zeros(size, dtype=np.int64)
        self.max_cpu, self.max_memory = np.zeros(size), np.zeros(size)
        self.used_cpu, self.used_memory = np.zeros(size), np.zeros(size)
        self.free_cpu, self.free_memory = np.zeros(size), np.zeros(size)
        self._counts = np.zeros(size)
        self._rooms: list[Room] = []
        self._joined: dict[int, list[int]] = {}
        self._record_ticks = np.full(size, self.tick, dtype=np.int64)
        self._load_ticks = np.full(size, self.tick, dtype=np.int64)
        self._columns: dict[tuple[str, str], Column] = {}

    def _take_records(self, world: World) -> list[int]:
        """Works out again what follows from host and cluster records; returns the rows that changed."""
        rows = world.hosts.rows
        hosts = [rows[number] for number in self.ids]
        clusters = world.clusters.rows
        altered = {n for n in clusters.keys() | self._clusters.keys()
                   if clusters.get(n) is not self._clusters.get(n)}  # fmt: skip
        before: Sequence[Host | None] = self.hosts or [None] * len(hosts)
        changed = [
            row
            for row, (new, old) in enumerate(zip(hosts, before, strict=True))
            if new is not old or new.cluster_id in altered
        ]
        self.hosts = hosts
        self._clusters = dict(clusters)
        for row in changed:
            self._describe(row, hosts[row])
        self._record_ticks[changed] = self.tick
        return changed

    def _describe(self, row: int, host: Host) -> None:
        self.monitored[row] = host.state is HostState.MONITORED
        self.simulated[row] = host.simulated
        self.cluster_ids[row] = host.cluster_id
        self.max_cpu[row], self.max_memory[row] = capacity(host, self.cluster(host))

    def _take_load(self, world: World) -> None:
        """Takes what is given away on each host."""
        size = len(self.ids)
        self._rooms = rooms = [world.occupancy.of(number) for number in self.ids]
        cpu = np.fromiter((room.cpu for room in rooms), np.float64, size)
        memory = np.fromiter((room.memory for room in rooms), np.float64, size)
        counts = np.fromiter((len(room.vms) for room in rooms), np.float64, size)
        differs = (cpu != self.used_cpu) | (memory != self.used_memory) | (counts != self._counts)
        self._load_ticks[differs] = self.tick
        self.used_cpu, self.used_memory, self._counts = cpu, memory, counts
        self.free_cpu, self.free_memory = self.max_cpu - cpu, self.max_memory - memory
        self._joined = {}
        self._columns = {k: c for k, c in self._columns.items() if not c.depends_on_members}

    # ---- a pass counts its own decisions ------------------------------------------------------

    def take(self, row: int, vm: int, request: Request) -> None:
        """One more VM on a host, until the next refresh."""
        self._add(row, request.cpu, request.memory, 1)
        self._joined.setdefault(row, []).append(vm)

    def release(self, vm: Vm) -> None:
        """Leaves out what a VM itself takes where it is, until the next refresh."""
        row = self.rows.get(vm.place.host_id) if vm.place else None
        if row is not None:
            cpu, memory, _ = self._rooms[row].vms[vm.id]
            self._add(row, -cpu, -memory, -1)

    def _add(self, row: int, cpu: int, memory: int, count: int) -> None:
        self.tick += 1
        self._load_ticks[row] = self.tick
        self.used_cpu[row] += cpu
        self.used_memory[row] += memory
        self.free_cpu[row] -= cpu
        self.free_memory[row] -= memory
        self._counts[row] += count

    # ---- groups of VMs -------------------------------------------------------------------------

    def members(self, group: int) -> Iterator[tuple[int, str]]:
        """The VMs of a group, each with its role."""
        for number in self._group_users.of(group) if self._group_users else ():
            found = membership(self._vms[number].template)
            if found is not None:
                yield number, found[1]

    def host_of(self, number: int) -> int | None:
        """The host that a VM is on, or was given in this pass."""
        for row, joined in self._joined.items():
            if number in joined:
                return self.ids[row]
        place = self._vms[number].place
        return place.host_id if place else None

    # ---- answers -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.ids)

    def cluster(self, host: Host) -> Cluster | None:
        """The cluster of a host."""
        return self._clusters.get(host.cluster_id)

    def in_clusters(self, numbers: Iterable[int]) -> Mask:
        """Which hosts are in any of these clusters."""
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        for number in numbers:  # few as a rule, for which this is faster than numpy.isin
            mask |= self.cluster_ids == number
        return mask

    def view(self, row: int) -> HostView:
        """A host as expressions see it."""
        host = self.hosts[row]
        return HostView(
            host,
            self.cluster(host),
            int(self.max_cpu[row]),
            int(self.max_memory[row]),
            int(self.used_cpu[row]),
            int(self.used_memory[row]),
            self._rooms[row].vms,
            self._joined.get(row, ()),
        )

    def _look(self, row: int) -> Lookup:
        return host_lookup(self.view(row))

    def requirement(self, text: str) -> Mask:
        """Which hosts fulfil a requirement."""
        values = self._values(self._column("requirement", text))
        return values.astype(np.bool_)

    def rank(self, text: str) -> Numbers:
        """The rank of each host."""
        return self._values(self._column("rank", text))

    def _values(self, column: Column) -> Numbers:
        return column.values(self._record_ticks, self._load_ticks, self.tick, self._look)

    def _column(self, kind: str, text: str) -> Column:
        column = self._columns.pop((kind, text), None)
        if column is None:
            make = requirement_column if kind == "requirement" else rank_column
            column = make(text, len(self.ids))
            if len(self._columns) >= COLUMNS_KEPT:
                del self._columns[next(iter(self._columns))]
        self._columns[kind, text] = column
        return column

    def load_matters(self, demand: Demand) -> bool:
        """Whether the demand's requirements, or its group, may change their answer when a VM is placed."""
        if demand.member is not None:
            return True
        texts = (demand.automatic, demand.requirements)
        return any(self._column("requirement", text).depends_on_load for text in texts)

    def sources(self, demand: Demand) -> set[bool]:
        """Where a VM's images lie: True for simulated datastores, False for real ones, both for a mixture."""
        numbers = set(demand.datastores)
        numbers.update(
            image.datastore_id for n in demand.images if (image := self._images.get(n)) is not None
        )
        found = (self._datastores.get(number) for number in numbers)
        return {datastore.simulated for datastore in found if datastore is not None}

    def request(self, vm: Vm) -> Request:
        """What a VM asks for; remembered while it is the same record."""
        known = self._requests.get(vm.id)
        if known is None or known[0] is not vm:
            known = self._requests[vm.id] = vm, request_of(vm)
        return known[1]

    def forget_others(self, vms: Iterable[int]) -> None:
        """Drops the requests of VMs other than these."""
        known = self._requests
        self._requests = {number: known[number] for number in vms if number in known}


_snapshots: WeakKeyDictionary[World, Snapshot] = WeakKeyDictionary()


def snapshot_of(world: World) -> Snapshot:
    """The snapshot that belongs to a world, refreshed. It goes when the world goes, and never holds it."""
    snapshot = _snapshots.get(world)
    if snapshot is None:
        snapshot = _snapshots[world] = Snapshot()
    snapshot.refresh(world)
    return snapshot
