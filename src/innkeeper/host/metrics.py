"""What the host and its guests use, sampled with one bulk call to libvirt and a look into /proc."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .hypervisor.domain_xml import vm_of_name
from .hypervisor.libvirt_qemu import Hypervisor, state_word
from .probes import memory

_log = logging.getLogger(__name__)
_MIB = 1024 * 1024
_NANOSECOND = 1e-9

Sample = dict[str, Any]


@dataclasses.dataclass
class Clocked:
    """A counter of used processor seconds and when it was read."""

    seconds: float
    at: float


class Rates:
    """Turns growing counters of processor time into cores in use."""

    def __init__(self) -> None:
        self._before: dict[object, Clocked] = {}

    def cores(self, key: object, seconds: float, at: float) -> float:
        """Cores used on average since this key was asked for last; 0 at the first time."""
        before = self._before.get(key)
        self._before[key] = Clocked(seconds, at)
        if before is None or at <= before.at or seconds < before.seconds:
            return 0.0
        return (seconds - before.seconds) / (at - before.at)

    def keep(self, keys: set[object]) -> None:
        """Forgets the keys that are not among these."""
        self._before = {key: value for key, value in self._before.items() if key in keys}


def busy_seconds(stat: str) -> float:
    """The processor seconds that /proc/stat has as spent, over all processors, since boot."""
    fields = [int(word) for word in stat.split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (fields + [0] * 8)[:8]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def traffic(net_dev: str, hardware: Callable[[str], bool]) -> tuple[int, int]:
    """Bytes received and sent by the host's own network hardware, since boot."""
    received = sent = 0
    for line in net_dev.splitlines()[2:]:
        name, _, counters = line.partition(":")
        if hardware(name.strip()):
            numbers = counters.split()
            received += int(numbers[0])
            sent += int(numbers[8])
    return received, sent


def is_hardware(name: str) -> bool:
    """Whether an interface is a device, not a bridge, tap or loop-back made by software."""
    return Path(f"/sys/class/net/{name}/device").exists()


def host_sample(rates: Rates, at: float) -> Sample:
    """What the host uses. Processor in whole hundredths of a core, memory in KiB, traffic in bytes since boot."""
    cpus = len(os.sched_getaffinity(0))
    used = min(rates.cores("host", busy_seconds(Path("/proc/stat").read_text()), at), cpus)
    mem = memory()
    received, sent = traffic(Path("/proc/net/dev").read_text(), is_hardware)
    return {
        "cpu_used": round(100 * used),
        "cpu_free": round(100 * (cpus - used)),
        "memory_used_kib": mem["MemTotal"] - mem["MemAvailable"],
        "memory_free_kib": mem["MemAvailable"],
        "net_rx": received,
        "net_tx": sent,
    }


def vm_sample(stats: Sample, cores: float) -> Sample:
    """A guest's metrics from its part of libvirt's bulk statistics."""
    return {
        "state": state_word(stats.get("state.state", 0), stats.get("state.reason", 0)),
        "cpu": round(cores * 100, 1),
        "memory_kib": stats.get("balloon.rss", stats.get("balloon.current", 0)),
        "net_rx": _total(stats, "net", "rx.bytes"),
        "net_tx": _total(stats, "net", "tx.bytes"),
        "disk_read_bytes": _total(stats, "block", "rd.bytes"),
        "disk_write_bytes": _total(stats, "block", "wr.bytes"),
        "disk_read_ops": _total(stats, "block", "rd.reqs"),
        "disk_write_ops": _total(stats, "block", "wr.reqs"),
        "disks": _disks(stats),
    }


def _total(stats: Sample, kind: str, counter: str) -> int:
    count = stats.get(f"{kind}.count", 0)
    return sum(int(stats.get(f"{kind}.{number}.{counter}", 0)) for number in range(count))


def _disks(stats: Sample) -> list[Sample]:
    found = []
    for number in range(stats.get("block.count", 0)):
        named = re.fullmatch(r"disk\.(\d+)", Path(stats.get(f"block.{number}.path", "")).name)
        if named:
            used = stats.get(f"block.{number}.allocation", 0)
            found.append({"disk": int(named[1]), "mib": -(-used // _MIB)})
    return found


def domain_samples(hypervisors: Iterable[Hypervisor], rates: Rates, at: float) -> dict[int, Sample]:
    """The metrics of the live domains that are ours (those with a generation), by VM."""
    found: dict[int, Sample] = {}
    clocks: set[object] = {"host"}
    for hypervisor in hypervisors:
        for domain, stats in hypervisor.statistics():
            vm = vm_of_name(domain.name())
            generation = hypervisor.live_generation(vm) if vm is not None else None
            if vm is None or generation is None:
                continue
            clocks.add((vm, domain.ID()))
            cores = rates.cores((vm, domain.ID()), stats.get("cpu.time", 0) * _NANOSECOND, at)
            found[vm] = {"vm": vm, "generation": generation, **vm_sample(stats, cores)}
    rates.keep(clocks)
    return found


class Monitor:
    """Takes samples at an interval and reports them, until told otherwise."""

    def __init__(
        self, sample: Callable[[Rates, float], Sample], report: Callable[[Sample], None]
    ) -> None:
        self._sample = sample
        self._report = report
        self._interval = self._pause = 0.0
        self._told = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def set_interval(self, seconds: float, first: float | None = None) -> None:
        """Sets the period; 0 is off. The first round comes after `first` seconds, or else after a period."""
        with self._changed:
            self._interval, self._told = seconds, True
            self._pause = first if first and seconds else seconds
            self._changed.notify()
            if seconds and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        rates = Rates()
        self._take(rates)
        while True:
            if self._slept() and (sample := self._take(rates)) is not None:
                self._report(sample)

    def _slept(self) -> bool:
        """Waits for the next round; False when another period was set meanwhile."""
        with self._changed:
            told = self._changed.wait_for(lambda: self._told, self._pause or None)
            self._told = False
            if not told:
                self._pause = self._interval
            return not told

    def _take(self, rates: Rates) -> Sample | None:
        try:
            return self._sample(rates, time.monotonic())
        except Exception as problem:
            # libvirtd may be away for a moment; the next round will tell.
            _log.warning("no sample: %s", problem)
            return None
