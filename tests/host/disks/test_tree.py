"""Disks that are folders: unpacked from real archives and real file systems, by nobody but root."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from innkeeper.host.disks import tree
from innkeeper.host.disks.qcow2 import Disk, convert
from innkeeper.host.errors import AgentError, MissingError, RefusedError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are given away: root only")


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A small root file system: owners, modes, a link."""
    folder = tmp_path / "content"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    os.chown(folder / "bin" / "tool", 7, 8)
    (folder / "bin" / "tool").chmod(0o4755)
    (folder / "etc").symlink_to("bin")
    return folder


def raw_disk(tmp_path: Path, content: Path, offset: int) -> Path:
    """The content in an ext4 file system, at an offset of a disk."""
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(8 << 20)
    if offset:
        subprocess.run(["sfdisk", "-q", disk], input=f"{offset // 512},\n", text=True, check=True)
    size = f"{(8 << 20) - offset >> 10}k"
    extended = ["-E", f"offset={offset}"] if offset else []
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", content, *extended, disk, size]
    subprocess.run(command, check=True)
    return disk


def check(folder: Path) -> None:
    tool = (folder / "bin" / "tool").lstat()
    assert (tool.st_uid, tool.st_gid) == (tree.FIRST_ID + 7, tree.FIRST_ID + 8)
    assert stat.S_IMODE(tool.st_mode) == 0o4755
    assert os.readlink(folder / "etc") == "bin"
    for path in (folder, folder / "bin", folder / "etc"):
        assert path.lstat().st_uid == tree.FIRST_ID
    assert sorted(os.listdir(folder)) == ["bin", "etc"]


@pytest.mark.parametrize("kind", ["tar", "raw", "raw with partitions", "qcow2"])
def test_a_folder_from_an_image(tmp_path: Path, content: Path, kind: str) -> None:
    if kind == "tar":
        base = tmp_path / "base.tar"
        with tarfile.open(base, "w") as archive:
            archive.add(content, ".")
    else:
        base = raw_disk(tmp_path, content, 1 << 20 if "partitions" in kind else 0)
    if kind == "qcow2":
        convert(base, tmp_path / "base.qcow2", "qcow2")
        base = tmp_path / "base.qcow2"
    target = tmp_path / "disk.0"
    tree.ensure(Disk(0, "tree", "raw", base), target)
    check(target)
    (target / "bin" / "tool").write_text("changed")
    tree.ensure(Disk(0, "tree", "raw", base), target)
    assert (target / "bin" / "tool").read_text() == "changed"
    assert not list(tmp_path.glob(".*"))


def test_what_is_no_file_system_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.write_bytes(bytes(1 << 20))
    with pytest.raises(RefusedError, match="neither a tar archive nor a disk"):
        tree.ensure(Disk(0, "tree", "raw", base, "raw"), tmp_path / "disk.0")
    with pytest.raises(MissingError):
        tree.ensure(Disk(0, "tree", "raw", tmp_path / "none"), tmp_path / "disk.0")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_names_that_lead_out_of_the_folder_write_nothing_there(tmp_path: Path) -> None:
    """A hostile file system: the name of an entry in it is a path to somewhere on the host."""
    content = tmp_path / "content"
    content.mkdir()
    (content / ("x" * 12)).write_text("written by a hostile image")
    base = raw_disk(tmp_path, content, 0)
    way_out = b"../../victim"
    base.write_bytes(base.read_bytes().replace(b"x" * 12, way_out))
    victim = tmp_path / "victim"
    target = tmp_path / "a" / "disk.0"
    target.parent.mkdir()
    with pytest.raises(AgentError):
        tree.ensure(Disk(0, "tree", "raw", base, "raw"), target)
    assert not victim.exists()
    assert not target.exists()


def test_an_empty_folder_and_a_context(tmp_path: Path) -> None:
    tree.ensure(Disk(1, "tree", "raw"), tmp_path / "disk.1")
    assert (tmp_path / "disk.1").stat().st_uid == tree.FIRST_ID
    target = tmp_path / "disk.2"
    tree.write(target, {"context.sh": "A='1'\n", "old": ""})
    tree.write(target, {"context.sh": "A='2'\n"})
    assert os.listdir(target) == ["context.sh"]
    assert (target / "context.sh").read_text() == "A='2'\n"
    assert (target / "context.sh").stat().st_uid == tree.FIRST_ID
