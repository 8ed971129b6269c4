"""Milliseconds of placement passes and explanations at several sizes, best of a few rounds.

Processor time of this process, so that others on the machine do not count. "first" is the first pass over a
world, "later" one that finds a snapshot of it, "a VM" that divided by the VMs which waited.

Run: ``python bench/micro_placement.py``
"""

import time
from collections.abc import Callable

from innkeeper.model.objects import Cluster, Datastore, History, Host, Vm
from innkeeper.model.states import DatastoreType, HostState, VmState
from innkeeper.model.template import Template
from innkeeper.model.world import World
from innkeeper.placement.decide import Policy, explain, place

HOST = Template({"HYPERVISOR": ("kvm",), "ARCH": ("x86_64",)})
AUTOMATIC = "(CLUSTER_ID = 0) & !(PIN_POLICY = PINNED)"
#: Sizes of VMs, so that not all requests are equal.
KINDS = 7


def fleet(hosts: int, resident: int) -> World:
    """A world with this many hosts, and this many VMs spread over them."""
    world = World()
    world.load("cluster", Cluster(id=0, name="default"))
    world.load(
        "datastore",
        Datastore(
            id=0, name="system", uid=0, gid=0, ds_mad="-", tm_mad="qcow2", base_path="/system",
            type=DatastoreType.SYSTEM, total_mb=10**9, free_mb=10**9,
        ),
    )  # fmt: skip
    for number in range(hosts):
        world.load("host", host(number))
    for number in range(resident):
        world.load("vm", vm(number, place_on=number % hosts))
    return world


def host(number: int) -> Host:
    return Host(
        id=number, name=f"node{number}", im_mad="kvm", vm_mad="kvm", state=HostState.MONITORED,
        total_cpu=4800, total_memory=256 << 20, template=HOST,
    )  # fmt: skip


def vm(number: int, place_on: int | None = None, requirements: str = "HYPERVISOR = kvm") -> Vm:
    template = {
        "CPU": (str(1 + number % KINDS / 2),),
        "MEMORY": (str(2048 * (1 + number % KINDS)),),
        "DISK": ({"IMAGE_ID": "1", "DATASTORE_ID": "0", "SIZE": "10240", "CLUSTER_ID": "0"},),
        "NIC": ({"NETWORK_ID": "1", "CLUSTER_ID": "0"},),
        "AUTOMATIC_REQUIREMENTS": (AUTOMATIC,),
    }
    stay = History(
        seq=0, host_id=place_on or 0, hostname="", cluster_id=0, vm_mad="kvm", tm_mad="", ds_id=0
    )
    return Vm(
        id=number, name=f"vm{number}", uid=0, gid=0,
        state=VmState.PENDING if place_on is None else VmState.ACTIVE,
        template=Template(template), user_template=Template({"SCHED_REQUIREMENTS": (requirements,)}),
        history=() if place_on is None else (stay,),
    )  # fmt: skip


def best_of(rounds: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times) * 1000


def measured(hosts: int, resident: int, pending: int, requirements: str, rounds: int) -> list[str]:
    """One row: the first pass of a new world, a later one, and an explanation."""
    world = fleet(hosts, resident)
    for number in range(resident, resident + pending):
        world.load("vm", vm(number, requirements=requirements))
    first = best_of(1, lambda: place(world, 0.0))
    later = best_of(rounds, lambda: place(world, 0.0))
    placed = sum(decision.host is not None for decision in place(world, 0.0))
    told = best_of(1, lambda: explain(world, world.vms[resident], 0.0, Policy()))
    figures = (first, later, later / pending, told)
    counts = (hosts, resident, pending, placed)
    return [requirements, *map(str, counts), *(f"{figure:.2f}" for figure in figures)]


def main() -> None:
    print("placement passes, ms")
    row = "{:<20}{:>7}{:>10}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}"
    titles = ("requirements", "hosts", "resident", "pending", "placed")
    print(row.format(*titles, "first", "later", "a VM", "explain"))
    for hosts, resident, pending, rounds in (
        (100, 0, 1000, 5),
        (100, 1000, 1000, 5),
        (534, 0, 10000, 1),
        (1000, 0, 10000, 1),
        (1250, 20000, 1, 50),
    ):
        for requirements in ("HYPERVISOR = kvm", "FREE_CPU > 100", "CURRENT_VMS != 3"):
            print(row.format(*measured(hosts, resident, pending, requirements, rounds)))


if __name__ == "__main__":
    main()
