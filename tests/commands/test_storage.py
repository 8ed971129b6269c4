"""Datastores in Ceph's pools and in volume groups: what can be said of them, what agents are told, what is refused."""

from typing import Any

import pytest

from innkeeper.api.v1.rest import views
from innkeeper.api.xmlrpc.documents import datastores as documents
from innkeeper.commands import backups, datastores, hosts, images, migration, saving, snapshots, vms
from innkeeper.lifecycle.messages import HostUp, Instruction
from innkeeper.model.errors import Code
from innkeeper.model.objects import Vm
from innkeeper.model.states import ImageState
from tests.commands.realm import ADMIN, FACTS, Realm

KEY = "AQBhZ2VuAAAAABAAAAAAAAAAAAAAAAAAAAAAAA=="
REACHED = f'POOL_NAME=pool\nCEPH_HOST="10.0.0.1 [fd00::1]:6789"\nCEPH_USER=inn\nCEPH_KEY="{KEY}"'
IMAGES = f"NAME=rbd\nDS_MAD=ceph\nTM_MAD=ceph\n{REACHED}"
SYSTEM = f"NAME=sys\nTYPE=SYSTEM_DS\nTM_MAD=ceph\n{REACHED}"
LVM = "NAME=lvm\nTYPE=SYSTEM_DS\nTM_MAD=fs_lvm"
ABLE = {**FACTS, "peer_key": "key", "accelerator": "tcg", "storage": {"rbd": "", "lvm": ""}}


def described(store: int) -> dict[str, Any]:
    return {
        "store": store, "driver": "rbd", "pool": "pool", "monitors": ["10.0.0.1", "[fd00::1]:6789"],
        "user": "inn", "key": KEY,
    }  # fmt: skip


