"""Why a VM waits, why it is where it is, and what would help."""

import msgspec
import pytest

from innkeeper.model.nouns import Role, VmGroup
from innkeeper.model.objects import Quota, User
from innkeeper.model.states import DatastoreType, HostState, LcmState, VmState
from innkeeper.placement.decide import FILTERS, Explanation, Policy, explain, place

from .worlds import cluster, host, image_store, resident, simulated, store, vm, world_of

NOW = 1180.0
"""Three minutes after the VMs of these worlds were submitted."""


def told(world, number: int = 5) -> Explanation:
    return explain(world, world.vms[number], NOW)


def advice(*records) -> tuple[str, ...]:
    return told(world_of(*records)).advice


def test_a_vm_that_the_next_pass_will_place() -> None:
    explanation = told(world_of(host(1), host(2), host(3, cpu=0.5), resident(9, on=1), vm(5)))
    assert explanation.state == "PENDING"
    assert explanation.summary == (
        "PENDING for 3 min: 2 of 3 hosts can take it now (node2 first), the next pass places it"
    )
    assert [(h.name, h.verdict, h.score) for h in explanation.hosts] == [
        ("node2", "fits", 0.0),
        ("node1", "fits", -1.0),
        ("node3", "refused", None),
    ]
    assert explanation.advice == ()


def test_every_host_is_told_with_every_check_the_nearest_miss_first() -> None:
    world = world_of(
        host(1, cpu=1, memory=1, state=HostState.DISABLED), host(2, memory=1.5), vm(5, 2, 3.5)
    )
    explanation = told(world)
    assert explanation.summary == (
        "PENDING for 3 min: none of 2 hosts can take it: "
        "not MONITORED (1), too little free memory (1)"
    )
    nearest, other = explanation.hosts
    assert [c.name for c in nearest.checks] == [each.name for each in FILTERS]
    assert [(c.name, c.needed, c.had) for c in nearest.checks if not c.ok] == [
        ("memory", "3.5 GiB", "1.5 GiB free of 1.5 GiB")
    ]
    assert [c.name for c in other.checks if not c.ok] == ["state", "cpu", "memory"]


def test_what_the_wire_carries() -> None:
    plain = msgspec.to_builtins(told(world_of(host(1), vm(5))))
    assert list(plain) == ["vm", "state", "summary", "hosts", "advice"]
    assert list(plain["hosts"][0]) == ["host", "name", "verdict", "score", "checks"]
    assert plain["hosts"][0]["checks"][1] == {
        "name": "state",
        "needed": "MONITORED",
        "had": "MONITORED",
        "ok": True,
    }


def test_the_ranking_is_that_of_the_last_decision_or_as_asked() -> None:
    full = {"decision": {"policy": "packing", "chosen": None}}
    records = host(1), host(2), resident(9, on=2)
    assert told(world_of(*records, vm(5, **full))).hosts[0].host == 2
    assert told(world_of(*records, vm(5))).hosts[0].host == 1
    world = world_of(*records, vm(5, **full))
    assert explain(world, world.vms[5], NOW, Policy("striping")).hosts[0].host == 1


def test_explaining_gives_nothing_away() -> None:
    world = world_of(host(1), resident(9, on=1, cpu=3), vm(5))
    told(world, 9)
    told(world, 5)
    assert [d.host for d in place(world, NOW)] == [1]


# ---- advice --------------------------------------------------------------------------------------


def test_free_the_least_that_is_lacking() -> None:
    lines = advice(
        host(1), host(3), resident(8, 1, memory=7.5), resident(9, 3, memory=6.5), vm(5, memory=3.5)
    )
    assert lines == ("2 GiB more free memory on host node3 (has 1.5 GiB)",)


def test_cpu_and_memory_together() -> None:
    lines = advice(host(3), resident(9, on=3, cpu=3.5, memory=7), vm(5, memory=2))
    assert lines == (
        "0.5 cores more free CPU on host node3 (has 0.5 cores) and "
        "1 GiB more free memory on host node3 (has 1 GiB)",
    )


