"""Backups: chains that go on, break and shrink; what is refused; images and templates made of them."""

import pytest

from innkeeper.commands import backups, datastores, images, schedules, vms
from innkeeper.lifecycle.machine import phase
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.objects import Image, Vm
from innkeeper.model.states import ImageState, ImageType, VmAction
from tests.commands.realm import ADMIN, ALICE, VM, Realm

STORE = "NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=dummy"


@pytest.fixture
def stored(realm: Realm) -> Realm:
    """With a backup datastore, an image and a network."""
    realm.do(lambda tx: datastores.allocate(tx, ADMIN, STORE, -1, "/ds"))
    realm.image()
    realm.network()
    return realm


def running(realm: Realm, config: str = "MODE=INCREMENT", more: str = "") -> Vm:
    text = (
        f"{VM}\nDISK=[IMAGE=img]\nDISK=[TYPE=fs,SIZE=1]\nNIC=[NETWORK=net]\nCONTEXT=[NETWORK=YES]"
    )
    return realm.running(f"{text}\nBACKUP_CONFIG=[{config}]\n{more}")


def back_up(realm: Realm, vm: Vm, *, reset: bool = False, kind: str = "INCREMENT") -> Image:
    """One backup, which the host makes as it was asked, unless `kind` says otherwise."""
    realm.do(lambda tx: backups.backup(tx, ADMIN, vm.id, -1, reset))
    assert phase(realm.world.vms[vm.id]) in ("BACKUP", "BACKUP_POWEROFF")
    asked = realm.asked[0].args
    made = "FULL" if "since" not in asked else kind
    files = [
        {"disk": disk["disk"], "path": f"/h/{asked['checkpoint']}", "bytes": 5 << 20, "sha256": "a"}
        for disk in asked["disks"]
    ]
    realm.answer(type=made, files=files, why="it was killed" if made != kind else "")
    realm.finish()
    return realm.world.images[realm.world.vms[vm.id].backups[-1]]


def test_a_chain_goes_on(stored: Realm) -> None:
    vm = running(stored)
    first = back_up(stored, vm)
    assert (first.type, first.state, first.size) == (ImageType.BACKUP, ImageState.READY, 5)
    assert first.name.startswith(f"{vm.id} ") and first.permissions == 0o600
    second = back_up(stored, vm)
    assert second.id == first.id and second.size == 10
    full, more = second.increments
    assert (full.kind, full.parent, more.kind, more.parent) == ("FULL", -1, "INCREMENT", 0)
    assert [file.disk for file in more.files] == [0]
    assert more.files[0].path == f"{second.source}/2/disk.0"
    now = stored.world.vms[vm.id]
    assert now.running and now.backup_config["LAST_INCREMENT_ID"] == "1"
    assert [stay.action for stay in now.history] == [
        VmAction.BACKUP,
        VmAction.BACKUP,
        VmAction.NONE,
    ]
    assert now.history[-1].rstime and not now.history[-1].etime
    assert "BACKUP_CONFIG" not in now.template and "BACKUP_CONFIG" not in now.user_template


def test_what_breaks_a_chain(stored: Realm) -> None:
    vm = running(stored)
    first = back_up(stored, vm)
    assert back_up(stored, vm, kind="FULL").id != first.id
    third = back_up(stored, vm, reset=True)
    assert len({*stored.world.vms[vm.id].backups}) == 3
    stored.do(lambda tx: images.delete(tx, ADMIN, third.id, False))
    stored.finish()
    assert len(stored.world.vms[vm.id].backups) == 2
    assert back_up(stored, vm).increments[0].kind == "FULL"


def test_only_so_many_are_kept(stored: Realm) -> None:
    vm = running(stored, "MODE=INCREMENT,KEEP_LAST=2")
    for _ in range(3):
        image = back_up(stored, vm)
    assert [(each.id, each.kind) for each in image.increments] == [(1, "FULL"), (2, "INCREMENT")]
    assert image.increments[0].files[0].path == f"{image.source}/2/merged-disk.0"
    whole = running(stored, "KEEP_LAST=2")
    made = [back_up(stored, whole).id for _ in range(3)]
    assert list(stored.world.vms[whole.id].backups) == made[1:]
    assert made[0] not in stored.world.images


def test_volatile_disks_only_when_they_are_to_be(stored: Realm) -> None:
    vm = running(stored, "MODE=INCREMENT,BACKUP_VOLATILE=YES")
    image = back_up(stored, vm)
    assert [file.disk for file in image.increments[0].files] == [0, 1]
    # the raw disk cannot note what changes: each is whole
    assert back_up(stored, vm).id != image.id


