"""Quotas: what users and groups take, and may take at most (spec: templates.md section 9.2).

Theory of operation
-------------------
What an object takes follows from its record (`charges`), for its owner and for its group. `Usage` adds that up as they
change, in whole numbers, so that it is at every moment what counting everything anew would give; nothing of it is
stored. While a transaction runs it notes what it has raised (`touched`); before the transaction is accepted all that is
held against the limits (`excess`). Two requests can therefore never exceed a limit together: the second one sees
what the first one took.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from .objects import Group, Image, Network, Quota, User, Vm
from .states import LcmState, VmState
from .template import Vector, as_int

if TYPE_CHECKING:
    from .world import World

#: A limit that is the default's; none.
DEFAULT: Final = -1
UNLIMITED: Final = -2
#: CPU is counted in millionths of a core.
MILLION: Final = 1_000_000

_TAKEN: Final = ("CPU", "MEMORY", "PCI_DEV", "PCI_NIC", "VMS")
RUNNING: Final = "RUNNING_"
_RUNNING_TAKEN: Final = tuple(RUNNING + metric for metric in _TAKEN)
#: The attributes of a VM's template that are counted.
_COUNTED: Final = ("CPU", "MEMORY", "PCI", "DISK", "NIC", "NIC_ALIAS")
#: Kinds of quota, and what each of them limits.
METRICS: Final = {
    "DATASTORE": ("IMAGES", "SIZE"),
    "NETWORK": ("LEASES",),
    "VM": tuple(sorted((*_TAKEN, *(RUNNING + metric for metric in _TAKEN), "SYSTEM_DISK_SIZE"))),
    "IMAGE": ("RVMS",),
}
FRACTIONAL: Final = frozenset({"CPU", "RUNNING_CPU"})

#: The kind of quota, the object's number (empty: all VMs; `%5`: those in cluster 5), the metric.
Key = tuple[str, str, str]
#: `user` or `group`, and the number.
Holder = tuple[str, int]

_RESTING_STATES: Final = frozenset(
    {VmState.POWEROFF, VmState.SUSPENDED, VmState.STOPPED, VmState.UNDEPLOYED, VmState.DONE}
)
#: Work on VMs that do not run: they will not when it is done, or are about to end.
_RESTING_WORK: Final = frozenset(
    state
    for state in LcmState
    if state.name.startswith(("EPILOG", "CLEANUP_DELETE", "RESTORE"))
    or (
        state.name.startswith(("HOTPLUG", "DISK_", "PROLOG_MIGRATE", "BACKUP"))
        and any(word in state.name for word in ("_POWEROFF", "_SUSPEND", "_STOPPED", "_UNDEPLOYED"))
    )
)


def runs(vm: Vm) -> bool:
    """Does a VM count as running: does it run, or wait for it?"""
    return vm.state not in _RESTING_STATES and not (
        vm.state is VmState.ACTIVE and vm.lcm_state in _RESTING_WORK
    )


# ---- what objects take ------------------------------------------------------------------------


def charges(record: Vm | Image | Network) -> Iterable[tuple[Key, int]]:
    """What an object takes; the same key may come more than once."""
    if isinstance(record, Vm):
        return () if record.state is VmState.DONE else (*_capacity(record), *_devices(record))
    return _of_image(record) if isinstance(record, Image) else _of_reservation(record)


def _capacity(vm: Vm) -> list[tuple[Key, int]]:
    """What a VM takes by its size: of all, and of what there is in its cluster."""
    cards = vm.template.vectors("PCI")
    of_nics = sum(card.get("TYPE") == "NIC" for card in cards)
    amounts = (round(vm.cpu * MILLION), vm.memory, len(cards) - of_nics, of_nics, 1)
    taken = [
        ("SYSTEM_DISK_SIZE", sum(map(_on_hosts, vm.disks))),
        *zip(_TAKEN, amounts, strict=True),
    ]
    if runs(vm):
        taken += zip(_RUNNING_TAKEN, amounts, strict=True)
    place = vm.place
    return [
        (("VM", which, metric), amount)
        for which in (("",) if place is None else ("", f"%{place.cluster_id}"))
        for metric, amount in taken
        if amount
    ]


def _devices(vm: Vm) -> Iterator[tuple[Key, int]]:
    """What a VM takes of images, datastores and networks."""
    for disk in vm.disks:
        if "IMAGE_ID" in disk:
            yield ("IMAGE", disk["IMAGE_ID"], "RVMS"), 1
            if _target(disk) == "SELF":
                yield ("DATASTORE", disk.get("DATASTORE_ID", ""), "SIZE"), space(disk)
    for nic in (*vm.nics, *vm.aliases):
        if "NETWORK_ID" in nic:
            yield ("NETWORK", nic["NETWORK_ID"], "LEASES"), 1


def _target(disk: Vector) -> str:
    """Where the bytes of a disk lie: on the VM's host (SYSTEM), in its image's datastore (SELF), nowhere new (NONE)."""
    copied = disk.get("CLONE", "YES") == "YES"
    return disk.get("CLONE_TARGET", "SYSTEM") if copied else disk.get("LN_TARGET", "NONE")


def space(disk: Vector) -> int:
    """MiB that a disk and its snapshots take at most."""
    sizes = (disk.get("SIZE", "0"), disk.get("DISK_SNAPSHOT_TOTAL_SIZE", "0"))
    return sum(as_int(size) or 0 for size in sizes)


def _on_hosts(disk: Vector) -> int:
    return space(disk) if "IMAGE_ID" not in disk or _target(disk) == "SYSTEM" else 0


def _of_image(image: Image) -> Iterator[tuple[Key, int]]:
    yield ("DATASTORE", str(image.datastore_id), "IMAGES"), 1
    yield ("DATASTORE", str(image.datastore_id), "SIZE"), image.size


def _of_reservation(network: Network) -> Iterator[tuple[Key, int]]:
    if network.parent_id >= 0:
        size = sum(part.size for part in network.ranges)
        yield ("NETWORK", str(network.parent_id), "LEASES"), size


# ---- what holders take ------------------------------------------------------------------------


class Usage:
    """What each user and group takes. `touched`: what it was before the transaction changed it."""

    def __init__(self) -> None:
        self._used: dict[Holder, dict[Key, int]] = {}
        self.touched: dict[Holder, dict[Key, int]] = {}

    def change(self, old: Vm | Image | Network | None, new: Vm | Image | Network | None) -> None:
        if old is not None and new is not None and (old.uid, old.gid) == (new.uid, new.gid):
            differing = _differing(old, new)
            if differing is not None:
                self._add(new, _difference(*map(_sums, differing)))
            return
        if old is not None:
            self._add(old, _difference(_sums(charges(old)), {}))
        if new is not None:
            self._add(new, _sums(charges(new)))

    def _add(self, record: Vm | Image | Network, amounts: dict[Key, int]) -> None:
        if not amounts:
            return
        for holder in (("user", record.uid), ("group", record.gid)):
            used = self._used.setdefault(holder, {})
            touched = self.touched.setdefault(holder, {})
            for key, amount in amounts.items():
                before = used.get(key, 0)
                touched.setdefault(key, before)
                if before + amount:
                    used[key] = before + amount
                else:
                    del used[key]

    def of(self, holder: Holder) -> dict[Key, int]:
        """All that a user or group takes."""
        return self._used.get(holder, {})

    def begin(self) -> None:
        """From here on it is noted what changes."""
        self.touched = {}


def _sums(taken: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    sums: dict[Key, int] = {}
    for key, amount in taken:
        if amount:
            sums[key] = sums.get(key, 0) + amount
    return sums


def _difference(old: dict[Key, int], new: dict[Key, int]) -> dict[Key, int]:
    differs = {key: amount - old.get(key, 0) for key, amount in new.items()}
    differs |= {key: -amount for key, amount in old.items() if key not in new}
    return {key: amount for key, amount in differs.items() if amount}


Charges = Iterable[tuple[Key, int]]


def _differing(
    old: Vm | Image | Network, new: Vm | Image | Network
) -> tuple[Charges, Charges] | None:
    """What two versions of an object take, without all that is the same; None when everything is, at a glance."""
    if not (isinstance(old, Vm) and isinstance(new, Vm)):
        return None if _same(old, new) else (charges(old), charges(new))
    over = (old.state is VmState.DONE) != (new.state is VmState.DONE)
    if over or not old.template.shares(new.template, _COUNTED):
        return charges(old), charges(new)
    moved = old.history is not new.history and _cluster(old) != _cluster(new)
    return (_capacity(old), _capacity(new)) if moved or runs(old) != runs(new) else None


def _same(old: Vm | Image | Network, new: Vm | Image | Network) -> bool:
    if isinstance(old, Image) and isinstance(new, Image):
        return (old.datastore_id, old.size) == (new.datastore_id, new.size)
    return old.parent_id == new.parent_id and old.ranges is new.ranges  # type: ignore[union-attr]


def _cluster(vm: Vm) -> int:
    return vm.place.cluster_id if vm.place is not None else -1


# ---- limits -----------------------------------------------------------------------------------


class Excess(NamedTuple):
    """A limit that a transaction would exceed."""

    holder: Holder
    key: Key
    limit: float


def without_room(world: World, holder: Holder, key: Key, amount: int) -> Excess | None:
    """The limit beyond which somebody would go by taking more of something."""
    used = world.usage.of(holder)
    for limit, keys in _limits(world, holder, key) if holder[1] else ():
        if sum(used.get(each, 0) for each in keys) + amount > scaled(key[2], limit):
            return Excess(holder, key, limit)
    return None


def scaled(metric: str, limit: float) -> int:
    """A limit as usage is counted."""
    return round(limit * MILLION) if metric in FRACTIONAL else int(limit)


def entry(quotas: tuple[Quota, ...], kind: str, which: str) -> Quota | None:
    """The quota of a kind for something."""
    return next((each for each in quotas if each.kind == kind and each.which == which), None)


def clusters_of(quota: Quota) -> list[str]:
    """The clusters that a quota of VMs is for, as usage names them."""
    return [f"%{number}" for number in quota.which.split(",") if number]


def excess(world: World) -> Excess | None:
    """The first limit that what was raised since `begin` goes beyond. User 0 and group 0 have none."""
    usage = world.usage
    for holder, touched in usage.touched.items():
        used = usage.of(holder)
        raised = [key for key, before in touched.items() if used.get(key, 0) > before]
        for key in raised if holder[1] else ():
            for limit, keys in _limits(world, holder, key):
                now = sum(used.get(each, 0) for each in keys)
                then = sum(touched.get(each, used.get(each, 0)) for each in keys)
                if now > then and now > scaled(key[2], limit):
                    return Excess(holder, key, limit)
    return None


def _limits(world: World, holder: Holder, key: Key) -> Iterator[tuple[float, list[Key]]]:
    """The limits on what a key counts, each with all keys that count against it."""
    kind, which, metric = key
    own = _own(world, holder)
    if which.startswith("%"):
        for quota in own:
            clusters = clusters_of(quota) if quota.kind == kind else []
            limit = quota.limits.get(metric, DEFAULT)
            if which in clusters and limit >= 0:
                yield limit, [(kind, each, metric) for each in clusters]
        return
    for quotas in (own, defaults(world, holder[0])):
        found = entry(quotas, kind, which)
        limit = DEFAULT if found is None else found.limits.get(metric, DEFAULT)
        if limit >= 0:
            yield limit, [key]
        if limit != DEFAULT:
            return


def _own(world: World, holder: Holder) -> tuple[Quota, ...]:
    table = world.users if holder[0] == "user" else world.groups
    record: User | Group | None = table.get(holder[1])
    return () if record is None else record.quotas


def defaults(world: World, kind: str) -> tuple[Quota, ...]:
    """The default quotas of users or of groups."""
    found = next((each for each in world.default_quotas if each.name == kind), None)
    return () if found is None else found.quotas


#: What is going to be taken besides: by whom, of what.
Planned = dict[tuple[Holder, Key], int]


def full_clusters(world: World, vm: Vm, planned: Planned) -> frozenset[int]:
    """The clusters in which a quota has no room for a VM."""
    limited = {
        int(cluster[1:]) for _, quota in _of_clusters(world, vm) for cluster in clusters_of(quota)
    }
    return frozenset(c for c in limited if full_cluster(world, vm, c, planned) is not None)


def full_cluster(world: World, vm: Vm, cluster_id: int, planned: Planned) -> Excess | None:
    """The limit that a VM would exceed by going to a cluster."""
    there, here = f"%{cluster_id}", f"%{_cluster(vm)}"
    for holder, quota in _of_clusters(world, vm):
        clusters = clusters_of(quota)
        if there not in clusters or here in clusters:
            continue
        used = world.usage.of(holder)
        for metric, limit in quota.limits.items():
            if limit < 0:
                continue
            keys = [("VM", each, metric) for each in clusters]
            now = sum(used.get(key, 0) + planned.get((holder, key), 0) for key in keys)
            if now + _amount(vm, metric) > scaled(metric, limit):
                return Excess(holder, ("VM", there, metric), limit)
    return None


def plan(world: World, vm: Vm, cluster_id: int, planned: Planned) -> None:
    """Notes that a VM will go to a cluster, where somebody has limits for that."""
    if not any(True for _ in _of_clusters(world, vm)) or _cluster(vm) == cluster_id:
        return
    for holder in (("user", vm.uid), ("group", vm.gid)):
        for metric, amount in _counted(vm):
            key = holder, ("VM", f"%{cluster_id}", metric)
            planned[key] = planned.get(key, 0) + amount


def _amount(vm: Vm, metric: str) -> int:
    """What a VM takes of one thing, without working out all the rest."""
    if metric.startswith(RUNNING):
        return _amount(vm, metric.removeprefix(RUNNING)) if runs(vm) else 0
    match metric:
        case "VMS":
            return 1
        case "CPU":
            return round(vm.cpu * MILLION)
        case "MEMORY":
            return vm.memory
    return dict(_counted(vm)).get(metric, 0)


def _counted(vm: Vm) -> list[tuple[str, int]]:
    return [(key[2], amount) for key, amount in _capacity(vm) if not key[1]]


def _of_clusters(world: World, vm: Vm) -> Iterator[tuple[Holder, Quota]]:
    """The quotas that its owner and its group have for VMs in some clusters."""
    for holder in (("user", vm.uid), ("group", vm.gid)):
        for quota in _own(world, holder) if holder[1] else ():
            if quota.kind == "VM" and quota.which:
                yield holder, quota
