"""Declaring what hosts are to be like, and having them put right."""

from typing import Any

from innkeeper.lifecycle import profiles as telling
from innkeeper.lifecycle.operations import repair
from innkeeper.model import profiles
from innkeeper.model.errors import BadValue, bad_argument, wrong_state
from innkeeper.model.objects import Cluster, Host
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import HostState
from innkeeper.model.world import Transaction, World

from .common import need


def declare(
    tx: Transaction, caller: Caller, kind: type[Host] | type[Cluster], number: int, said: Any
) -> int:
    """What a host, or each host of a cluster, is to be like; None: nothing is declared any more."""
    target = need(tx.world, kind, number, caller, Right.ADMIN)
    try:
        profile = None if said is None else profiles.read(said)
    except BadValue as wrong:
        raise bad_argument(str(wrong), number, wrong.mistake) from None
    if target.profile == profile:
        return number
    changed = tx.change(target, profile=profile)
    tx.log(changed, "profile", by=caller.uid, declared=profile is not None)
    for host in list(tx.world.hosts):
        if number == (host.id if kind is Host else host.cluster_id):
            again(tx, host)
    return number


def again(tx: Transaction, host: Host) -> None:
    """A host learns what it is to be like from now on; what it said about something else counts no more."""
    if telling.declared(tx.world, host) == profiles.EMPTY:
        telling.seen(tx, host, ())
    if host.state is not HostState.OFFLINE and not host.error:
        telling.tell(tx, host)


def start_repair(tx: Transaction, caller: Caller, host_id: int) -> int:
    """Lets a host put right what is not as declared."""
    host = need(tx.world, Host, host_id, caller, Right.ADMIN)
    if telling.declared(tx.world, host) == profiles.EMPTY:
        raise wrong_state(f"Nothing is declared for host {host_id} ({host.name})", host_id)
    if host.state not in (HostState.MONITORED, HostState.DISABLED) or host.error:
        why = host.error or f"it is {host.state.name}"
        raise wrong_state(f"Host {host_id} ({host.name}) cannot be repaired: {why}", host_id)
    if tx.world.operation_on(host) is not None:
        raise wrong_state(f"Host {host_id} ({host.name}) is being repaired already", host_id)
    repair.begin(tx, host, caller)
    return host_id


def shown(world: World, host: Host) -> dict[str, Any]:
    """What a host is to be like and where it is not, for clients."""
    drift = [
        {"what": d.what, "expected": d.expected, "found": d.found, "mends": d.mends}
        for d in host.drift
    ]
    busy = world.operation_on(host) is not None
    return {
        "declared": profiles.told(telling.declared(world, host)),
        "drift": drift,
        "repairing": busy,
    }