@pytest.mark.parametrize("how", ["failed", "cancelled", "deleted"])
def test_a_backup_that_is_not_made_leaves_nothing(stored: Realm, how: str) -> None:
    vm = running(stored)
    stored.do(lambda tx: backups.backup(tx, ADMIN, vm.id, -1, False))
    stored.answer(type="FULL", files=[{"disk": 0, "path": "/h", "bytes": 1, "sha256": "a"}])
    if how == "failed":
        stored.answer("refused")
    elif how == "cancelled":
        stored.do(lambda tx: backups.cancel(tx, ADMIN, vm.id))
    else:
        stored.do(lambda tx: vms.recover(tx, ADMIN, vm.id, 3))
    verbs = []
    while stored.asked:
        verbs.append((stored.asked[0].verb, stored.asked[0].args.get("path")))
        stored.answer()
    assert ("backup.remove", "/ds/100/vm-0-1") in verbs
    assert [image.type for image in stored.world.images] == [ImageType.OS]
    now = stored.world.vms[vm.id]
    assert phase(now) == ("DONE" if how == "deleted" else "RUNNING")
    assert now.backups == ()


def test_restored_to_new_images_and_a_template(stored: Realm) -> None:
    vm = running(stored, more="GRAPHICS=[TYPE=vnc]")
    back_up(stored, vm)
    image = back_up(stored, vm)
    options = "NAME=again\nINCREMENT_ID=0"
    answer = stored.do(lambda tx: backups.restore_image(tx, ADMIN, image.id, 1, options))
    template, disk = map(int, answer.split())
    assert [part["name"] for part in stored.asked[0].args["chain"]] == [
        f"increment 0 of image {image.id}, disk 0"
    ]
    stored.finish()
    made = stored.world.images[disk]
    assert (made.name, made.state, made.format) == ("again-disk-0", ImageState.READY, "qcow2")
    text = stored.world.templates[template].template
    assert text.vectors("DISK") == ({"IMAGE_ID": str(disk), "DEV_PREFIX": "sd", "TARGET": "sda"},)
    assert set(text.vector("NIC") or {}) == {"NETWORK", "NETWORK_ID", "NAME", "IP"}
    assert "VMID" not in text and "UUID" not in (text.vector("OS") or {})
    assert text.vector("CONTEXT") == {"NETWORK": "YES"}, "others have other addresses"
    alone = stored.do(lambda tx: backups.restore_image(tx, ADMIN, image.id, 1, "DISK_ID=0"))
    assert alone.startswith("-1 ")


def test_put_back_in_place(stored: Realm) -> None:
    vm = running(stored)
    image = back_up(stored, vm)
    restore = lambda tx: backups.restore_vm(tx, ADMIN, vm.id, image.id, -1, -1)  # noqa: E731
    assert "not available for state RUNNING" in stored.refused(Code.ACTION, restore)
    stored.do(lambda tx: vms.act(tx, ADMIN, "poweroff", vm.id))
    stored.finish()
    stored.do(restore)
    assert phase(stored.world.vms[vm.id]) == "RESTORE"
    stored.answer(disks=[{"into": f"{image.source}/restore-{_open(stored)}/disk.0", "sha256": "b"}])
    asked = stored.answer()
    assert (asked.verb, asked.args["disks"][0]["base"]) == ("disk.restore", "bases/b")
    stored.finish()
    assert phase(stored.world.vms[vm.id]) == "POWEROFF"
    assert stored.world.vms[vm.id].history[-2].action == VmAction.RESTORE
    assert back_up(stored, vm).id != image.id


