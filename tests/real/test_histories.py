"""VMs with a history go to other hosts: nothing of their snapshots, backups and plugged devices is lost on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.lab import Lab
from tests.real.test_migration import boot_of, is_at, migrate, other
from tests.real.zone import DONE, output_of, wait_for

pytestmark = pytest.mark.real

RUNNING, POWEROFF, READY, ACTION = (3, 3), (8, 0), 1, 0x0800
EMPTY = 'NAME="words"\nTYPE="DATABLOCK"\nSIZE="64"\nFORMAT="qcow2"\nDEV_PREFIX="vd"'
#: Its number: 0 is the image, 1 the context CD.
PLUGGED = 2
#: Where in the plugged disk something is written, in MiB, and what.
PLACES = {"first": 3, "second": 7, "third": 11}


@pytest.fixture(scope="module")
def store(lab: Lab) -> int:
    number: int = lab.api.datastore.allocate("NAME=increments\nTYPE=BACKUP_DS\nDS_MAD=fs", -1)
    return number


@pytest.fixture(scope="module")
def guest(lab: Lab) -> Iterator[int]:
    """A guest to which a disk and a NIC were plugged while it ran."""
    context = f'CONTEXT=[NETWORK="YES",SSH_PUBLIC_KEY="{lab.public_key()}"]'
    backed = 'BACKUP_CONFIG=[MODE="INCREMENT"]'
    vm = lab.on("h1", "historic", f"{context}\n{backed}")
    lab.answers(vm)
    words = lab.api.image.allocate(EMPTY, 1)
    wait_for(lambda: lab.api.image.info(words).STATE == READY, "the image is there")
    lab.api.vm.attach(vm, 'DISK=[IMAGE="words"]')
    lab.wait_phase(vm, *RUNNING)
    lab.api.vm.attachnic(vm, 'NIC=[NETWORK="lan"]')
    lab.wait_phase(vm, *RUNNING)
    yield vm
    lab.api.vm.action("terminate-hard", vm)
    lab.wait_phase(vm, DONE)


def write(lab: Lab, vm: int, word: str) -> None:
    """Leaves a word on the plugged disk."""
    lab.tell(vm, f"echo {word} | dd of=/dev/vdb bs=1M seek={PLACES[word]} conv=notrunc,fsync")


def words(lab: Lab, vm: int) -> list[str]:
    """The words on the plugged disk, as the guest reads them from the host."""
    read = f"blockdev --flushbufs /dev/vdb; for at in {' '.join(map(str, PLACES.values()))}; do "
    read += "dd if=/dev/vdb bs=1M skip=$at count=1 2>/dev/null | head -c 8 | tr -d '\\0'; done"
    return lab.tell(vm, read).split()


def back_up(lab: Lab, vm: int, store: int, phase: tuple[int, int] = RUNNING) -> int:
    """A backup, which must have gone on from the one before it; the image."""
    lab.api.vm.backup(vm, store, False)
    lab.wait_phase(vm, *phase)
    images = lab.api.vm.info(vm).BACKUPS.BACKUP_IDS.ID
    return int((images if isinstance(images, list) else [images])[-1])


def kinds(lab: Lab, image: int) -> list[str]:
    """What kind each increment of a backup is."""
    found = lab.api.image.info(image).BACKUP_INCREMENTS.INCREMENT
    return [each.TYPE for each in (found if isinstance(found, list) else [found])]


def content_of(lab: Lab, image: int) -> bytes:
    """The plugged disk as it is in the last increment of a backup."""
    return taken_out(
        lab, int(lab.api.image.restore(image, 1, f"NAME=seen\nDISK_ID={PLUGGED}").split()[1])
    )


def taken_out(lab: Lab, image: int) -> bytes:
    """What an image holds once it is made; the image goes."""
    wait_for(lambda: lab.api.image.info(image).STATE == READY, "the image is there")
    source = lab.api.image.info(image).SOURCE
    raw = Path(f"{source}.raw")
    output_of("qemu-img", "convert", "-O", "raw", source, str(raw))
    found = raw.read_bytes()
    raw.unlink()
    lab.api.image.delete(image)
    return found


def has(content: bytes, *expected: str) -> None:
    for word, at in PLACES.items():
        there = content[at << 20 : (at << 20) + len(word)] == word.encode()
        assert there == (word in expected), word


def test_live_it_takes_plugged_devices_and_its_chain_of_backups_along(
    lab: Lab, guest: int, store: int
) -> None:
    boot = boot_of(lab, guest)
    write(lab, guest, "first")
    image = back_up(lab, guest, store)
    write(lab, guest, "second")
    target = other(lab, guest)
    migrate(lab, guest, target, live=True)
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot
    assert words(lab, guest) == ["first", "second"]
    assert lab.tell(guest, "ls /sys/class/net").split() == ["eth0", "eth1", "lo"]
    write(lab, guest, "third")
    assert back_up(lab, guest, store) == image
    assert kinds(lab, image) == ["FULL", "INCREMENT"]
    has(content_of(lab, image), "first", "second", "third")


def test_off_it_takes_its_chain_of_backups_along(lab: Lab, guest: int, store: int) -> None:
    lab.api.vm.action("poweroff", guest)
    lab.wait_phase(guest, *POWEROFF)
    target = other(lab, guest)
    migrate(lab, guest, target, live=False)
    wait_for(lambda: lab.recorded(guest) == target, "it goes to the other host", 60)
    lab.wait_phase(guest, *POWEROFF)
    image = back_up(lab, guest, store, POWEROFF)
    assert kinds(lab, image) == ["FULL", "INCREMENT", "INCREMENT"]
    has(content_of(lab, image), "first", "second", "third")
    lab.api.vm.action("resume", guest)
    lab.running(guest)
    lab.answers(guest)


def test_with_snapshots_in_its_disks_it_only_goes_stopped_and_keeps_them(
    lab: Lab, guest: int
) -> None:
    target = other(lab, guest)
    with_memory = lab.api.vm.snapshotcreate(guest, "memory")
    lab.wait_phase(guest, *RUNNING)
    lab.tell(guest, "dd if=/dev/zero of=/dev/vdb bs=1M seek=3 count=1 conv=notrunc,fsync")
    of_disk = lab.api.vm.disksnapshotcreate(guest, PLUGGED, "without the first word")
    lab.wait_phase(guest, *RUNNING)
    lab.tell(guest, "dd if=/dev/zero of=/dev/vdb bs=1M seek=7 count=1 conv=notrunc,fsync")
    code, said = lab.refused("vm.migrate", guest, lab.hosts[target].number, True)
    assert code == ACTION
    assert f"disk {PLUGGED} has snapshot {of_disk} and the VM has snapshot {with_memory}" in said
    assert lab.whereabouts(guest) == [lab.recorded(guest)] != [target]
    boot = boot_of(lab, guest)
    migrate(lab, guest, target, live=False)
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot
    assert words(lab, guest) == ["third"]
    lab.changed(guest, lambda: lab.api.vm.snapshotrevert(guest, with_memory), RUNNING)
    assert words(lab, guest) == ["first", "second", "third"]


def test_its_disk_goes_back_to_a_snapshot_that_was_taken_elsewhere(lab: Lab, guest: int) -> None:
    lab.api.vm.action("poweroff-hard", guest)
    lab.wait_phase(guest, *POWEROFF)
    lab.changed(guest, lambda: lab.api.vm.disksnapshotrevert(guest, PLUGGED, 0), POWEROFF)
    lab.api.vm.action("resume", guest)
    lab.running(guest)
    lab.answers(guest)
    assert words(lab, guest) == ["second", "third"]


def test_saved_as_an_image_it_is_as_it_was_at_a_snapshot(lab: Lab, guest: int) -> None:
    made = lab.api.vm.disksaveas(guest, PLUGGED, "as-it-was", "DATABLOCK", 0)
    lab.wait_phase(guest, *RUNNING)
    has(taken_out(lab, made), "second", "third")


def test_nothing_is_left(lab: Lab, store: int, guest: int) -> None:
    lab.api.vm.action("terminate-hard", guest)
    lab.wait_phase(guest, DONE)
    for image in [each.ID for each in lab.api.imagepool.info(-2, -1, -1).IMAGE if each.TYPE == 6]:
        lab.api.image.delete(image)
    wait_for(lambda: not lab.leftovers(), "nothing is left on any host", 60)
