"""What `/metrics` shows: objects by state, capacity, what agents measured, the journal, the queue, latencies.

VMs are named by their numbers, hosts by their names: whoever may reach this page learns no more.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from innkeeper.commands.core import Core
from innkeeper.lifecycle.machine import phase
from innkeeper.model.objects import Host, Vm
from innkeeper.model.samples import Figures, Sample

from .exposition import Family, Labels, Written, counter, gauge, written


class Measured(Protocol):
    """The last sample of an object."""

    def latest(self, kind: str, object_id: int) -> Sample | None: ...


#: Figure of a sample -> name, help, and what it is multiplied with.
_HOST_GAUGES = {
    "USED_CPU": ("host_cpu_used_cores", "CPU in use on a host, in cores", 0.01),
    "USED_MEMORY": ("host_memory_used_bytes", "Memory in use on a host", 1024),
}
_HOST_COUNTERS = {
    "NETRX": ("host_network_receive_bytes_total", "Bytes that a host received"),
    "NETTX": ("host_network_transmit_bytes_total", "Bytes that a host sent"),
}
_VM_GAUGES = {
    "CPU": ("vm_cpu_cores", "CPU that a VM uses, in cores", 0.01),
    "MEMORY": ("vm_memory_bytes", "Memory that a VM uses", 1024),
}
_VM_COUNTERS = {
    "NETRX": ("vm_network_receive_bytes_total", "Bytes that a VM received"),
    "NETTX": ("vm_network_transmit_bytes_total", "Bytes that a VM sent"),
    "DISKRDBYTES": ("vm_disk_read_bytes_total", "Bytes that a VM read from its disks"),
    "DISKWRBYTES": ("vm_disk_written_bytes_total", "Bytes that a VM wrote to its disks"),
    "DISKRDIOPS": ("vm_disk_reads_total", "Reads from a VM's disks"),
    "DISKWRIOPS": ("vm_disk_writes_total", "Writes to a VM's disks"),
}


def families(
    core: Core, monitoring: Measured, backstage: Callable[[], Figures]
) -> Iterator[Family]:
    """Everything but the latencies. `backstage` says what only the daemon knows."""
    yield from _objects(core)
    yield from _capacity(core)
    yield from _hosts(core, monitoring)
    yield from _vms(core, monitoring)
    yield from _front_end(core, backstage())


def _objects(core: Core) -> Iterator[Family]:
    world = core.world
    yield _by("vms", "VMs by phase", "phase", Counter(phase(vm) for vm in world.vms))
    yield _by("hosts", "Hosts by state", "state", Counter(h.state.name for h in world.hosts))
    images = Counter(world.image_state(image).name for image in world.images)
    yield _by("images", "Images by state", "state", images)
    yield _by("operations", "Open operations", "name", Counter(o.name for o in world.operations))
    waiting = len(world.pending.vms)
    yield gauge("vms_waiting", "VMs that wait for placement", [({}, waiting)])


def _by(name: str, text: str, label: str, counts: Counter[str]) -> Family:
    return gauge(name, text, [({label: key}, counts[key]) for key in sorted(counts)])


def _capacity(core: Core) -> Iterator[Family]:
    world = core.world
    rooms = [
        (written({"host": host.name}), host, world.occupancy.of(host.id)) for host in world.hosts
    ]
    yield gauge("host_cpu_cores", "CPU of a host in cores",
                [(label, host.total_cpu / 100) for label, host, _ in rooms])  # fmt: skip
    yield gauge("host_memory_bytes", "Memory of a host",
                [(label, host.total_memory * 1024) for label, host, _ in rooms])  # fmt: skip
    yield gauge("host_cpu_taken_cores", "CPU taken by VMs in cores",
                [(label, room.cpu / 100) for label, _, room in rooms])  # fmt: skip
    yield gauge("host_memory_taken_bytes", "Memory taken by VMs",
                [(label, room.memory * 1024) for label, _, room in rooms])  # fmt: skip


def _hosts(core: Core, monitoring: Measured) -> Iterator[Family]:
    found = [
        (written({"host": host.name}), monitoring.latest(Host.KIND, host.id))
        for host in core.world.hosts
    ]
    samples = [(label, sample) for label, sample in found if sample is not None]
    now = core.clock.time()
    yield gauge("host_sample_age_seconds", "How old what is known of a host is",
                [(label, round(now - sample.ts, 3)) for label, sample in samples])  # fmt: skip
    yield gauge("host_drift", "Things about a host that are not as declared",
                [({"host": host.name}, len(host.drift)) for host in core.world.hosts])  # fmt: skip
    yield from _measured(_HOST_GAUGES, _HOST_COUNTERS, [(label, s.values) for label, s in samples])


def _vms(core: Core, monitoring: Measured) -> Iterator[Family]:
    found = [
        (Written(f'{{vm="{vm.id}"}}'), monitoring.latest(Vm.KIND, vm.id))
        for vm in core.world.vms
        if vm.running
    ]
    yield from _measured(
        _VM_GAUGES, _VM_COUNTERS, [(label, s.values) for label, s in found if s is not None]
    )


def _measured(
    gauges: Mapping[str, tuple[str, str, float]],
    counters: Mapping[str, tuple[str, str]],
    samples: Sequence[tuple[Labels, Figures]],
) -> Iterator[Family]:
    for figure, (name, text, factor) in gauges.items():
        there = [(label, values[figure] * factor) for label, values in samples if figure in values]
        yield gauge(name, text, [(label, round(value, 4)) for label, value in there])
    for figure, (name, text) in counters.items():
        yield counter(name, text, [(label, v[figure]) for label, v in samples if figure in v])


def _front_end(core: Core, backstage: Figures) -> Iterator[Family]:
    yield gauge("store_failed", "1 when the store has failed", [({}, int(bool(core.failure)))])
    yield counter("transactions_total", "Changes since the start", [({}, core.transactions)])
    yield gauge("transactions_waiting", "Changes that are not durable yet", [({}, core.waiting)])
    yield counter("events_total", "Rows that the event log has had", [({}, core.last_event)])
    for name, text in (
        ("journal_commits_total", "Commits of the journal since the start"),
        ("journal_lost_asides_total", "Samples or prunings that the journal gave up"),
    ):
        yield counter(name, text, [({}, backstage[name])])
    for name, text in (
        ("instructions", "Instructions on their way to agents"),
        ("agents", "Agents whose links stand"),
        ("redirects", "Ports of the front end that lead to VMs"),
    ):
        yield gauge(name, text, [({}, backstage[name])])
