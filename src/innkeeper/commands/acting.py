"""AS_UID and AS_GID: what is made of a template may be another's (spec: xmlrpc-methods.md section 2)."""

from innkeeper.model.errors import invalid, must_be
from innkeeper.model.objects import Group, User
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, as_int
from innkeeper.model.world import World

from .auth import caller_of
from .common import need, replaced

NAMES = ("AS_UID", "AS_GID")


def acting(world: World, caller: Caller, template: Template) -> tuple[Caller, Template]:
    """On whose behalf something is made of a template, and the template without that."""
    uid, gid = (_number(template, name) for name in NAMES)
    if uid is not None and uid != caller.uid:
        caller = caller_of(need(world, User, uid, caller, Right.MANAGE))
    if gid is not None and gid != caller.gid:
        group = need(world, Group, gid, caller, Right.MANAGE)
        caller = replaced(
            caller, gid=group.id, groups=tuple(dict.fromkeys((group.id, *caller.groups)))
        )
    return caller, template.without(*NAMES)


def _number(template: Template, name: str) -> int | None:
    text = template.get(name)
    number = as_int(text) if text else None
    if text and number is None:
        raise invalid(must_be(name, "a number", text[:40]))
    return number
