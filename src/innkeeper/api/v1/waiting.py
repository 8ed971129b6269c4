"""Requests that wait: so many of each user at once, and no more."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from innkeeper.api.problems import Problem
from innkeeper.model.permissions import Caller

#: Of one user, and seconds that a request for a page or an operation waits at most.
MOST, LONGEST_WAIT = 20, 60


class Waiting:
    """Who waits for what is to happen."""

    def __init__(self) -> None:
        self._held: Counter[int] = Counter()
        self.over = False
        """The front end stops: nobody waits any more."""

    def check(self, caller: Caller) -> None:
        """Refuses one more than may wait."""
        if self._held[caller.uid] >= MOST:
            text = f"{MOST} requests of user {caller.uid} wait already"
            raise Problem(429, text, (("retry-after", "5"),))

    @contextmanager
    def held(self, caller: Caller) -> Iterator[None]:
        """One request waits; `check` comes first."""
        self._held[caller.uid] += 1
        try:
            yield
        finally:
            self._held[caller.uid] -= 1
