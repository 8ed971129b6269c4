"""Guests on a real Ceph: clones, snapshots, growth, live migration, images; of all of it nothing is left at the end."""

import json
import os
import re
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pyone
import pytest

from tests.host.lab import Machine
from tests.real.ceph import POOL, USER, Ceph, missing_packages
from tests.real.lab import PREFIX, Lab
from tests.real.test_migration import Session, boot_of, is_at, migrate
from tests.real.zone import PASSWORD, wait_for

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif("INN_TEST_CEPH" not in os.environ, reason="packages of its own: make test-ceph"),
]  # fmt: skip

RUNNING, POWEROFF, DONE, READY, ERROR = (3, 3), (8, 0), (6, 0), 1, 5


@pytest.fixture(scope="module")
def ceph(lab: Lab) -> Iterator[Ceph]:
    assert not missing_packages(), f"scripts/setup.sh --ceph installs {missing_packages()}"
    with Ceph(lab.data / "ceph", f"{PREFIX}.1") as ceph:
        yield ceph


def described(ceph: Ceph, name: str, more: str) -> str:
    return (
        f'NAME="{name}"\nTM_MAD="ceph"\nPOOL_NAME="{POOL}"\nCEPH_HOST="{ceph.address}:6789"\n'
        f'CEPH_USER="{USER}"\nCEPH_KEY="{ceph.key}"\n{more}'
    )


class Cloud:
    """The datastores and the small guest's image in the pool."""

    def __init__(self, lab: Lab, ceph: Ceph) -> None:
        self.lab, self.ceph = lab, ceph
        self.figures: list[str] = []
        self.images = lab.api.datastore.allocate(described(ceph, "rbd", 'DS_MAD="ceph"'), -1)
        self.system = lab.api.datastore.allocate(
            described(ceph, "rbd-system", 'TYPE="SYSTEM_DS"'), -1
        )
        self.image = self.new_image("tiny-rbd", f'PATH="{lab.image}"')

    def new_image(self, name: str, text: str) -> int:
        number = self.lab.api.image.allocate(f'NAME="{name}"\nDEV_PREFIX="vd"\n{text}', self.images)
        self.image_is(number, READY)
        return int(number)

    def image_is(self, number: int, state: int) -> None:
        def arrived() -> bool:
            image = self.lab.api.image.info(number)
            assert image.STATE in (state, 4), image.TEMPLATE.get("ERROR")
            return bool(state == image.STATE)

        wait_for(arrived, f"image {number} in state {state}", 120)

    def deploy(self, host: str, name: str, extra: str = "", size: int = 100) -> int:
        context = (
            f'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",SSH_PUBLIC_KEY="{self.lab.public_key()}"]'
        )
        disk = f'DISK=[IMAGE_ID="{self.image}",SIZE="{size}"]\n{extra}\n{context}'
        vm = self.lab.api.template.instantiate(self.lab.template, name, True, disk)
        self.lab.api.vm.deploy(vm, self.lab.hosts[host].number, True, self.system)
        self.lab.running(vm)
        return int(vm)

    def remove_image(self, number: int) -> None:
        self.lab.api.image.delete(number)
        numbers = lambda: [i.ID for i in self.lab.api.imagepool.info(-2, -1, -1).IMAGE]  # noqa: E731
        wait_for(lambda: number not in numbers(), f"image {number} is gone", 60)


@pytest.fixture(scope="module")
def cloud(lab: Lab, ceph: Ceph) -> Iterator[Cloud]:
    cloud = Cloud(lab, ceph)
    yield cloud
    cloud.remove_image(cloud.image)
    lab.api.datastore.delete(cloud.images)
    lab.api.datastore.delete(cloud.system)
    assert ceph.images() == []


@pytest.fixture(scope="module")
def guest(lab: Lab, cloud: Cloud) -> Iterator[int]:
    """A guest whose disk is a clone, with a volatile disk in the pool, too."""
    began = time.monotonic()
    vm = cloud.deploy("h1", "on-rbd", 'DISK=[TYPE="fs",SIZE="16",FS="ext2",DEV_PREFIX="vd"]')
    deployed = time.monotonic() - began
    lab.answers(vm)
    cloud.figures.append(
        f"Ceph up in {cloud.ceph.seconds:.0f} s, deployed on a clone in {deployed:.1f} s"
    )
    yield vm
    lab.api.vm.action("terminate-hard", vm)
    lab.wait_phase(vm, *DONE)
    wait_for(lambda: not lab.leftovers(), "nothing is left on any host", 60)
    assert not any(secrets_of(host) for host in lab.hosts.values())
    assert [name for name in cloud.ceph.images() if f"-{vm}-" in name] == []


