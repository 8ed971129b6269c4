"""Cluster documents (spec: xml-documents.md section 5)."""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import ids, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.commands.clusters import baseline_attributes, members
from innkeeper.model.objects import Cluster
from innkeeper.model.processors import Processor, baseline, peers

Numbers = tuple[int, ...]


def cluster(
    cluster: Cluster,
    hosts: Numbers,
    datastores: Numbers,
    networks: Numbers,
    common: Processor | None,
) -> tuple[str]:
    """The whole document; what CPU its hosts have in common is in its template."""
    template = cluster.template.merged(baseline_attributes(common))
    return (
        f"<CLUSTER><ID>{cluster.id}</ID>{text('NAME', cluster.name)}{ids('HOSTS', hosts)}"
        f"{ids('DATASTORES', datastores)}{ids('VNETS', networks)}"
        f"{template.to_xml()}</CLUSTER>",
    )


CLUSTER = Form("cluster", cluster)


def parts(view: View, record: Cluster) -> Parts:
    """The document of a cluster."""
    uses = tuple(tuple(numbers) for numbers in members(view.world, record.id))
    common = baseline(peers(view.world.hosts, record.id))
    return view.cache.parts(CLUSTER, record, (*uses, common))
