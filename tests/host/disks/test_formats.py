"""Foreign images: each format in, compared with qemu-img; cut, damaged and hostile ones are refused by name."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks import formats, images
from innkeeper.host.disks.qcow2 import MIB, info
from innkeeper.host.errors import RefusedError

KINDS = {
    "raw": ("raw", ()),
    "qcow2": ("qcow2", ()),
    "compressed": ("qcow2", ("-c",)),
    "vmdk": ("vmdk", ()),
    "streamOptimized": ("vmdk", ("-o", "subformat=streamOptimized")),
    "vdi": ("vdi", ()),
    "static-vdi": ("vdi", ("-o", "static=on")),
    "vhdx": ("vhdx", ()),
    "vpc": ("vpc", ("-o", "force_size=on")),
    "fixed-vpc": ("vpc", ("-o", "subformat=fixed,force_size=on")),
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk of 16 MiB, with holes."""
    path = tmp_path_factory.mktemp("formats") / "disk.raw"
    with path.open("wb") as file:
        for place in (0, 5, 11):
            file.seek(place * MIB)
            file.write(random.Random(place).randbytes(700_000))
        file.truncate(16 * MIB)
    return path


def converted(disk: Path, folder: Path, kind: str) -> Path:
    image_format, options = KINDS[kind]
    path = folder / f"foreign.{kind}"
    command = ["qemu-img", "convert", "-q", "-f", "raw", "-O", image_format, *options, disk, path]
    subprocess.run(command, check=True)
    return path


def bring(path: Path, into: Path) -> dict[str, object]:
    request = Arguments({"path": str(path), "into": str(into)})
    return images.bring(request, lambda _done, _total: None)


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_comes_in_with_the_same_content_and_its_holes(
    disk: Path, tmp_path: Path, kind: str
) -> None:
    into = tmp_path / "store" / "image"
    foreign = converted(disk, tmp_path, kind)
    assert formats.detect(foreign) == KINDS[kind][0]
    answer = bring(foreign, into)
    assert answer["format"] == ("raw" if kind == "raw" else "qcow2")
    compare = ["qemu-img", "compare", "-f", "raw", "-F", str(answer["format"]), disk, into]
    said = subprocess.run(compare, capture_output=True, text=True).stdout
    assert "identical" in said
    assert into.stat().st_blocks * 512 < 5 * MIB
    assert list(into.parent.iterdir()) == [into]


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def overwrite(place: int, data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(place)
            file.write(data)

    return damage


#: Far beyond the end of these small images.
FAR = struct.pack(">Q", 1 << 40 | 1 << 63)


def far_l2_table(path: Path) -> None:
    """The first pointer in a qcow2 image's first table leads nowhere."""
    with path.open("rb") as file:
        file.seek(40)
        (place,) = struct.unpack(">Q", file.read(8))
    overwrite(place, FAR)(path)


def cut_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(30)


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        *((kind, cut) for kind in KINDS if kind not in ("raw", "fixed-vpc")),
        ("qcow2", far_l2_table),
        ("qcow2", cut_header),
        ("vmdk", cut_header),
        ("vpc", cut_header),
        ("qcow2", overwrite(4, struct.pack(">I", 9))),
        ("qcow2", overwrite(72, struct.pack(">Q", 2))),
        ("qcow2", overwrite(32, struct.pack(">I", 1))),
        ("vdi", overwrite(0x1_48, b"\xff" * 60)),
        ("vhdx", overwrite(64 * 1024, b"x" * 512 * 1024)),
        ("vmdk", overwrite(20, b"\xff" * 8)),
    ],
)
def test_what_is_cut_short_or_damaged_is_refused_and_leaves_nothing(
    disk: Path, tmp_path: Path, kind: str, spoil: Callable[[Path], None]
) -> None:
    into = tmp_path / "store" / "image"
    foreign = converted(disk, tmp_path, kind)
    spoil(foreign)
    with pytest.raises(RefusedError, match=rf"foreign\.{kind} is (no usable|a damaged)"):
        bring(foreign, into)
    assert list(into.parent.iterdir()) == []


def descriptor(path: Path) -> bytes:
    return (
        b"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        b'createType="monolithicFlat"\nRW 8 FLAT "%s" 0\n' % str(path).encode()
    )


def bare_descriptor(image: Path, secret: Path) -> None:
    image.write_bytes(descriptor(secret))


def no_capacity(image: Path, secret: Path) -> None:
    """QEMU takes the description inside for the image, and opens what it names."""
    header = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 0, 128, 1, 2)
    image.write_bytes(header.ljust(512, b"\0") + descriptor(secret).ljust(1024, b"\0"))


def vmdk_with_parent(image: Path, secret: Path) -> None:
    base = image.with_name("base")
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", base, "4M"], check=True)
    command = ["qemu-img", "create", "-q", "-f", "vmdk", "-b", base, "-F", "vmdk", image]
    subprocess.run(command, check=True)


def differencing_vhd(image: Path, secret: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", image, "4M"], check=True)
    for place in (0, image.stat().st_size - 512):
        overwrite(place + 60, struct.pack(">I", 4))(image)


def qcow2_on(image: Path, secret: Path) -> None:
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", image]
    subprocess.run(command, check=True)


def old_qed(image: Path, secret: Path) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qed", image, "4M"], check=True)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (bare_descriptor, "refers to another file"),
        (no_capacity, "refers to another file"),
        (vmdk_with_parent, "refers to another file"),
        (differencing_vhd, "refers to another file"),
        (qcow2_on, "refers to another file"),
        (old_qed, "images come as raw, qcow2, vmdk, vdi, vhdx, vpc"),
    ],
)
def test_what_refers_to_other_files_is_refused_before_qemu_sees_it(
    tmp_path: Path, make: Callable[[Path, Path], None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, image, into = tmp_path / "secret", tmp_path / "trojan", tmp_path / "store" / "image"
    secret.write_bytes(b"secret!!" * 512)
    make(image, secret)

    def never(*_: object, **__: object) -> str:
        raise AssertionError("QEMU was given a hostile image")

    monkeypatch.setattr(formats, "run", never)
    with pytest.raises(RefusedError, match=why):
        bring(image, into)
    assert list(into.parent.iterdir()) == []


def test_a_raw_disk_stays_one_whatever_qemu_would_take_it_for(tmp_path: Path) -> None:
    into = tmp_path / "store" / "image"
    (tmp_path / "luks").write_bytes(b"LUKS\xba\xbe\0\1".ljust(MIB, b"\0"))
    assert bring(tmp_path / "luks", into)["format"] == "raw"
    assert bring(tmp_path / "luks", into)["format"] == "raw"
    assert info(into, "raw").virtual == MIB


def test_more_than_there_is_room_for_is_refused_before_and_during(tmp_path: Path) -> None:
    store = tmp_path / "store"
    source, packed = tmp_path / "source", tmp_path / "source.gz"
    source.write_bytes(random.Random(1).randbytes(3 * MIB))
    packed.write_bytes(subprocess.run(["gzip", "-c", source], capture_output=True).stdout)
    for path in (source, packed):
        request = Arguments({"path": str(path), "into": str(store / "image"), "most_mib": 2})
        with pytest.raises(RefusedError, match=rf"no room in the datastore at {store}: \d MiB"):
            images.bring(request, lambda _done, _total: None)
        assert list(store.iterdir()) == []
