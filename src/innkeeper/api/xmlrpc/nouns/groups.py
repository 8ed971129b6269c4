"""`one.group.*` and `one.grouppool.*`."""

from functools import partial
from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import users as documents
from innkeeper.api.xmlrpc.methods import (
    DECRYPT,
    ID,
    UPDATE,
    Answer,
    Desk,
    Method,
    change,
    i,
    pool,
    read,
    s,
)
from innkeeper.api.xmlrpc.wire import Raw
from innkeeper.commands import common, users, vlan_rules
from innkeeper.model.objects import Group
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction


def info(desk: Desk, caller: Caller, group_id: int, _decrypt: bool) -> Answer:
    """The document of a group; -1 is the caller's."""
    number = caller.gid if group_id == -1 else group_id
    group = common.need(desk.world, Group, number, caller, Right.USE)
    return Raw(*documents.group_parts(desk.view, group, pooled=False))


def pool_info(desk: Desk, caller: Caller) -> Answer:
    """All groups, each followed by its quotas."""
    found = pools.all_of(desk.world, desk.world.groups, caller)
    parts = partial(documents.group_parts, desk.view, pooled=True)
    return pool("GROUP_POOL", found, parts, documents.default_quotas(desk.world, "group"))


def update(tx: Transaction, caller: Caller, group_id: int, text: str, append: int) -> int:
    """Replaces or merges a group's template."""
    return common.update(tx, caller, Group, group_id, text, append, Right.ADMIN)


METHODS: Final = (
    Method("one.group.allocate", (s("name"),), change(users.allocate_group), "Creates a group."),
    Method("one.group.addadmin", (ID, i("user")), change(users.add_admin), "Makes a member its administrator."),
    Method("one.group.deladmin", (ID, i("user")), change(users.delete_admin), "Takes that office away."),
    Method("one.group.vlan", (ID, s("template")), change(vlan_rules.set_rules),
           "Sets which VLANs its members may ask for: RULE vectors."),
    Method("one.group.delete", (ID,), change(users.delete_group), "Deletes an empty group."),
    Method("one.group.info", (ID, DECRYPT), read(info), "A group's document; -1 is the caller's."),
    Method("one.group.update", UPDATE, change(update), "Replaces (0) or merges (1) the template."),
    Method("one.grouppool.info", (), read(pool_info), "All groups."),
)  # fmt: skip
