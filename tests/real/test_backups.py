"""Backups of a real guest on a host over SSH: a full one, ten increments, every point again, in place and as images."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.real.lab import Lab
from tests.real.zone import PASSWORD, wait_for

pytestmark = pytest.mark.real

READY, ERROR, POWEROFF = 1, 5, 8
#: Backups that are made, and how many of them stay points of their own.
MADE, KEPT = 12, 11


@pytest.fixture(scope="module")
def vm(lab: Lab) -> int:
    """A guest on h1 of which the last backups are kept."""
    number = lab.on(
        "h1",
        "backed-up",
        f'CONTEXT=[NETWORK="YES",SSH_PUBLIC_KEY="{lab.public_key()}"]\nBACKUP_CONFIG=[MODE="INCREMENT",KEEP_LAST="{KEPT}"]',
    )
    lab.answers(number)
    return number


@pytest.fixture(scope="module")
def backup(lab: Lab, vm: int) -> int:
    """The image with all backups; the guest is off in the end, and its last backup was made then."""
    store = lab.api.datastore.allocate("NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=fs", -1)
    for number in range(MADE):
        lab.tell(
            vm,
            f"echo point-{number} > /root/point; head -c 50000 /dev/urandom > /root/r{number}; sync",
        )
        state = 3, 3
        if number == MADE - 1:
            state = POWEROFF, 0
            lab.api.vm.action("poweroff", vm)
            lab.wait_phase(vm, *state)
        lab.api.vm.backup(vm, store, False)
        lab.wait_phase(vm, *state)
    images = lab.api.vm.info(vm).BACKUPS.BACKUP_IDS.ID
    assert len(images) == 1, lab.log()[-3000:]
    image = int(images[0])
    wait_for(lambda: len(increments(lab, image)) == KEPT, "the oldest two are one")
    return image


def increments(lab: Lab, image: int) -> list[Any]:
    info = lab.api.image.info(image)
    return info.BACKUP_INCREMENTS.INCREMENT if info.STATE == READY else []


def restored(lab: Lab, image: int, increment: int, state: int = READY) -> int:
    """The disk at a point of the chain, as a new image."""
    options = f"NAME=at-{increment}\nINCREMENT_ID={increment}\nDISK_ID=0"
    template, made = lab.api.image.restore(image, 1, options).split()
    assert template == "-1"
    wait_for(
        lambda: state == lab.api.image.info(int(made)).STATE, f"increment {increment} is there"
    )
    return int(made)


def point_in(lab: Lab, image: int, scratch: Path) -> str:
    """What the guest had written when the image shows it: read from its file system."""
    source, raw = lab.api.image.info(image).SOURCE, scratch / "raw"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", source, raw], check=True)
    table = subprocess.run(["sfdisk", "-d", raw], capture_output=True, text=True, check=True)
    sector = int(table.stdout.partition("start=")[2].partition(",")[0])
    read = ["debugfs", "-R", "cat /root/point", f"{raw}?offset={sector * 512}"]
    return subprocess.run(read, capture_output=True, text=True, check=True).stdout.strip()


def test_every_point_of_the_chain_is_there(lab: Lab, backup: int, tmp_path: Path) -> None:
    chain = increments(lab, backup)
    assert [(int(each.ID), each.TYPE) for each in chain] == [
        (number, "FULL" if number == 1 else "INCREMENT") for number in range(1, MADE)
    ]
    assert max(int(each.SIZE) for each in chain[1:]) < int(chain[0].SIZE)
    for number in range(1, MADE):
        image = restored(lab, backup, number)
        assert point_in(lab, image, tmp_path) == f"point-{number}"
        lab.api.image.delete(image)


def test_put_back_in_place_the_guest_is_where_it_was(lab: Lab, vm: int, backup: int) -> None:
    lab.api.vm.restore(vm, backup, 4, -1)
    lab.wait_phase(vm, POWEROFF)
    lab.api.vm.action("resume", vm)
    lab.running(vm)
    point, *files = lab.tell(vm, "cat /root/point; ls /root").split()
    assert (point, "r4" in files, "r5" in files) == ("point-4", True, False)


def test_a_backup_becomes_images_and_a_template(lab: Lab, backup: int, tmp_path: Path) -> None:
    template, image = map(int, lab.api.image.restore(backup, 1, "NAME=again\nNO_IP=YES").split())
    wait_for(lambda: lab.api.image.info(image).STATE == READY, "the image is ready")
    assert point_in(lab, image, tmp_path) == f"point-{MADE - 1}"
    text = lab.api.template.info(template).TEMPLATE
    assert (text["DISK"]["IMAGE_ID"], text["MEMORY"], "IP" in text["NIC"]) == (
        str(image),
        "96",
        False,
    )
    vm = lab.api.template.instantiate(template, "again", True, "")
    lab.api.vm.deploy(vm, lab.hosts["h2"].number, True)
    lab.running(vm)
    assert lab.tell(vm, "cat /root/point") == f"point-{MADE - 1}"
    lab.api.vm.action("terminate-hard", vm)
    lab.wait_phase(vm, 6)
    lab.api.template.delete(template, True)


def test_a_damaged_increment_is_found_and_named(lab: Lab, backup: int, tmp_path: Path) -> None:
    def inn(*words: str) -> "subprocess.CompletedProcess[str]":
        from tests.real.test_cli import INN

        options = ["--endpoint", f"{lab.url}/RPC2", "--user", "oneadmin", "--password", PASSWORD]
        return subprocess.run([*INN, *words, *options], capture_output=True, text=True, timeout=120)

    fine = inn("image", "verify", str(backup))
    assert (fine.returncode, "are what they were" in fine.stdout) == (0, True), fine.stderr
    hurt = next(each for each in increments(lab, backup) if int(each.ID) == 7)
    with (Path(hurt.SOURCE) / "disk.0").open("r+b") as file:
        file.seek(70_000)
        file.write(b"flipped")
    found = inn("image", "verify", str(backup))
    assert (
        found.returncode != 0
        and f"increment 7 of image {backup}, disk 0 is damaged" in found.stderr
    )
    failed = restored(lab, backup, 9, ERROR)
    said = lab.api.image.info(failed).TEMPLATE["ERROR"]
    assert f"increment 7 of image {backup}, disk 0 is damaged" in said
    lab.api.image.delete(failed)
    whole = restored(lab, backup, 6)
    assert point_in(lab, whole, tmp_path) == "point-6"
    lab.api.image.delete(whole)


def test_nothing_is_left(lab: Lab, vm: int, backup: int) -> None:
    folder = Path(lab.api.image.info(backup).SOURCE)
    assert list((lab.hosts["h1"].root / "vms" / str(vm)).glob("backup*")) == []
    lab.api.image.delete(backup)
    wait_for(lambda: not folder.exists(), "its files are gone")
    lab.end_all()
    assert list(folder.parent.iterdir()) == []
