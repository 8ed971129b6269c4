"""Each filter alone: which hosts it refuses, and what it says about them."""

import numpy as np
import pytest

from innkeeper.model.states import HostState
from innkeeper.placement.decide import FILTERS, Check, fits
from innkeeper.placement.request import request_of
from innkeeper.placement.snapshot import snapshot_of

from .worlds import GIB, cluster, host, image, image_store, resident, simulated, store, vm, world_of


def found(world, machine, on: int) -> dict[str, Check]:
    """The checks of a host by name; every filter has said something."""
    checks = fits(world, machine, world.hosts[on])
    assert [check.name for check in checks] == [each.name for each in FILTERS]
    assert all(check.needed and check.had for check in checks)
    return {check.name: check for check in checks}


def failed(world, machine, on: int) -> list[str]:
    return [check.name for check in found(world, machine, on).values() if not check.ok]


def test_a_host_with_everything_passes_every_check() -> None:
    assert failed(world_of(host(1)), vm(5), 1) == []


@pytest.mark.parametrize("state", [s for s in HostState if s is not HostState.MONITORED])
def test_only_monitored_hosts_take_vms(state: HostState) -> None:
    check = found(world_of(host(1, state=state, error="no route")), vm(5), 1)["state"]
    assert (check.needed, check.had, check.ok) == ("MONITORED", f"{state.name}: no route", False)


@pytest.mark.parametrize(
    ("amount", "taken", "needed", "had", "ok"),
    [
        (1, 3, "1 core", "1 core free of 4 cores", True),
        (1.5, 3, "1.5 cores", "1 core free of 4 cores", False),
        (1, 5, "1 core", "-1 cores free of 4 cores", False),
        (4, 0, "4 cores", "4 cores free of 4 cores", True),
        (4.01, 0, "4.01 cores", "4 cores free of 4 cores", False),
    ],
)
def test_cpu(amount: float, taken: float, needed: str, had: str, ok: bool) -> None:
    world = world_of(host(1), *([resident(9, on=1, cpu=taken)] if taken else []))
    check = found(world, vm(5, cpu=amount), 1)["cpu"]
    assert (check.needed, check.had, check.ok) == (needed, had, ok)


@pytest.mark.parametrize(
    ("amount", "reserved", "had", "ok"),
    [
        (2, "", "2 GiB free of 8 GiB", True),
        (2, str(GIB), "1 GiB free of 7 GiB", False),
        (9, "-100%", "10 GiB free of 16 GiB", True),
    ],
)
def test_memory(amount: float, reserved: str, had: str, ok: bool) -> None:
    world = world_of(
        host(1, text=f'RESERVED_MEM = "{reserved}"\n'), resident(9, on=1, cpu=1, memory=6)
    )
    check = found(world, vm(5, memory=amount), 1)["memory"]
    assert (check.needed, check.had, check.ok) == (f"{amount} GiB", had, ok)


def test_reservations_of_the_cluster_count_and_can_change() -> None:
    world = world_of(host(1), cluster(0, text='RESERVED_CPU = "75%"\n'))
    assert failed(world, vm(5, cpu=2), 1) == ["cpu"]
    world.load("cluster", cluster(0, text='RESERVED_CPU = ""\n'))
    assert failed(world, vm(5, cpu=2), 1) == []


def test_what_a_vm_takes_itself_is_not_in_its_way() -> None:
    world = world_of(host(1), resident(5, on=1, cpu=4, memory=8))
    assert failed(world, world.vms[5], 1) == []
    assert failed(world, vm(6), 1) == ["cpu", "memory"]


SIMULATED_DISK = "DISK = [ IMAGE_ID = 1, DATASTORE_ID = 10 ]\n"
REAL_DISK = "DISK = [ IMAGE_ID = 2, DATASTORE_ID = 11 ]\n"
VOLATILE_DISK = "DISK = [ TYPE = fs, SIZE = 10 ]\n"


@pytest.mark.parametrize(
    ("disks", "on_real", "on_simulated"),
    [
        ("", True, True),
        (VOLATILE_DISK, True, True),
        (REAL_DISK, True, False),
        (SIMULATED_DISK, False, True),
        (SIMULATED_DISK + REAL_DISK, False, False),
        ("DISK = [ IMAGE_ID = 1 ]\n", False, True),
        ("DISK = [ IMAGE_ID = 99 ]\n", True, True),
    ],
)
def test_simulated_images_run_on_simulated_hosts_only(
    disks: str, on_real: bool, on_simulated: bool
) -> None:
    world = world_of(
        host(1),
        simulated(2),
        store(3, tm_mad="dummy"),
        image_store(10, tm_mad="dummy"),
        image_store(11),
        image(1, 10),
        image(2, 11),
    )
    machine = vm(5, text=disks)
    assert found(world, machine, 1)["hypervisor"].ok is on_real
    assert found(world, machine, 2)["hypervisor"].ok is on_simulated
    assert (failed(world, machine, 2) == []) is on_simulated


