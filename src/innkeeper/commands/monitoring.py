"""What agents measured, under the names that OpenNebula's documents use."""

from collections.abc import Mapping
from typing import Any

from innkeeper.model.clock import Clock
from innkeeper.model.objects import Host, Vm
from innkeeper.model.world import World
from innkeeper.store.samples import Samples

#: Agent's name -> document's name.
_VM = {
    "cpu": "CPU", "memory_kib": "MEMORY", "net_rx": "NETRX", "net_tx": "NETTX", "disk_read_bytes": "DISKRDBYTES",
    "disk_write_bytes": "DISKWRBYTES", "disk_read_ops": "DISKRDIOPS", "disk_write_ops": "DISKWRIOPS",
}  # fmt: skip
_HOST = {
    "cpu_free": "FREE_CPU", "memory_free_kib": "FREE_MEMORY", "cpu_used": "USED_CPU",
    "memory_used_kib": "USED_MEMORY", "net_rx": "NETRX", "net_tx": "NETTX",
}  # fmt: skip

Figures = Mapping[str, int | float]


class Monitoring:
    """Takes rounds of monitoring, and answers what was measured of an object."""

    def __init__(self, world: World, samples: Samples, clock: Clock) -> None:
        self.world = world
        self.samples = samples
        self.clock = clock

    def take(self, host_id: int, message: dict[str, Any]) -> None:
        """One round of one host."""
        rows: list[tuple[str, int, Figures]] = []
        if host_id in self.world.hosts:
            rows.append((Host.KIND, host_id, _named(_HOST, message.get("host", {}))))
        for vm in message.get("vms", ()):
            known = self.world.vms.get(int(vm["vm"]))
            if known is not None and known.place and known.place.host_id == host_id:
                rows.append((Vm.KIND, known.id, _named(_VM, vm)))
        self.samples.append(int(self.clock.time()), rows)

    def latest(self, kind: str, object_id: int) -> tuple[int, Figures] | None:
        """The last sample of an object: when (epoch seconds) and what."""
        sample = self.samples.latest(kind, object_id)
        return None if sample is None else (sample.ts, sample.values)

    def since(self, kind: str, object_id: int, epoch: int) -> list[tuple[int, Figures]]:
        """All samples of an object since a time, oldest first."""
        return [(s.ts, s.values) for s in self.samples.since(kind, object_id, epoch)]


def _named(names: Mapping[str, str], figures: Mapping[str, Any]) -> dict[str, int | float]:
    return {
        name: figures[key]
        for key, name in names.items()
        if isinstance(figures.get(key), int | float)
    }
