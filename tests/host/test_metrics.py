"""What the figures mean: units, rates, and whose traffic counts."""

import os
import queue
from typing import Any

import pytest

from innkeeper.host.metrics import Monitor, Rates, busy_seconds, host_sample, traffic, vm_sample

_STATS: dict[str, Any] = {
    "state.state": 1,
    "state.reason": 1,
    "balloon.rss": 47_000,
    "balloon.current": 32_768,
    "net.count": 2,
    "net.0.rx.bytes": 10,
    "net.0.tx.bytes": 1,
    "net.1.rx.bytes": 100,
    "block.count": 3,
    "block.0.path": "/root/vms/12/disk.0",
    "block.0.rd.bytes": 512,
    "block.0.rd.reqs": 2,
    "block.0.allocation": 3 * 1024 * 1024 + 1,
    "block.1.path": "/root/vms/12/disk.10",
    "block.1.wr.bytes": 4096,
    "block.1.wr.reqs": 1,
    "block.2.name": "hda",
}
_NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo:    7000      10    0    0    0     0          0         0     7000      10    0    0
  eth0: 1000000     700    0    0    0     0          0         0    20000     300    0    0
 one-1-0:  5000      70    0    0    0     0          0         0     9000      30    0    0
"""


def test_processor_time_becomes_cores_in_use() -> None:
    rates = Rates()
    assert rates.cores("vm", 10.0, at=100.0) == 0.0
    assert rates.cores("vm", 11.0, at=102.0) == 0.5
    assert rates.cores("other", 50.0, at=102.0) == 0.0
    assert rates.cores("vm", 0.5, at=104.0) == 0.0  # it began anew
    assert rates.cores("vm", 1.5, at=104.0) == 0.0  # no time has passed
    rates.keep({"other"})
    assert rates.cores("vm", 2.0, at=105.0) == 0.0


def test_idle_and_waiting_time_is_not_busy() -> None:
    stat = "cpu  100 20 30 99999 5555 1 2 3 50 60\ncpu0 1 2 3\n"
    assert busy_seconds(stat) == pytest.approx((100 + 20 + 30 + 1 + 2 + 3) / 100)


def test_only_hardware_counts_as_the_hosts_traffic() -> None:
    assert traffic(_NET_DEV, lambda name: name == "eth0") == (1_000_000, 20_000)


def test_a_guests_figures_are_summed() -> None:
    assert vm_sample(_STATS | {"memory.unknown": 1}, 0.12345) == {
        "state": "running",
        "cpu": 12.3,
        "memory_kib": 47_000,
        "net_rx": 110,
        "net_tx": 1,
        "disk_read_bytes": 512,
        "disk_write_bytes": 4096,
        "disk_read_ops": 2,
        "disk_write_ops": 1,
        "disks": [{"disk": 0, "mib": 4}, {"disk": 10, "mib": 0}],
    }


def test_this_machine() -> None:
    sample = host_sample(Rates(), at=1.0)
    assert sample["cpu_used"] == 0 and sample["cpu_free"] == 100 * len(os.sched_getaffinity(0))
    assert sample["memory_used_kib"] > 0 and sample["memory_free_kib"] > 0


def test_a_monitor_reports_until_it_is_turned_off_and_survives_failures() -> None:
    told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    taken = 0

    def sample(_rates: Rates, _at: float) -> dict[str, Any]:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise ConnectionError("libvirtd is away")
        return {"number": taken}

    monitor = Monitor(sample, told.put)
    monitor.set_interval(0.01)
    # The first sample only starts the clocks; the third failed.
    assert [told.get(timeout=60)["number"] for _ in range(3)] == [2, 4, 5]
    monitor.set_interval(0)
    monitor.set_interval(3600)
    while not told.empty():
        told.get()
    before = taken
    monitor.set_interval(0.01)
    assert told.get(timeout=60)["number"] > before
    monitor.set_interval(0)


def test_the_first_round_has_a_time_of_its_own() -> None:
    told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    monitor = Monitor(lambda _rates, _at: {"told": True}, told.put)
    monitor.set_interval(3600, first=0.01)
    assert told.get(timeout=60)
    monitor.set_interval(0)
