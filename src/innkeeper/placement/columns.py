"""Expressions over all hosts at once: one value per host, evaluated anew only where it may have changed.

A column remembers the tick up to which it is true. Hosts carry the ticks of their last changes (of the
record, of the load); a host with a later tick is stale. An expression that names nothing which depends on the
load ignores changes of the load.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from innkeeper.model.expressions import (
    ExpressionError,
    Lookup,
    compile_rank,
    compile_requirement,
)

from .lookups import depends_on_load, depends_on_members

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Ticks = npt.NDArray[np.int64]


class Column:
    """The value of one expression for every host; requirements hold 1 and 0."""

    def __init__(self, names: frozenset[str], evaluate: Callable[[Lookup], float], hosts: int):
        self.depends_on_load = depends_on_load(names)
        self.depends_on_members = depends_on_members(names)
        self._evaluate = evaluate
        self._values = np.zeros(hosts)
        self._seen = -1

    def values(
        self, record: Ticks, load: Ticks, now: int, look: Callable[[int], Lookup]
    ) -> Numbers:
        """The values as of tick `now`, given the ticks of each host's last changes."""
        if self._seen < now:
            stale = record > self._seen
            if self.depends_on_load:
                stale |= load > self._seen
            for row in stale.nonzero()[0].tolist():
                self._values[row] = self._evaluate(look(row))
            self._seen = now
        return self._values


def requirement_column(text: str, hosts: int) -> Column:
    """Which hosts fulfil a requirement; none does when it cannot be read."""
    try:
        requirement = compile_requirement(text)
    except ExpressionError:
        return Column(frozenset(), lambda lookup: 0.0, hosts)
    return Column(requirement.names, requirement.matches, hosts)


def rank_column(text: str, hosts: int) -> Column:
    """The rank of each host; 0 for all when it cannot be read."""
    try:
        rank = compile_rank(text)
    except ExpressionError:
        return Column(frozenset(), lambda lookup: 0.0, hosts)
    return Column(rank.names, rank.value, hosts)
