"""A guest that stands still while a backup's moment passes; real ones are in tests/host/test_real_backups.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

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


@pytest.mark.parametrize("broken", ["freeze", "suspend", "resume", "the backup"])
def test_whatever_fails_the_guest_is_not_left_frozen(broken: str) -> None:
    guest = Guest(broken)
    with pytest.raises(Error, match=broken), backups.still(guest, freeze=True, suspend=True):
        guest._do("the backup")
    assert not guest.frozen
    assert guest.state == ("paused" if broken == "resume" else "running")


def test_a_guest_that_an_agent_left_frozen_is_thawed() -> None:
    guest = Guest()
    guest.frozen = True
    with backups.still(guest, freeze=True, suspend=False):
        assert guest.frozen
    assert not guest.frozen


def test_a_guest_that_was_paused_stays_so() -> None:
    guest = Guest(state="paused")
    with backups.still(guest, freeze=False, suspend=True):
        assert guest.state == "paused"
    assert guest.state == "paused"
