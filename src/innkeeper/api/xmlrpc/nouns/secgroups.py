"""`one.secgroup.*` and `one.secgrouppool.*`."""

from typing import Final

from innkeeper.api.xmlrpc.documents import secgroups as documents
from innkeeper.api.xmlrpc.methods import ID, RENAME, UPDATE, Method, b, change, s
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import secgroups
from innkeeper.model.objects import SecurityGroup

METHODS: Final = Noun("one.secgroup", SecurityGroup, "SECURITY_GROUP", documents.parts).methods(
    Method("one.secgroup.allocate", (s("template"),), change(secgroups.allocate), "Creates a security group."),
    Method("one.secgroup.clone", RENAME, change(secgroups.clone), "Copies a security group."),
    Method("one.secgroup.delete", (ID,), change(secgroups.delete), "Deletes a security group that nothing uses."),
    Method("one.secgroup.update", UPDATE, change(secgroups.update),
           "Replaces (0) or merges (1) the rules; VMs that run get them."),
    Method("one.secgroup.commit", (ID, b("only_outdated")), change(secgroups.commit),
           "Tells the hosts of its VMs the rules again; only of those that have not got them, if so asked."),
)  # fmt: skip
