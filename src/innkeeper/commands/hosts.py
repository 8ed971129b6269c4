"""Hosts."""

from innkeeper.lifecycle.hosts import described_by, set_state
from innkeeper.model.errors import cannot_allocate, invalid, must_be, wrong_state
from innkeeper.model.hypervisors import DRIVERS
from innkeeper.model.objects import Cluster, Host
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import HostState
from innkeeper.model.world import Transaction

from . import profiles
from .bootstrap import RESERVATIONS
from .common import (
    check_create,
    check_free_name,
    check_right,
    drop,
    need,
    rename,
    replaced,
    update,
)

_DEFAULT_CLUSTER = 0


def allocate(
    tx: Transaction, caller: Caller, name: str, im_mad: str, vm_mad: str, cluster_id: int
) -> int:
    """Adds a host; its agent is started once this is durable."""
    cluster = tx.world.clusters[0 if cluster_id < 0 else cluster_id]
    check_create(tx.world, caller, Host)
    if cluster_id > 0:
        check_right(tx.world, caller, Right.ADMIN, cluster)
    for what, driver in (("IM_MAD", im_mad), ("VM_MAD", vm_mad)):
        if driver not in DRIVERS:
            wanted = ", ".join(sorted(DRIVERS))
            raise cannot_allocate("host", must_be(what, f"one of {wanted}", driver))
    check_free_name(tx.world, Host, name)
    host = Host(
        id=tx.new_id(Host), name=name, im_mad=im_mad, vm_mad=vm_mad, cluster_id=cluster.id,
        template=RESERVATIONS,
    )  # fmt: skip
    tx.put(host)
    tx.log(host, "created", by=caller.uid, driver=vm_mad)
    return host.id


def delete(tx: Transaction, caller: Caller, host_id: int) -> int:
    """Removes a host that has no VMs."""
    host = need(tx.world, Host, host_id, caller, Right.ADMIN)
    kept = set(tx.world.kept.of(host_id))
    vms = tx.world.occupancy.of(host_id).vms.keys() or kept
    if vms:
        has = "keeps files of" if vms is kept else "has"
        listed = ", ".join(str(number) for number in sorted(vms)[:10])
        raise wrong_state(
            f"Cannot delete host. Host {host_id} still {has} VMs: {listed}",
            host_id,
        )
    if tx.world.operation_on(host) is not None:
        raise wrong_state(f"Cannot delete host. Host {host_id} is being repaired", host_id)
    return drop(tx, caller, host)


def update_host(tx: Transaction, caller: Caller, host_id: int, text: str, append: int) -> int:
    """Replaces or merges a host's template; what the agent reported is put back."""
    update(tx, caller, Host, host_id, text, append, Right.ADMIN)
    host = tx.world.hosts[host_id]
    kept = RESERVATIONS.merged(host.template).merged(described_by(host.vm_mad, host.facts))
    tx.change(host, template=kept)
    tx.wake = True
    return host_id


def rename_host(tx: Transaction, caller: Caller, host_id: int, name: str) -> int:
    """Gives a host another name, which is also the name by which it is reached."""
    return rename(tx, caller, Host, host_id, name, Right.ADMIN)


def status(tx: Transaction, caller: Caller, host_id: int, wanted: int) -> int:
    """Enables (0), disables (1: no new VMs) or takes offline (2: not even monitored) a host."""
    host = need(tx.world, Host, host_id, caller, Right.ADMIN)
    if wanted == 0:
        if host.state in (HostState.DISABLED, HostState.OFFLINE):
            seen = HostState.MONITORED if host.total_cpu else HostState.INIT
            set_state(tx, host, HostState.ERROR if host.error else seen, host.error)
    elif wanted == 1:
        set_state(tx, host, HostState.DISABLED, host.error)
    elif wanted == 2:
        host = tx.change(host, total_cpu=0, total_memory=0)
        set_state(tx, host, HostState.OFFLINE)
    else:
        raise invalid(
            must_be("The host status", "0 (enable), 1 (disable) or 2 (offline)", wanted),
            host_id,
        )
    tx.wake = True
    return host_id


def _take_along(tx: Transaction, host_id: int, cluster_id: int) -> None:
    """The VMs of a host go to another cluster with it, and count there."""
    for number in sorted(tx.world.occupancy.of(host_id).vms):
        vm = tx.world.vms[number]
        stay = vm.place
        if stay is not None and stay.host_id == host_id:
            tx.change(vm, history=(*vm.history[:-1], replaced(stay, cluster_id=cluster_id)))


def move(tx: Transaction, caller: Caller, cluster_id: int, host_id: int) -> int:
    """Puts a host into a cluster."""
    cluster = need(tx.world, Cluster, cluster_id, caller, Right.ADMIN)
    host = need(tx.world, Host, host_id, caller, Right.ADMIN)
    if host.cluster_id != cluster.id:
        profiles.again(tx, tx.change(host, cluster_id=cluster.id))
        _take_along(tx, host.id, cluster.id)
        tx.log(host, "cluster", was=host.cluster_id, now=cluster.id, by=caller.uid)
        tx.wake = True
    return cluster_id


def take_out(tx: Transaction, caller: Caller, cluster_id: int, host_id: int) -> int:
    """A host is always in one cluster: to take it out is to put it into the default one."""
    tx.world.clusters[cluster_id]
    move(tx, caller, _DEFAULT_CLUSTER, host_id)
    return cluster_id
