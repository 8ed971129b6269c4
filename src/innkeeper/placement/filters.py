"""What a host must have for a VM. Each filter is one record in `FILTERS`, asked in that order.

A filter answers for all hosts at once (`holds`); that mask alone decides. The other functions tell about one
host, and are called only when somebody wants to know. The order goes from what no free capacity can cure to
what a VM that ends can: the first filter that a host fails is the one that it is counted under.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from innkeeper.model import hypervisors, processors
from innkeeper.model.expressions import ExpressionError, compile_requirement
from innkeeper.model.objects import Datastore, Host
from innkeeper.model.states import HostState

from . import affinity, units
from .columns import Mask, Numbers
from .lookups import host_lookup
from .request import Demand, Request, unreadable
from .snapshot import Snapshot
from .stores import READY, best, near, unusable

AllHosts = Callable[[Snapshot, Request], Mask]
OneHost = Callable[[Snapshot, Request, int], str]


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition that a host must meet.

    `cause` is how the message of a VM that fits nowhere puts a failure. `needed` and `had` are for people.
    `remedy` says what would make a host that fails pass (empty: nothing short of another host or another VM).
    `left` is the capacity that the filter compares with, for those that are about CPU or memory.
    """

    name: str
    cause: str
    holds: AllHosts
    needed: Callable[[Snapshot, Request], str]
    had: OneHost
    remedy: OneHost
    left: Callable[[Snapshot], Numbers] | None = None
    #: False when the answer depends on the VM's demand alone, and not on how much it takes.
    by_amount: bool = False


def _nothing(snapshot: Snapshot, request: Request, row: int) -> str:
    return ""


# ---- expressions that cannot be read -------------------------------------------------------------


def _readable(snapshot: Snapshot, request: Request) -> Mask:
    return np.full(len(snapshot), not unreadable(request.demand))


EXPRESSIONS = Filter(
    "expressions",
    cause="its expressions cannot be read",
    holds=_readable,
    needed=lambda snapshot, request: "expressions that can be read",
    had=lambda snapshot, request, row: unreadable(request.demand) or "all can be read",
    remedy=_nothing,
)

# ---- the host itself -----------------------------------------------------------------------------


def _state(snapshot: Snapshot, request: Request, row: int) -> str:
    host = snapshot.hosts[row]
    return f"{host.state.name}: {host.error}" if host.error else host.state.name


def _revive(snapshot: Snapshot, request: Request, row: int) -> str:
    host = snapshot.hosts[row]
    match host.state:
        case HostState.DISABLED:
            return f"enable host {host.name}"
        case HostState.OFFLINE:
            return f"take host {host.name} back into service (it is OFFLINE)"
        case HostState.INIT:
            return f"wait until host {host.name} has connected"
        case _:
            return f"bring back host {host.name} ({_state(snapshot, request, row)})"


STATE = Filter(
    "state",
    cause="not MONITORED",
    holds=lambda snapshot, request: snapshot.monitored,
    needed=lambda snapshot, request: HostState.MONITORED.name,
    had=_state,
    remedy=_revive,
)


def _same_kind(snapshot: Snapshot, request: Request) -> Mask:
    sources = snapshot.sources(request.demand)
    if len(sources) == 1:
        return snapshot.simulated if sources.pop() else ~snapshot.simulated
    return np.full(len(snapshot), not sources)


def _kind(simulated: bool) -> str:
    return "simulated" if simulated else "real"


def _kind_needed(snapshot: Snapshot, request: Request) -> str:
    sources = snapshot.sources(request.demand)
    if len(sources) == 1:
        return f"a {_kind(sources.pop())} host, as its images are"
    if sources:
        return "images of one kind (some are simulated, some are real)"
    return "any kind of host"


HYPERVISOR = Filter(
    "hypervisor",
    cause="simulated where its images are real, or the reverse",
    holds=_same_kind,
    needed=_kind_needed,
    had=lambda snapshot, request, row: f"a {_kind(snapshot.hosts[row].simulated)} host",
    remedy=_nothing,
)


def _cannot(host: Host, demand: Demand) -> str:
    unfit = hypervisors.unfit(host, demand.hypervisor, demand.needs, demand.arch)
    return unfit or processors.unfit(host, demand.features)


def _capable(snapshot: Snapshot, request: Request) -> Mask:
    demand = request.demand
    if not (demand.hypervisor or demand.needs or demand.arch or demand.features):
        return np.ones(len(snapshot), dtype=np.bool_)
    return np.array([not _cannot(host, demand) for host in snapshot.hosts], dtype=np.bool_)


