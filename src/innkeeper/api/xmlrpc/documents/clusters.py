"""Cluster documents (spec: xml-documents.md section 5)."""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import ids, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.commands.clusters import members
from innkeeper.model.objects import Cluster

Numbers = tuple[int, ...]


def cluster(cluster: Cluster, hosts: Numbers, datastores: Numbers, networks: Numbers) -> tuple[str]:
    """The whole document."""
    return (
        f"<CLUSTER><ID>{cluster.id}</ID>{text('NAME', cluster.name)}{ids('HOSTS', hosts)}"
        f"{ids('DATASTORES', datastores)}{ids('VNETS', networks)}"
        f"{cluster.template.to_xml()}</CLUSTER>",
    )


CLUSTER = Form("cluster", cluster)


def parts(view: View, record: Cluster) -> Parts:
    """The document of a cluster."""
    uses = tuple(tuple(numbers) for numbers in members(view.world, record.id))
    return view.cache.parts(CLUSTER, record, uses)
