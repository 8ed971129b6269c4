"""A snapshot that followed a world answers as a new one does."""

import copy
import gc
import weakref
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.model.states import HostState
from innkeeper.model.world import Transaction, World
from innkeeper.placement.decide import fits, place
from innkeeper.placement.snapshot import COLUMNS_KEPT, Snapshot, snapshot_of

from .worlds import cluster, host, image_store, resident, store, vm, world_of

WISHES = (
    'SCHED_REQUIREMENTS = "ZONE = north"\n',
    'SCHED_REQUIREMENTS = "FREE_CPU > 150 & RUNNING_VMS < 3"\n',
    'SCHED_REQUIREMENTS = "CURRENT_VMS != 103"\n',
    'SCHED_RANK = "FREE_MEMORY - MAX_CPU"\n',
    'SCHED_DS_REQUIREMENTS = "TIER = fast"\n',
    "",
)


def fresh(world: World) -> World:
    """The same records in a world that no snapshot knows."""
    other = World()
    for kind, table in world.tables.items():
        for record in table:
            other.load(kind, record)
    return other


number = st.sampled_from([0, 1, 1, 2, 3])
texts = st.sampled_from(["", "ZONE = north\n", 'RESERVED_CPU = "50%"\n', 'RESERVED_MEM = "90%"\n'])
either = st.sampled_from([0, 100])
states = st.sampled_from([HostState.MONITORED] * 5 + [HostState.DISABLED, HostState.ERROR])
spans = st.sampled_from([(0,), (0, 100), ()])
tiers = st.sampled_from(["", "TIER = fast\n"])
changes = st.one_of(
    st.tuples(st.just("host"), number, st.sampled_from([1, 4]), either, states, texts),
    st.tuples(st.just("no host"), number),
    st.tuples(st.just("cluster"), either, texts),
    st.tuples(
        st.just("store"),
        st.integers(0, 2),
        st.sampled_from([0, 20, 500]),
        spans,
        tiers,
        st.integers(0, 1),
    ),
    st.tuples(st.just("source"), st.sampled_from(["dummy", "qcow2"])),
    st.tuples(st.just("resident"), st.integers(100, 106), number, st.sampled_from([0.5, 1])),
    st.tuples(st.just("gone"), st.integers(100, 106)),
    st.tuples(
        st.just("waiting"), st.integers(0, 4), st.sampled_from([0.5, 3]), st.sampled_from(WISHES)
    ),
)


def apply(world: World, change: tuple[Any, ...]) -> None:
    match change:
        case ("host", n, cpu, cluster_id, state, text):
            world.load("host", host(n, cpu=cpu, cluster_id=cluster_id, state=state, text=text))
        case ("no host", n):
            world.replace("host", n, None)
        case ("cluster", n, text):
            world.load("cluster", cluster(n, text=text))
        case ("store", n, free, clusters, text, state):
            fields = {"clusters": clusters, "state": state, "total_mb": 500, "free_mb": free}
            world.load("datastore", store(n, text, **fields))
        case ("source", tm_mad):
            world.load("datastore", image_store(10, tm_mad=tm_mad))
        case ("resident", n, on, cpu):
            world.load("vm", resident(n, on=on, cpu=cpu))
        case ("gone", n):
            world.replace("vm", n, None)
        case ("waiting", n, cpu, wishes):
            disks = "DISK = [ IMAGE_ID = 1, DATASTORE_ID = 10, SIZE = 30 ]\n"
            world.load("vm", vm(n, cpu=cpu, text=disks, wishes=wishes))


@given(st.lists(st.lists(changes, min_size=1, max_size=4), max_size=12))
@settings(max_examples=120, deadline=None)
def test_a_followed_world_is_decided_as_a_new_one(history: list[list[tuple[Any, ...]]]) -> None:
    world = world_of(
        host(0), host(1), image_store(10), *(vm(n, wishes=w) for n, w in enumerate(WISHES))
    )
    for changes_at_once in history:
        for change in changes_at_once:
            apply(world, change)
        assert place(world, 0.0) == place(fresh(world), 0.0)