def _capability_needed(snapshot: Snapshot, request: Request) -> str:
    demand = request.demand
    wanted = [f"hypervisor {demand.hypervisor}"] if demand.hypervisor else []
    wanted += [f"architecture {demand.arch}"] if demand.arch else []
    wanted += [f"CPU features {', '.join(sorted(demand.features))}"] if demand.features else []
    return ", ".join([*wanted, *sorted(demand.needs)]) or "any hypervisor"


def _capability_had(snapshot: Snapshot, request: Request, row: int) -> str:
    host = snapshot.hosts[row]
    return _cannot(host, request.demand) or hypervisors.driver(request.demand.hypervisor, host)


CAPABILITY = Filter(
    "capability",
    cause="whose hypervisors or CPUs cannot run it",
    holds=_capable,
    needed=_capability_needed,
    had=_capability_had,
    remedy=_nothing,
)


def _in_cluster(snapshot: Snapshot, request: Request) -> Mask:
    wanted = request.demand.clusters
    if wanted is None:
        return np.ones(len(snapshot), dtype=np.bool_)
    return snapshot.in_clusters(wanted)


def _clusters_needed(snapshot: Snapshot, request: Request) -> str:
    wanted = request.demand.clusters
    if wanted is None:
        return "any cluster"
    if not wanted:
        return "a cluster that all its images and networks share, and there is none"
    return "cluster " + " or ".join(str(number) for number in sorted(wanted))


def _cluster_of(snapshot: Snapshot, host: Host) -> str:
    cluster = snapshot.cluster(host)
    return f"cluster {host.cluster_id}" + (f" ({cluster.name})" if cluster else "")


CLUSTER = Filter(
    "cluster",
    cause="not in a cluster of its images and networks",
    holds=_in_cluster,
    needed=_clusters_needed,
    had=lambda snapshot, request, row: _cluster_of(snapshot, snapshot.hosts[row]),
    remedy=_nothing,
)

QUOTA = Filter(
    "quota",
    cause="in a cluster where its owner's quota is used up",
    holds=lambda snapshot, request: ~snapshot.in_clusters(request.demand.barred),
    needed=lambda snapshot, request: "a cluster where its owner's quota has room",
    had=lambda snapshot, request, row: _cluster_of(snapshot, snapshot.hosts[row]),
    remedy=lambda snapshot, request, row: (
        f"raise the quota for {_cluster_of(snapshot, snapshot.hosts[row])}, or end VMs there"
    ),
)

# ---- requirements --------------------------------------------------------------------------------


def guilty(snapshot: Snapshot, text: str, row: int) -> list[tuple[str, str]]:
    """The comparisons for which a host fails a requirement, each with what was found.

    Those that do not hold; when all hold, the fault is in what holds (behind a "!").
    """
    try:
        found = compile_requirement(text).explain(host_lookup(snapshot.view(row)))
    except ExpressionError:
        return []
    failed = [(atom, value) for atom, value, held in found if not held]
    return failed or [(f"!({atom})", value) for atom, value, _ in found]


def _requirement(name: str, of: Callable[[Request], str]) -> Filter:
    def had(snapshot: Snapshot, request: Request, row: int) -> str:
        if snapshot.requirement(of(request))[row]:
            return "fulfilled" if of(request) else "not asked for"
        failed = guilty(snapshot, of(request), row)
        return "; ".join(f"{atom}: found {value}" for atom, value in failed) or "not readable"

    return Filter(
        name,
        cause=f"refused by {name}",
        holds=lambda snapshot, request: snapshot.requirement(of(request)),
        needed=lambda snapshot, request: of(request) or "nothing",
        had=had,
        remedy=_nothing,
    )


AUTOMATIC = _requirement("AUTOMATIC_REQUIREMENTS", lambda request: request.demand.automatic)
REQUIREMENTS = _requirement("SCHED_REQUIREMENTS", lambda request: request.demand.requirements)

# ---- VM groups -----------------------------------------------------------------------------------

GROUP = Filter(
    "vmgroup",
    cause="not where its VM group wants it",
    holds=affinity.holds,
    needed=affinity.needed,
    had=affinity.had,
    remedy=affinity.remedy,
)

# ---- system datastore ----------------------------------------------------------------------------