def test_one_line_for_each_way_of_failing() -> None:
    lines = advice(
        host(1), resident(8, on=1, cpu=3.5), host(7, state=HostState.DISABLED),
        host(8, state=HostState.DISABLED), vm(5),
    )  # fmt: skip
    assert lines == ("enable host node7", "0.5 cores more free CPU on host node1 (has 0.5 cores)")


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"state": HostState.DISABLED}, "enable host node7"),
        (
            {"state": HostState.OFFLINE},
            "take host node7 back into service (it is OFFLINE)",
        ),
        ({"state": HostState.INIT}, "wait until host node7 has connected"),
        (
            {"state": HostState.ERROR, "error": "no route to host"},
            "bring back host node7 (ERROR: no route to host)",
        ),
    ],
)
def test_hosts_that_are_out_of_service(fields, line: str) -> None:
    assert advice(host(7, **fields), vm(5)) == (line,)


def test_no_host_matches() -> None:
    kvm = 'HYPERVISOR = "kvm"\n'
    wishes = 'SCHED_REQUIREMENTS = "HYPERVISOR = kvm & GPU = yes"\n'
    lines = advice(host(1), host(2), host(3, text=kvm), vm(5, wishes=wishes))
    assert lines == (
        "no host matches SCHED_REQUIREMENTS: 3 hosts lack GPU = yes, 2 hosts lack HYPERVISOR = kvm",
    )


def test_no_host_is_large_enough() -> None:
    lines = advice(host(1, memory=8), host(2, memory=16, cpu=2), vm(5, cpu=5, memory=20))
    assert lines == (
        "a host with at least 5 cores of CPU (the largest is node1, with 4 cores)",
        "a host with at least 20 GiB of memory (the largest is node2, with 16 GiB)",
    )


def test_other_clusters_and_kinds() -> None:
    elsewhere = vm(5, text='NIC = [ CLUSTER_ID = "100,101" ]\n')
    assert advice(host(1), cluster(100), elsewhere) == (
        "a host in cluster 100 or 101, where its images and networks are (1 host elsewhere)",
    )
    apart = vm(5, text='NIC = [ CLUSTER_ID = "0" ]\nDISK = [ CLUSTER_ID = "1" ]\n')
    assert advice(host(1), apart) == ("use images and networks that share a cluster",)
    real = vm(5, text="DISK = [ IMAGE_ID = 1, DATASTORE_ID = 9 ]\n")
    assert advice(simulated(1), store(3, tm_mad="dummy"), image_store(9), real) == (
        "a real host, as its images are: not so on 1 host",
    )


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"state": 1}, "enable datastore 0 (system0)"),
        (
            {"total_mb": 100, "free_mb": 4},
            "6 MiB more free space in datastore 0 (system0)",
        ),
        (
            {"type": DatastoreType.IMAGE},
            "a real system datastore in cluster 0 (default)",
        ),
    ],
)
def test_datastores(fields, line: str) -> None:
    assert advice(host(1), host(2), store(0, **fields), vm(5, text="DISK = [ SIZE = 10 ]\n")) == (
        line,
    )


def test_a_datastore_that_fulfils_the_wish() -> None:
    wishing = vm(5, wishes='SCHED_DS_REQUIREMENTS = "TIER = fast"\n')
    assert advice(host(1), wishing) == (
        "a real system datastore that fulfils SCHED_DS_REQUIREMENTS in cluster 0 (default)",
    )


def test_nothing_to_run_on_and_nothing_to_read() -> None:
    assert advice(vm(5)) == ("add a host",)
    (line,) = advice(host(1), vm(5, wishes='SCHED_REQUIREMENTS = "A ="\n'))
    assert line.startswith("correct the template: SCHED_REQUIREMENTS is no expression: ")


@pytest.mark.parametrize("failing", range(len(FILTERS)))
def test_whatever_refuses_every_host_something_is_advised(failing: int) -> None:
    """One world for each filter, in which it alone refuses the only host."""
    records = {
        "expressions": (host(1), vm(5, wishes='SCHED_RANK = "+"\n')),
        "state": (host(1, state=HostState.ERROR), vm(5)),
        "hypervisor": (
            host(1),
            image_store(9, tm_mad="dummy"),
            vm(5, text="DISK = [ IMAGE_ID = 1, DATASTORE_ID = 9 ]\n"),
        ),
        "capability": (host(1), vm(5, wishes='HYPERVISOR = "esx"\n')),
        "cluster": (host(1), vm(5, text='NIC = [ CLUSTER_ID = "9" ]\n')),
        "quota": (
            User(id=7, name="u", gid=1, quotas=(Quota("VM", "0", {"VMS": 0}),)),
            host(1),
            vm(5, uid=7),
        ),
        "AUTOMATIC_REQUIREMENTS": (host(1), vm(5, text='AUTOMATIC_REQUIREMENTS = "ID = 9"\n')),
        "SCHED_REQUIREMENTS": (host(1), vm(5, wishes='SCHED_REQUIREMENTS = "ID = 9"\n')),
        "vmgroup": (
            host(1),
            VmGroup(id=7, name="g", uid=0, gid=0, roles=(Role(0, "a", hosts=(2,)),)),
            vm(5, text="VMGROUP = [ VMGROUP_ID = 7, ROLE = a ]\n"),
        ),
        "datastore": (host(1), store(0, state=1), vm(5)),
        "cpu": (host(1), vm(5, cpu=9)),
        "memory": (host(1), vm(5, memory=9)),
    }
    name = FILTERS[failing].name
    explanation = told(world_of(*records[name]))
    assert [c.name for c in explanation.hosts[0].checks if not c.ok] == [name]
    assert explanation.advice


