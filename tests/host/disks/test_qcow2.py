"""Disks of VMs, made with the real qemu-img and mkfs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks.qcow2 import MIB, backing_chain, described, ensure, info
from innkeeper.host.errors import BadArgsError, MissingError


@pytest.fixture
def bases(tmp_path: Path) -> Path:
    folder = tmp_path / "bases"
    folder.mkdir()
    (folder / "b1").write_bytes(b"\1" * MIB + bytes(MIB))
    return folder


def make(bases: Path, **disk: Any) -> Path:
    target = bases.parent / f"disk.{disk.get('disk', 0)}"
    ensure(described(Arguments({"disk": 0, **disk}), bases), target)
    return target


def test_an_overlay_is_grown_and_its_base_untouched(bases: Path) -> None:
    before = (bases / "b1").read_bytes()
    disk = make(bases, kind="overlay", base="bases/b1", base_format="raw", size_mib=8)
    found = info(disk)
    assert (found.format, found.virtual_mib, found.backing) == ("qcow2", 8, str(bases / "b1"))
    assert backing_chain(disk) == [(str(bases / "b1"), "raw")]
    assert (bases / "b1").read_bytes() == before


def test_a_size_below_that_of_the_base_does_not_cut_it(bases: Path) -> None:
    disk = make(bases, kind="overlay", base="bases/b1", base_format="raw", size_mib=1)
    assert info(disk).virtual_mib == 2


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_a_copy_stands_alone(bases: Path, image_format: str) -> None:
    disk = make(
        bases, kind="copy", base=str(bases / "b1"), base_format="raw", format=image_format,
        size_mib=3,
    )  # fmt: skip
    found = info(disk)
    assert (found.format, found.virtual_mib, found.backing) == (image_format, 3, None)
    (bases / "b1").unlink()
    raw = bases.parent / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", disk, raw], check=True)
    assert raw.read_bytes() == b"\1" * MIB + bytes(2 * MIB)


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
@pytest.mark.parametrize(("more", "sign"), [({"fs": "ext4"}, "ext4"), ({"kind": "swap"}, "swap")])
def test_a_disk_is_formatted(
    bases: Path, image_format: str, more: dict[str, str], sign: str
) -> None:
    disk = make(bases, **{"kind": "empty", **more}, size_mib=8, format=image_format)
    assert info(disk).format == image_format
    raw = bases.parent / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", disk, raw], check=True)
    blkid = ["blkid", "-p", "-o", "value", "-s", "TYPE", raw]
    assert subprocess.run(blkid, capture_output=True, text=True).stdout.strip() == sign
    assert sorted(path.name for path in bases.parent.iterdir()) == ["bases", "disk.0", "raw"]


def test_an_empty_disk_takes_no_room(bases: Path) -> None:
    disk = make(bases, kind="empty", size_mib=64, format="raw")
    found = info(disk)
    assert found.virtual_mib == 64 and found.used < MIB


def test_a_disk_that_is_there_is_kept(bases: Path) -> None:
    disk = make(bases, kind="empty", size_mib=1, format="raw")
    disk.write_bytes(b"data" * 1024)
    (bases.parent / ".disk.0.1.part").write_text("left by a killed agent")
    make(bases, kind="empty", size_mib=1, format="raw")
    assert disk.read_bytes() == b"data" * 1024
    assert not list(bases.parent.glob("*.part"))


def test_a_link_leads_to_its_base(bases: Path) -> None:
    for _ in range(2):
        disk = make(bases, kind="link", base=str(bases / "b1"))
    assert disk.readlink() == bases / "b1"
    (bases / "moved").write_bytes(b"")
    assert make(bases, kind="link", base=str(bases / "moved")).readlink() == bases / "moved"


@pytest.mark.parametrize("kind", ["overlay", "copy", "link"])
def test_a_missing_base_is_named(bases: Path, kind: str) -> None:
    with pytest.raises(MissingError) as caught:
        make(bases, kind=kind, base="bases/b2", base_format="raw")
    assert caught.value.file == str(bases / "b2")
    assert not (bases.parent / "disk.0").is_symlink()


def test_the_image_itself_serves_where_it_is_at_hand(bases: Path, tmp_path: Path) -> None:
    origin = tmp_path / "image"
    origin.write_bytes(bytes(MIB))
    more = {"kind": "overlay", "base_format": "raw", "origin": str(origin)}
    assert info(make(bases, **more, base="bases/b9")).backing == str(origin)
    assert info(make(bases, **more, disk=1, base="bases/b1")).backing == str(bases / "b1")
    with pytest.raises(MissingError, match="bases/b9"):
        make(bases, **{**more, "origin": "/no/image"}, disk=2, base="bases/b9")


@pytest.mark.parametrize(
    ("disk", "argument"),
    [
        ({"kind": "overlay"}, "base"),
        ({"kind": "overlay", "base": "bases/../../etc/shadow"}, "base"),
        ({"kind": "link", "base": "relative"}, "base"),
        ({"kind": "empty"}, "size_mib"),
        ({"kind": "empty", "size_mib": 0}, "size_mib"),
        ({"kind": "empty", "size_mib": 1, "fs": "fat; rm"}, "fs"),
        ({"kind": "copy", "base": "/x", "format": "vhd"}, "format"),
    ],
)
def test_what_is_wrong_is_named(bases: Path, disk: dict[str, Any], argument: str) -> None:
    with pytest.raises(BadArgsError) as caught:
        make(bases, **disk)
    assert caught.value.argument == argument