def _open(realm: Realm) -> int:
    return next(iter(realm.world.operations)).id


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda tx: backups.backup(tx, ADMIN, 0, 1, False), Code.INTERNAL, "is no backup datastore"),
        (lambda tx: backups.backup(tx, ALICE, 0, -1, False), Code.AUTHORIZATION, "ADMIN VM"),
        (lambda tx: backups.cancel(tx, ADMIN, 0), Code.INTERNAL, "is not being backed up"),
        (lambda tx: backups.restore_vm(tx, ADMIN, 0, 0, -1, -1), Code.INTERNAL, "is no backup"),
        (lambda tx: backups.restore_image(tx, ADMIN, 0, 1, ""), Code.INTERNAL, "is no backup"),
        (lambda tx: backups.restore_image(tx, ADMIN, 1, 2, ""), Code.INTERNAL, "no image datastore"),
        (lambda tx: backups.restore_image(tx, ADMIN, 1, 1, "INCREMENT_ID=7"), Code.INTERNAL, r"has increments [0]"),
        (lambda tx: backups.restore_image(tx, ADMIN, 1, 1, "DISK_ID=7"), Code.INTERNAL, "has disks [0], not 7"),
        (lambda tx: backups.restore_image(tx, ADMIN, 1, 1, "DISK_ID=x"), Code.INTERNAL, "must be a whole number"),
    ],
)  # fmt: skip
def test_what_is_refused(stored: Realm, change, code: Code, says: str) -> None:  # type: ignore[no-untyped-def]
    back_up(stored, running(stored))
    assert says in stored.refused(code, change)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("MODE=SOMETIMES", "MODE of BACKUP_CONFIG must be FULL or INCREMENT"),
        ("FS_FREEZE=YES", "FS_FREEZE of BACKUP_CONFIG"),
        ("INCREMENT_MODE=SNAPSHOT", "INCREMENT_MODE of BACKUP_CONFIG must be CBT"),
        ("KEEP_LAST=-1", "KEEP_LAST of BACKUP_CONFIG"),
        ('DISK_IDS="0,x"', "DISK_IDS of BACKUP_CONFIG"),
    ],
)
def test_configurations_are_checked(stored: Realm, config: str, says: str) -> None:
    text = f"{VM}\nBACKUP_CONFIG=[{config}]"
    assert says in stored.refused(Code.INTERNAL, lambda tx: vms.allocate(tx, ADMIN, text, True))


@pytest.mark.parametrize(("args", "chain"), [("", 1), ("{store}", 1), ("{store},YES", 2)])
def test_backups_by_the_clock(stored: Realm, args: str, chain: int) -> None:
    vm = running(stored)
    back_up(stored, vm)
    store = stored.world.images[stored.world.vms[vm.id].backups[-1]].datastore_id
    said = args.format(store=store)
    _, perform = schedules.OFFERED[Vm.KIND]["backup"]
    stored.do(lambda tx: perform(tx, ADMIN, vm.id, said))
    begun = stored.world.operation_on(stored.world.vms[vm.id])
    assert begun is not None and (begun.args["datastore"], begun.args["image"] < 0) == (
        store,
        chain == 2,
    )


@pytest.mark.parametrize("args", ["somewhere", "1,perhaps", "1,YES,NO"])
def test_what_a_backup_by_the_clock_must_be_told(stored: Realm, args: str) -> None:
    vm = running(stored)
    _, perform = schedules.OFFERED[Vm.KIND]["backup"]
    with pytest.raises(Refusal, match="ARGS of backup must be"):
        stored.do(lambda tx: perform(tx, ADMIN, vm.id, args))


def test_the_zones_first_image_can_be_a_chain(realm: Realm) -> None:
    realm.do(lambda tx: datastores.allocate(tx, ADMIN, STORE, -1, "/ds"))
    config = "BACKUP_CONFIG=[MODE=INCREMENT,BACKUP_VOLATILE=YES]"
    vm = realm.running(f"{VM}\nDISK=[TYPE=fs,SIZE=1,FORMAT=qcow2]\n{config}")
    first = back_up(realm, vm)
    assert first.id == 0
    assert [each.kind for each in back_up(realm, vm).increments] == ["FULL", "INCREMENT"]


def test_a_backup_that_is_being_restored_stays_until_then(stored: Realm) -> None:
    chained, whole = running(stored, "MODE=INCREMENT,KEEP_LAST=1"), running(stored, "KEEP_LAST=1")
    for vm in (chained, whole):
        image = back_up(stored, vm)
        stored.do(lambda tx, n=image.id: backups.restore_image(tx, ADMIN, n, 1, f"NAME=r{n}"))
        restoring = [stored.asked.pop(0)]
        more = back_up(stored, vm)
        assert image.id in stored.world.images
        assert len(more.increments) == (2 if vm is chained else 1)
        stored.asked += restoring
        stored.finish()
        last = back_up(stored, vm)
        assert len(last.increments) == 1
        assert list(stored.world.vms[vm.id].backups) == [last.id]


def test_a_datastore_stays_while_a_first_backup_is_on_its_way_there(stored: Realm) -> None:
    vm = running(stored)
    stored.do(lambda tx: backups.backup(tx, ADMIN, vm.id, 100, False))
    said = stored.refused(Code.ACTION, lambda tx: datastores.delete(tx, ADMIN, 100))
    assert f"VM {vm.id} is being backed up" in said
    stored.answer("refused")
    stored.finish()
    stored.do(lambda tx: datastores.delete(tx, ADMIN, 100))
