"""Which stores a host knows, who uses them, and libvirt's secrets: each owned by a record from before to after."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks import places, records
from innkeeper.host.disks.lvm import LvmPlace
from innkeeper.host.disks.qcow2 import described
from innkeeper.host.disks.rbd import RbdPlace
from innkeeper.host.disks.records import Stores, secret_number
from innkeeper.host.errors import AgentError, RefusedError
from innkeeper.host.folders import Root, VmFolder
from innkeeper.host.xmltree import parse

from .test_ceph import KEY, STORE

GROUP: dict[str, Any] = {"store": 104, "driver": "lvm", "group": "vg-one-104", "thin": True}


class NoSecretError(Exception):
    """libvirt's, as far as it is looked at."""

    def get_error_code(self) -> int:
        return 66


class Libvirt:
    """libvirt's secrets: number and value; a module and a connection in one."""

    VIR_ERR_NO_SECRET = 66
    libvirtError = NoSecretError  # noqa: N815

    def __init__(self, folder: Path) -> None:
        self.secrets: dict[str, bytes] = {}
        self.folder = folder
        self.fails = False

    def secretDefineXML(self, xml: str) -> Libvirt:  # noqa: N802
        assert (self.folder / "103.json").exists(), "the record is there before"
        self._number = parse(xml).findtext("uuid") or ""
        return self

    def setValue(self, value: bytes, _: int) -> None:  # noqa: N802
        self.secrets[self._number] = value

    def secretLookupByUUIDString(self, number: str) -> Libvirt:  # noqa: N802
        if number not in self.secrets:
            raise NoSecretError
        self._number = number
        return self

    def undefine(self) -> None:
        assert (self.folder / "103.json").exists(), "the record is there until after"
        if self.fails:
            raise AgentError("libvirt is away")
        del self.secrets[self._number]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(str(tmp_path / "root"))
    root.claim("zone")
    return root


@pytest.fixture
def libvirt(root: Root, monkeypatch: pytest.MonkeyPatch) -> Libvirt:
    found = Libvirt(root.stores)
    monkeypatch.setattr(records, "libvirt", lambda: found)
    return found


@pytest.fixture
def stores(root: Root, libvirt: Libvirt) -> Stores:
    return Stores(root.stores, "zone", lambda: libvirt)


def ensure(stores: Stores, vm: int, *described: dict[str, Any]) -> None:
    stores.ensure(vm, [Arguments(each) for each in described])


def test_the_secret_lives_from_the_first_user_to_the_last(
    stores: Stores, libvirt: Libvirt, root: Root
) -> None:
    number = secret_number("zone", 103)
    for vm in (7, 8, 7):
        ensure(stores, vm, STORE, GROUP)
    assert libvirt.secrets == {number: base64.b64decode(KEY)}
    file = root.stores / "103.json"
    assert file.stat().st_mode & 0o777 == 0o600
    stores.release(7)
    assert libvirt.secrets and file.exists()
    stores.release(8, but={103})
    assert not (root.stores / "104.json").exists() and file.exists()
    stores.release(8)
    assert libvirt.secrets == {} and list(root.stores.iterdir()) == []
    stores.release(8)


def test_a_new_key_takes_the_old_ones_place(stores: Stores, libvirt: Libvirt) -> None:
    ensure(stores, 7, STORE)
    other = KEY.replace("AQBhZ", "AQBhY")
    ensure(stores, 8, {**STORE, "key": other})
    assert list(libvirt.secrets.values()) == [base64.b64decode(other)]


def test_a_secret_that_could_not_be_removed_is_removed_later(
    stores: Stores, libvirt: Libvirt, root: Root
) -> None:
    ensure(stores, 7, STORE)
    libvirt.fails = True
    with pytest.raises(AgentError):
        stores.release(7)
    libvirt.fails = False
    stores.release(9)
    assert libvirt.secrets == {} and list(root.stores.iterdir()) == []


def test_a_secret_of_the_hosts_own_is_left_alone(stores: Stores, libvirt: Libvirt) -> None:
    own = {key: value for key, value in STORE.items() if key != "key"} | {"secret": "aaaa"}
    ensure(stores, 7, own)
    assert libvirt.secrets == {}
    stores.release(7)


def test_users_that_are_gone_are_forgotten(stores: Stores, libvirt: Libvirt, root: Root) -> None:
    ensure(stores, 7, STORE)
    ensure(stores, 8, STORE)
    stores.drop_users({8})
    assert (stores.record(103) or {})["vms"] == [8]
    stores.drop_users(set())
    assert libvirt.secrets == {}


def folder_of(root: Root) -> VmFolder:
    folder = root.folder(7)
    folder.make(1)
    return folder


def test_a_disk_is_noted_before_it_is_made_and_found_by_its_number(
    stores: Stores, root: Root
) -> None:
    ensure(stores, 7, STORE, GROUP)
    folder = folder_of(root)
    for number, store, name, kind in ((0, 103, "one/b-7-0", "clone"), (2, 104, "lv-7-2", "empty")):
        text = {
            "disk": number,
            "kind": kind,
            "store": store,
            "name": name,
            "image": "one/b",
            "size_mib": 5,
        }
        places.assigned(folder, described(Arguments(text), Path("/b")))
    rbd, lvm = places.of(folder, 0, "qcow2"), places.of(folder, 2, "raw")
    assert isinstance(rbd, RbdPlace) and (rbd.name, rbd.own, rbd.format) == (
        "one/b-7-0",
        True,
        "raw",
    )
    assert isinstance(lvm, LvmPlace) and (lvm.group, lvm.thin) == ("vg-one-104", True)
    assert folder.disks() == [0, 2] and places.stores_of(folder) == {103, 104}
    source = places.sources(folder)[0]
    assert (source.user, source.secret) == ("inn", secret_number("zone", 103))
    places.forget(folder, 0)
    assert folder.disks() == [2] and places.stores_of(folder) == {104}


def test_an_image_that_is_used_itself_stays(stores: Stores, root: Root) -> None:
    ensure(stores, 7, STORE)
    text = {"disk": 0, "kind": "link", "store": 103, "name": "one/b", "image": "one/b"}
    place = places.assigned(folder_of(root), described(Arguments(text), Path("/b")))
    assert isinstance(place, RbdPlace) and not place.own
    place.remove()  # asks nobody


def test_a_disk_in_a_store_that_nobody_knows_is_named(root: Root) -> None:
    folder = folder_of(root)
    text = {"disk": 0, "kind": "link", "store": 9, "name": "one/b", "image": "one/b"}
    with pytest.raises(RefusedError, match="a disk in store 9, which this host knows nothing of"):
        places.assigned(folder, described(Arguments(text), Path("/b")))
