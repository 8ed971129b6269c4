import pytest

from . import documents
from .conftest import CannedFrontEnd, Inn


@pytest.fixture
def cloud(canned: CannedFrontEnd) -> CannedFrontEnd:
    canned.documents |= {
        "vms": documents.VM_POOL,
    }
    return canned


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", [3]),
        ("1,3", [1, 3]),
        ("1,8..10", [1, 8, 9, 10]),
        ("4..4", [4]),
        ("web", [3]),
        ("web,7..8", [3, 7, 8]),
        ("3,web,3", [3]),
    ],
)
def test_lists_and_names_become_numbers(
    cloud: CannedFrontEnd, inn: Inn, text: str, numbers: list[int]
) -> None:
    assert inn("vm", "hold", text).code == 0
    assert [what for what, _ in cloud.sent] == [f"POST vms/{n}/actions/hold" for n in numbers]


def test_several_arguments_are_several_objects(cloud: CannedFrontEnd, inn: Inn) -> None:
    inn("vm", "hold", "1", "web")
    assert [what for what, _ in cloud.sent] == [f"POST vms/{n}/actions/hold" for n in (1, 3)]


def test_numbers_ask_for_no_list(cloud: CannedFrontEnd, inn: Inn) -> None:
    inn("vm", "hold", "1,2")
    assert cloud.asked("vms") == []


def test_a_name_with_a_comma_is_found(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents |= {
        "vms": "<VM_POOL><VM><ID>6</ID><NAME>a,b</NAME></VM></VM_POOL>",
    }
    assert inn("vm", "hold", "a,b").code == 0
    assert canned.sent == [("POST vms/6/actions/hold", {})]


def test_an_unknown_name_is_not_found(cloud: CannedFrontEnd, inn: Inn) -> None:
    outcome = inn("vm", "hold", "nobody")
    assert (outcome.code, outcome.err) == (3, "inn: no VM is named 'nobody'\n")


def test_an_ambiguous_name_lists_the_numbers(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms"] = (
        "<VM_POOL><VM><ID>9</ID><NAME>a</NAME></VM><VM><ID>4</ID><NAME>a</NAME></VM></VM_POOL>"
    )
    outcome = inn("vm", "hold", "a")
    assert (outcome.code, outcome.err) == (2, "inn: 2 VMs are named 'a': use a number (4, 9)\n")


@pytest.mark.parametrize("text", ["8..1", "0..99999999", ",", ""])
def test_impossible_lists_are_wrong_usage(cloud: CannedFrontEnd, inn: Inn, text: str) -> None:
    assert inn("vm", "hold", text).code in (2, 3)
    assert cloud.sent == []


def test_where_one_is_needed_several_are_refused(cloud: CannedFrontEnd, inn: Inn) -> None:
    outcome = inn("vm", "rename", "1,2", "new")
    assert (outcome.code, outcome.err) == (2, "inn: VM: expected one, '1,2' means 2\n")