# ---- other states --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (VmState.HOLD, "release the VM: it is on hold"),
        (VmState.CLONING, "wait until its images are ready"),
        (VmState.STOPPED, "resume the VM: it was stopped"),
    ],
)
def test_states_that_wait_for_something_else(state: VmState, line: str) -> None:
    explanation = told(world_of(host(1), vm(5, state=state)))
    assert explanation.advice == (line,)
    assert explanation.summary == (
        f"{state.name} for 3 min: 1 of 1 host can take it now (node1 first)"
    )


def test_a_vm_that_is_done() -> None:
    explanation = told(world_of(host(1), vm(5, state=VmState.DONE)))
    assert (explanation.summary, explanation.hosts) == ("the VM is done", ())


def placed_world():
    """Three hosts, and a VM that a pass at 1000 s has placed on node 2."""
    world = world_of(host(1), host(2), host(3, state=HostState.ERROR), resident(9, on=1), vm(5))
    (decision,) = place(world, 1000.0)
    assert decision.host == 2
    stored = msgspec.json.decode(msgspec.json.encode(decision.explanation))
    world.load("vm", resident(5, on=2, decision=stored))
    return world


def test_a_placed_vm_is_told_from_its_stored_decision() -> None:
    explanation = told(placed_world())
    assert explanation.state == "RUNNING"
    assert explanation.summary == (
        "RUNNING on host node2 for 3 min; chosen 3 min ago by striping (score 0) "
        "out of 3 hosts; refused: 1 by state"
    )
    assert [(h.host, h.verdict, h.score) for h in explanation.hosts] == [
        (2, "chosen", 0.0),
        (1, "fits", -1.0),
    ]
    assert explanation.advice == ()


def test_its_host_is_told_as_it_is_now_without_the_vm_itself() -> None:
    world = placed_world()
    world.load("vm", resident(6, on=2, cpu=3, memory=5))
    own = told(world).hosts[0]
    assert {c.name: c.had for c in own.checks if c.name in ("cpu", "memory")} == {
        "cpu": "1 core free of 4 cores",
        "memory": "3 GiB free of 8 GiB",
    }
    world.load("host", host(2, state=HostState.ERROR, error="gone"))
    assert told(world).advice == ("bring back host node2 (ERROR: gone)",)


def test_the_disks_of_a_placed_vm_are_not_asked_room_for_again() -> None:
    world = world_of(host(1), store(0, total_mb=100, free_mb=0))
    world.load("vm", resident(5, on=1, text="DISK = [ SIZE = 50 ]\n"))
    assert told(world).advice == ()


def test_a_vm_that_was_deployed_by_hand() -> None:
    explanation = told(world_of(host(1), resident(5, on=1)))
    assert explanation.summary == (
        "RUNNING on host node1 for 3 min; it was put there by request: "
        "no decision of placement is kept"
    )
    assert explanation.hosts[0].score is None


def test_a_decision_for_another_host_is_not_told() -> None:
    world = placed_world()
    moved = resident(5, on=1, decision=world.vms[5].decision, lcm_state=LcmState.UNKNOWN)
    world.load("vm", moved)
    explanation = told(world)
    assert explanation.summary.startswith("UNKNOWN on host node1 for 3 min; it was put there")


def test_a_host_that_is_gone() -> None:
    explanation = told(world_of(resident(5, on=1)))
    assert [(h.name, h.checks) for h in explanation.hosts] == [("node1", ())]
