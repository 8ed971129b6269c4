"""Which system datastore is taken."""

import pytest

from innkeeper.placement.decide import place, system_datastore

from .worlds import cluster, host, simulated, store, vm, world_of


def chosen(world, machine, on: int = 1) -> int | None:
    found = system_datastore(world, world.hosts[on], machine)
    return None if found is None else found.id


def measured(number: int, free: int, text: str = "", **fields):
    return store(number, text, total_mb=1000, free_mb=free, **fields)


def test_the_one_with_the_most_free_space_the_lowest_number_on_ties() -> None:
    world = world_of(host(1), measured(0, 100), measured(4, 300), measured(3, 300))
    assert chosen(world, vm(5)) == 3


def test_sched_ds_rank_decides_instead() -> None:
    world = world_of(host(1), measured(0, 900), measured(3, 100, "TIER = 2\n"))
    assert chosen(world, vm(5, wishes='SCHED_DS_RANK = "TIER"\n')) == 3


def test_room_comes_before_rank() -> None:
    world = world_of(host(1), measured(0, 900), measured(3, 5, "TIER = 2\n"))
    machine = vm(5, text="DISK = [ SIZE = 10 ]\n", wishes='SCHED_DS_RANK = "TIER"\n')
    assert chosen(world, machine) == 0


def test_a_full_one_is_told_when_there_is_no_other() -> None:
    world = world_of(host(1), measured(0, 5))
    assert chosen(world, vm(5, text="DISK = [ SIZE = 10 ]\n")) == 0


@pytest.mark.parametrize("wish", ["TIER = fast", "TIER ="])
def test_none_when_no_one_serves(wish: str) -> None:
    world = world_of(host(1))
    assert chosen(world, vm(5, wishes=f'SCHED_DS_REQUIREMENTS = "{wish}"\n')) is None


def test_kinds_and_clusters_are_kept_apart() -> None:
    world = world_of(
        host(1),
        simulated(2),
        host(3, cluster_id=100),
        cluster(100),
        store(5, tm_mad="dummy"),
        store(6, clusters=(100,)),
    )
    assert [chosen(world, vm(9), on) for on in (1, 2, 3)] == [0, 5, 6]


def test_automatic_requirements_on_datastores_count_too() -> None:
    world = world_of(host(1), store(3, clusters=(0, 100)))
    text = 'AUTOMATIC_DS_REQUIREMENTS = "\\"CLUSTERS/ID\\" @> 100"\n'
    assert chosen(world, vm(9, text=text)) == 3


def test_a_pass_counts_the_space_that_it_gives_away() -> None:
    world = world_of(host(1), measured(0, 100), measured(3, 95))
    for number in range(20):
        world.load("vm", vm(number, cpu=0.1, memory=0.1, text="DISK = [ SIZE = 30 ]\n"))
    placed = [(d.vm, d.datastore) for d in place(world, 0.0) if d.host is not None]
    assert placed == [(0, 0), (1, 3), (2, 0), (3, 3), (4, 0), (5, 3)]


def test_a_host_is_refused_once_its_datastores_are_full() -> None:
    world = world_of(
        host(1),
        host(2, cluster_id=100),
        cluster(100),
        measured(0, 30),
        measured(3, 60, clusters=(100,)),
    )
    for number in range(4):
        world.load("vm", vm(number, text="DISK = [ SIZE = 30 ]\n"))
    decisions = place(world, 0.0)
    assert sorted(d.host for d in decisions if d.host is not None) == [1, 2, 2]
    assert decisions[-1].explanation["refused"] == {"datastore": 2}
