"""Clusters, and what belongs to them."""

from typing import TypeVar

from innkeeper.model.errors import wrong_state
from innkeeper.model.objects import Cluster, Datastore, Network
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.processors import Processor
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction, World

from .bootstrap import RESERVATIONS
from .common import check_create, check_free_name, drop, need, rename, update

M = TypeVar("M", bound=Datastore | Network)


def members(world: World, cluster_id: int) -> tuple[list[int], list[int], list[int]]:
    """The numbers of a cluster's hosts, datastores and networks."""
    return (
        [host.id for host in world.hosts if host.cluster_id == cluster_id],
        [datastore.id for datastore in world.datastores if cluster_id in datastore.clusters],
        [network.id for network in world.networks if cluster_id in network.clusters],
    )


#: Attributes of a cluster that follow from its hosts.
DERIVED = ("CPU_BASELINE", "CPU_BASELINE_FEATURES")


def baseline_attributes(common: Processor | None) -> Template:
    """The best CPU that runs on all of a cluster's hosts, under names for its template."""
    if common is None:
        return Template()
    values = (common.model, ",".join(sorted(common.extra)))
    return Template({name: (value,) for name, value in zip(DERIVED, values, strict=True) if value})


def allocate(tx: Transaction, caller: Caller, name: str) -> int:
    """Creates a cluster."""
    check_create(tx.world, caller, Cluster)
    check_free_name(tx.world, Cluster, name)
    cluster = Cluster(id=tx.new_id(Cluster), name=name, template=RESERVATIONS)
    tx.put(cluster)
    tx.log(cluster, "created", by=caller.uid)
    return cluster.id


def delete(tx: Transaction, caller: Caller, cluster_id: int) -> int:
    """Deletes an empty cluster."""
    cluster = need(tx.world, Cluster, cluster_id, caller, Right.ADMIN)
    if cluster_id == 0:
        raise wrong_state(
            "Cannot delete cluster. The default cluster cannot be deleted.", cluster_id
        )
    for what, numbers in zip(
        ("hosts", "datastores", "networks"), members(tx.world, cluster_id), strict=True
    ):
        if numbers:
            raise wrong_state(
                f"Cannot delete cluster. Cluster {cluster_id} has {what}: {numbers}", cluster_id
            )
    return drop(tx, caller, cluster)


def update_cluster(tx: Transaction, caller: Caller, cluster_id: int, text: str, append: int) -> int:
    """Replaces or merges a cluster's template."""
    update(tx, caller, Cluster, cluster_id, text, append)
    cluster = tx.world.clusters[cluster_id]
    tx.change(cluster, template=RESERVATIONS.merged(cluster.template.without(*DERIVED)))
    tx.wake = True
    return cluster_id


def rename_cluster(tx: Transaction, caller: Caller, cluster_id: int, name: str) -> int:
    """Gives a cluster another name."""
    return rename(tx, caller, Cluster, cluster_id, name)


def add(tx: Transaction, caller: Caller, kind: type[M], cluster_id: int, member_id: int) -> int:
    """Adds a datastore or network to a cluster; one that is in it already stays."""
    need(tx.world, Cluster, cluster_id, caller, Right.ADMIN)
    member = need(tx.world, kind, member_id, caller, Right.ADMIN)
    if cluster_id not in member.clusters:
        tx.change(member, clusters=tuple(sorted((*member.clusters, cluster_id))))
        tx.log(member, "cluster added", cluster=cluster_id, by=caller.uid)
        tx.wake = True
    return cluster_id


def remove(tx: Transaction, caller: Caller, kind: type[M], cluster_id: int, member_id: int) -> int:
    """Takes a datastore or network out of a cluster."""
    need(tx.world, Cluster, cluster_id, caller, Right.ADMIN)
    member = need(tx.world, kind, member_id, caller, Right.ADMIN)
    if cluster_id in member.clusters:
        kept = tuple(number for number in member.clusters if number != cluster_id)
        tx.change(member, clusters=kept)
        tx.log(member, "cluster removed", cluster=cluster_id, by=caller.uid)
    return cluster_id
