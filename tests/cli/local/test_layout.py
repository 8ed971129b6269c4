"""Whose the parts of a data folder are, and what root does not follow in those of others."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import layout
from innkeeper.cli.local.account import Account
from innkeeper.cli.local.folder import DataFolder, write_whole

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")

NOBODY = Account("nobody", 65534, 65534)
GUEST = 64055


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    """A data folder that can be reached; pytest's own are closed."""
    monkeypatch.setattr(layout, "_check_way", lambda _: None)
    yield DataFolder(tmp_path / "data")


def owner(path: Path) -> int:
    return path.lstat().st_uid


def test_parts_are_the_front_ends_or_roots(folder: DataFolder) -> None:
    layout.prepare(folder, NOBODY)
    layout.prepare(folder, NOBODY)
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o1775
    assert (folder.root.stat().st_uid, folder.root.stat().st_gid) == (0, NOBODY.gid)
    for name in ("db", "log", "run", "datastores", "transit", "ssh", "tls", "front-end"):
        assert owner(folder.root / name) == NOBODY.uid
    for name in ("host", "libvirt", "guest", "images", "hooks"):
        assert owner(folder.root / name) == 0
    assert owner(folder.agent_file) == 0 and folder.agent_file.stat().st_mode & 0o022 == 0
    assert stat.S_IMODE((folder.root / "db").stat().st_mode) == 0o700


def test_a_folder_of_an_older_release_is_given_over_but_for_disks_in_use(
    folder: DataFolder,
) -> None:
    store = folder.root / "datastores" / "1"
    store.mkdir(parents=True)
    for name in ("image-0", "image-1"):
        (store / name).write_text("x")
    os.chown(store / "image-1", GUEST, GUEST)
    (store / "link").symlink_to("/etc/passwd")
    folder.credentials.write_text("oneadmin:x\n")
    layout.prepare(folder, NOBODY)
    assert owner(store / "image-0") == owner(folder.credentials) == NOBODY.uid
    assert owner(store / "image-1") == GUEST
    assert owner(store / "link") == NOBODY.uid and owner(Path("/etc/passwd")) == 0


def test_what_the_front_end_makes_later_is_never_given_to_it(folder: DataFolder) -> None:
    """A second name of a file of root's, for one: only in what was all root's, all is given."""
    layout.prepare(folder, NOBODY)
    secret = folder.root.parent / "secret"
    secret.write_text("x")
    (folder.root / "run" / "x").hardlink_to(secret)
    folder.credentials.hardlink_to(secret)
    layout.prepare(folder, NOBODY)
    assert owner(secret) == 0


def test_a_part_of_roots_that_is_another_users_is_not_trusted(folder: DataFolder) -> None:
    layout.prepare(folder, NOBODY)
    (folder.root / "hooks").rmdir()
    (folder.root / "hooks").symlink_to("/etc")
    os.chown(folder.root / "hooks", NOBODY.uid, NOBODY.gid, follow_symlinks=False)
    with pytest.raises(CliError, match="hooks must be root's, and is user 65534's"):
        layout.prepare(folder, NOBODY)


def test_a_link_in_a_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("as it was")
    (tmp_path / "pid").symlink_to(target)
    write_whole(tmp_path / "pid", "17\n")
    assert target.read_text() == "as it was"
    assert (tmp_path / "pid").read_text() == "17\n" and not (tmp_path / "pid").is_symlink()


def test_a_folder_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(CliError, match=r"--data: neither .* is closed to others"):
        layout.prepare(DataFolder(tmp_path / "data"), NOBODY)
