"""One placement pass: which waiting VM goes where, and why.

Theory of operation
-------------------
Greedy, one VM after the other: the highest USER_PRIORITY first, then the lowest number, which is the order of
submission (and stays the same over restarts). For each VM every filter gives a mask over all hosts; the
best-scored host that is left is taken, and its capacity counts as taken for the VMs behind.
What VMs have in common is worked out once: filters that depend on the VM's demand alone (requirements,
clusters, kind of host) once for all VMs with that demand, and a request that fitted nowhere is not tried again
in the same pass, as capacity only shrinks in it. A requirement that asks for the load or the VMs of hosts
may change its answer with every VM that the pass places; what was worked out for it holds until the next one.
The world is not changed: the pass counts what it takes in its snapshot (`snapshot.py`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from innkeeper.model import quotas
from innkeeper.model.objects import Datastore, Host, Vm
from innkeeper.model.states import HostState
from innkeeper.model.world import World

from . import units
from .columns import Mask, Numbers
from .explain import explain
from .filters import BY_AMOUNT, BY_DEMAND, FILTERS, Filter
from .records import Check, Decision, Explanation, HostVerdict, Policy
from .request import Demand, Request, priority, request_of, unreadable, within_quotas
from .scores import basis, scores
from .snapshot import Snapshot, snapshot_of
from .stores import best, reaches, suits
from .verdicts import checks_of

__all__ = [
    "FILTERS",
    "Check",
    "Decision",
    "Explanation",
    "HostVerdict",
    "Policy",
    "explain",
    "fits",
    "place",
    "system_datastore",
]

#: Verdicts kept with a decision: of a VM that was placed, and of one that was not.
SHOWN_OF_PLACED = 5
SHOWN_OF_REFUSED = 50

STRIPING = Policy()
Rows = npt.NDArray[np.intp]


def place(
    world: World, now: float, policy: Policy = STRIPING, limit: int | None = None
) -> list[Decision]:
    """Decides for the waiting VMs, in the order in which they are served, then for those that are to go elsewhere.

    The world is not changed.

    The decisions are consistent with each other. A VM that fits nowhere gets one with host None. With a
    `limit`, the pass ends when that many VMs were placed; those behind get no decision.
    """
    waiting = sorted(
        (world.vms[number] for number in world.pending.vms), key=lambda vm: (-priority(vm), vm.id)
    )
    moving = [vm for number in world.pending.moving if _free_to_go(world, vm := world.vms[number])]
    if not waiting and not moving:
        return []
    run = _Pass(world, policy, now)
    decisions = []
    for vm in waiting:
        if limit is not None and run.placed >= limit:
            break
        decisions.append(run.decide(vm))
    decisions += [run.decide_elsewhere(vm) for vm in moving]
    run.snapshot.forget_others((*world.pending.vms, *world.pending.moving))
    return decisions


def _free_to_go(world: World, vm: Vm) -> bool:
    """Has it a place that can give it away, and nothing under way?"""
    host = world.hosts.get(vm.place.host_id) if vm.place else None
    here = host is not None and not host.error and host.state is not HostState.OFFLINE
    return here and world.operation_on(vm) is None


def fits(world: World, vm: Vm, host: Host) -> tuple[Check, ...]:
    """Every check of one host for a VM, as of now; what the VM itself takes there is left out."""
    snapshot = snapshot_of(world)
    snapshot.release(vm)
    return checks_of(snapshot, request_of(vm), snapshot.rows[host.id])


def system_datastore(world: World, host: Host, vm: Vm) -> Datastore | None:
    """Where the disks of a VM would lie on a host; None when no system datastore serves it there.

    One without room is returned when none has room: whether it has is for `fits` to say.
    """
    request = request_of(vm)
    serving = (d for d in world.datastores if suits(d, request.demand) and reaches(d, host))
    return best(((d, float(d.free_mb)) for d in serving), request)


class _Field(NamedTuple):
    """The hosts that pass the filters which depend on the demand alone; how many each filter refused."""

    mask: Mask
    refused: dict[str, int]


class _Pass:
    """One pass over the queue."""

    def __init__(self, world: World, policy: Policy, now: float) -> None:
        self.world = world
        self.snapshot = snapshot_of(world)
        self.policy = policy
        self.now = now
        self.placed = 0
        self._planned: quotas.Planned = {}
        #: What is known about demands and requests, each with the era in which it holds.
        self._fields: dict[Demand, tuple[int, _Field]] = {}
        self._stuck: dict[Request, tuple[int, str, dict[str, Any]]] = {}

    def decide(self, vm: Vm) -> Decision:
        request = self._request(vm)
        era = self._era(request.demand)
        known = self._stuck.get(request)
        if known is None or known[0] != era:
            field = self._field(request, era)
            mask, refused = _narrowed(self.snapshot, request, field.mask, BY_AMOUNT)
            story = self._story(request, {**field.refused, **refused})
            rows = mask.nonzero()[0]
            if rows.size:
                return self._placed(vm, request, rows, story)
            known = era, _why_nowhere(request, story["refused"], len(self.snapshot)), story
            self._stuck[request] = known
        _, reason, story = known
        if not story["hosts"] and vm.user_template.get("SCHED_MESSAGE") != reason:
            story["hosts"] = _nearest_misses(self.snapshot, request)  # dear, and only told anew
        return Decision(vm.id, None, None, reason, story)

    def decide_elsewhere(self, vm: Vm) -> Decision:
        """The best host but the one where it is."""
        request = self._request(vm)
        everywhere = np.ones(len(self.snapshot), dtype=np.bool_)
        row = self.snapshot.rows.get(vm.place.host_id) if vm.place else None
        if row is not None:
            everywhere[row] = False
        mask, refused = _narrowed(self.snapshot, request, everywhere, BY_DEMAND + BY_AMOUNT)
        rows, story = mask.nonzero()[0], self._story(request, refused)
        if rows.size:
            return self._placed(vm, request, rows, story)
        reason = _why_nowhere(request, refused, len(self.snapshot))
        return Decision(vm.id, None, None, f"to go elsewhere: {reason}", story)

    def _request(self, vm: Vm) -> Request:
        return within_quotas(self.world, vm, self.snapshot.request(vm), self._planned)

    def _era(self, demand: Demand) -> int:
        """What is known about a demand holds until this changes."""
        return self.snapshot.tick if self.snapshot.load_matters(demand) else -1

    def _field(self, request: Request, era: int) -> _Field:
        known = self._fields.get(request.demand)
        if known is not None and known[0] == era:
            return known[1]
        everywhere = np.ones(len(self.snapshot), dtype=np.bool_)
        field = _Field(*_narrowed(self.snapshot, request, everywhere, BY_DEMAND))
        self._fields[request.demand] = era, field
        return field

    def _story(self, request: Request, refused: dict[str, int]) -> dict[str, Any]:
        return {
            "at": self.now,
            "policy": basis(self.policy, request.demand),
            "chosen": None,
            "score": None,
            "considered": len(self.snapshot),
            "refused": refused,
            "needed": {"cpu": request.cpu, "memory": request.memory, "disk": request.disk},
            "hosts": [],
        }

    def _placed(self, vm: Vm, request: Request, rows: Rows, story: dict[str, Any]) -> Decision:
        snapshot = self.snapshot
        values = scores(snapshot, self.policy, request.demand)[rows]
        top = _highest(values, SHOWN_OF_PLACED)
        row, score = int(rows[top[0]]), float(values[top[0]])
        host = snapshot.hosts[row]
        story |= {"chosen": host.id, "score": score}
        story["hosts"] = [
            _verdict(snapshot.hosts[int(rows[at])], "fits", score=float(values[at])) for at in top
        ]
        story["hosts"][0]["verdict"] = "chosen"
        stores = snapshot.stores
        datastore = best(stores.of(row, stores.available(request)), request)
        assert datastore is not None, "the datastore filter let the host pass"
        reason = f"{story['policy']}: score {units.plain(score)}, best of "
        reason += f"{units.counted(rows.size, 'host')} that can take it"
        snapshot.take(row, vm.id, request)
        quotas.plan(self.world, vm, host.cluster_id, self._planned)
        stores.take(datastore, request.disk)
        self.placed += 1
        return Decision(vm.id, host.id, datastore.id, reason, story)


def _narrowed(
    snapshot: Snapshot, request: Request, mask: Mask, filters: tuple[Filter, ...]
) -> tuple[Mask, dict[str, int]]:
    """The hosts of a mask that pass these filters, and how many each was the first to refuse."""
    refused = {}
    left = int(np.count_nonzero(mask))
    for each in filters:
        if not left:
            break
        mask = mask & each.holds(snapshot, request)
        remaining = int(np.count_nonzero(mask))
        if remaining < left:
            refused[each.name] = left - remaining
            left = remaining
    return mask, refused


def _highest(values: Numbers, count: int) -> list[int]:
    """Positions of the highest values, highest first, the lower position first on ties."""
    if values.size > count:
        bound = np.partition(values, -count)[-count]
        above = (values > bound).nonzero()[0]
        level = (values == bound).nonzero()[0][: count - above.size]
        positions = [*above.tolist(), *level.tolist()]
    else:
        positions = list(range(values.size))
    return sorted(positions, key=lambda at: (-values[at], at))


def _verdict(host: Host, verdict: str, **more: Any) -> dict[str, Any]:
    return {"host": host.id, "name": host.name, "verdict": verdict, **more}


def _why_nowhere(request: Request, refused: dict[str, int], hosts: int) -> str:
    """The message for a VM that fits nowhere. It has no counts, so that it changes only when the causes do."""
    if problem := unreadable(request.demand):
        return problem
    if not hosts:
        return "there is no host"
    causes = ", ".join(each.cause for each in FILTERS if each.name in refused)
    needed = f"{units.cores(request.cpu)}, {units.memory(request.memory)}"
    return f"no host can take it ({needed}): {causes}"


def _nearest_misses(snapshot: Snapshot, request: Request) -> list[dict[str, Any]]:
    """Verdicts of hosts that refused, those first that passed the most filters and lack the least."""
    size = len(snapshot)
    stage = np.full(size, len(FILTERS))
    left = np.zeros(size)
    for at, each in reversed(list(enumerate(FILTERS))):
        failing = ~each.holds(snapshot, request)
        stage[failing] = at
        left[failing] = each.left(snapshot)[failing] if each.left else 0
    order = np.lexsort((np.arange(size), -left, -stage))[:SHOWN_OF_REFUSED]
    verdicts = []
    for row in order.tolist():
        failed = FILTERS[int(stage[row])]
        amount = {"had": float(left[row])} if failed.left else {}
        verdicts.append(_verdict(snapshot.hosts[row], "refused", check=failed.name, **amount))
    return verdicts
