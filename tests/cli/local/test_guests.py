"""Guests are powered off when `inn down` says so, and started again by `inn up`."""

import pytest

from innkeeper.cli.client import Client, Endpoint
from innkeeper.cli.local import guests
from innkeeper.cli.local.progress import Progress

from .. import documents
from ..conftest import CannedFrontEnd


def test_what_is_powered_off_is_noted_before(
    canned: CannedFrontEnd, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who interrupts `inn down` has these VMs back with the next `inn up` all the same."""
    canned.documents["vms"] = documents.VM_POOL

    def note(numbers: list[int]) -> None:
        assert numbers == [3]
        raise KeyboardInterrupt

    client = Client(Endpoint.parse(canned.endpoint), "ann:secret", 10.0)
    with pytest.raises(KeyboardInterrupt):
        guests.power_off_all(client, "node1", Progress(), note)
    assert canned.sent == []
    client.close()


def test_a_stubborn_guest_is_told_of(
    canned: CannedFrontEnd, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "_POWEROFF_SECONDS", 0)
    monkeypatch.setattr("innkeeper.cli.local.progress.POLL_SECONDS", 0.0)
    canned.documents["vms"] = documents.VM_POOL
    client = Client(Endpoint.parse(canned.endpoint), "ann:secret", 10.0)
    guests.power_off_all(client, "node1", Progress(), lambda numbers: None)
    assert [what for what, _ in canned.sent] == [
        "POST vms/3/actions/poweroff",
        "POST vms/3/actions/poweroff-hard",
    ]
    said = capsys.readouterr().err
    assert "guests may take 0 s to shut down, then their power is cut" in said
    client.close()


def test_a_guest_that_shuts_down_already_is_not_waited_for_twice(
    canned: CannedFrontEnd, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier `inn down` was interrupted. Whoever powered it off, it is not noted now."""
    monkeypatch.setattr(guests, "_POWEROFF_SECONDS", 0)
    monkeypatch.setattr(guests, "_SETTLE_SECONDS", 60)
    monkeypatch.setattr("innkeeper.cli.local.progress.POLL_SECONDS", 0.0)
    going = documents.VM_POOL.replace("<LCM_STATE>3</LCM_STATE>", "<LCM_STATE>18</LCM_STATE>")
    canned.documents["vms"] = going
    client = Client(Endpoint.parse(canned.endpoint), "ann:secret", 10.0)
    noted: list[int] = []
    guests.power_off_all(client, "node1", Progress(), noted.extend)
    assert noted == []
    assert [what for what, _ in canned.sent] == ["POST vms/3/actions/poweroff-hard"]
    client.close()
