"""What was measured: the port that the daemon fills (`commands/monitoring.py` fits)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from innkeeper.model.samples import Sample


class Monitoring(Protocol):
    """Samples of objects by kind (`vm`, `host`) and number."""

    def latest(self, kind: str, object_id: int) -> Sample | None:
        """The last sample of an object."""
        ...

    def all_latest(self, kind: str) -> Mapping[int, Sample]:
        """The last samples of all objects of a kind, by number."""
        ...

    def since(self, kind: str, object_id: int, epoch: int) -> Sequence[Sample]:
        """All samples of an object from a time (epoch seconds) on, oldest first."""
        ...


class Unmonitored:
    """Monitoring that has measured nothing."""

    def latest(self, kind: str, object_id: int) -> Sample | None:
        """No sample."""
        return None

    def all_latest(self, kind: str) -> Mapping[int, Sample]:
        """No samples."""
        return {}

    def since(self, kind: str, object_id: int, epoch: int) -> Sequence[Sample]:
        """No samples."""
        return ()