def secrets_of(host: Machine) -> list[str]:
    listed = host.run("virsh", "-q", "secret-list").splitlines()
    return [line.split()[0] for line in listed if line.strip()]


def test_the_disk_is_a_clone_that_qemu_reaches_itself(lab: Lab, guest: int, cloud: Cloud) -> None:
    disk = lab.api.vm.info(guest).TEMPLATE["DISK"][0]
    assert disk["DISK_TYPE"] == "RBD"
    info = json.loads(
        cloud.ceph.run("rbd", "info", f"{POOL}/one-{cloud.image}-{guest}-0", "--format", "json")
    )
    assert info["parent"]["image"] == f"one-{cloud.image}"
    host = lab.hosts[lab.recorded(guest)]
    assert "protocol='rbd'" in host.run("virsh", "dumpxml", f"one-{guest}")
    assert not (host.root / "vms" / str(guest) / "disk.0").exists()
    assert f"one-sys-{guest}-1" in cloud.ceph.images()


def test_the_key_is_nowhere_to_be_seen(lab: Lab, guest: int, cloud: Cloud) -> None:
    key = cloud.ceph.key
    server = xmlrpc.client.ServerProxy(f"{lab.url}/RPC2")
    session = f"oneadmin:{PASSWORD}"
    with server:
        documents = [
            server.one.vm.info(session, guest),
            server.one.datastore.info(session, cloud.images, True),
            server.one.datastorepool.info(session),
            server.one.image.info(session, cloud.image, True),
        ]
    assert all(answer[0] is True for answer in documents)  # type: ignore[index]
    assert key not in str(documents)
    assert "***" in str(documents[1])
    assert key not in lab.log()
    seen = [Path(f"/proc/{n}/cmdline") for n in Path("/proc").iterdir() if n.name.isdigit()]
    for path in seen:
        try:
            assert key.encode() not in path.read_bytes()
        except OSError:
            continue
    for host in lab.hosts.values():
        places = "/var/lib/innkeeper /var/log/libvirt /etc/libvirt/secrets"
        readable = host.run("sh", "-c", f"grep -rl '{key}' {places} || true")
        for file in readable.split():
            assert host.run("stat", "-c", "%a %U", file).split() == ["600", "root"], file


