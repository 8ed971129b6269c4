"""`one.host.*` and `one.hostpool.*`."""

from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import hosts as documents
from innkeeper.api.xmlrpc.documents import measures
from innkeeper.api.xmlrpc.methods import (
    ID,
    RENAME,
    UPDATE,
    Answer,
    Desk,
    Method,
    change,
    i,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns import samples
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import hosts
from innkeeper.commands.common import need
from innkeeper.model.objects import Host
from innkeeper.model.permissions import Caller, Right


def monitoring(desk: Desk, caller: Caller, host_id: int) -> Answer:
    """All samples of a host."""
    host = need(desk.world, Host, host_id, caller, Right.USE)
    return samples.answer(desk, [host], measures.of_host, samples.KEPT)


def pool_monitoring(desk: Desk, caller: Caller, seconds: int) -> Answer:
    """Samples of all hosts."""
    found = pools.all_of(desk.world, desk.world.hosts, caller)
    return samples.answer(desk, found, measures.of_host, seconds)


METHODS: Final = Noun("one.host", Host, "HOST", documents.parts, filtered=False).methods(
    Method("one.host.allocate", (s("name"), s("im_mad"), s("vm_mad"), i("cluster")), change(hosts.allocate),
           "Adds a host to a cluster (-1: the default one)."),
    Method("one.host.delete", (ID,), change(hosts.delete), "Removes a host that has no VMs."),
    Method("one.host.update", UPDATE, change(hosts.update_host), "Replaces (0) or merges (1) the template."),
    Method("one.host.rename", RENAME, change(hosts.rename_host), "Gives another name."),
    Method("one.host.status", (ID, i("status")), change(hosts.status),
           "Enables (0), disables (1) or takes offline (2)."),
    Method("one.host.monitoring", (ID,), read(monitoring), "All samples of a host."),
    Method("one.hostpool.monitoring", (i("seconds", -1),), read(pool_monitoring),
           "Samples of all hosts: all (-1), the last ones (0), those of the last seconds."),
)  # fmt: skip
