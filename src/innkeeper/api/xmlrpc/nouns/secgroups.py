"""`one.secgroup.*` and `one.secgrouppool.*`."""

from functools import partial
from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import secgroups as documents
from innkeeper.api.xmlrpc.methods import (
    DECRYPT,
    FILTER,
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    b,
    change,
    pool,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns import generic
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import secgroups
from innkeeper.commands.common import need
from innkeeper.model.objects import SecurityGroup
from innkeeper.model.permissions import Caller, Right


def info(desk: Desk, caller: Caller, group_id: int, _decrypt: bool) -> Answer:
    """The document of a security group."""
    group = need(desk.world, SecurityGroup, group_id, caller, Right.USE)
    return Raw(*documents.parts(desk.view, group))


def pool_info(desk: Desk, caller: Caller, flag: int, start: int, end: int) -> Answer:
    """Security groups by filter and range."""
    found = pools.selected(desk.world, desk.world.security_groups, caller, flag, start, end)
    return pool("SECURITY_GROUP_POOL", found, partial(documents.parts, desk.view))


METHODS: Final = (
    Method("one.secgroup.allocate", (s("template"),), change(secgroups.allocate), "Creates a security group."),
    Method("one.secgroup.clone", (ID, s("name")), change(secgroups.clone), "Copies a security group."),
    Method("one.secgroup.delete", (ID,), change(secgroups.delete), "Deletes a security group that nothing uses."),
    Method("one.secgroup.info", (ID, DECRYPT), read(info), "A security group's document."),
    Method("one.secgroup.update", UPDATE, change(secgroups.update),
           "Replaces (0) or merges (1) the rules; VMs that run get them."),
    Method("one.secgroup.commit", (ID, b("only_outdated")), change(secgroups.commit),
           "Tells the hosts of its VMs the rules again; only of those that have not got them, if so asked."),
    generic.rename("one.secgroup", SecurityGroup),
    generic.chmod("one.secgroup", SecurityGroup),
    generic.chown("one.secgroup", SecurityGroup),
    Method("one.secgrouppool.info", FILTER, read(pool_info), "Security groups by filter and range."),
)  # fmt: skip
