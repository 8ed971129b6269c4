"""What becomes of agents' figures."""

from typing import Any

import pytest

from innkeeper.commands import hosts, vms
from innkeeper.commands.monitoring import Monitoring
from innkeeper.model.objects import Host, Vm
from innkeeper.model.samples import Sample
from innkeeper.store.samples import Samples
from tests.commands.realm import ADMIN, Realm


@pytest.fixture
def monitoring(realm: Realm) -> Monitoring:
    return Monitoring(realm.world, Samples(), realm.clock)


def said(realm: Realm, monitoring: Monitoring, vm: Vm, **figures: Any) -> dict[str, int | float]:
    """A round of the VM's host 30 s later; what is known of the VM then."""
    realm.clock.now += 30
    assert vm.place
    monitoring.take(vm.place.host_id, {"host": {"net_tx": 1}, "vms": [{"vm": vm.id, **figures}]})
    sample = monitoring.latest(Vm.KIND, vm.id)
    assert sample is not None and sample.ts == realm.clock.now
    return sample.values


def test_totals_have_rates_beside_them(realm: Realm, monitoring: Monitoring) -> None:
    vm = realm.running()
    assert said(realm, monitoring, vm, net_rx=3000, cpu=5) == {"NETRX": 3000, "CPU": 5}
    second = said(realm, monitoring, vm, net_rx=6000, disk_read_ops=1, cpu=7)
    assert second == {"NETRX": 6000, "NETRX_BW": 100.0, "DISKRDIOPS": 1, "CPU": 7}
    # The guest was started anew: its totals begin again, and nothing was sent backwards.
    assert said(realm, monitoring, vm, net_rx=10) == {"NETRX": 10}
    assert said(realm, monitoring, vm, net_rx=10)["NETRX_BW"] == 0.0


def test_sizes_of_disks(realm: Realm, monitoring: Monitoring) -> None:
    vm = realm.running()
    figures = said(realm, monitoring, vm, disks=[{"disk": 0, "mib": 12}, {"disk": 2, "mib": 3}])
    assert figures == {"DISK_SIZE.0": 12, "DISK_SIZE.2": 3}


def test_a_vm_that_has_ended_keeps_its_last_figures(realm: Realm, monitoring: Monitoring) -> None:
    vm = realm.vm()
    monitoring.samples.append(5, [(Vm.KIND, vm.id, {"CPU": 1})])
    monitoring.samples.append(6, [(Vm.KIND, vm.id, {"CPU": 2})])
    monitoring.follow({(Vm.KIND, vm.id)})
    assert len(monitoring.since(Vm.KIND, vm.id, 0)) == 2
    realm.do(lambda tx: vms.act(tx, ADMIN, "terminate", vm.id))
    monitoring.follow({(Vm.KIND, vm.id)})
    assert monitoring.since(Vm.KIND, vm.id, 0) == [Sample.of(6, {"CPU": 2})]


def test_nothing_is_held_of_a_host_that_is_gone(realm: Realm, monitoring: Monitoring) -> None:
    number = realm.host()
    monitoring.samples.append(5, [(Host.KIND, number, {"USED_CPU": 1})])
    realm.do(lambda tx: hosts.delete(tx, ADMIN, number))
    monitoring.follow({(Host.KIND, number)})
    assert monitoring.latest(Host.KIND, number) is None
