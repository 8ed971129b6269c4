"""What a guest has plugged in; real ones are in tests/host/test_real_domains.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from innkeeper.host.hypervisor import devices

NO_DOMAIN, LOST = 42, 38


class Error(Exception):
    """What libvirt raises."""

    def get_error_code(self) -> int:
        return int(self.args[0])


def hypervisor(code: int) -> Any:
    """One whose guest is found, and then does not answer any more."""

    def described() -> str:
        raise Error(code)

    return SimpleNamespace(find=lambda vm: SimpleNamespace(XMLDesc=described))


@pytest.fixture(autouse=True)
def binding(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(libvirtError=Error, VIR_ERR_NO_DOMAIN=NO_DOMAIN)
    monkeypatch.setattr(devices, "libvirt", lambda: module)


def test_a_guest_that_ends_while_it_is_looked_at_has_nothing_plugged_in() -> None:
    assert devices.plugged(hypervisor(NO_DOMAIN), 7) is None


def test_a_hypervisor_that_does_not_answer_is_no_guest_that_has_ended() -> None:
    with pytest.raises(Error):
        devices.plugged(hypervisor(LOST), 7)