def test_a_running_guest_goes_to_another_host_and_copies_nothing(
    lab: Lab, guest: int, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    boot, before = boot_of(lab, guest), cloud.ceph.images()
    target = "h2" if lab.recorded(guest) == "h1" else "h1"
    session, began = Session(lab.address(guest)), time.monotonic()
    migrate(lab, guest, target, live=True)
    wait_for(lambda: lab.recorded(guest) == target, "it goes to the other host", 60)
    lab.running(guest)
    assert lab.recorded(guest) == target, lab.story(guest)
    took = time.monotonic() - began
    wait_for(lambda at=session.echoes: session.echoes > at + 50, "the session goes on", 60)
    session.close()
    assert session.error is None
    is_at(lab, guest, target)
    assert boot_of(lab, guest) == boot and cloud.ceph.images() == before
    source = next(
        host for name, host in lab.hosts.items() if name != target and name in ("h1", "h2")
    )
    assert secrets_of(source) == [] and len(secrets_of(lab.hosts[target])) == 2
    figures = [
        *cloud.figures,
        f"live {took:.2f} s, longest silence {session.longest * 1000:.0f} ms",
    ]
    with capsys.disabled():
        print(f" [{'; '.join(figures)}]", end="")


def test_it_goes_back_to_its_snapshot(lab: Lab, guest: int) -> None:
    lab.tell(guest, "echo first > /root/state; sync")
    snapshot = lab.api.vm.disksnapshotcreate(guest, 0, "first")
    lab.wait_phase(guest, *RUNNING)
    lab.tell(guest, "echo second > /root/state; sync")
    lab.api.vm.action("poweroff-hard", guest)
    lab.wait_phase(guest, *POWEROFF)
    lab.api.vm.disksnapshotrevert(guest, 0, snapshot)
    lab.wait_phase(guest, *POWEROFF)
    lab.api.vm.action("resume", guest)
    lab.running(guest)
    assert lab.tell(guest, "cat /root/state") == "first"
    lab.api.vm.disksnapshotdelete(guest, 0, snapshot)
    lab.wait_phase(guest, *RUNNING)


def test_it_sees_its_disk_grow(lab: Lab, guest: int) -> None:
    lab.sees(guest, "vda", 100)
    lab.api.vm.diskresize(guest, 0, "140")
    lab.wait_phase(guest, *RUNNING)
    lab.sees(guest, "vda", 140)


def test_a_datablock_comes_goes_and_keeps_what_was_written(
    lab: Lab, guest: int, cloud: Cloud
) -> None:
    block = cloud.new_image("block", 'TYPE="DATABLOCK"\nSIZE="24"\nPERSISTENT="YES"')
    for command in ("echo kept > /dev/vdc; sync", "true"):
        lab.api.vm.attach(guest, f'DISK=[IMAGE_ID="{block}",DEV_PREFIX="vd"]')
        lab.wait_phase(guest, *RUNNING)
        lab.sees(guest, "vdc", 24)
        lab.tell(guest, command)
        assert lab.tell(guest, "head -c 4 /dev/vdc") == "kept"
        number = lab.api.vm.info(guest).TEMPLATE["DISK"][-1]["DISK_ID"]
        lab.api.vm.detach(guest, int(number))
        lab.wait_phase(guest, *RUNNING)
        lab.sees(guest, "vdc", None)
    assert f"one-{block}" in cloud.ceph.images()
    cloud.remove_image(block)


def test_what_is_saved_of_it_is_an_image_that_boots(lab: Lab, guest: int, cloud: Cloud) -> None:
    lab.tell(guest, "echo saved > /root/state; sync")
    image = lab.api.vm.disksaveas(guest, 0, "saved", "", -1)
    lab.wait_phase(guest, *RUNNING)
    cloud.image_is(image, READY)
    lab.tell(guest, "echo later > /root/state; sync")
    origin, cloud.image = cloud.image, image
    try:
        other = cloud.deploy("h3", "from-saved", size=140)
        try:
            lab.answers(other)
        except AssertionError as silent:
            log = lab.hosts["h3"].root / "vms" / str(other) / "serial.log"
            raise AssertionError(f"{silent}: {log.read_text(errors='replace')[-3000:]}") from None
        assert lab.tell(other, "cat /root/state") == "saved"
    finally:
        cloud.image = origin
    lab.api.vm.action("terminate-hard", other)
    lab.wait_phase(other, *DONE)
    cloud.remove_image(image)
    assert f"one-{image}" not in cloud.ceph.images()


def test_off_it_moves_without_a_copy(lab: Lab, guest: int, cloud: Cloud) -> None:
    lab.tell(guest, "echo later > /root/state; sync")
    lab.api.vm.action("poweroff-hard", guest)
    lab.wait_phase(guest, *POWEROFF)
    before, target = cloud.ceph.images(), "h3" if lab.recorded(guest) != "h3" else "h1"
    migrate(lab, guest, target, live=False)
    wait_for(lambda: lab.recorded(guest) == target, "it moves", 60)
    lab.wait_phase(guest, *POWEROFF)
    assert cloud.ceph.images() == before
    lab.api.vm.action("resume", guest)
    lab.running(guest)
    assert lab.tell(guest, "cat /root/state") == "later"


def backed_up(
    lab: Lab, guest: int, store: int, point: str, phase: tuple[int, int] = RUNNING
) -> int:
    """The image of the VM's backups after one more, which has this in the guest."""
    if phase == RUNNING:
        lab.tell(guest, f"echo {point} > /root/state; echo {point} > /dev/vdb; sync")
    lab.api.vm.backup(guest, store, False)
    lab.wait_phase(guest, *phase)
    return int(lab.api.vm.info(guest).BACKUPS.BACKUP_IDS.ID[-1])


def test_chains_of_backups_lead_back_in_place_and_to_a_new_guest(
    lab: Lab, guest: int, cloud: Cloud
) -> None:
    lab.api.vm.updateconf(guest, 'BACKUP_CONFIG=[MODE="INCREMENT",BACKUP_VOLATILE="YES"]', 1)
    store = lab.api.datastore.allocate("NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=fs", -1)
    before, boot = cloud.ceph.images(), boot_of(lab, guest)
    made = {backed_up(lab, guest, store, point) for point in ("one", "two", "three")}
    assert boot_of(lab, guest) == boot
    lab.api.vm.action("poweroff", guest)
    lab.wait_phase(guest, *POWEROFF)
    [image] = made | {backed_up(lab, guest, store, "off", POWEROFF)}
    chain = lab.api.image.info(image).BACKUP_INCREMENTS.INCREMENT
    assert [each.TYPE for each in chain] == ["FULL"] + 3 * ["INCREMENT"]
    cloud.figures.append(f"backups of {', '.join(each.SIZE for each in chain)} MiB")
    snapshots = cloud.ceph.run("rbd", "snap", "ls", f"{POOL}/one-{cloud.image}-{guest}-0")
    assert [line.split()[1] for line in snapshots.splitlines()[1:]] == ["inn-backup-4"]
    lab.api.vm.restore(guest, image, 1, -1)
    lab.wait_phase(guest, *POWEROFF)
    assert cloud.ceph.images() == before
    lab.api.vm.action("resume", guest)
    lab.running(guest)
    assert lab.tell(guest, "cat /root/state; head -c 3 /dev/vdb") == "two\ntwo"
    assert backed_up(lab, guest, store, "four") != image, (
        "what has changed is not known: a new chain"
    )
    with pytest.raises(pyone.OneException, match="restored to datastores of files"):
        lab.api.image.restore(image, cloud.images, "NAME=again")
    template, *disks = map(int, lab.api.image.restore(image, 1, "NAME=again\nNO_IP=YES").split())
    for disk in disks:
        cloud.image_is(disk, READY)
    other = lab.api.template.instantiate(template, "again", True, "")
    lab.api.vm.deploy(other, lab.hosts["h3"].number, True)
    lab.running(other)
    assert lab.tell(other, "cat /root/state; head -c 5 /dev/vdb") == "three\nthree"
    lab.api.vm.action("terminate-hard", other)
    lab.wait_phase(other, *DONE)
    lab.api.template.delete(template, True)
    for number in lab.api.vm.info(guest).BACKUPS.BACKUP_IDS.ID:
        cloud.remove_image(int(number))
    lab.api.datastore.delete(store)


def test_its_pools_are_measured(lab: Lab, cloud: Cloud) -> None:
    def measured(number: int) -> bool:
        store = lab.api.datastore.info(number)
        return bool(0 < store.FREE_MB <= store.TOTAL_MB)

    for number in (cloud.images, cloud.system):
        wait_for(lambda n=number: measured(n), f"datastore {number} is measured", 120)


# ---- what goes wrong is named ---------------------------------------------------------------------


def failure(cloud: Cloud, store: int, text: str) -> str:
    """Why an image could not be made, which is gone again then."""
    api = cloud.lab.api
    number = api.image.allocate(text, store, False)
    wait_for(lambda: api.image.info(number).STATE == ERROR, "the image has failed", 240)
    why = str(api.image.info(number).TEMPLATE["ERROR"])
    assert cloud.ceph.key not in why
    return why


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"CEPH_KEY": "AQBhZ2VuAAAAABAAAAAAAAAAAAAAAAAAAAAAAA=="}, "does not let client.libvirt"),
        ({"CEPH_USER": "nobody"}, "does not let client.nobody"),
        ({"CEPH_HOST": "10.77.0.1:9999"}, "monitors of datastore .* do not answer: 10.77.0.1:9999"),
        ({"POOL_NAME": "nothing"}, "no pool 'nothing'"),
    ],
)
def test_what_is_wrong_with_a_datastore_is_named(
    lab: Lab, cloud: Cloud, change: dict[str, str], expected: str
) -> None:
    right = described(cloud.ceph, "wrong", 'DS_MAD="ceph"')
    wrong = "\n".join(f'{name}="{value}"' for name, value in change.items())
    kept = [line for line in right.splitlines() if line.split("=")[0] not in change]
    store = lab.api.datastore.allocate("\n".join([*kept, wrong]), -1)
    why = failure(cloud, store, 'NAME="never"\nTYPE="DATABLOCK"\nSIZE="10"')
    assert re.search(expected, why), why
    if "POOL_NAME" not in change:  # in no pool there is nothing to remove
        lab.api.datastore.update(store, "\n".join(right.splitlines()[3:]), 1)
    number = next(i.ID for i in lab.api.imagepool.info(-2, -1, -1).IMAGE if i.NAME == "never")
    cloud.remove_image(number)
    lab.api.datastore.delete(store)
