"""Rules of the access control list: adding, deleting, explaining."""

from typing import TypeVar

import msgspec

from innkeeper.model import acl, implied
from innkeeper.model.errors import BadValue, Code, Refusal, bad_argument, invalid, must_be
from innkeeper.model.kinds import KINDS
from innkeeper.model.objects import Record, User
from innkeeper.model.permissions import Caller, Reason, Right, locked_for, may, reasons
from innkeeper.model.world import Transaction, World

from .auth import caller_of

R = TypeVar("R", bound=Record)
_KINDS = {kind.ACL: kind for kind in KINDS.values() if kind.ACL in acl.TYPES}


def check_admin(caller: Caller) -> None:
    """Refuses who may not handle rules: no rule can give that right, so administrators alone have it."""
    if not caller.admin:
        text = f"User [{caller.uid}] : Not authorized to perform MANAGE ACL."
        raise Refusal(Code.AUTHORIZATION, text)


def add(tx: Transaction, caller: Caller, user: str, resource: str, rights: str, zone: str) -> int:
    """Adds a rule, given by its hexadecimal numbers; without a zone it is for this one."""
    check_admin(caller)
    try:
        said = acl.checked(
            acl.Rule(
                acl.number_of("user", user),
                acl.number_of("resource", resource),
                acl.number_of("rights", rights),
                acl.number_of("zone", zone) if zone.strip() else acl.HERE,
            )
        )
    except BadValue as wrong:
        raise invalid(f"Rule is malformed: {wrong}.", mistake=wrong.mistake) from None
    there = tx.world.access.saying(said)
    if there is not None:
        raise invalid(f"Rule {acl.text(said)} already exists: it is number {there}.", there)
    rule = implied.add(tx, said)
    tx.log(rule, "added by hand", by=caller.uid)
    return rule.id


def delete(tx: Transaction, caller: Caller, rule_id: int) -> int:
    """Deletes a rule that somebody has added."""
    check_admin(caller)
    rule = tx.world.acl.get(rule_id)
    if rule is None:
        raise invalid(f"ACL rule {rule_id} does not exist.", rule_id)
    if rule.implied:
        text = f"ACL rule {rule_id} follows from a VDC or from a group's administrator: change that instead."
        raise invalid(text, rule_id)
    tx.delete(rule)
    implied.settle(tx)
    tx.log(rule, "deleted", by=caller.uid)
    return rule_id


# ---- why ------------------------------------------------------------------------------------


class Why(msgspec.Struct, frozen=True):
    """Whether a user may do something to an object, and all that speaks of it."""

    user: str
    right: str
    object: str
    allowed: bool
    summary: str
    reasons: list[Reason]


def why(world: World, caller: Caller, who: str, right: str, what: str) -> Why:
    """Explains a decision: of oneself to everybody, of others to administrators. `what` is like `VM/5`."""
    user = _user(world, who)
    if user.id != caller.uid:
        check_admin(caller)
    wanted = _right(right)
    record = _object(world, what)
    asker = caller_of(user)
    found = reasons(world, asker, wanted, record)
    granted = may(world, asker, wanted, record)
    locked = wanted is not Right.USE and locked_for(record, wanted)
    name = f"{record.ACL} {record.id}"
    return Why(
        user.name, acl.rights_text(wanted), name, granted and not locked,
        _summary(user.name, wanted, name, granted, locked, found), found,
    )  # fmt: skip


def _summary(
    user: str, right: Right, name: str, granted: bool, locked: bool, found: list[Reason]
) -> str:
    what = f"{acl.rights_text(right)} {name}"
    if not granted:
        return f"{user} may not {what}: nothing gives that right"
    if locked:
        return f"{user} may not {what}: it is locked"
    (first, *_) = [reason.source for reason in found if reason.grants]
    return f"{user} may {what}: {first}"


def _user(world: World, who: str) -> User:
    number = world.names.find(User.KIND, who)
    if number is None and who.isdecimal() and len(who) < 10:
        number = int(who)
    found = None if number is None else world.users.get(number)
    if found is None:
        raise Refusal(Code.NO_EXISTS, f"Error getting user [{who[:40]}].")
    return found


def _right(text: str) -> Right:
    names = text.upper().replace(",", "+").split("+")
    if not all(name in acl.RIGHTS for name in names):
        raise bad_argument(must_be("right", "USE, MANAGE, ADMIN or several with +", text[:40]))
    return Right(sum({acl.RIGHTS[name] for name in names}))


def _object(world: World, text: str) -> Record:
    name, _, number = text.replace(":", "/").partition("/")
    kind = _KINDS.get(name.upper())
    if kind is None or not number.isdecimal() or len(number) > 9:
        kinds = ", ".join(sorted(_KINDS))
        raise bad_argument(must_be("object", f"like VM/5, with a kind of {kinds}", text[:40]))
    found: Record = world.table(kind)[int(number)]
    return found
