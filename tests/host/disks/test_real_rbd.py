"""Images in a pool of a real Ceph keep the contract of places for disks, and what is more about them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks.ceph import Pool
from innkeeper.host.disks.place import Place
from innkeeper.host.disks.qcow2 import MIB
from innkeeper.host.disks.rbd import BASE, RbdPlace
from innkeeper.host.errors import RefusedError
from innkeeper.host.tools import run
from tests.real.ceph import POOL, USER, Ceph

from .contract import PATTERN, SMALL, Contract, Site, content, disk

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif("INN_TEST_CEPH" not in os.environ, reason="packages of its own: make test-ceph"),
]  # fmt: skip

IMAGE = f"{POOL}/contract"


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    with Ceph(tmp_path_factory.mktemp("ceph"), "127.0.0.1") as ceph:
        yield ceph
        assert ceph.images() == []


class InPool(Site):
    """Images in the pool."""

    def __init__(self, folder: Path, ceph: Ceph) -> None:
        super().__init__(folder)
        self._ceph = ceph
        reached = {"monitors": [f"{ceph.address}:6789"], "user": USER, "key": ceph.key}
        self.pool = Pool.described(Arguments({"store": 1, "pool": POOL, **reached}))
        self.image = RbdPlace(self.pool, IMAGE)
        self.image.fill(self.base, "raw")

    def place(self, name: str = "0") -> RbdPlace:
        return RbdPlace(self.pool, f"{IMAGE}-7-{name}")

    def from_image(self) -> dict[str, str | int]:
        return {"kind": "clone", "image": IMAGE, "store": 1, "name": "contract-7"}

    def write(self, place: Place, offset: int, data: bytes) -> None:
        assert isinstance(place, RbdPlace)
        with self.pool.configuration() as (path, files):
            address = f"rbd:{place.name}:id={USER}:conf={path}"
            command = f"write -P {data[0]} {offset} {len(data)}"
            run("qemu-io", "-f", "raw", "-c", command, address, fds=files)

    def names(self) -> list[str]:
        return [name for name in self._ceph.images() if name.startswith("contract-")]


@pytest.fixture
def site(ceph: Ceph, tmp_path: Path) -> Iterator[InPool]:
    site = InPool(tmp_path, ceph)
    yield site
    site.image.remove()


class TestImages(Contract):
    """The contract."""


@pytest.fixture
def clone(site: InPool) -> Iterator[RbdPlace]:
    place = site.place()
    place.ensure(disk(**site.from_image()))
    yield place
    place.remove()


def test_an_image_is_not_removed_under_its_clones(site: InPool, clone: RbdPlace) -> None:
    with pytest.raises(RefusedError, match="has clones still"):
        site.image.remove()
    assert clone.there() and site.image.there()


def test_clones_of_an_image_that_was_written_to_since_have_what_was_written(
    site: InPool, clone: RbdPlace
) -> None:
    clone.remove()
    itself = RbdPlace(site.pool, IMAGE, own=False)
    itself.ensure(disk(kind="link", store=1, name="contract"))
    assert BASE not in itself.snapshots()
    site.write(itself, 0, b"\x55" * MIB)
    clone.ensure(disk(**site.from_image()))
    assert content(site, clone)[:MIB] == b"\x55" * MIB
    itself.remove()
    assert site.image.there(), "an image that was used itself stays"


def test_what_is_published_is_whole_and_depends_on_nothing(site: InPool) -> None:
    """Also what the clone has never written itself, in another of Ceph's objects (of 4 MiB) than what it has."""
    site.write(site.image, 5 * MIB, b"\x77" * MIB)
    clone = site.place()
    clone.ensure(disk(**site.from_image()))
    clone.snapshot("disk-0")
    site.write(clone, 0, b"\x66" * MIB)
    for name, tag, first in (("now", None, b"\x66"), ("then", "disk-0", PATTERN[:1])):
        image = RbdPlace(site.pool, f"{IMAGE}-{name}")
        said = clone.publish(image.name, tag)
        assert said == clone.publish(image.name, tag) == {"name": image.name, "virtual_mib": SMALL}
        found = site.pool.info(image.name)
        assert found is not None and "parent" not in found and image.snapshots() == set()
        data = content(site, image)
        assert data[:1] == first and set(data[5 * MIB : 6 * MIB]) == {0x77}
        clone.withdraw(image.name)
        assert not image.there()
    clone.remove()


def test_between_two_moments_what_differs_is_copied(
    site: InPool, clone: RbdPlace, tmp_path: Path
) -> None:
    """Also what a clone has written for the first time, what it has given up, and what it was put back to."""
    site.write(clone, MIB, b"\x11" * MIB)
    clone.mark("one")
    clone.snapshot("disk-0")
    site.write(clone, 5 * MIB, b"\x22" * MIB)
    with site.pool.reading(clone.name) as (address, files):
        run("qemu-io", "-f", "raw", "-c", f"discard {MIB} {MIB}", address, fds=files)
    for _ in range(2):
        clone.mark("two")
    site.write(clone, 0, b"\x33" * MIB)
    assert clone.marks() == {"one", "two"} and clone.snapshots() > {"disk-0"}
    first, second = tmp_path / "first", tmp_path / "second"
    clone.copy_marked(first, "one", None)
    clone.copy_marked(second, "two", "one")
    parts = json.loads(run("qemu-img", "map", "--output=json", "-f", "qcow2", str(second)))
    assert 2 * MIB <= sum(part["length"] for part in parts if part["present"]) < SMALL * MIB / 2
    run("qemu-img", "rebase", "-u", "-f", "qcow2", "-b", str(first), "-F", "qcow2", str(second))
    clone.copy(tmp_path / "then", "inn-two")
    same = ("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", str(second))
    assert "identical" in run(*same, str(tmp_path / "then"))
    clone.unmark("two")
    assert clone.marks() == {"two"}
    clone.revert("disk-0")
    assert clone.marks() == set() and clone.snapshots() == {"disk-0"}, "what differs is not known"
    assert not RbdPlace(site.pool, IMAGE, own=False).notes


def test_what_was_made_in_part_goes_with_the_next(
    site: InPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site.place("9")
    with monkeypatch.context() as patch:
        real = Pool.rbd

        def dying(pool: Pool, *words: str, **more: float) -> str:
            if words[0] == "rename":
                raise KeyboardInterrupt
            return real(pool, *words, **more)

        patch.setattr(Pool, "rbd", dying)
        with pytest.raises(KeyboardInterrupt):
            place.fill(site.base, "raw")
    assert len(site.names()) == 1 and not place.there()
    place.fill(site.base, "raw")
    assert site.names() == ["contract-7-9"]
    place.remove()


def test_a_pool_is_measured_and_a_full_one_named(site: InPool, ceph: Ceph) -> None:
    room = site.pool.room()
    assert 0 < room["free_mib"] <= room["total_mib"]
    ceph.run("ceph", "osd", "pool", "set-quota", POOL, "max_bytes", str(MIB))
    try:
        with pytest.raises(RefusedError, match="no room in the datastore: pool one"):
            site.place("8").fill(site.base, "raw")
    finally:
        ceph.run("ceph", "osd", "pool", "set-quota", POOL, "max_bytes", "0")
