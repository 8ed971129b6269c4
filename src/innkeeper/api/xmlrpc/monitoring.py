"""What was measured: the port that the daemon fills (`commands/monitoring.py` fits)."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

#: Figures under the names that OpenNebula's documents use (spec: xml-documents.md sections 1.4 and 2): of a VM `CPU`
#: (percent of a core), `MEMORY` (KiB), `NETRX`, ...; of a host `FREE_CPU`, `USED_MEMORY`, `NETRX`, ...
Figures: TypeAlias = Mapping[str, int | float]
#: When (epoch seconds) and what.
Sample: TypeAlias = tuple[int, Figures]


class Monitoring(Protocol):
    """Samples of objects by kind (`vm`, `host`) and number."""

    def latest(self, kind: str, object_id: int) -> Sample | None:
        """The last sample of an object."""
        ...

    def since(self, kind: str, object_id: int, epoch: int) -> Sequence[Sample]:
        """All samples of an object from a time (epoch seconds) on, oldest first."""
        ...


class Unmonitored:
    """Monitoring that has measured nothing."""

    def latest(self, kind: str, object_id: int) -> Sample | None:
        """No sample."""
        return None

    def since(self, kind: str, object_id: int, epoch: int) -> Sequence[Sample]:
        """No samples."""
        return ()
