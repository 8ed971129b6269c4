"""Probes of the administrators' own: what they tell, and what is said of those that do not work."""

from pathlib import Path

import pytest

from innkeeper.host.own_probes import FAILED, attributes


def probe(folder: Path, name: str, script: str, mode: int = 0o755) -> None:
    folder.mkdir(mode=0o755, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "probes.d"


def test_no_folder_and_no_probes_tell_nothing(folder: Path) -> None:
    assert attributes(folder) == {}
    folder.mkdir()
    assert attributes(folder) == {}


def test_what_several_tell_is_put_together(folder: Path) -> None:
    probe(folder, "place", "echo rack=B7; echo; echo 'ROOM=\"2nd floor, left\"'")
    probe(folder, "gpu", "echo 'GPUS = 2'; printf 'NOTE=a\\001b\\n'")
    assert attributes(folder) == {
        "RACK": "B7",
        "ROOM": "2nd floor, left",
        "GPUS": "2",
        "NOTE": "ab",
    }


@pytest.mark.parametrize(
    ("script", "mode", "why"),
    [
        ("echo A=1; exit 3", 0o755, "ended with status 3"),
        ("echo A=1; echo whatever", 0o755, "'whatever' is not NAME=VALUE"),
        ("echo '9LIVES=1'", 0o755, "'9LIVES=1' is not NAME=VALUE"),
        ("echo 'A=\"1'", 0o755, "No closing quotation"),
        ("echo A=1; sleep 60", 0o755, "took more than 0.5 s"),
        ("yes A=1 | head -c 100000", 0o755, "told more than 65536 bytes"),
        ("seq -f N%.0f=1 300", 0o755, "there are more than 200 attributes"),
        ("echo A=1", 0o775, "others can change bad"),
        ("echo A=1", 0o644, "ended with status"),
    ],
)
def test_one_that_does_not_work_is_told_and_keeps_no_other_from_telling(
    folder: Path, script: str, mode: int, why: str
) -> None:
    probe(folder, "bad", script, mode)
    probe(folder, "good", "echo RACK=B7")
    told = attributes(folder, limit=0.5)
    assert told.pop(FAILED).startswith("bad: ") and why in attributes(folder, limit=0.5)[FAILED]
    assert told == {"RACK": "B7"}


def test_a_folder_that_others_can_write_to_is_not_believed(folder: Path) -> None:
    probe(folder, "good", "echo RACK=B7")
    folder.chmod(0o777)
    assert attributes(folder) == {FAILED: "good: others can change probes.d"}
