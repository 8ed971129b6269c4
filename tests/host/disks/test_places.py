"""Files and logical volumes keep the contract of places for disks; LVM's programs stand in for a device mapper."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.host.disks import lvm
from innkeeper.host.disks.files import FilePlace
from innkeeper.host.disks.lvm import LvmPlace
from innkeeper.host.disks.place import Place
from innkeeper.host.disks.qcow2 import MIB
from innkeeper.host.errors import RefusedError
from innkeeper.host.folders import VmFolder
from innkeeper.host.tools import run

from . import lvm_tools
from .contract import LARGE, SMALL, Contract, Site, disk

GROUP = "vg-one-7"


class Files(Site):
    """Files of a VM's folder."""

    def __init__(self, folder: Path, image_format: str) -> None:
        super().__init__(folder)
        self._format, self.snapshots = image_format, image_format == "qcow2"
        self._vm = VmFolder(folder / "vm", 7)
        self._vm.path.mkdir()

    def place(self, name: str = "0") -> Place:
        return FilePlace(self._vm, int(name), self._format)

    def from_image(self) -> dict[str, str]:
        kind = "overlay" if self.snapshots else "copy"
        return {"kind": kind, "base": str(self.base), "base_format": "raw", "format": self._format}

    def write(self, place: Place, offset: int, data: bytes) -> None:
        assert isinstance(place, FilePlace)
        command = f"write -P {data[0]} {offset} {len(data)}"
        run("qemu-io", "-f", place.format, "-c", command, str(place.file))

    def names(self) -> list[str]:
        return sorted(path.name for path in self._vm.path.iterdir())


class Volumes(Site):
    """Logical volumes."""

    def __init__(self, folder: Path, thin: bool) -> None:
        super().__init__(folder)
        self._thin = self.snapshots = thin
        self.tools = folder / "lvm"
        self.tools.mkdir()
        self.state({"size": 400 * MIB, "volumes": {}})

    def state(self, group: dict[str, object]) -> None:
        (self.tools / "state.json").write_text(json.dumps({GROUP: group}))

    def place(self, name: str = "0") -> Place:
        return LvmPlace(GROUP, f"lv-one-7-{name}", self._thin)

    def write(self, place: Place, offset: int, data: bytes) -> None:
        assert isinstance(place, LvmPlace)
        source = place.source().device
        assert source is not None
        with source.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def names(self) -> list[str]:
        found = json.loads((self.tools / "state.json").read_text())
        return sorted(found[GROUP]["volumes"])

    def commands(self) -> list[str]:
        """What was run, but for questions."""
        lines = (self.tools / "log").read_text().splitlines()
        return [line for line in lines if line.split()[0] not in ("lvs", "vgs")]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LVM's programs come first in the path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in lvm_tools.PROGRAMS:
        (programs / name).symlink_to(lvm_tools.__file__)
    Path(lvm_tools.__file__).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("INN_LVM", str(tmp_path / "lvm"))
    monkeypatch.setattr(lvm, "DEVICES", tmp_path / "lvm" / "dev")
    return programs


class TestFiles(Contract):
    @pytest.fixture(params=["qcow2", "raw"])
    def site(self, request: pytest.FixtureRequest, tmp_path: Path) -> Site:
        return Files(tmp_path, request.param)


class TestVolumes(Contract):
    @pytest.fixture(params=[False, True], ids=["thick", "thin"])
    def site(self, request: pytest.FixtureRequest, tmp_path: Path, tools: Path) -> Site:
        return Volumes(tmp_path, request.param)


@pytest.fixture
def thick(tmp_path: Path, tools: Path) -> Iterator[Volumes]:
    yield Volumes(tmp_path, thin=False)


@pytest.fixture
def thin(tmp_path: Path, tools: Path) -> Iterator[Volumes]:
    yield Volumes(tmp_path, thin=True)


def test_the_command_lines_of_a_thick_disk(thick: Volumes) -> None:
    place = thick.place()
    place.ensure(disk(**thick.from_image()))
    place.grow(LARGE)
    place.leave()
    place.remove()
    part, device = f"{GROUP}/lv-one-7-0.part", lvm.DEVICES / GROUP
    assert thick.commands() == [
        f"lvcreate --yes --wipesignatures n --zero y --size {SMALL}m --name lv-one-7-0.part {GROUP}",
        f"lvchange --activate y --ignoreactivationskip {part}",
        f"blkdiscard --zeroout --offset 0 {device}/lv-one-7-0.part",
        f"lvchange --activate y --ignoreactivationskip {part}",
        f"lvrename {GROUP} lv-one-7-0.part lv-one-7-0",
        f"lvchange --activate y --ignoreactivationskip {GROUP}/lv-one-7-0",
        f"lvextend --size {LARGE}m {GROUP}/lv-one-7-0",
        f"lvchange --activate y --ignoreactivationskip {GROUP}/lv-one-7-0",
        f"blkdiscard --zeroout --offset {SMALL * MIB} {device}/lv-one-7-0",
        f"lvchange --activate n {GROUP}/lv-one-7-0",
        f"lvremove --yes --force {GROUP}/lv-one-7-0",
    ]