def test_clusters_of_images_and_networks() -> None:
    world = world_of(
        host(1), host(2, cluster_id=100), cluster(100, "racks"), store(3, clusters=(100,))
    )
    machine = vm(5, text='DISK = [ CLUSTER_ID = "100,101" ]\nNIC = [ CLUSTER_ID = "100" ]\n')
    check = found(world, machine, 1)["cluster"]
    assert (check.needed, check.had, check.ok) == ("cluster 100", "cluster 0 (default)", False)
    assert failed(world, machine, 2) == []
    apart = vm(6, text='DISK = [ CLUSTER_ID = "0" ]\nNIC = [ CLUSTER_ID = "100" ]\n')
    assert failed(world, apart, 1) == failed(world, apart, 2) == ["cluster"]


@pytest.mark.parametrize(
    ("requirements", "had", "ok"),
    [
        ("", "not asked for", True),
        ("ARCH = x86_64", "fulfilled", True),
        ("ARCH = arm64", "ARCH = arm64: found x86_64", False),
        ("GPU = yes & ARCH = x86_64", "GPU = yes: found nothing", False),
        ("!(ARCH = x86_64)", "!(ARCH = x86_64): found x86_64", False),
        ("FREE_CPU > 300", "FREE_CPU > 300: found 200", False),
        ("RUNNING_VMS = 1", "fulfilled", True),
        ("CURRENT_VMS = 9", "fulfilled", True),
        ("CURRENT_VMS != 9", "CURRENT_VMS != 9: found 9", False),
        ("ZONE = north", "fulfilled", True),
    ],
)
def test_requirements(requirements: str, had: str, ok: bool) -> None:
    world = world_of(
        cluster(0, text="ZONE = north\n"),
        host(1, text='ARCH = "x86_64"\n'),
        resident(9, on=1, cpu=2),
    )
    wishes = f'SCHED_REQUIREMENTS = "{requirements}"\n' if requirements else ""
    check = found(world, vm(5, wishes=wishes), 1)["SCHED_REQUIREMENTS"]
    assert (check.had, check.ok) == (had, ok)


def test_automatic_requirements_are_a_check_of_their_own() -> None:
    text = 'AUTOMATIC_REQUIREMENTS = "(CLUSTER_ID = 0) & !(PIN_POLICY = PINNED)"\n'
    world = world_of(host(1), host(2, text="PIN_POLICY = PINNED\n"))
    machine = vm(5, text=text, wishes='SCHED_REQUIREMENTS = "ID = 1 | ID = 2"\n')
    assert failed(world, machine, 1) == []
    assert failed(world, machine, 2) == ["AUTOMATIC_REQUIREMENTS"]


def test_an_expression_that_cannot_be_read_refuses_every_host() -> None:
    world = world_of(host(1))
    check = found(world, vm(5, wishes='SCHED_RANK = "FREE_CPU +"\n'), 1)["expressions"]
    assert not check.ok
    assert check.had.startswith("SCHED_RANK is no expression: ")


@pytest.mark.parametrize(
    ("stores", "had", "ok"),
    [
        ([], "datastore 0 (system0)", True),
        ([store(0, total_mb=100, free_mb=10)], "datastore 0 (system0), 10 MiB free", True),
        ([store(0, total_mb=100, free_mb=9)], "datastore 0 (system0), 9 MiB free", False),
        (
            [store(0, "DATASTORE_CAPACITY_CHECK = no\n", total_mb=100, free_mb=9)],
            "datastore 0 (system0), 9 MiB free",
            True,
        ),
        ([store(0, state=1)], "datastore 0 (system0) is DISABLED", False),
        ([store(0, clusters=(7,))], "no real one in cluster 0 (default)", False),
        ([store(0, tm_mad="dummy")], "no real one in cluster 0 (default)", False),
        ([image_store(0)], "no real one in cluster 0 (default)", False),
    ],
)
def test_system_datastore(stores: list, had: str, ok: bool) -> None:
    world = world_of(host(1), *stores)
    check = found(world, vm(5, text=VOLATILE_DISK), 1)["datastore"]
    assert (check.needed, check.had, check.ok) == (
        "a READY system datastore with 10 MiB free",
        had,
        ok,
    )


def test_requirements_on_datastores() -> None:
    world = world_of(host(1), store(0, "TIER = slow\n"))
    machine = vm(5, wishes='SCHED_DS_REQUIREMENTS = "TIER = fast"\n')
    check = found(world, machine, 1)["datastore"]
    assert check.needed == "a READY system datastore where TIER = fast"
    assert (check.had, check.ok) == ("datastore 0 (system0) does not match", False)
    world.load("datastore", store(0, "TIER = fast\n"))
    assert failed(world, machine, 1) == []


def test_every_filter_gives_one_answer_a_host() -> None:
    for size in (0, 1, 3):
        snapshot = snapshot_of(world_of(*(host(n) for n in range(size))))
        for each in FILTERS:
            mask = each.holds(snapshot, request_of(vm(5)))
            assert (mask.shape, mask.dtype) == ((size,), np.bool_), each.name
