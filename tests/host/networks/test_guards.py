"""What guards a VM's NICs: requests that were overtaken on their way change nothing."""

import dataclasses
from pathlib import Path

import pytest

from innkeeper.host.files import write_json
from innkeeper.host.networks.guard_rules import Nic
from innkeeper.host.networks.guards import Guards


def told(generation: int, *revisions: int) -> list[Nic]:
    return [
        Nic(1, f"one-7-{number}", "br0", "02:00:00:00:00:01", [], generation=generation, revision=revision)
        for number, revision in enumerate(revisions)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("there", "comes", "late"),
    [
        (told(3, 5), told(3, 4), True),
        (told(3, 5), told(2, 9), True),
        (told(3, 5), told(3, 5), False),
        (told(3, 5), told(3, 6), False),
        (told(3, 5, 2), told(3, 5, 1), True),
        (told(3, 5), told(4, 0), False),
        (told(3, 5), [], False),
        ([], told(1, 0), False),
    ],
)
def test_which_of_two_came_late(
    there: list[Nic], comes: list[Nic], late: bool, tmp_path: Path
) -> None:
    guards = Guards(tmp_path, "identity")
    write_json(tmp_path / "7.json", [dataclasses.asdict(nic) for nic in there])
    assert guards.overtaken(7, comes) is late
