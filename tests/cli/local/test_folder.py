"""The data folder: what is remembered in it, and what may be removed as a whole."""

from pathlib import Path

import pytest

from innkeeper.cli.local.folder import DataFolder, size_in_bytes


def test_stopped_vms_are_remembered_until_they_are_started(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.stopped_by_down() == []
    folder.note_stopped([7, 3])
    folder.note_stopped([])
    folder.note_stopped([5])
    assert folder.stopped_by_down() == [3, 5, 7]
    folder.stopped_file.write_text("no numbers\n")
    assert folder.stopped_by_down() == []


def test_the_daemon_knows_best_where_it_listens(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.listen() == "127.0.0.1:2633"
    folder.listen_file.parent.mkdir()
    folder.listen_file.write_text("127.0.0.1:2700\n")
    assert folder.listen() == "127.0.0.1:2700"
    folder.endpoint_file.parent.mkdir()
    folder.endpoint_file.write_text("http://127.0.0.1:2800\n")
    assert folder.listen() == "127.0.0.1:2800"


def test_a_folder_of_others_is_not_ours(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    (tmp_path / "letters").mkdir()
    assert not folder.looks_like_ours()
    folder.credentials.write_text("oneadmin:secret\n")
    assert folder.looks_like_ours()


def test_the_folder_is_found_by_option_then_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN_DATA", str(tmp_path))
    assert DataFolder.find(None).root == tmp_path
    assert DataFolder.find("/srv/cloud").root == Path("/srv/cloud")
    monkeypatch.chdir(tmp_path)
    assert DataFolder.find("here").root == tmp_path / "here"


def test_a_sparse_file_counts_what_it_holds(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert size_in_bytes(tmp_path) < 1 << 20
