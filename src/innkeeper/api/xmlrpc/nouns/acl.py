"""`one.acl.*`."""

from functools import partial
from typing import Final

from innkeeper.api.xmlrpc.documents import vdcs as documents
from innkeeper.api.xmlrpc.methods import Answer, Desk, Method, change, i, pool, read, s
from innkeeper.commands import acl
from innkeeper.model.permissions import Caller


def info(desk: Desk, caller: Caller) -> Answer:
    """All rules, oldest first."""
    acl.check_admin(caller)
    found = sorted(desk.world.acl, key=lambda rule: rule.id)
    return pool("ACL_POOL", found, partial(documents.rule_parts, desk.view))


METHODS: Final = (
    Method("one.acl.addrule", (s("user"), s("resource"), s("rights"), s("zone", "")), change(acl.add),
           "Adds a rule of the access control list, as hexadecimal numbers."),
    Method("one.acl.delrule", (i("rule"),), change(acl.delete), "Deletes a rule."),
    Method("one.acl.info", (), read(info), "All rules."),
)  # fmt: skip
