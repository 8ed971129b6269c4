"""Answers that are kept, so that a request that is sent twice is carried out once (its key is its user's).

An answer is stored in the transaction of the change itself: both are durable or neither is. A refused request has
changed nothing and may be tried again under the same key.
"""

from itertools import islice

from innkeeper.model.errors import wrong_state
from innkeeper.model.permissions import Caller
from innkeeper.model.replays import Replay
from innkeeper.model.world import Transaction, World

#: Seconds for which an answer is kept, and how many of one user and of all.
LIFE, OWN, ALL = 86_400, 1_000, 20_000


def find(world: World, caller: Caller, key: str, request: str, now: float) -> Replay | None:
    """The answer that was given under this key; refuses when something else was asked then."""
    number = world.names.find(Replay.KIND, key, caller.uid)
    found = None if number is None else world.table(Replay)[number]
    if found is None or found.at + LIFE <= now:
        return None
    if found.request != request:
        raise wrong_state(f"Idempotency-Key {key!r} was used for another request")
    return found


def keep(tx: Transaction, answer: Replay) -> None:
    """Keeps an answer; what has expired or is too much goes, the oldest first."""
    replays = tx.world.table(Replay)
    old = tx.world.names.find(Replay.KIND, answer.name, answer.uid)
    gone = {} if old is None else {old: replays[old]}
    for each in islice(replays, 2):  # two for each that comes: the store shrinks to what is current
        if each.at + LIFE <= tx.now or len(replays) >= ALL:
            gone[each.id] = each
    own = [each for each in replays if each.uid == answer.uid] if len(replays) >= OWN else []
    if len(own) >= OWN:
        gone[own[0].id] = own[0]
    for each in gone.values():
        tx.delete(each)
    tx.put(answer)
