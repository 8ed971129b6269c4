"""Where this machine is not as declared, and putting it right (bridges: `tests/real/test_host_life.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from innkeeper.host import profile
from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import BadArgsError
from innkeeper.host.profile import Keeper


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's settings, as files of the test's own."""
    monkeypatch.setattr(profile, "_SETTINGS", tmp_path / "sys")
    folder = tmp_path / "sys" / "vm"
    folder.mkdir(parents=True)
    (folder / "swappiness").write_text("60\n")
    return folder


def drift(**declared: Any) -> list[tuple[str, str, str, bool]]:
    keeper = Keeper("0.1.0")
    keeper.watch(Arguments(declared))
    found = keeper.drift()
    assert found is not None
    return [(d["what"], d["expected"], d["found"], d["mends"]) for d in found]


def test_a_setting_is_put_back_as_often_as_it_is_changed(settings: Path) -> None:
    declared = {"sysctls": {"vm.swappiness": 1}}
    assert drift(**declared) == [("sysctl vm.swappiness", "1", "60", True)]
    for _ in range(2):
        (settings / "swappiness").write_text("60\n")
        outcome = Keeper("0").repair(Arguments(declared))
        assert [each["what"] for each in outcome["repaired"]] == ["sysctl vm.swappiness"]
        assert outcome["drift"] == [] and (settings / "swappiness").read_text() == "1\n"
    assert Keeper("0").repair(Arguments(declared)) == {"repaired": [], "drift": []}


def test_what_is_declared_so_repairs_itself(settings: Path) -> None:
    assert drift(sysctls={"vm.swappiness": 1}, repair=True) == []
    assert (settings / "swappiness").read_text() == "1\n"


def test_what_fails_is_left_with_the_reason(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: Path, value: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(profile, "_write", fail)
    outcome = Keeper("0").repair(Arguments({"sysctls": {"vm.swappiness": 1}}))
    assert outcome["repaired"] == []
    assert "60 (not repaired: [Errno 1] Operation not permitted)" in outcome["drift"][0]["found"]


def test_settings_outside_are_not_looked_at(settings: Path) -> None:
    assert drift(sysctls={"../../../etc/hostname": "x"}) == []
    assert drift(sysctls={"no.such": "1"})[0][2] == "not readable (No such file or directory)"


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    missing, there = tmp_path / "a" / "b", tmp_path / "there"
    there.mkdir()
    assert drift(folders=[{"path": str(missing)}]) == [
        (f"folder {missing}", "a folder", "missing", True)
    ]
    Keeper("0").repair(Arguments({"folders": [{"path": str(missing)}]}))
    assert missing.is_dir()
    for folder, what, found in (
        ({"path": str(tmp_path / "file")}, "", "something else"),
        ({"path": str(tmp_path / "m"), "mount": True}, "", "missing"),
        ({"path": str(there), "mount": True}, " mount", "not mounted"),
    ):
        ((where, _, seen, mends),) = drift(folders=[folder])
        assert (where, seen, mends) == (f"folder {folder['path']}{what}", found, False)
    ((where, expected, _, _),) = drift(folders=[{"path": str(there), "free_mib": 1 << 40}])
    assert (where, expected) == (f"folder {there} room", f"{1 << 40} MiB free")


def test_programs_and_the_agents_version_are_told_and_left_to_people() -> None:
    assert drift(commands=["sh", "no-such-command"], agent="9") == [
        ("command no-such-command", "there", "missing", False),
        ("agent", "9", "0.1.0", False),
    ]
    assert drift(packages=["dpkg", "no-such-package"]) == [
        ("package no-such-package", "installed", "missing", False)
    ]


def test_nothing_declared_is_nothing_to_say() -> None:
    keeper = Keeper("0.1.0")
    assert keeper.drift() is None
    keeper.watch(Arguments({"commands": ["sh"]}))
    assert keeper.drift() == []
    keeper.watch(Arguments({}))
    assert keeper.drift() is None
    with pytest.raises(BadArgsError, match="path"):
        keeper.watch(Arguments({"folders": [{"path": "relative"}]}))
