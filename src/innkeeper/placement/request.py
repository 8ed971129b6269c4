"""What a VM asks of a host, taken from its record alone."""

import functools
from collections.abc import Callable, Iterable

import msgspec

from innkeeper.model import affinity, hypervisors, processors, quotas
from innkeeper.model.expressions import ExpressionError, compile_rank, compile_requirement
from innkeeper.model.objects import Vm
from innkeeper.model.template import Vector, as_bool, as_float, as_int
from innkeeper.model.world import World

#: No amount is larger: what a template may hold beyond it stays comparable (float64 is exact below).
MOST = 2**53


class Membership(msgspec.Struct, frozen=True):
    """The role in a group that a VM has."""

    group: int
    role: str
    vm: int


class Demand(msgspec.Struct, frozen=True):
    """What kind of place a VM asks for. VMs with an equal demand differ only in how much they take.

    `hypervisor` is the one that it asks for (empty: any), `needs` what not every one has, `arch` its architecture
    (empty: whatever), `features` what its CPU must have. `member` is its place in a VM group. `clusters` are those that
    all its images and networks share (None: any). `datastores` are where its images lie; `images` those of which the
    DISK does not say where. Expressions are as written; empty: none.
    """

    clusters: frozenset[int] | None = None
    #: Clusters in which a quota of the VM's owner or group has no room for it.
    barred: frozenset[int] = frozenset()
    member: Membership | None = None
    hypervisor: str = ""
    needs: frozenset[str] = frozenset()
    arch: str = ""
    features: frozenset[str] = frozenset()
    datastores: frozenset[int] = frozenset()
    images: frozenset[int] = frozenset()
    automatic: str = ""
    requirements: str = ""
    rank: str = ""
    ds_automatic: str = ""
    ds_requirements: str = ""
    ds_rank: str = ""


class Request(msgspec.Struct, frozen=True):
    """How much a VM takes (1/100 cores, KiB, MiB of its system datastore) and of what kind."""

    cpu: int
    memory: int
    disk: int
    demand: Demand


def within_quotas(
    world: World, vm: Vm, request: Request, planned: quotas.Planned | None = None
) -> Request:
    """The request, kept out of the clusters in which a quota has no room for it besides what is planned."""
    barred = quotas.full_clusters(world, vm, planned or {})
    if not barred:
        return request
    demand = msgspec.structs.replace(request.demand, barred=barred)
    return msgspec.structs.replace(request, demand=demand)


def request_of(vm: Vm) -> Request:
    """What a VM asks for."""
    return Request(
        cpu=round(min(vm.cpu * 100, MOST)),
        memory=min(vm.memory * 1024, MOST),
        disk=min(sum(_system_space(disk) for disk in vm.disks), MOST),
        demand=Demand(
            clusters=_clusters(vm),
            member=_member(vm),
            hypervisor=hypervisors.wish(vm),
            needs=hypervisors.needs(vm),
            arch=hypervisors.architecture(vm),
            features=processors.demanded(vm),
            datastores=_numbers(vm.disks, "DATASTORE_ID"),
            images=_numbers((d for d in vm.disks if "DATASTORE_ID" not in d), "IMAGE_ID"),
            automatic=vm.template.get("AUTOMATIC_REQUIREMENTS", ""),
            requirements=_wish(vm, "SCHED_REQUIREMENTS", "REQUIREMENTS"),
            rank=_wish(vm, "SCHED_RANK", "RANK"),
            ds_automatic=vm.template.get("AUTOMATIC_DS_REQUIREMENTS", ""),
            ds_requirements=_wish(vm, "SCHED_DS_REQUIREMENTS"),
            ds_rank=_wish(vm, "SCHED_DS_RANK"),
        ),
    )


def _member(vm: Vm) -> Membership | None:
    found = affinity.membership(vm.template)
    return None if found is None else Membership(*found, vm.id)


def priority(vm: Vm) -> float:
    """USER_PRIORITY: who is placed first; 0 when it is absent or no number."""
    return as_float(vm.user_template.get("USER_PRIORITY")) or 0.0


def _wish(vm: Vm, *names: str) -> str:
    """The first of these attributes that the user wrote."""
    for name in names:
        for template in (vm.user_template, vm.template):
            if name in template.attributes and (text := template.get(name)):
                return text
    return ""


def _numbers(vectors: Iterable[Vector], name: str) -> frozenset[int]:
    found = (as_int(vector.get(name)) for vector in vectors)
    return frozenset(number for number in found if number is not None)


def _clusters(vm: Vm) -> frozenset[int] | None:
    """The clusters that all images and networks of a VM have in common (CLUSTER_ID, comma-separated)."""
    vectors = (*vm.disks, *vm.nics, *vm.aliases)
    texts = {vector["CLUSTER_ID"] for vector in vectors if "CLUSTER_ID" in vector}
    return frozenset.intersection(*map(_listed, texts)) if texts else None


@functools.lru_cache(maxsize=1024)
def _listed(text: str) -> frozenset[int]:
    found = (as_int(part.strip()) for part in text.split(","))
    return frozenset(number for number in found if number is not None)


def _system_space(disk: Vector) -> int:
    """MiB that a disk takes of the system datastore: volatile ones, and images that are copied there."""
    if "IMAGE_ID" in disk:
        copied = as_bool(disk.get("CLONE", "YES"))
        target = disk.get("CLONE_TARGET", "SYSTEM") if copied else disk.get("LN_TARGET", "NONE")
        if target != "SYSTEM":
            return 0
    return max(0, as_int(disk.get("SIZE")) or 0)


@functools.lru_cache(maxsize=4096)
def unreadable(demand: Demand) -> str:
    """What is wrong with the expressions of a demand: which one, why, and where; empty when nothing is."""
    expressions: tuple[tuple[str, str, Callable[[str], object]], ...] = (
        ("AUTOMATIC_REQUIREMENTS", demand.automatic, compile_requirement),
        ("SCHED_REQUIREMENTS", demand.requirements, compile_requirement),
        ("SCHED_RANK", demand.rank, compile_rank),
        ("AUTOMATIC_DS_REQUIREMENTS", demand.ds_automatic, compile_requirement),
        ("SCHED_DS_REQUIREMENTS", demand.ds_requirements, compile_requirement),
        ("SCHED_DS_RANK", demand.ds_rank, compile_rank),
    )
    for name, text, compiled in expressions:
        try:
            compiled(text)
        except ExpressionError as error:
            return f"{name} is no expression: {error}"
    return ""
