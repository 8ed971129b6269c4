"""What a VM asks for."""

import pytest

from innkeeper.placement.request import MOST, priority, request_of, unreadable

from .worlds import vm


def test_amounts_are_those_that_occupancy_counts() -> None:
    request = request_of(vm(1, cpu=0.29, memory=0.5))
    assert (request.cpu, request.memory) == (29, 512 * 1024)


def test_absurd_amounts_stay_comparable() -> None:
    request = request_of(vm(1, cpu=1e300, memory=2**52))
    assert (request.cpu, request.memory) == (MOST, MOST)


@pytest.mark.parametrize(
    ("disk", "space"),
    [
        ("TYPE = fs, SIZE = 100", 100),
        ("IMAGE_ID = 1, SIZE = 100", 100),
        ("IMAGE_ID = 1, SIZE = 100, CLONE = YES, CLONE_TARGET = SYSTEM", 100),
        ("IMAGE_ID = 1, SIZE = 100, CLONE = YES, CLONE_TARGET = SELF", 0),
        ("IMAGE_ID = 1, SIZE = 100, CLONE = NO, LN_TARGET = NONE", 0),
        ("IMAGE_ID = 1, SIZE = 100, CLONE = NO, LN_TARGET = SYSTEM", 100),
        ("IMAGE_ID = 1, SIZE = much", 0),
        ("TYPE = swap, SIZE = -5", 0),
    ],
)
def test_space_is_asked_for_disks_that_lie_in_the_system_datastore(disk: str, space: int) -> None:
    assert request_of(vm(1, text=f"DISK = [ {disk} ]\n")).disk == space


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        ("", None),
        ('DISK = [ CLUSTER_ID = "0,100" ]\n', {0, 100}),
        ('DISK = [ CLUSTER_ID = "0,100" ]\nNIC = [ CLUSTER_ID = "100,101" ]\n', {100}),
        ('DISK = [ CLUSTER_ID = "0" ]\nNIC_ALIAS = [ CLUSTER_ID = "1" ]\n', set()),
        ('DISK = [ CLUSTER_ID = "" ]\n', set()),
        ("DISK = [ SIZE = 1 ]\n", None),
    ],
)
def test_clusters_are_those_that_all_disks_and_nics_share(text: str, clusters: set[int]) -> None:
    assert request_of(vm(1, text=text)).demand.clusters == clusters


def test_images_are_asked_where_the_disk_does_not_say() -> None:
    text = (
        "DISK = [ IMAGE_ID = 7, DATASTORE_ID = 1 ]\nDISK = [ IMAGE_ID = 8 ]\nDISK = [ SIZE = 1 ]\n"
    )
    demand = request_of(vm(1, text=text)).demand
    assert (demand.datastores, demand.images) == ({1}, {8})


def test_wishes_have_older_names_too() -> None:
    assert request_of(vm(1, wishes='REQUIREMENTS = "A = 1"\n')).demand.requirements == "A = 1"
    both = 'REQUIREMENTS = "A = 1"\nSCHED_REQUIREMENTS = "B = 1"\nRANK = "FREE_CPU"\n'
    demand = request_of(vm(1, wishes=both)).demand
    assert (demand.requirements, demand.rank) == ("B = 1", "FREE_CPU")


def test_vms_with_equal_wishes_have_an_equal_request() -> None:
    first, second = (request_of(vm(n, wishes='SCHED_REQUIREMENTS = "A = 1"\n')) for n in (1, 2))
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize(
    ("text", "number"), [("", 0), ("USER_PRIORITY = 3.5\n", 3.5), ("USER_PRIORITY = high\n", 0)]
)
def test_priority_is_a_number(text: str, number: float) -> None:
    assert priority(vm(1, wishes=text)) == number


@pytest.mark.parametrize("name", ["SCHED_REQUIREMENTS", "SCHED_RANK", "SCHED_DS_RANK"])
def test_an_unreadable_expression_is_named(name: str) -> None:
    told = unreadable(request_of(vm(1, wishes=f'{name} = "A +"\n')).demand)
    assert told.startswith(f"{name} is no expression: ")
    assert "column" in told


def test_readable_expressions_have_no_complaint() -> None:
    assert unreadable(request_of(vm(1, wishes='SCHED_RANK = "FREE_CPU"\n')).demand) == ""