def test_the_command_lines_of_a_thin_disk(thin: Volumes) -> None:
    place = thin.place()
    place.ensure(disk(kind="empty", format="raw", size_mib=SMALL))
    place.snapshot("disk-0")
    place.revert("disk-0")
    place.remove()
    path, active = f"{GROUP}/lv-one-7-0", "lvchange --activate y --ignoreactivationskip"
    assert thin.commands() == [
        f"lvcreate --yes --type thin-pool --size {SMALL}m --name lv-one-7-0-pool {GROUP}",
        f"lvcreate --yes --type thin --virtualsize {SMALL}m --name lv-one-7-0.part --thinpool {path}-pool",
        f"{active} {path}.part",
        f"lvrename {GROUP} lv-one-7-0.part lv-one-7-0",
        f"{active} {path}",
        f"lvextend --size {2 * SMALL}m {path}-pool",
        f"lvcreate --yes --snapshot --name lv-one-7-0_s-disk-0 {path}",
        f"lvcreate --yes --snapshot --name lv-one-7-0.reverted {path}_s-disk-0",
        f"lvremove --yes --force {path}",
        f"lvrename {GROUP} lv-one-7-0.reverted lv-one-7-0",
        f"{active} {path}",
        f"lvremove --yes --force {path}_s-disk-0",
        f"lvremove --yes --force {path}",
        f"lvremove --yes --force {path}-pool",
    ]


def test_a_pool_is_as_large_as_what_it_holds_whoever_dies_meanwhile(
    thin: Volumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = thin.place()
    place.ensure(disk(kind="empty", format="raw", size_mib=SMALL))
    real = lvm._lvm

    def dying(*command: str) -> str:
        if command[0] == "lvcreate":
            raise KeyboardInterrupt
        return real(*command)

    monkeypatch.setattr(lvm, "_lvm", dying)
    with pytest.raises(KeyboardInterrupt):
        place.snapshot("disk-0")
    monkeypatch.setattr(lvm, "_lvm", real)
    place.snapshot("disk-0")
    place.forget("disk-0")
    place.snapshot("disk-1")
    assert lvm.room(GROUP)["used_mib"] == 2 * SMALL
    place.grow(3 * SMALL)
    place.grow(3 * SMALL)
    assert lvm.room(GROUP)["used_mib"] == 4 * SMALL


@pytest.mark.parametrize("after", range(5))
def test_a_thin_disk_that_went_back_in_part_goes_back_whole(
    thin: Volumes, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any of its commands."""
    place = thin.place()
    place.ensure(disk(**thin.from_image()))
    place.snapshot("disk-0")
    thin.write(place, 0, b"\x22" * MIB)
    real, done = lvm._lvm, 0

    def dying(*command: str) -> str:
        nonlocal done
        if command[0] not in ("lvs", "vgs"):
            if done == after:
                raise KeyboardInterrupt
            done += 1
        return real(*command)

    monkeypatch.setattr(lvm, "_lvm", dying)
    if after < 4:
        with pytest.raises(KeyboardInterrupt):
            place.revert("disk-0")
    else:
        place.revert("disk-0")
    monkeypatch.setattr(lvm, "_lvm", real)
    place.revert("disk-0")
    device = place.source()
    assert device is not None and device.device is not None
    assert set(device.device.read_bytes()[:MIB]) == {0x11}
    place.remove()
    assert thin.names() == []


def test_a_disk_that_was_made_in_part_is_not_used(
    thick: Volumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = thick.place()
    with monkeypatch.context() as patch:
        patch.setattr(LvmPlace, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            place.ensure(disk(**thick.from_image()))
    assert thick.names() == ["lv-one-7-0.part"] and not place.there()
    place.ensure(disk(**thick.from_image()))
    assert thick.names() == ["lv-one-7-0"]


def test_a_full_volume_group_is_named(thick: Volumes) -> None:
    thick.state({"size": 4 * MIB, "volumes": {}})
    with pytest.raises(RefusedError, match="no room in the datastore: its volume group is full"):
        thick.place().ensure(disk(**thick.from_image()))
    assert lvm.room(GROUP) == {"total_mib": 4, "free_mib": 4, "used_mib": 0}


def test_an_unknown_volume_group_is_named(thick: Volumes) -> None:
    with pytest.raises(RefusedError, match="no volume group vg-one-8 on this host"):
        LvmPlace("vg-one-8", "lv-one-7-0").size()
    with pytest.raises(RefusedError, match="no volume group vg-one-8 on this host"):
        lvm.room("vg-one-8")
