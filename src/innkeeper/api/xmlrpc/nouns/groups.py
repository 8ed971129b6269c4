"""`one.group.*` and `one.grouppool.*`."""

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
from innkeeper.api.xmlrpc.nouns.quotas import holder
from innkeeper.commands import common, users, vlan_rules
from innkeeper.model.objects import Group
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction


def update(tx: Transaction, caller: Caller, group_id: int, text: str, append: int) -> int:
    """Replaces or merges a group's template."""
    return common.update(tx, caller, Group, group_id, text, append, Right.ADMIN)


GROUP: Final = holder(Group, documents.group_parts, lambda caller: caller.gid)

METHODS: Final = GROUP.methods(
    Method("one.group.allocate", (s("name"),), change(users.allocate_group), "Creates a group."),
    Method("one.group.addadmin", (ID, i("user")), change(users.add_admin), "Makes a member its administrator."),
    Method("one.group.deladmin", (ID, i("user")), change(users.delete_admin), "Takes that office away."),
    Method("one.group.vlan", (ID, s("template")), change(vlan_rules.set_rules),
           "Sets which VLANs its members may ask for: RULE vectors."),
    Method("one.group.delete", (ID,), change(users.delete_group), "Deletes an empty group."),
    Method("one.group.update", UPDATE, change(update), "Replaces (0) or merges (1) the template."),
)  # fmt: skip