class Storage:
    """A zone with a real host that can do everything, and the datastores."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self.images, self.system, self.lvm = (self.store(text) for text in (IMAGES, SYSTEM, LVM))
        self.files = self.store("NAME=files2\nDS_MAD=fs\nTM_MAD=qcow2")
        self.local = self.store("NAME=local\nTYPE=SYSTEM_DS\nTM_MAD=qcow2")
        self.host = self.real_host("able", ABLE)

    def store(self, text: str) -> int:
        return self.realm.do(lambda tx: datastores.allocate(tx, ADMIN, text, -1, "/ds"))

    def real_host(self, name: str, facts: dict[str, Any]) -> int:
        number = self.realm.do(lambda tx: hosts.allocate(tx, ADMIN, name, "kvm", "kvm", -1))
        self.realm.take(HostUp(number, facts, {"vms": []}))
        return number

    def image(self, text: str, store: int) -> int:
        number = self.realm.do(
            lambda tx: images.allocate(tx, ADMIN, text, store, False, ("/images",))
        )
        self.realm.finish()
        return number

    def running(self, disks: str, store: int) -> Vm:
        vm = self.realm.vm(f"CPU=1\nMEMORY=128\n{disks}")
        self.realm.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, self.host, False, store))
        self.told = list(self.realm.asked)
        while self.realm.asked:
            self.told.append(self.realm.answer())
        return self.realm.world.vms[vm.id]

    def asked(self, verb: str) -> Instruction:
        return next(each for each in self.told if each.verb == verb)


@pytest.fixture
def storage(realm: Realm) -> Storage:
    return Storage(realm)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (IMAGES.replace("CEPH_HOST", "OTHER"), "CEPH_HOST must be the monitors' addresses"),
        (IMAGES.replace("10.0.0.1 ", "a,b "), "CEPH_HOST must be the monitors' addresses"),
        (IMAGES.replace("POOL_NAME=pool", "POOL_NAME=a/b"), "POOL_NAME must be letters"),
        (IMAGES.replace("CEPH_USER=inn", 'CEPH_USER="a b"'), "CEPH_USER must be letters"),
        (IMAGES.replace("CEPH_KEY", "OTHER"), "CEPH_KEY (the user's key), or CEPH_SECRET"),
        (IMAGES.replace(KEY, "secret"), "CEPH_KEY must be a key of cephx"),
        (IMAGES.replace("TM_MAD=ceph", "TM_MAD=qcow2"), "TM_MAD ceph goes with DS_MAD ceph"),
        (f"{IMAGES}\nTYPE=FILE_DS", "DS_MAD of a FILE_DS must be fs"),
    ],
)
def test_a_datastore_that_nobody_could_use_is_refused_by_name(
    realm: Realm, text: str, said: str
) -> None:
    refused = realm.refused(
        Code.ALLOCATE, lambda tx: datastores.allocate(tx, ADMIN, text, -1, "/ds")
    )
    assert said in refused and "secret" not in refused.replace("CEPH_SECRET", "").replace(
        "libvirt's secret", ""
    )


def test_the_key_is_shown_to_nobody_and_stays_when_what_is_shown_is_written_back(
    storage: Storage,
) -> None:
    def shown() -> str:
        record = storage.realm.world.datastores[storage.images]
        return documents.datastore(record, "oneadmin", "oneadmin", ())[0]

    def kept() -> str | None:
        return storage.realm.world.datastores[storage.images].template.get("CEPH_KEY")

    view = views.datastore(
        storage.realm.world, ADMIN, storage.realm.world.datastores[storage.images]
    )
    assert view.template.get("CEPH_KEY") == "***"
    assert KEY not in shown() and "<CEPH_KEY><![CDATA[***]]></CEPH_KEY>" in shown()
    update = datastores.update_datastore
    text = REACHED.replace(KEY, "***")
    storage.realm.do(lambda tx: update(tx, ADMIN, storage.images, text, 0))
    assert kept() == KEY
    other = KEY.replace("AQBhZ", "AQBhY")
    storage.realm.do(lambda tx: update(tx, ADMIN, storage.images, f'CEPH_KEY="{other}"', 1))
    assert kept() == other
    said = storage.realm.refused(
        Code.ALLOCATE, lambda tx: update(tx, ADMIN, storage.images, "A=B", 0)
    )
    assert "CEPH_HOST" in said


def test_an_image_is_made_in_the_pool(storage: Storage) -> None:
    realm = storage.realm
    number = realm.do(
        lambda tx: images.allocate(
            tx, ADMIN, "NAME=img\nPATH=/images/x", storage.images, False, ("/images",)
        )
    )
    image = realm.world.images[number]
    assert (image.source, image.state) == (f"pool/one-{number}", ImageState.LOCKED)
    asked = realm.answer(format="raw", virtual_mib=9)
    assert asked.verb == "image.import"
    assert {key: asked.args[key] for key in ("into", "format", "store", "spool")} == {
        "into": image.source, "format": "raw", "store": described(storage.images),
        "spool": f"/ds/{storage.images}",
    }  # fmt: skip
    said = realm.refused(
        Code.ALLOCATE,
        lambda tx: images.allocate(
            tx, ADMIN, "NAME=o\nSOURCE=other/x\nFORMAT=raw", storage.images, False, ()
        ),
    )
    assert "SOURCE must be an image of the pool (pool/...)" in said
    said = realm.refused(
        Code.ACTION,
        lambda tx: datastores.update_datastore(tx, ADMIN, storage.images, "POOL_NAME=b", 1),
    )
    assert "POOL_NAME" in said and "has images" in said


def test_disks_of_images_in_the_pool_are_clones_there_whatever_the_system_datastore(
    storage: Storage,
) -> None:
    clone = storage.image("NAME=img\nSIZE=9", storage.images)
    own = storage.image("NAME=data\nSIZE=9\nPERSISTENT=YES", storage.images)
    vm = storage.running(
        f"DISK=[IMAGE_ID={clone},SIZE=20]\nDISK=[IMAGE_ID={own}]\nDISK=[TYPE=swap,SIZE=5]",
        storage.system,
    )
    asked = storage.asked("disk.ensure")
    assert asked.args["disks"] == [
        {"disk": 0, "format": "raw", "store": storage.images, "kind": "clone", "size_mib": 20,
         "image": f"pool/one-{clone}", "name": f"pool/one-{clone}-{vm.id}-0"},
        {"disk": 1, "format": "raw", "store": storage.images, "kind": "link",
         "name": f"pool/one-{own}"},
        {"disk": 2, "format": "raw", "store": storage.system, "kind": "swap", "size_mib": 5,
         "name": f"pool/one-sys-{vm.id}-2"},
    ]  # fmt: skip
    assert asked.args["stores"] == [described(storage.images), described(storage.system)]
    domain = storage.asked("domain.ensure").args["domain"]
    assert [disk["format"] for disk in domain["disks"]] == ["raw"] * 3
    disk = vm.disks[0]
    assert (disk["DISK_TYPE"], disk["POOL_NAME"], disk["CEPH_USER"]) == ("RBD", "pool", "inn")
    assert KEY not in vm.template.to_xml() and KEY not in str(domain)
    storage.realm.do(lambda tx: vms.act(tx, ADMIN, "terminate-hard", vm.id))
    removed = storage.realm.asked
    while removed[0].verb != "vm.remove":
        storage.realm.answer()
    assert removed[0].args["shared"] is True


@pytest.mark.parametrize(("persistent", "chained"), [("NO", True), ("YES", False)])
def test_chains_of_backups_are_of_disks_in_the_pool_that_are_the_vms_own(
    storage: Storage, persistent: str, chained: bool
) -> None:
    realm = storage.realm
    image = storage.image(f"NAME=img\nSIZE=9\nPERSISTENT={persistent}", storage.images)
    config = "BACKUP_CONFIG=[MODE=INCREMENT]"
    vm = storage.running(f"DISK=[IMAGE_ID={image}]\n{config}", storage.system)
    storage.store("NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=fs")
    asked = []
    for _ in range(2):
        realm.do(lambda tx: backups.backup(tx, ADMIN, vm.id, -1, False))
        asked.append(realm.asked[0].args)
        kind = "INCREMENT" if "since" in asked[-1] else "FULL"
        file = {"disk": 0, "path": "/h", "bytes": 5, "sha256": "a"}
        realm.answer(type=kind, files=[file], why="")
        realm.finish()
    assert "since" not in asked[0] and ("since" in asked[1]) is chained


def test_a_disk_in_the_pool_is_saved_where_it_is(storage: Storage) -> None:
    clone = storage.image("NAME=img\nSIZE=9", storage.images)
    vm = storage.running(f"DISK=[IMAGE_ID={clone}]", storage.system)
    number = storage.realm.do(lambda tx: saving.save_as(tx, ADMIN, vm.id, 0, "saved", "", -1))
    image = storage.realm.world.images[number]
    assert (image.source, image.format) == (f"pool/one-{number}", "raw")
    asked = storage.realm.answer(name=image.source, virtual_mib=9)
    assert (asked.verb, asked.args["into"]) == ("disk.save", image.source)
    asked = storage.realm.answer()
    assert asked.verb == "disk.unsave" and "into" not in asked.args
    assert storage.realm.world.images[number].state is ImageState.READY


def test_disks_in_a_volume_group_are_copies_with_files_left_alone(storage: Storage) -> None:
    image = storage.image("NAME=img\nSIZE=9", storage.files)
    own = storage.image("NAME=data\nSIZE=9\nPERSISTENT=YES", storage.files)
    vm = storage.running(
        f"DISK=[IMAGE_ID={image}]\nDISK=[IMAGE_ID={own}]\nDISK=[TYPE=fs,SIZE=5,FS=ext4]",
        storage.lvm,
    )
    asked = storage.asked("disk.ensure").args
    assert [disk.get("name") for disk in asked["disks"]] == [
        f"lv-one-{vm.id}-0", None, f"lv-one-{vm.id}-2",
    ]  # fmt: skip
    assert [disk["kind"] for disk in asked["disks"]] == ["copy", "link", "empty"]
    group = {"driver": "lvm", "group": f"vg-one-{storage.lvm}", "thin": False}
    assert asked["stores"] == [{"store": storage.lvm, **group}]
    said = storage.realm.refused(
        Code.ACTION, lambda tx: snapshots.take_of_disk(tx, ADMIN, vm.id, 0, "")
    )
    assert "thick logical volume; snapshots need thin ones" in said


def test_thin_volumes_stay_where_their_guest_runs(storage: Storage) -> None:
    text = "LVM_THIN_ENABLE=YES"
    storage.realm.do(lambda tx: datastores.update_datastore(tx, ADMIN, storage.lvm, text, 1))
    vm = storage.running("DISK=[TYPE=fs,SIZE=5]", storage.lvm)
    other = storage.real_host("other", {**ABLE, "root": "b"})
    said = storage.realm.refused(
        Code.ACTION, lambda tx: migration.migrate(tx, ADMIN, vm.id, other, True)
    )
    assert "thin logical volumes, which are active on one host at a time" in said
    storage.realm.do(lambda tx: snapshots.take_of_disk(tx, ADMIN, vm.id, 0, ""))
    assert storage.realm.asked[0].verb == "disk.snapshot"


def test_disks_that_hosts_share_do_not_go_to_another_datastore(storage: Storage) -> None:
    vm = storage.running("DISK=[TYPE=fs,SIZE=5]", storage.system)
    other = storage.real_host("other", {**ABLE, "root": "b"})
    said = storage.realm.refused(
        Code.ACTION,
        lambda tx: migration.migrate(tx, ADMIN, vm.id, other, False, False, storage.lvm),
    )
    assert "hosts share one of them" in said


LACKING = {
    "rbd": "the package ceph-common is not installed",
    "lvm": "the kernel has no device mapper",
}


@pytest.mark.parametrize("facts", [{**ABLE, "storage": LACKING}, FACTS])
def test_a_host_that_cannot_is_refused_with_the_reason(
    storage: Storage, facts: dict[str, Any]
) -> None:
    realm = storage.realm
    lame = storage.real_host("lame", {**facts, "root": "lame"})
    image = storage.image("NAME=img\nSIZE=9", storage.images)
    vm = realm.vm(f"CPU=1\nMEMORY=128\nDISK=[IMAGE_ID={image}]")
    why = facts.get("storage", {}).get("rbd", "its agent does not know of it")

    def deploy(host: int, store: int) -> str:
        return realm.refused(
            Code.ACTION, lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, store)
        )

    assert f"cannot use RBD disks: {why}" in deploy(lame, storage.local)
    assert f"cannot use RBD disks: {why}" in deploy(lame, storage.system)
    assert "cannot use LVM disks" in deploy(lame, storage.lvm)


def test_a_container_has_no_disks_in_a_pool(storage: Storage) -> None:
    realm = storage.realm
    host = storage.real_host("box", {**ABLE, "root": "box", "hypervisors": ["qemu", "lxc"]})
    image = storage.image("NAME=img\nSIZE=9", storage.images)
    vm = realm.vm(f"CPU=1\nMEMORY=128\nHYPERVISOR=lxc\nDISK=[IMAGE_ID={image}]")
    said = realm.refused(
        Code.ACTION, lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, storage.local)
    )
    assert "lxc cannot give it RBD disks" in said
