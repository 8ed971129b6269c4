"""Declared profiles: hosts are told what they are to be like, and tell where they are not.

An agent that was told a profile compares with each round of monitoring and says what differs; nothing is stored of it
there, so it is told again whenever its link stands. Nobody waits for that: what it says next shows the effect.
"""

from typing import Any

from innkeeper.model import profiles
from innkeeper.model.objects import Host
from innkeeper.model.profiles import Deviation, Profile
from innkeeper.model.world import Transaction, World

from .messages import Instruction

#: As many deviations of a host are kept; who has more has one problem, not many.
MOST = 100


def declared(world: World, host: Host) -> Profile:
    """What a host is to be like."""
    cluster = world.clusters.get(host.cluster_id)
    return profiles.together(cluster.profile if cluster else None, host.profile)


def tell(tx: Transaction, host: Host) -> None:
    """Tells a host's agent what the host is to be like."""
    args = {"profile": profiles.told(declared(tx.world, host))}
    tx.tell(Instruction(place=host.id, verb="profile.watch", args=args))


def greet(tx: Transaction, host: Host) -> None:
    """The same, when a link stands; a host of which nothing is declared needs no word."""
    if declared(tx.world, host) != profiles.EMPTY:
        tell(tx, host)


def deviations(said: Any) -> tuple[Deviation, ...]:
    """What an agent lists; what cannot be read of it is left out."""
    found = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
    return tuple(
        Deviation(
            what=str(each.get("what", "")),
            expected=str(each.get("expected", "")),
            found=str(each.get("found", "")),
            mends=each.get("mends") is True,
        )
        for each in found[:MOST]
    )


def seen(tx: Transaction, host: Host, drift: tuple[Deviation, ...]) -> None:
    """Where the host differs now; the event log tells what is new and what is gone."""
    if declared(tx.world, host) == profiles.EMPTY:
        drift = ()
    known = host.drift
    if drift == known:
        return
    changed = tx.change(host, drift=drift)
    for each in drift:
        if each.what not in {old.what for old in known}:
            tx.log(changed, "drift", part=each.what, expected=each.expected, found=each.found)
    for old in known:
        if old.what not in {each.what for each in drift}:
            tx.log(changed, "drift gone", part=old.what)
