"""Profiles are read from TOML; drift is told, and is a failure."""

from __future__ import annotations

from pathlib import Path

from .conftest import CannedFrontEnd, Inn

DRIFT = {
    "declared": {"sysctls": {"vm.swappiness": 1}},
    "drift": [
        {"what": "sysctl vm.swappiness", "expected": "1", "found": "60", "mends": True},
        {"what": "command tc", "expected": "there", "found": "missing", "mends": False},
    ],
    "repairing": False,
}


def test_a_profile_is_read_from_toml(canned: CannedFrontEnd, inn: Inn, tmp_path: Path) -> None:
    file = tmp_path / "profile.toml"
    file.write_text('[sysctls]\n"vm.swappiness" = 1\n')
    canned.pages["/api/v1/hosts/1/profile"] = {"id": 1}
    canned.pages["/api/v1/clusters/0/profile"] = {"id": 0}
    assert inn("host", "profile-set", "1", str(file)).code == 0
    assert inn("cluster", "profile-set", "0", "--remove").code == 0
    file.write_text("repair = perhaps")
    assert "no TOML" in inn("host", "profile-set", "1", str(file)).err
    assert inn("host", "profile-set", "1").code == 2


def test_drift_is_a_failure_that_says_what(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/hosts/1/profile"] = DRIFT
    told = inn("host", "drift", "1")
    assert told.code == 1
    assert told.out.splitlines() == [
        "sysctl vm.swappiness: expected 1, found 60",
        "command tc: expected there, found missing (by hand)",
    ]
    canned.pages["/api/v1/hosts/1/profile"] = {**DRIFT, "drift": []}
    assert (inn("host", "drift", "1").code, inn("host", "drift", "1").out) == (0, "")


def test_what_is_declared_and_repair(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.pages["/api/v1/hosts/1/profile"] = DRIFT
    canned.pages["/api/v1/clusters/0/profile"] = {"declared": None}
    canned.pages["/api/v1/hosts/1/repair"] = {"id": 1}
    assert "vm.swappiness" in inn("host", "profile-show", "1").out
    assert inn("cluster", "profile-show", "0").out == "null\n"
    assert inn("host", "repair", "1").code == 0
    canned.pages["/api/v1/hosts/1/profile"] = {**DRIFT, "declared": {}, "drift": []}
    told = inn("host", "drift", "1")
    assert (told.code, told.out) == (0, "")
    assert "nothing is declared for host 1" in told.err
