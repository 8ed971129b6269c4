"""How long calls took: a histogram for each kind of call."""

import bisect
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

#: Upper ends of the buckets, in seconds.
BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Latencies:
    """By kind of call: of these there must not be more than a program has names for."""

    def __init__(self) -> None:
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Times what is done inside, however it ends."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.took(kind, time.perf_counter() - began)

    def took(self, kind: str, seconds: float) -> None:
        """One more call."""
        buckets = self._buckets.setdefault(kind, [0] * (len(BUCKETS) + 1))
        buckets[bisect.bisect_left(BUCKETS, seconds)] += 1
        self._sums[kind] = self._sums.get(kind, 0.0) + seconds

    def histograms(self) -> Mapping[str, tuple[list[int], float]]:
        """Calls in each bucket (the last: in none of them), and the sum of their seconds."""
        return {kind: (buckets, self._sums[kind]) for kind, buckets in self._buckets.items()}
