"""A VM's screen: the page's address, and pictures."""

from pathlib import Path

import pytest

from .conftest import CannedFrontEnd, Inn

GRANT = {"token": "abc", "page": "/console/#vnc=abc", "expires": 1700000060.0}


def test_the_address_of_the_page(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/vms/3/console-token"] = GRANT
    outcome = inn("vm", "vnc", "3")
    assert (outcome.code, outcome.out) == (0, f"{canned.base}/console/#vnc=abc\n")
    inn("vm", "vnc", "3", "--serial")
    assert canned.calls[-2:] == [
        ("/api/v1/vms/3/console-token", {"kind": "vnc"}),
        ("/api/v1/vms/3/console-token", {"kind": "serial"}),
    ]
    assert inn("vm", "vnc", "3", "--json").data == {
        "ID": 3, "url": f"{canned.base}/console/#vnc=abc", "expires": 1700000060.0,
    }  # fmt: skip


def test_a_picture(
    canned: CannedFrontEnd, inn: Inn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    canned.pages["/api/v1/vms/3/screenshot"] = b"\x89PNG..."
    assert inn("vm", "screenshot", "3").err == "vm-3.png: 7 bytes\n"
    assert inn("vm", "screenshot", "3", "-o", "x.png").code == 0
    for name in ("vm-3.png", "x.png"):
        assert (tmp_path / name).read_bytes() == b"\x89PNG..."
    outcome = inn("vm", "screenshot", "3", "-o", "no/such/folder.png")
    assert outcome.code == 1 and "cannot write no/such/folder.png" in outcome.err
    assert inn("vm", "screenshot", "4").code == 3
