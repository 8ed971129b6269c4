"""Security groups: rules that NICs are under."""

from innkeeper.lifecycle.operations import guard
from innkeeper.model import firewall
from innkeeper.model.errors import BadValue, cannot_allocate, invalid, must_be, wrong_state
from innkeeper.model.objects import Network, SecurityGroup
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, as_int
from innkeeper.model.world import Transaction, World

from . import common
from .common import need, parse, usable

#: The group that every network begins with.
DEFAULT = 0


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Creates a group from its rules."""
    name, template = common.named(tx, caller, SecurityGroup, text)
    return _create(tx, caller, name, template)


def clone(tx: Transaction, caller: Caller, group_id: int, name: str) -> int:
    """Copies a group."""
    origin = common.copyable(tx, caller, SecurityGroup, group_id, name)
    return _create(tx, caller, name, origin.template)


def _create(tx: Transaction, caller: Caller, name: str, template: Template) -> int:
    try:
        rules = _checked(tx.world, caller, template)
    except BadValue as problem:
        raise cannot_allocate(SecurityGroup.LABEL, f"{problem}.", problem.mistake) from None
    return common.create(tx, caller, SecurityGroup, name, rules).id


def _checked(world: World, caller: Caller, template: Template) -> Template:
    """The template with checked rules, of which those about networks are about ones that the caller may use."""
    made = firewall.checked(template)
    for rule in made.vectors("RULE"):
        if rule.get("NETWORK_ID"):
            usable(world, Network, int(rule["NETWORK_ID"]), caller)
    return made


def update(tx: Transaction, caller: Caller, group_id: int, text: str, append: int) -> int:
    """Replaces or merges a group's rules; its VMs get them one after the other."""
    group = need(tx.world, SecurityGroup, group_id, caller, Right.MANAGE)
    new = parse(text).without("NAME")
    made = common.updated(caller, SecurityGroup.KIND, group.template, new, append)
    try:
        made = _checked(tx.world, caller, made)
    except BadValue as problem:
        raise invalid(f"{problem}.", group_id, problem.mistake) from None
    tx.log(group, "update", by=caller.uid)
    group = tx.change(group, template=made, revision=group.revision + 1)
    guard.begin(tx, group, tx.world.group_users.of(group_id))
    return group_id


def commit(tx: Transaction, caller: Caller, group_id: int, only_outdated: bool) -> int:
    """Tells the hosts of the group's VMs its rules again: of all, or of those that have not got them."""
    group = need(tx.world, SecurityGroup, group_id, caller, Right.MANAGE)
    tx.log(group, "commit", by=caller.uid, only_outdated=only_outdated)
    guard.begin(tx, group, group.failed if only_outdated else tx.world.group_users.of(group_id))
    return group_id


def delete(tx: Transaction, caller: Caller, group_id: int) -> int:
    """Deletes a group that nothing uses."""
    group = need(tx.world, SecurityGroup, group_id, caller, Right.MANAGE)
    if group_id == DEFAULT:
        raise wrong_state("The default security group (0) cannot be deleted", group_id)
    _check_unused(tx.world, group)
    return common.drop(tx, caller, group)


def _check_unused(world: World, group: SecurityGroup) -> None:
    vms = sorted(world.group_users.of(group.id))
    if vms:
        raise wrong_state(f"Security group {group.id} is used by VMs: {vms[:10]}", group.id)
    if world.operation_on(group) is not None:
        raise wrong_state(f"Security group {group.id} is being changed on a host", group.id)


def named(text: str) -> list[int]:
    """The groups in a list like "0,100"."""
    found = [as_int(word) for word in text.split(",") if word.strip()]
    wrong = [number for number in found if number is None or number < 0]
    if wrong:
        mistake = must_be("SECURITY_GROUPS", "numbers of groups like 0,100", text)
        raise invalid(f"{mistake}.", mistake=mistake)
    return [number for number in found if number is not None]


def check_usable(world: World, caller: Caller, groups: list[int]) -> None:
    """Refuses groups that are not there or that the caller may not use."""
    for number in groups:
        usable(world, SecurityGroup, number, caller)
