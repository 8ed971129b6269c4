"""The tables of methods, one module per noun (spec: xmlrpc-methods.md section 6)."""

from typing import Final

from innkeeper.api.xmlrpc.methods import Method

from . import (
    accounting,
    acl,
    backupjobs,
    clusters,
    datastores,
    documents,
    groups,
    hooks,
    hosts,
    images,
    markets,
    networks,
    quotas,
    secgroups,
    system,
    templates,
    users,
    vdcs,
    vmgroups,
    vms,
    vntemplates,
    vrouters,
    zones,
)

TABLES: Final[tuple[tuple[Method, ...], ...]] = (
    acl.METHODS, clusters.METHODS, datastores.METHODS, groups.METHODS, hosts.METHODS, images.METHODS, networks.METHODS,
    quotas.METHODS, secgroups.METHODS, system.METHODS, templates.METHODS, users.METHODS, vdcs.METHODS, vms.METHODS,
    documents.METHODS, vmgroups.METHODS, vntemplates.METHODS, vrouters.METHODS,
    hooks.methods(lambda: CHANGES), accounting.METHODS, backupjobs.METHODS, markets.METHODS, zones.METHODS,
)  # fmt: skip

#: Methods that change something: hooks may be on them.
CHANGES: Final[frozenset[str]] = frozenset(
    method.name
    for table in TABLES
    for method in table
    if method.name.rpartition(".")[2] not in hooks.LOOKS
    and not method.name.startswith("one.system.")
)
METHODS: Final[dict[str, Method]] = {method.name: method for table in TABLES for method in table}