def _has_store(snapshot: Snapshot, request: Request) -> Mask:
    return snapshot.stores.reachable(snapshot.stores.available(request))


def _store_needed(snapshot: Snapshot, request: Request) -> str:
    space = f" with {units.disk(request.disk)} free" if request.disk else ""
    wish = request.demand.ds_requirements
    return f"a READY system datastore{space}" + (f" where {wish}" if wish else "")


def _label(store: Datastore) -> str:
    return f"datastore {store.id} ({store.name})"


def _store_had(snapshot: Snapshot, request: Request, row: int) -> str:
    stores = snapshot.stores
    suitable = stores.of(row, stores.suitable(request.demand))
    if (store := best(suitable, request)) is not None:
        free = next(free for other, free in suitable if other is store)
        return _label(store) + (f", {units.disk(free)} free" if store.total_mb else "")
    present = stores.of(row, range(len(stores.records)))
    if not present:
        host = snapshot.hosts[row]
        beside = [store for store in stores.records if near(store, host)]
        if beside:
            return "; ".join(f"{_label(store)}: {unusable(store, host)}" for store in beside)
        return f"no {_kind(host.simulated)} one in {_cluster_of(snapshot, host)}"
    return "; ".join(
        f"{_label(store)} " + ("is DISABLED" if store.state != READY else "does not match")
        for store, _ in present
    )


def _store_remedy(snapshot: Snapshot, request: Request, row: int) -> str:
    stores = snapshot.stores
    suitable = stores.of(row, stores.suitable(request.demand))
    if suitable:
        store, free = max(suitable, key=lambda entry: entry[1])
        lacking = units.disk(request.disk - max(free, 0))
        return f"{lacking} more free space in {_label(store)}"
    present = stores.of(row, range(len(stores.records)))
    disabled = [store for store, _ in present if store.state != READY]
    if disabled:
        return f"enable {_label(disabled[0])}"
    host = snapshot.hosts[row]
    fitting = " that fulfils SCHED_DS_REQUIREMENTS" if present else ""
    return f"a {_kind(host.simulated)} system datastore{fitting} in {_cluster_of(snapshot, host)}"


DATASTORE = Filter(
    "datastore",
    cause="no system datastore for it",
    holds=_has_store,
    needed=_store_needed,
    had=_store_had,
    remedy=_store_remedy,
    by_amount=True,
)

# ---- capacity ------------------------------------------------------------------------------------


def _capacity_filter(
    name: str,
    word: str,
    amount: Callable[[Request], int],
    left: Callable[[Snapshot], Numbers],
    whole: Callable[[Snapshot], Numbers],
    shown: Callable[[float], str],
) -> Filter:
    def had(snapshot: Snapshot, request: Request, row: int) -> str:
        return f"{shown(left(snapshot)[row])} free of {shown(whole(snapshot)[row])}"

    def remedy(snapshot: Snapshot, request: Request, row: int) -> str:
        free, needed = left(snapshot)[row], amount(request)
        if needed > whole(snapshot)[row]:
            return ""
        name = snapshot.hosts[row].name
        return f"{shown(needed - free)} more free {word} on host {name} (has {shown(free)})"

    return Filter(
        name,
        cause=f"too little free {word}",
        holds=lambda snapshot, request: left(snapshot) >= amount(request),
        needed=lambda snapshot, request: shown(amount(request)),
        had=had,
        remedy=remedy,
        left=left,
        by_amount=True,
    )


CPU = _capacity_filter(
    "cpu",
    "CPU",
    amount=lambda request: request.cpu,
    left=lambda snapshot: snapshot.free_cpu,
    whole=lambda snapshot: snapshot.max_cpu,
    shown=units.cores,
)
MEMORY = _capacity_filter(
    "memory",
    "memory",
    amount=lambda request: request.memory,
    left=lambda snapshot: snapshot.free_memory,
    whole=lambda snapshot: snapshot.max_memory,
    shown=units.memory,
)

FILTERS: tuple[Filter, ...] = (
    EXPRESSIONS,
    STATE,
    HYPERVISOR,
    CAPABILITY,
    CLUSTER,
    QUOTA,
    AUTOMATIC,
    REQUIREMENTS,
    GROUP,
    DATASTORE,
    CPU,
    MEMORY,
)
#: The same, split by what their answers depend on; the order within FILTERS is kept.
BY_DEMAND = tuple(f for f in FILTERS if not f.by_amount)
BY_AMOUNT = tuple(f for f in FILTERS if f.by_amount)
