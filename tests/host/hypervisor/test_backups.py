"""A guest that stands still while a backup's moment passes; real ones are in tests/host/test_real_backups.py."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from innkeeper.host.folders import VmFolder
from innkeeper.host.hypervisor import backups


class Error(Exception):
    """What libvirt raises."""


class Guest:
    """What is done to a guest; `broken` is what fails."""

    def __init__(self, broken: str = "", state: str = "running") -> None:
        self.broken = broken
        self.state = state
        self.frozen = False

    def _do(self, what: str) -> None:
        if what == self.broken:
            raise Error(what)

    def fsFreeze(self) -> None:  # noqa: N802  libvirt's name
        self._do("freeze")
        assert not self.frozen
        self.frozen = True

    def fsThaw(self) -> None:  # noqa: N802  libvirt's name
        if not self.frozen:
            raise Error("it is not frozen")
        self.frozen = False

    def suspend(self) -> None:
        self._do("suspend")
        self.state = "paused"

    def resume(self) -> None:
        self._do("resume")
        self.state = "running"


@pytest.fixture(autouse=True)
def binding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "libvirt", lambda: SimpleNamespace(libvirtError=Error))
    monkeypatch.setattr(backups, "state_of", lambda domain: domain.state)


@pytest.fixture
def folder(tmp_path: Path) -> VmFolder:
    return VmFolder(tmp_path, 7)


@pytest.mark.parametrize("broken", ["freeze", "suspend", "resume", "the backup"])
def test_whatever_fails_the_guest_is_not_left_frozen(folder: VmFolder, broken: str) -> None:
    guest = Guest(broken)
    with (
        pytest.raises(Error, match=broken),
        backups.still(guest, folder, freeze=True, suspend=True),
    ):
        guest._do("the backup")
    guest.broken = ""
    backups.go_on(guest, folder)  # nothing is left to do, or what failed
    assert (guest.frozen, guest.state) == (False, "running")


@pytest.mark.parametrize("seen", ["frozen", "frozen and paused"])
def test_a_guest_goes_on_after_an_agent_died_while_it_stood_still(
    folder: VmFolder, tmp_path: Path, seen: str
) -> None:
    guest = Guest()
    with backups.still(guest, folder, freeze=True, suspend=seen != "frozen"):
        left = shutil.copytree(folder.path, tmp_path / "left")  # as it is when the agent dies
        dead = copy.copy(guest)
    backups.go_on(dead, VmFolder(left, 7))
    assert (dead.frozen, dead.state) == (False, "running")
    assert not any(left.iterdir()), "it is done once"


def test_a_guest_that_was_paused_stays_so(folder: VmFolder) -> None:
    guest = Guest(state="paused")
    with backups.still(guest, folder, freeze=False, suspend=True):
        assert guest.state == "paused"
    backups.go_on(guest, folder)
    assert guest.state == "paused"
