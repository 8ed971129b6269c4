"""One pass: order, policies, consistency, what a decision keeps."""

from collections import Counter

import msgspec
import pytest

from innkeeper.model.states import HostState
from innkeeper.placement.decide import Policy, place

from .worlds import host, resident, vm, world_of


def where(world, policy: str = "striping", **options) -> dict[int, int | None]:
    return {d.vm: d.host for d in place(world, 5000.0, Policy(policy), **options)}


def test_nothing_waits_nothing_is_decided() -> None:
    assert place(world_of(host(1), resident(9, on=1)), 0.0) == []


def test_the_world_is_not_changed() -> None:
    world = world_of(host(1), vm(1), vm(2))
    before = (dict(world.vms.rows), world.occupancy.of(1).cpu, list(world.pending.vms))
    place(world, 0.0)
    assert before == (dict(world.vms.rows), world.occupancy.of(1).cpu, list(world.pending.vms))


def test_the_same_question_has_the_same_answer() -> None:
    world = world_of(*(host(n) for n in range(5)), *(vm(n) for n in range(30)))
    assert place(world, 0.0) == place(world, 0.0)


def test_striping_spreads_and_packing_fills() -> None:
    hosts = [host(n) for n in (3, 1, 2)]
    world = world_of(*hosts, *(vm(n) for n in range(6)))
    assert where(world, "striping") == {0: 1, 1: 2, 2: 3, 3: 1, 4: 2, 5: 3}
    assert where(world, "packing") == {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2}


def test_striping_counts_the_vms_that_are_there() -> None:
    world = world_of(host(1), host(2), resident(90, on=1), resident(91, on=1), vm(0), vm(1), vm(2))
    assert where(world) == {0: 2, 1: 2, 2: 1}


def test_load_aware_takes_the_most_free_cpu() -> None:
    world = world_of(host(1, cpu=4), host(2, cpu=8), resident(9, on=2, cpu=3), vm(0, cpu=2), vm(1))
    assert where(world, "load-aware") == {0: 2, 1: 1}


def test_fixed_takes_the_highest_priority_while_there_is_room() -> None:
    world = world_of(
        host(1), host(2, text="PRIORITY = 10\n"), host(3, text="PRIORITY = 5\n"),
        *(vm(n, cpu=2) for n in range(5)),
    )  # fmt: skip
    assert where(world, "fixed") == {0: 2, 1: 2, 2: 3, 3: 3, 4: 1}


def test_sched_rank_overrides_the_policy() -> None:
    world = world_of(
        host(1), host(2, memory=16), host(3), vm(0, wishes='SCHED_RANK = "FREE_MEMORY"\n'), vm(1)
    )
    decisions = place(world, 0.0)
    assert [d.host for d in decisions] == [2, 1]
    assert [d.explanation["policy"] for d in decisions] == ["SCHED_RANK", "striping"]


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(ValueError, match=r"expected one of striping, packing.* got 'random'"):
        Policy("random")  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "random"}, Policy)


def test_higher_priority_first_then_submission() -> None:
    world = world_of(
        host(1, cpu=3), vm(7), vm(4), vm(5, wishes="USER_PRIORITY = -1\n"),
        vm(6, wishes="USER_PRIORITY = 2\n"), vm(8),
    )  # fmt: skip
    decisions = place(world, 0.0)
    assert [d.vm for d in decisions] == [6, 4, 7, 8, 5]
    assert [d.host for d in decisions] == [1, 1, 1, None, None]


def test_a_large_vm_does_not_hold_up_a_small_one_behind_it() -> None:
    world = world_of(host(1), vm(1, cpu=16), vm(2))
    assert where(world) == {1: None, 2: 1}


def test_the_limit_counts_placed_vms_only() -> None:
    world = world_of(host(1), vm(1, cpu=16), vm(2), vm(3), vm(4))
    assert where(world, limit=2) == {1: None, 2: 1, 3: 1}
    assert where(world, limit=0) == {}


def test_a_pass_after_a_limited_one_still_sees_those_behind() -> None:
    world = world_of(host(1), vm(1), vm(2), vm(3))
    assert where(world, limit=1) == {1: 1}
    assert where(world) == {1: 1, 2: 1, 3: 1}


def test_vms_of_one_pass_see_each_other() -> None:
    apart = 'SCHED_REQUIREMENTS = "CURRENT_VMS != 1"\n'
    together = 'SCHED_REQUIREMENTS = "CURRENT_VMS = 1"\n'
    world = world_of(
        host(1), host(2), host(3), vm(1), vm(2, wishes=together), vm(3, wishes=apart),
        vm(4, wishes=together), vm(5, wishes='SCHED_REQUIREMENTS = "RUNNING_VMS = 0"\n'),
        vm(6, wishes='SCHED_REQUIREMENTS = "RUNNING_VMS = 0"\n'),
    )  # fmt: skip
    assert where(world) == {1: 1, 2: 1, 3: 2, 4: 1, 5: 3, 6: None}


