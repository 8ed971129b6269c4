"""`one.cluster.*` and `one.clusterpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents import clusters as documents
from innkeeper.api.xmlrpc.methods import ID, RENAME, UPDATE, Method, Work, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import clusters, hosts
from innkeeper.model.objects import Cluster, Datastore, Network
from innkeeper.model.permissions import Right


def _adding(kind: type[Datastore] | type[Network]) -> Work:
    return change(lambda tx, caller, *ids: clusters.add(tx, caller, kind, *ids))


def _removing(kind: type[Datastore] | type[Network]) -> Work:
    return change(lambda tx, caller, *ids: clusters.remove(tx, caller, kind, *ids))


CLUSTER: Final = Noun("one.cluster", Cluster, "CLUSTER", documents.parts, filtered=False)

METHODS: Final = CLUSTER.methods(
    CLUSTER.never("optimize", (), Right.ADMIN, "plans for whole clusters are not made in this release"),
    CLUSTER.never("planexecute", (), Right.ADMIN, "the cluster has no plan"),
    CLUSTER.never("plandelete", (), Right.ADMIN, "the cluster has no plan"),
    Method("one.cluster.allocate", (s("name"),), change(clusters.allocate), "Creates a cluster."),
    Method("one.cluster.delete", (ID,), change(clusters.delete), "Deletes an empty cluster."),
    Method("one.cluster.update", UPDATE, change(clusters.update_cluster), "Replaces (0) or merges (1) the template."),
    Method("one.cluster.rename", RENAME, change(clusters.rename_cluster), "Gives another name."),
    Method("one.cluster.addhost", (ID, i("host")), change(hosts.move), "Moves a host into the cluster."),
    Method("one.cluster.delhost", (ID, i("host")), change(hosts.take_out), "Moves a host into the default cluster."),
    Method("one.cluster.adddatastore", (ID, i("datastore")), _adding(Datastore), "Adds a datastore."),
    Method("one.cluster.deldatastore", (ID, i("datastore")), _removing(Datastore), "Takes a datastore out."),
    Method("one.cluster.addvnet", (ID, i("vnet")), _adding(Network), "Adds a virtual network."),
    Method("one.cluster.delvnet", (ID, i("vnet")), _removing(Network), "Takes a virtual network out."),
)  # fmt: skip
