"""Files written beside and renamed."""

from pathlib import Path

import pytest

from innkeeper.host.files import (
    read_json,
    remove_durably,
    remove_parts,
    scratch,
    write_json,
    written_beside,
)


def test_a_file_appears_only_whole(tmp_path: Path) -> None:
    target = tmp_path / "disk.0"
    with written_beside(target) as part:
        part.write_text("half")
        assert not target.exists()
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    write_json(target, {"generation": 1})
    with pytest.raises(RuntimeError), written_beside(target) as part, scratch(part, "raw") as raw:
        part.write_text("half")
        raw.write_text("quarter")
        raise RuntimeError
    assert read_json(target) == {"generation": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_what_killed_writers_left_goes_and_nothing_of_others(tmp_path: Path) -> None:
    for name in (".disk.1.77.part", ".disk.1.77.raw.part", ".disk.10.77.part", ".disk.1.x.7.part"):
        (tmp_path / name).write_text("")
    remove_parts(tmp_path / "disk.1")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".disk.1.x.7.part", ".disk.10.77.part"]
    remove_parts(tmp_path / "no folder/disk.1")


def test_json_files_are_private(tmp_path: Path) -> None:
    write_json(tmp_path / "state.json", {"password": "x"})
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert read_json(tmp_path / "absent.json") is None


def test_removing_works_on_links_and_on_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    remove_durably(link)
    remove_durably(link)
    assert not link.is_symlink()
