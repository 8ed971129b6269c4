"""Hosts: one machine under two names, another machine under the same name, and what a host says of itself."""

from typing import Any

import pytest

from innkeeper.commands import hosts, vms
from innkeeper.lifecycle.messages import HostUp, Sampled
from innkeeper.model.errors import Code
from innkeeper.model.objects import Host
from innkeeper.model.states import HostState, LcmState
from tests.commands.realm import ADMIN, FACTS, VM, Realm


def facts(root: str) -> dict[str, Any]:
    return {**FACTS, "root": root}


@pytest.fixture
def lived(realm: Realm) -> tuple[Realm, int, int]:
    """A host with a VM that has run for a while."""
    host = realm.host("north", facts("root-1"))
    vm = realm.vm(VM)
    realm.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, -1))
    realm.finish()
    realm.clock.now += 100
    return realm, host, vm.id


def inventory(vm: int, state: str = "running") -> dict[str, Any]:
    return {"vms": [{"vm": vm, "generation": 1, "state": state, "folder": True}]}


@pytest.mark.parametrize("state", ["running", "off", "saved"])
@pytest.mark.parametrize("disabled", [False, True])
def test_one_machine_under_two_names_loses_nothing(
    lived: tuple[Realm, int, int], state: str, disabled: bool
) -> None:
    realm, _, vm = lived
    second = realm.do(lambda tx: hosts.allocate(tx, ADMIN, "10.0.0.5", "dummy", "dummy", -1))
    if disabled:
        realm.do(lambda tx: hosts.status(tx, ADMIN, second, 1))
    realm.take(HostUp(second, facts("root-1"), inventory(vm, state)))
    realm.take(Sampled(second, ((vm, 1, state),)))
    assert realm.asked == []
    found = realm.world.hosts[second]
    assert found.state is (HostState.DISABLED if disabled else HostState.ERROR)
    assert "host 0 (north)" in found.error


def test_nothing_is_deployed_where_that_is_not_settled(lived: tuple[Realm, int, int]) -> None:
    realm, _, _ = lived
    second = realm.do(lambda tx: hosts.allocate(tx, ADMIN, "10.0.0.5", "dummy", "dummy", -1))
    realm.do(lambda tx: hosts.status(tx, ADMIN, second, 1))
    realm.take(HostUp(second, facts("root-1"), {"vms": []}))
    other = realm.vm()
    realm.refused(Code.ACTION, lambda tx: vms.deploy_on(tx, ADMIN, other.id, second, False, -1))


def test_a_machine_that_was_removed_may_be_added_again(lived: tuple[Realm, int, int]) -> None:
    realm, first, vm = lived
    realm.do(lambda tx: vms.recover(tx, ADMIN, vm, 5))
    realm.do(lambda tx: hosts.delete(tx, ADMIN, first))
    second = realm.host("north", facts("root-1"))
    assert realm.world.hosts[second].state is HostState.MONITORED
    realm.take(HostUp(second, facts("root-1"), inventory(vm)))
    assert [asked.verb for asked in realm.asked] == ["vm.remove"]


def test_another_machine_under_the_name_does_not_answer_for_the_guests(
    lived: tuple[Realm, int, int],
) -> None:
    realm, host, vm = lived
    realm.do(lambda tx: hosts.rename_host(tx, ADMIN, host, "south"))
    realm.take(HostUp(host, facts("root-2"), {"vms": []}))
    realm.take(Sampled(host, ()))
    found = realm.world.hosts[host]
    assert (found.state, found.facts["root"]) == (HostState.ERROR, "root-1")
    assert realm.world.vms[vm].lcm_state is LcmState.UNKNOWN
    realm.take(HostUp(host, facts("root-1"), inventory(vm)))
    assert realm.world.vms[vm].running
    assert realm.world.hosts[host].state is HostState.MONITORED


def test_a_host_without_vms_may_be_another_machine(realm: Realm) -> None:
    host = realm.host("north", facts("root-1"))
    realm.take(HostUp(host, facts("root-2"), {"vms": []}))
    found = realm.world.hosts[host]
    assert (found.state, found.facts["root"]) == (HostState.MONITORED, "root-2")


def test_an_update_does_not_forget_what_the_host_said(realm: Realm) -> None:
    number = realm.host()
    for append in (0, 1):
        realm.do(lambda tx, a=append: hosts.update_host(tx, ADMIN, number, "RACK=7", a))
    template = realm.world.table(Host)[number].template
    assert (template.get("RACK"), template.get("HYPERVISOR")) == ("7", "dummy")
    assert "RESERVED_CPU" in template
