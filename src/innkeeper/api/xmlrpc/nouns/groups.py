"""`one.group.*` and `one.grouppool.*`."""

from functools import partial
from typing import Final

from innkeeper.api.xmlrpc.documents import users as documents
from innkeeper.api.xmlrpc.methods import (
    ID,
    UPDATE,
    Method,
    change,
    i,
    s,
)
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import common, users, vlan_rules
from innkeeper.model.objects import Group
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction


def update(tx: Transaction, caller: Caller, group_id: int, text: str, append: int) -> int:
    """Replaces or merges a group's template."""
    return common.update(tx, caller, Group, group_id, text, append, Right.ADMIN)


GROUP: Final = Noun(
    "one.group", Group, "GROUP", partial(documents.group_parts, pooled=True), filtered=False,
    whole=lambda view, _, group: documents.group_parts(view, group, pooled=False),
    mine=lambda caller: caller.gid, end=lambda world: documents.default_quotas(world, "group"), without=("rename",),
)  # fmt: skip

METHODS: Final = GROUP.methods(
    Method("one.group.allocate", (s("name"),), change(users.allocate_group), "Creates a group."),
    Method("one.group.addadmin", (ID, i("user")), change(users.add_admin), "Makes a member its administrator."),
    Method("one.group.deladmin", (ID, i("user")), change(users.delete_admin), "Takes that office away."),
    Method("one.group.vlan", (ID, s("template")), change(vlan_rules.set_rules),
           "Sets which VLANs its members may ask for: RULE vectors."),
    Method("one.group.delete", (ID,), change(users.delete_group), "Deletes an empty group."),
    Method("one.group.update", UPDATE, change(update), "Replaces (0) or merges (1) the template."),
)  # fmt: skip