def test_what_fitted_nowhere_is_tried_again_when_the_pass_made_it_possible() -> None:
    """VM 3 wants to be with VM 2, which is placed only after VM 1, that wanted the same, found nothing."""
    together = 'SCHED_REQUIREMENTS = "CURRENT_VMS = 2"\n'
    world = world_of(host(1), vm(1, wishes=together), vm(2), vm(3, wishes=together))
    assert where(world) == {1: None, 2: 1, 3: 1}


@pytest.mark.parametrize(
    ("fields", "machine", "reason"),
    [
        (None, {}, "there is no host"),
        ({}, {"cpu": 5}, "no host can take it (5 cores, 1 GiB): too little free CPU"),
        ({}, {"memory": 9}, "no host can take it (1 core, 9 GiB): too little free memory"),
        (
            {"state": HostState.DISABLED},
            {},
            "no host can take it (1 core, 1 GiB): not MONITORED",
        ),
        (
            {},
            {"wishes": 'SCHED_REQUIREMENTS = "GPU = yes"\n'},
            "no host can take it (1 core, 1 GiB): refused by SCHED_REQUIREMENTS",
        ),
        (
            {},
            {"wishes": 'SCHED_REQUIREMENTS = "GPU ="\n'},
            "SCHED_REQUIREMENTS is no expression: expected a value to compare GPU with, "
            "found the end at column 6",
        ),
    ],
)
def test_the_reason_of_a_vm_that_fits_nowhere(fields, machine, reason: str) -> None:
    hosts = [] if fields is None else [host(1, **fields)]
    (decision,) = place(world_of(*hosts, vm(1, **machine)), 0.0)
    assert (decision.host, decision.datastore, decision.reason) == (None, None, reason)


def test_the_story_of_a_placed_vm() -> None:
    world = world_of(
        host(1), host(2, cpu=1), host(3, state=HostState.ERROR), resident(9, on=1), vm(5)
    )
    (decision,) = place(world, 5000.0)
    assert decision.reason == "striping: score 0, best of 2 hosts that can take it"
    assert decision.explanation == {
        "at": 5000.0,
        "policy": "striping",
        "chosen": 2,
        "score": 0.0,
        "considered": 3,
        "refused": {"state": 1},
        "needed": {"cpu": 100, "memory": 1 << 20, "disk": 0},
        "hosts": [
            {"host": 2, "name": "node2", "verdict": "chosen", "score": 0.0},
            {"host": 1, "name": "node1", "verdict": "fits", "score": -1.0},
        ],
    }


def test_the_story_of_a_vm_that_fits_nowhere_has_the_nearest_misses_first() -> None:
    world = world_of(
        host(1, memory=1), host(2, memory=3), host(3, cpu=1), host(4, state=HostState.DISABLED),
        vm(5, cpu=2, memory=4),
    )  # fmt: skip
    (decision,) = place(world, 5000.0)
    story = decision.explanation
    assert (story["chosen"], story["score"]) == (None, None)
    assert story["refused"] == {"state": 1, "cpu": 1, "memory": 2}
    assert [tuple(v.values()) for v in story["hosts"]] == [
        (2, "node2", "refused", "memory", 3.0 * (1 << 20)),
        (1, "node1", "refused", "memory", 1.0 * (1 << 20)),
        (3, "node3", "refused", "cpu", 100.0),
        (4, "node4", "refused", "state"),
    ]


def test_stories_stay_small_and_survive_json() -> None:
    world = world_of(*(host(n) for n in range(200)), vm(1), vm(2, cpu=99))
    for decision in place(world, 0.0):
        story = decision.explanation
        assert len(story["hosts"]) <= 50
        assert sum(story["refused"].values()) in (0, 200)
        assert msgspec.json.decode(msgspec.json.encode(story)) == story


def test_the_best_of_many_are_told_best_first() -> None:
    ranks = [3, 9, 1, 9, 5, 7, 2, 8]
    world = world_of(
        *(host(n, text=f"R = {rank}\n") for n, rank in enumerate(ranks)),
        vm(1, wishes='SCHED_RANK = "R"\n'),
    )
    (decision,) = place(world, 0.0)
    told = [(v["host"], v["score"]) for v in decision.explanation["hosts"]]
    assert told == [(1, 9.0), (3, 9.0), (7, 8.0), (5, 7.0), (4, 5.0)]


def test_a_thousand_vms_of_a_few_sizes_spread_evenly() -> None:
    world = world_of(
        *(host(n, cpu=64, memory=256) for n in range(50)), *(vm(n) for n in range(1000))
    )
    counts = Counter(d.host for d in place(world, 0.0))
    assert set(counts.values()) == {20}