def test_a_pass_that_is_not_carried_out_leaves_nothing_behind() -> None:
    world = world_of(host(1), host(2), vm(1, cpu=4), vm(2, cpu=4))
    assert place(world, 0.0) == place(world, 0.0)


def test_a_pass_carried_out_in_part() -> None:
    """VM 1 was decided for node 1, but it is another VM of the same size, number 7, that came to be there.

    All figures of the host are as the pass had left them; only who is there differs.
    """
    apart = 'SCHED_REQUIREMENTS = "CURRENT_VMS != 7"\n'
    world = world_of(host(1), vm(1), vm(3, cpu=4, wishes=apart))
    assert [d.host for d in place(world, 0.0)] == [1, None]
    world.replace("vm", 1, None)
    world.load("vm", resident(7, on=1))
    world.load("vm", vm(3, cpu=1, wishes=apart))
    assert [d.host for d in place(world, 0.0)] == [None]


def test_a_host_that_moves_to_another_cluster() -> None:
    world = world_of(host(1), host(2), vm(1))
    assert [d.host for d in place(world, 0.0)] == [1]
    world.load("host", host(1, cluster_id=100))
    assert [d.host for d in place(world, 0.0)] == [2]
    world.load("datastore", store(7, clusters=(100,)))
    assert [d.host for d in place(world, 0.0)] == [1]


def test_a_transaction_that_was_rolled_back() -> None:
    world = world_of(host(1), vm(1))
    before = place(world, 0.0)
    tx = Transaction(world, 0.0)
    tx.change(world.hosts[1], state=HostState.DISABLED)
    tx.put(resident(9, on=1, cpu=4))
    assert [d.host for d in place(world, 0.0)] == [None]
    tx.rollback()
    assert place(world, 0.0) == before


def test_checks_of_one_host_leave_nothing_behind() -> None:
    world = world_of(host(1), resident(9, on=1, cpu=4), vm(1))
    fits(world, world.vms[9], world.hosts[1])
    assert [d.host for d in place(world, 0.0)] == [None]


def test_only_what_changed_is_evaluated_again(monkeypatch) -> None:
    world = world_of(*(host(n) for n in range(50)), vm(1, wishes='SCHED_REQUIREMENTS = "ID > 3"\n'))
    place(world, 0.0)
    looked_at = []
    original = Snapshot._look
    monkeypatch.setattr(
        Snapshot, "_look", lambda self, row: looked_at.append(row) or original(self, row)
    )
    place(world, 0.0)
    looked_at.clear()
    place(world, 0.0)
    assert set(looked_at) == {4}  # the one that the pass itself had taken from
    looked_at.clear()
    world.load("host", host(20))
    world.load("vm", resident(9, on=30))
    place(world, 0.0)
    assert set(looked_at) == {4, 20, 30}


def test_remembered_expressions_are_bounded() -> None:
    world = world_of(host(1))
    snapshot = snapshot_of(world)
    for n in range(COLUMNS_KEPT + 50):
        assert snapshot.requirement(f"ID = {n}").tolist() == [n == 1]
    assert len(snapshot._columns) == COLUMNS_KEPT


def test_requests_are_remembered_for_waiting_vms_only() -> None:
    world = world_of(host(1), vm(1), vm(2))
    place(world, 0.0)
    world.load("vm", resident(1, on=1))
    place(world, 0.0)
    assert set(snapshot_of(world)._requests) == {2}


def test_a_world_that_nobody_holds_is_freed_with_its_snapshot() -> None:
    world = world_of(host(1), vm(1))
    place(world, 0.0)
    gone = weakref.ref(world)
    snapshot = weakref.ref(snapshot_of(world))
    del world
    gc.collect()
    assert (gone(), snapshot()) == (None, None)


def test_a_copied_world_is_another_world() -> None:
    """What-if questions are asked of copies."""
    world = world_of(host(1), vm(1))
    place(world, 0.0)
    other = copy.deepcopy(world)
    other.load("host", host(1, state=HostState.DISABLED))
    assert [d.host for d in place(other, 0.0)] == [None]
    assert [d.host for d in place(world, 0.0)] == [1]
