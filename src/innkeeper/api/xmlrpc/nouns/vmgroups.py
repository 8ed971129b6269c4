"""`one.vmgroup.*` and `one.vmgrouppool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents.vmgroups import parts
from innkeeper.api.xmlrpc.methods import ID, UPDATE, Method, change, i, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import vmgroups
from innkeeper.model.nouns import VmGroup

METHODS: Final = Noun("one.vmgroup", VmGroup, "VM_GROUP", parts).methods(
    Method("one.vmgroup.allocate", (s("template"),), change(vmgroups.allocate), "Makes a group of roles, ROLE=[...]."),
    Method("one.vmgroup.delete", (ID,), change(vmgroups.delete), "Deletes a group that no VM belongs to."),
    Method("one.vmgroup.update", UPDATE, change(vmgroups.update), "Replaces (0) or merges (1) rules; roles stay."),
    Method("one.vmgroup.roleadd", (ID, s("template")), change(vmgroups.add_role), "Adds a role, ROLE=[...]."),
    Method("one.vmgroup.roledelete", (ID, i("role")), change(vmgroups.delete_role), "Takes a role without VMs away."),
    Method("one.vmgroup.roleupdate", (ID, i("role"), s("template")), change(vmgroups.update_role),
           "Changes a role's policy and hosts, ROLE=[...]."),
)  # fmt: skip
