"""Whose the parts of a data folder are, and what root does not follow in those of others."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import layout
from innkeeper.cli.local.account import Account
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.image import ensure_ssh_key
from innkeeper.cli.session import read_unfollowed

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


def test_an_agent_of_another_release_is_replaced_and_told_of(folder: DataFolder) -> None:
    assert not layout.prepare(folder, NOBODY)
    assert not layout.prepare(folder, NOBODY)
    now = folder.agent_file.read_bytes()
    folder.agent_file.write_bytes(b"older")
    assert layout.prepare(folder, NOBODY)
    assert folder.agent_file.read_bytes() == now


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


def test_a_link_in_the_place_of_a_part_is_followed_if_it_is_roots_alone(
    folder: DataFolder, tmp_path: Path
) -> None:
    large, precious = tmp_path / "large", tmp_path / "precious"
    for place in (large, precious):
        (place / "inner").mkdir(parents=True)
    folder.root.mkdir()
    (folder.root / "datastores").symlink_to(large)
    layout.prepare(folder, NOBODY)
    assert owner(large) == owner(large / "inner") == NOBODY.uid
    (folder.root / "run").rmdir()  # a part is its user's to take away
    (folder.root / "run").symlink_to(precious)
    os.chown(folder.root / "run", NOBODY.uid, NOBODY.gid, follow_symlinks=False)
    with pytest.raises(CliError, match="run is no folder, and not root's: it is not followed"):
        layout.prepare(folder, NOBODY)
    assert owner(precious) == owner(precious / "inner") == 0


def test_notes_of_an_older_release_are_kept(folder: DataFolder) -> None:
    (folder.root / "run").mkdir(parents=True)
    (folder.root / "run" / "stopped-by-down").write_text("3\n7\n")
    (folder.root / "run" / "listen").write_text("127.0.0.1:2700\n")
    layout.prepare(folder, NOBODY)
    assert folder.stopped_by_down() == [3, 7] and folder.listen() == "127.0.0.1:2700"
    assert not list((folder.root / "run").iterdir())


@pytest.mark.parametrize("way", [Path.symlink_to, Path.hardlink_to])
def test_a_secret_of_roots_is_not_told_to_the_front_end(
    folder: DataFolder, tmp_path: Path, way: Callable[[Path, Path], None]
) -> None:
    """Credentials and the public key are read by root, and told."""
    layout.prepare(folder, NOBODY)
    secret = tmp_path / "shadow"
    secret.write_text("root:secret\n")
    folder.ssh_key.write_text("x")
    for path in (folder.credentials, folder.ssh_key.with_name("id_ed25519.pub")):
        way(path, secret)
        with pytest.raises(OSError, match=r"symbolic link|no file of its own"):
            read_unfollowed(path)
    with pytest.raises(CliError, match=r"id_ed25519\.pub"):
        ensure_ssh_key(folder, NOBODY)


def test_a_folder_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(CliError, match=r"--data: neither .* is closed to others"):
        layout.prepare(DataFolder(tmp_path / "data"), NOBODY)
