"""Doors for other hosts: one at which nobody answers any more does not stand open."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from innkeeper.host.peers import door
from innkeeper.host.peers.door import Doors


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doors:
    monkeypatch.setattr(door, "_SSHD", "/bin/true")
    monkeypatch.setattr(door, "OPEN_FOR", 0.05)
    return Doors(tmp_path)


def attending() -> list[threading.Thread]:
    """The threads that attend to doors."""
    return [thread for thread in threading.enumerate() if "_serve" in thread.name]


def test_a_door_to_which_nobody_came_is_closed(doors: Doors, tmp_path: Path) -> None:
    doors.open("vm-1", "ssh-ed25519 key")
    for thread in attending():
        thread.join(60)
    assert doors._open == {}
    assert not (tmp_path / "peer" / "vm-1").exists()


def test_another_that_took_its_place_stays(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    doors.open("vm-1", "ssh-ed25519 key")
    before = attending()
    monkeypatch.setattr(door, "OPEN_FOR", 60.0)
    other = doors.open("vm-1", "ssh-ed25519 another")
    for thread in before:
        thread.join(60)
    assert doors._open["vm-1"][1].getsockname()[1] == other
    doors.close("vm-1")
