"""Which VLANs a group's members may ask for when they make networks (spec: xmlrpc-methods.md, group.vlan).

A group without rules asks for any. With rules, each VLAN that a member names must be in the range of one whose scope is
that attribute (or ANY), and which is for all networks (VNTEMPLATE -1) or for those of the template that is used.
"""

import re
from typing import Final

from innkeeper.model.errors import Code, Refusal, invalid, must_be
from innkeeper.model.objects import Group
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction, World

from .common import need, parse

SCOPES: Final = ("VLAN_ID", "OUTER_VLAN_ID", "CVLANS", "VLAN_TAGGED_ID")
#: What is written for a scope; CVLAN is how rules call CVLANS.
_WRITTEN: Final = {"VLAN_ID", "OUTER_VLAN_ID", "CVLAN", "VLAN_TAGGED_ID", "ANY"}
_RANGE: Final = re.compile(r"(\d{1,8})(?:[-:](\d{1,8}))?")
_ALL: Final = "-1"
Ranges = list[tuple[int, int]]


def set_rules(tx: Transaction, caller: Caller, group_id: int, text: str) -> int:
    """Puts RULE vectors in place of a group's rules."""
    group = need(tx.world, Group, group_id, caller, Right.ADMIN)
    template = parse(text)
    if len(template.vectors("RULE")) != len(template.values("RULE")):
        raise invalid("RULE must be a vector: RULE=[ID=...,SCOPE=...]", group_id)
    rules = tuple(_checked(rule, group_id) for rule in template.vectors("RULE"))
    tx.log(tx.change(group, vlan_rules=rules), "VLAN rules", rules=len(rules), by=caller.uid)
    return group_id


def _checked(rule: Vector, group_id: int) -> Vector:
    scope = rule.get("SCOPE", "ANY").upper()
    if scope not in _WRITTEN:
        known = ", ".join(sorted(_WRITTEN))
        raise invalid(must_be("SCOPE of a RULE", f"one of {known}", scope[:40]), group_id)
    if _ranges(rule.get("ID", "")) is None:
        wrong = rule.get("ID", "")[:40]
        raise invalid(
            must_be("ID of a RULE", "numbers and ranges like 100,200-300", wrong), group_id
        )
    templates = rule.get("VNTEMPLATE", _ALL)
    if templates != _ALL and _ranges(templates) is None:
        raise invalid(must_be("VNTEMPLATE of a RULE", "-1 or a range", templates[:40]), group_id)
    return {"ID": rule["ID"], "SCOPE": scope, "VNTEMPLATE": templates}


def _ranges(text: str) -> Ranges | None:
    """Numbers and ranges; None for what is none."""
    found = []
    for part in text.replace(" ", "").split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            return None
        first = int(match[1])
        found.append((first, int(match[2] or first)))
    return found


def check(world: World, caller: Caller, template: Template, template_id: int) -> None:
    """Refuses a network in whose template a caller names VLANs that his group may not have."""
    group = world.groups.get(caller.gid)
    if caller.admin or group is None or not group.vlan_rules:
        return
    for scope in SCOPES:
        for first, last in _ranges(template.get(scope) or "") or []:
            if not any(_allows(rule, scope, first, last, template_id) for rule in group.vlan_rules):
                text = f"User [{caller.uid}] : {scope} {template.get(scope)} is not allowed for group {group.id}."
                raise Refusal(Code.AUTHORIZATION, text)


def _allows(rule: Vector, scope: str, first: int, last: int, template_id: int) -> bool:
    if rule["SCOPE"] not in ("ANY", scope.removesuffix("S")):
        return False
    if rule["VNTEMPLATE"] != _ALL and not _within(rule["VNTEMPLATE"], template_id, template_id):
        return False
    return _within(rule["ID"], first, last)


def _within(text: str, first: int, last: int) -> bool:
    return any(low <= first and last <= high for low, high in _ranges(text) or [])
