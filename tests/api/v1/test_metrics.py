"""/metrics, read by Prometheus' own parser."""

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from innkeeper.api.latencies import BUCKETS, Latencies
from innkeeper.api.messages import Limits, Request
from innkeeper.api.v1.exposition import PIECE, exposition, gauge
from innkeeper.api.v1.health import Health
from innkeeper.commands.monitoring import Monitoring
from innkeeper.store.samples import Samples
from tests.commands.realm import Realm

BACKSTAGE = {
    "journal_commits_total": 7,
    "journal_lost_asides_total": 0,
    "instructions": 2,
    "agents": 1,
    "redirects": 3,
}


async def whole(body: Any) -> bytes:
    """What comes in pieces."""
    return b"".join([piece async for piece in body])


def shown(realm: Realm, monitoring: Monitoring, latencies: Latencies) -> dict[str, Any]:
    """All families by name, as Prometheus understands them."""
    health = Health(realm.core, "1.2.3", monitoring, latencies, lambda: BACKSTAGE)

    async def receive() -> Any:
        raise AssertionError("there is no body")

    request = Request({"type": "http", "path": "/metrics", "headers": []}, receive, Limits(), {})
    response = asyncio.run(health.metrics(request))
    assert response.content_type.startswith("text/plain; version=0.0.4")
    text = asyncio.run(whole(response.body)).decode()
    for line in text.splitlines():
        assert line.startswith(("# HELP innkeeper_", "# TYPE innkeeper_", "innkeeper_"))
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation and family.type != "unknown" for family in families)
    return {family.name.removeprefix("innkeeper_"): family for family in families}


def points(family: Any) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


def test_what_was_measured() -> None:
    realm = Realm()
    vm = realm.running()
    assert vm.place
    monitoring = Monitoring(realm.world, Samples(), realm.clock)
    for received in (1000, 4000):
        realm.clock.now += 30
        measured = {
            "cpu": 50,
            "memory_kib": 64,
            "net_rx": received,
            "disks": [{"disk": 0, "mib": 9}],
        }
        monitoring.take(
            vm.place.host_id,
            {"host": {"cpu_used": 150, "net_rx": 5}, "vms": [{"vm": vm.id, **measured}]},
        )
    realm.clock.now += 12
    found = shown(realm, monitoring, Latencies())
    host = realm.world.hosts[vm.place.host_id].name
    assert points(found["host_cpu_used_cores"]) == {(host,): 1.5}
    assert points(found["host_sample_age_seconds"]) == {(host,): 12.0}
    assert points(found["host_network_receive_bytes"]) == {(host,): 5.0}
    assert points(found["vm_cpu_cores"]) == {(str(vm.id),): 0.5}
    assert points(found["vm_memory_bytes"]) == {(str(vm.id),): 65536.0}
    assert found["vm_network_receive_bytes"].type == "counter"
    assert points(found["vms"]) == {("RUNNING",): 1.0}
    assert points(found["journal_commits"]) == {(): 7.0}
    assert points(found["instructions"]) == {(): 2.0}
    assert points(found["info"]) == {("1.2.3",): 1.0}
    assert points(found["host_cpu_taken_cores"]) == {(host,): 1.0}


def test_labels_that_are_hard_to_write() -> None:
    name = 'a"b\\c\nd'
    family = gauge("x", "of\nlines", [({"host": name, "vm": 3}, 0.5)])
    text = b"".join(exposition([family])).decode()
    [family] = text_string_to_metric_families(text)
    assert points(family) == {(name, "3"): 0.5}


def test_many_figures_come_in_pieces() -> None:
    family = gauge("x", "many", [({"vm": n}, n) for n in range(3 * PIECE)])
    pieces = list(exposition([family]))
    assert len(pieces) == 4
    assert max(piece.count(b"\n") for piece in pieces) == PIECE
    assert b"".join(pieces).endswith(b'innkeeper_x{vm="5999"} 5999\n')


def test_latencies() -> None:
    latencies = Latencies()
    for seconds in (0.0005, 0.001, 0.02, 99.0):
        latencies.took("one.vm.info", seconds)
    realm = Realm()
    found = shown(realm, Monitoring(realm.world, Samples(), realm.clock), latencies)["call_seconds"]
    assert found.type == "histogram"
    buckets = {s.labels["le"]: s.value for s in found.samples if s.name.endswith("_bucket")}
    assert list(buckets.values()) == [2, 2, 2, 3, 3, 3, 3, 3, 3, 4]
    assert list(buckets) == [*(str(end) for end in BUCKETS), "+Inf"]
    sums = {s.name.rpartition("_")[2]: s.value for s in found.samples if "le" not in s.labels}
    assert sums == {"sum": 99.0215, "count": 4}
