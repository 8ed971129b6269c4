"""Quotas: setting limits, and holding transactions against them (`model/quotas.py`)."""

import math
from collections.abc import Iterator

from innkeeper.model import quotas
from innkeeper.model.errors import Code, Refusal, invalid, must_be, wrong_state
from innkeeper.model.objects import DefaultQuotas, Group, Image, Quota, Record, User
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.quotas import DEFAULT, METRICS, UNLIMITED, Excess
from innkeeper.model.template import Template, Vector, as_float, as_int
from innkeeper.model.world import Transaction, World

from .common import need, parse

#: How messages name the kinds of quota.
_NAMES = {"DATASTORE": "Datastore", "NETWORK": "Network", "VM": "VM", "IMAGE": "Image"}
#: No limit is higher.
MOST = 1 << 53


def check(world: World, caller_id: int, code: Code = Code.AUTHORIZATION) -> None:
    """Refuses a transaction that has raised what somebody takes beyond a limit."""
    found = quotas.excess(world)
    if found is not None:
        raise refusal(found, caller_id, code)


def check_growth(world: World, caller: Caller, image: Image, megabytes: int) -> None:
    """Refuses that an image grows by more than a limit of its owner or group leaves."""
    key = ("DATASTORE", str(image.datastore_id), "SIZE")
    for holder in (("user", image.uid), ("group", image.gid)):
        found = quotas.without_room(world, holder, key, megabytes)
        if found is not None:
            raise refusal(found, caller.uid)


def refusal(found: Excess, caller_id: int, code: Code = Code.AUTHORIZATION) -> Refusal:
    """What a caller is told of a limit that is reached."""
    whose = f"User [{caller_id}] : " if caller_id >= 0 and code is Code.AUTHORIZATION else ""
    return Refusal(code, f"{whose}{told_of(found)}.")


def told_of(found: Excess) -> str:
    """Whose limit of what is reached."""
    (holder, number), (kind, which, metric) = found.holder, found.key
    where = f" with ID: {which}" if which and kind != "VM" else ""
    cluster = f" in cluster {which[1:]}" if which.startswith("%") else ""
    limit = shown(metric, found.limit)
    return f"{holder} [{number}] limit of {limit} reached for {metric} quota in {_NAMES[kind]}{where}{cluster}"


def shown(metric: str, amount: float) -> str:
    """An amount as documents have it: `2`, `2.50`."""
    return f"{amount:.0f}" if float(amount).is_integer() else f"{amount:.2f}"


# ---- limits -----------------------------------------------------------------------------------


def set_user(tx: Transaction, caller: Caller, user_id: int, text: str) -> int:
    """Sets limits of a user."""
    user = need(tx.world, User, user_id, caller, Right.ADMIN)
    if user_id == 0:
        raise wrong_state("Cannot set quotas for oneadmin user", user_id)
    return _set(tx, caller, user, user.quotas, text)


def set_group(tx: Transaction, caller: Caller, group_id: int, text: str) -> int:
    """Sets limits of a group."""
    group = need(tx.world, Group, group_id, caller, Right.ADMIN)
    if group_id == 0:
        raise wrong_state("Cannot set quotas for oneadmin group", group_id)
    return _set(tx, caller, group, group.quotas, text)


def _set(
    tx: Transaction, caller: Caller, record: Record, before: tuple[Quota, ...], text: str
) -> int:
    after = merged(before, parse(text), DEFAULT)
    tx.log(tx.change(record, quotas=after), "quota", by=caller.uid)
    return record.id


def set_default(tx: Transaction, caller: Caller, kind: str, text: str) -> int:
    """Sets the limits of users or of groups that have none of their own."""
    if not caller.admin:
        text = f"User [{caller.uid}] : Not authorized to perform ADMIN default {kind} quotas."
        raise Refusal(Code.AUTHORIZATION, text)
    found = next((each for each in tx.world.default_quotas if each.name == kind), None)
    before = () if found is None else found.quotas
    after = merged(before, parse(text), UNLIMITED)
    if any(quota.kind == "VM" and quota.which for quota in after):
        raise invalid("CLUSTER_IDS has no place in default quotas: they are for all clusters")
    record = found or DefaultQuotas(id=tx.new_id(DefaultQuotas), name=kind)
    tx.log(tx.change(record, quotas=after), "quota", by=caller.uid)
    return record.id


def merged(before: tuple[Quota, ...], template: Template, missing: int) -> tuple[Quota, ...]:
    """Quotas after those of a template took the place of what was there for the same things."""
    found = {(quota.kind, quota.which): quota for quota in before}
    for quota in _written(template, missing):
        found[quota.kind, quota.which] = quota
    kept = tuple(quota for quota in found.values() if quota.limits)
    taken: set[str] = set()
    for quota in kept:
        clusters = set(quotas.clusters_of(quota)) if quota.kind == "VM" else set()
        if taken & clusters:
            raise invalid(f"Cluster {min(taken & clusters)[1:]} is in another VM quota already")
        taken |= clusters
    return tuple(sorted(kept, key=lambda quota: (quota.kind, quota.which)))


def _written(template: Template, missing: int) -> Iterator[Quota]:
    for kind in template.attributes:
        if kind not in METRICS:
            raise invalid(f"{kind} is no kind of quota: one of {', '.join(METRICS)} is expected")
        if len(template.vectors(kind)) != len(template.values(kind)):
            raise invalid(f"{kind} must be a vector: {kind}=[...]")
        for vector in template.vectors(kind):
            yield _of_vector(kind, vector, missing)


def _of_vector(kind: str, vector: Vector, missing: int) -> Quota:
    named = {"ID"} if kind != "VM" else {"CLUSTER_IDS", "ID"}
    for name in vector:
        if name not in METRICS[kind] and name not in named and not name.endswith("_USED"):
            known = ", ".join(METRICS[kind])
            raise invalid(f"{kind}/{name} is no metric: one of {known} is expected")
    limits = {
        metric: limit
        for metric in METRICS[kind]
        if (limit := _limit(kind, metric, vector.get(metric, ""), missing)) != missing
    }
    return Quota(kind, _which(kind, vector), limits)


def _which(kind: str, vector: Vector) -> str:
    if kind == "VM":
        clusters = vector.get("CLUSTER_IDS", "").replace(" ", "")
        numbers = {_number("VM/CLUSTER_IDS", part) for part in clusters.split(",") if part}
        return ",".join(str(number) for number in sorted(numbers))
    return str(_number(f"{kind}/ID", vector.get("ID", "")))


def _number(name: str, text: str) -> int:
    number = as_int(text)
    if number is None or not 0 <= number < 1 << 31:
        raise invalid(must_be(name, "the number of one", text[:40]))
    return number


def _limit(kind: str, metric: str, text: str, missing: int) -> float:
    if not text:
        return missing
    limit = as_float(text) if metric in quotas.FRACTIONAL else as_int(text)
    if (
        limit is None
        or not math.isfinite(limit)
        or limit > MOST
        or (limit < 0 and limit not in (-1, -2))
    ):
        expected = "-2 (unlimited), -1 (the default), 0 or more"
        raise invalid(must_be(f"{kind}/{metric}", expected, text[:40]))
    return limit
