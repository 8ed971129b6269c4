"""What agents measured, under the names that OpenNebula's documents use."""

from collections.abc import Iterable, Mapping
from typing import Any

from innkeeper.model.clock import Clock
from innkeeper.model.objects import Host, Vm
from innkeeper.model.samples import Figures, Sample
from innkeeper.model.states import VmState
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

#: Figures that only grow while a guest or host runs; each has its rate beside it (`NETRX_BW`: bytes in a second).
TOTALS = frozenset({"NETRX", "NETTX", "DISKRDBYTES", "DISKWRBYTES", "DISKRDIOPS", "DISKWRIOPS"})
#: Begins the name under which the size of a VM's disk (MiB) is kept; its number follows.
DISK_SIZE = "DISK_SIZE."


class Monitoring:
    """Takes rounds of monitoring, and answers what was measured of an object."""

    def __init__(self, world: World, samples: Samples, clock: Clock) -> None:
        self.world = world
        self.samples = samples
        self.clock = clock

    def take(self, host_id: int, message: dict[str, Any]) -> None:
        """One round of one host."""
        now = int(self.clock.time())
        rows: list[tuple[str, int, Figures]] = []
        if host_id in self.world.hosts:
            figures = _named(_HOST, message.get("host", {}))
            rows.append((Host.KIND, host_id, self._with_rates(Host.KIND, host_id, now, figures)))
        for vm in message.get("vms", ()):
            known = self.world.vms.get(int(vm["vm"]))
            if known is not None and known.place and known.place.host_id == host_id:
                figures = self._with_rates(Vm.KIND, known.id, now, _named(_VM, vm))
                rows.append((Vm.KIND, known.id, figures | _disk_sizes(vm)))
        self.samples.append(now, rows)

    def _with_rates(
        self, kind: str, number: int, now: int, figures: dict[str, int | float]
    ) -> dict[str, int | float]:
        """Figures, and how fast the totals among them have grown since the sample before."""
        before = self.samples.latest(kind, number)
        if before is None or before.ts >= now:
            return figures
        rates = {
            f"{name}_BW": round((value - before.values[name]) / (now - before.ts), 2)
            for name, value in figures.items()
            # Less than before: the guest or the host was started anew.
            if name in TOTALS and value >= before.values.get(name, value + 1)
        }
        return figures | rates

    def follow(self, changed: Iterable[tuple[str, int]]) -> None:
        """Of what has ended nothing more is gathered, and of what is gone nothing is held."""
        for kind, number in changed:
            if kind == Host.KIND and number not in self.world.hosts:
                self.samples.forget(kind, number)
            elif kind == Vm.KIND:
                vm = self.world.vms.get(number)
                if vm is None:
                    self.samples.forget(kind, number)
                elif vm.state is VmState.DONE:
                    self.samples.rest(kind, number)

    def latest(self, kind: str, object_id: int) -> Sample | None:
        """The last sample of an object."""
        return self.samples.latest(kind, object_id)

    def all_latest(self, kind: str) -> Mapping[int, Sample]:
        """The last samples of all objects of a kind, by number."""
        return self.samples.all_latest(kind)

    def since(self, kind: str, object_id: int, epoch: int) -> list[Sample]:
        """All samples of an object since a time, oldest first."""
        return self.samples.since(kind, object_id, epoch)


def _disk_sizes(vm: Mapping[str, Any]) -> dict[str, int | float]:
    return {f"{DISK_SIZE}{int(disk['disk'])}": int(disk["mib"]) for disk in vm.get("disks", ())}


def _named(names: Mapping[str, str], figures: Mapping[str, Any]) -> dict[str, int | float]:
    return {
        name: figures[key]
        for key, name in names.items()
        if isinstance(figures.get(key), int | float)
    }
