"""What a place for disks promises (`innkeeper.host.disks.place`), whatever the technology: the same tests for each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks.place import Place
from innkeeper.host.disks.qcow2 import MIB, Disk, described
from innkeeper.host.errors import AgentError, MissingError, RefusedError

#: Sizes in MiB: whole extents of LVM's.
SMALL, LARGE = 8, 16
PATTERN = b"\x11" * MIB


class Site:
    """One technology, ready to be used. What is made is gone when `place.remove` was called."""

    #: Whether a disk of this kind has snapshots.
    snapshots = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = folder / "base.raw"
        self.base.write_bytes(PATTERN + bytes((SMALL - 1) * MIB))

    def place(self, name: str = "0") -> Place:
        """A disk's place by a name."""
        raise NotImplementedError

    def from_image(self) -> dict[str, Any]:
        """How a disk is described that begins as the base."""
        return {"kind": "copy", "base": str(self.base), "base_format": "raw"}

    def write(self, place: Place, offset: int, data: bytes) -> None:
        """Writes to the disk as a guest would."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Everything that lies there."""
        raise NotImplementedError


def disk(**more: Any) -> Disk:
    return described(Arguments({"disk": 0, **more}), Path("/nonexistent"))


def content(site: Site, place: Place, tag: str | None = None) -> bytes:
    """What is on the disk, or was at a snapshot."""
    copy, raw = site.folder / "copy", site.folder / "raw"
    place.copy(copy, tag)
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", copy, raw], check=True)
    return raw.read_bytes()


class Contract:
    """To be inherited by a class of tests with a fixture `site`."""

    @pytest.fixture
    def place(self, site: Site) -> Any:
        before = site.names()
        place = site.place()
        yield place
        place.remove()
        assert site.names() == before, "nothing is left"

    def test_it_begins_as_its_image_and_is_grown(self, site: Site, place: Place) -> None:
        assert place.size() is None and not place.there()
        place.ensure(disk(**site.from_image(), size_mib=LARGE))
        assert place.size() == LARGE * MIB
        assert content(site, place) == PATTERN + bytes((LARGE - 1) * MIB)

    def test_asked_for_again_it_stays_as_it_is(self, site: Site, place: Place) -> None:
        place.ensure(disk(**site.from_image(), size_mib=SMALL))
        site.write(place, 2 * MIB, PATTERN)
        place.ensure(disk(**site.from_image(), size_mib=SMALL))
        assert content(site, place)[2 * MIB : 3 * MIB] == PATTERN

    def test_two_of_one_image_do_not_meet(self, site: Site, place: Place) -> None:
        other = site.place("1")
        for each in (place, other):
            each.ensure(disk(**site.from_image()))
        site.write(place, 0, b"\x22" * MIB)
        assert content(site, other)[:MIB] == PATTERN
        assert content(site, place)[:MIB] == b"\x22" * MIB
        other.remove()
        assert not other.there() and place.there()

    def test_an_empty_one_is_empty(self, site: Site, place: Place) -> None:
        place.ensure(disk(kind="empty", format=place.format, size_mib=SMALL))
        assert place.size() == SMALL * MIB
        assert content(site, place) == bytes(SMALL * MIB)

    @pytest.mark.parametrize(
        ("more", "at", "sign"),
        [
            ({"kind": "empty", "fs": "ext4"}, 1080, b"\x53\xef"),
            ({"kind": "swap"}, 4086, b"SWAPSPACE2"),
        ],
    )
    def test_it_is_formatted(
        self, site: Site, place: Place, more: dict[str, str], at: int, sign: bytes
    ) -> None:
        place.ensure(disk(**more, format=place.format, size_mib=SMALL))
        assert content(site, place)[at : at + len(sign)] == sign

    def test_it_grows_and_never_shrinks(self, site: Site, place: Place) -> None:
        place.ensure(disk(**site.from_image()))
        place.grow(LARGE)
        place.grow(SMALL)
        assert place.size() == LARGE * MIB
        assert content(site, place) == PATTERN + bytes((LARGE - 1) * MIB)

    def test_it_goes_back_to_its_snapshots_or_says_that_it_has_none(
        self, site: Site, place: Place
    ) -> None:
        if not site.snapshots:
            place.ensure(disk(**site.from_image()))
            for refused in (place.snapshot, place.revert):
                with pytest.raises(RefusedError, match="snapshot"):
                    refused("disk-1")
            assert place.snapshots() == set()
            return
        place.ensure(disk(**site.from_image()))
        place.snapshot("disk-1")
        site.write(place, 0, b"\x22" * MIB)
        place.snapshot("disk-2")
        place.snapshot("disk-2")
        site.write(place, 0, b"\x33" * MIB)
        assert place.snapshots() >= {"disk-1", "disk-2"}
        assert content(site, place, "disk-1")[:MIB] == PATTERN
        for tag, expected in (("disk-1", PATTERN), ("disk-2", b"\x22" * MIB)):
            place.revert(tag)
            assert content(site, place)[:MIB] == expected
        place.forget("disk-1")
        place.forget("disk-1")
        assert "disk-1" not in place.snapshots() and "disk-2" in place.snapshots()

    def test_a_backup_takes_its_place(self, site: Site, place: Place) -> None:
        place.ensure(disk(**site.from_image()))
        backup = site.folder / "backup.raw"
        backup.write_bytes(b"\x44" * SMALL * MIB)
        place.put_back(disk(kind="copy", base=str(backup), base_format="raw", format=place.format))
        assert content(site, place) == backup.read_bytes()

    def test_what_is_not_there_is_named(self, site: Site, place: Place) -> None:
        asked: list[Callable[[], object]] = [
            lambda: place.grow(LARGE),
            lambda: place.copy(site.folder / "copy"),
        ]
        for ask in asked:
            with pytest.raises(AgentError):
                ask()
        with pytest.raises(MissingError):
            place.grow(LARGE)
        missing = {
            **site.from_image(),
            "base": str(site.folder / "nothing"),
            "image": "one/nothing",
        }
        with pytest.raises(MissingError, match="nothing"):
            place.ensure(disk(**missing))
        assert not place.there()
        place.remove()
        place.remove()
