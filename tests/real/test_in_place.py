"""Guests that are changed where they are: disks and NICs come and go, and nothing is left of those that went."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyone
import pytest

from tests.real.zone import MIB, Zone, wait_for

pytestmark = pytest.mark.real

RUNNING, POWEROFF, SUSPENDED = (3, 3), (8, 0), (5, 0)


class ChangingZone(Zone):
    """A zone whose guest is changed."""

    def __init__(self) -> None:
        super().__init__("inntest4", "10.113.11")

    def disks(self, vm: int) -> list[str]:
        """The numbers of the VM's disks, as its record has them."""
        return [disk["DISK_ID"] for disk in self.vectors(vm, "DISK")]

    def nics(self, vm: int, kind: str = "NIC") -> list[dict[str, str]]:
        """The VM's NICs, or aliases, as its record has them."""
        return self.vectors(vm, kind)

    def reaches(self, address: str) -> bool:
        command = ["ping", "-c", "1", "-W", "1", "-q", address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def interfaces(self) -> list[str]:
        """The interfaces of this machine that belong to networks of ours and guests."""
        command = ["ip", "-o", "link"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        names = [line.split(":")[1].strip().split("@")[0] for line in said.splitlines()]
        return sorted(name for name in names if name.startswith(("one-", "inntest")))

    def files(self, vm: int) -> list[str]:
        return sorted(path.name for path in (self.host_root / "vms" / str(vm)).glob("disk.*"))

    def domain(self, vm: int) -> str:
        """The guest's devices as libvirt has them."""
        command = ["virsh", "-c", "qemu:///system", "dumpxml", f"one-{vm}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def field() -> Iterator[ChangingZone]:
    """A furnished front end; the end proves that nothing is left over."""
    zone = ChangingZone()
    with zone.furnished():
        yield zone


@pytest.fixture(scope="module")
def guest(field: ChangingZone) -> int:
    """A guest that has answered; tests share it and leave it running."""
    context = f'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",SSH_PUBLIC_KEY="{field.public_key()}"]'
    vm = field.instantiate("shared", f'{context}\nMEMORY_MAX="160"\nVCPU_MAX="2"')
    field.answers(vm)
    return vm


def made(field: ChangingZone, text: str) -> int:
    """An image that is ready."""
    image: int = field.api.image.allocate(text, 1)
    wait_for(lambda: field.api.image.info(image).STATE == 1, "the image is ready", 60)
    return image


def file_of(field: ChangingZone, image: int) -> Path:
    return Path(field.api.image.info(image).SOURCE)


# ---- disks -------------------------------------------------------------------------------------


def test_a_disk_is_plugged_in_and_out_twenty_times_without_a_trace(
    field: ChangingZone, guest: int
) -> None:
    api, before = field.api, (field.disks(guest), field.files(guest))
    boot = field.answers(guest)["boot_id"]
    for number in range(20):
        kind = "fs" if number % 2 else "swap"
        text = f"DISK=[TYPE={kind},SIZE=8,DEV_PREFIX=vd]"
        field.changed(guest, lambda text=text: api.vm.attach(guest, text), RUNNING)
        attached = field.disks(guest)[-1]
        field.sees(guest, "vdb", 8)
        field.changed(guest, lambda disk=attached: api.vm.detach(guest, int(disk)), RUNNING)
        field.sees(guest, "vdb", None)
    assert (field.disks(guest), field.files(guest)) == before
    assert field.domain(guest).count("<disk ") == 2
    assert field.answers(guest)["boot_id"] == boot
    assert len(api.vm.info(guest).HISTORY_RECORDS.HISTORY) == 41


def test_what_a_guest_wrote_to_a_persistent_disk_stays_in_its_image(
    field: ChangingZone, guest: int
) -> None:
    image = made(
        field, "NAME=data\nTYPE=DATABLOCK\nSIZE=16\nFORMAT=raw\nPERSISTENT=YES\nDEV_PREFIX=vd"
    )
    field.changed(guest, lambda: field.api.vm.attach(guest, "DISK=[IMAGE=data]"), RUNNING)
    assert field.api.image.info(image).STATE == 8
    field.sees(guest, "vdb", 16)
    field.tell(guest, "echo kept-for-good | dd of=/dev/vdb conv=fsync 2>/dev/null")
    disk = int(field.disks(guest)[-1])
    field.changed(guest, lambda: field.api.vm.detach(guest, disk), RUNNING)
    assert file_of(field, image).read_bytes()[:13] == b"kept-for-good"
    info = field.api.image.info(image)
    assert (info.STATE, info.RUNNING_VMS) == (1, 0)


def test_disks_stay_through_suspension_and_power_off(field: ChangingZone, guest: int) -> None:
    """A disk of each bus that can be plugged; one more comes while the guest is off, and one goes."""
    api = field.api
    field.changed(guest, lambda: api.vm.attach(guest, "DISK=[TYPE=fs,SIZE=9]"), RUNNING)
    field.changed(
        guest, lambda: api.vm.attach(guest, "DISK=[TYPE=fs,SIZE=10,DEV_PREFIX=vd]"), RUNNING
    )
    first, second = (int(disk) for disk in field.disks(guest)[-2:])
    field.sees(guest, "sda", 9)
    field.sees(guest, "vdb", 10)
    field.changed(guest, lambda: api.vm.action("suspend", guest), SUSPENDED)
    field.changed(guest, lambda: api.vm.action("resume", guest), RUNNING)
    field.sees(guest, "sda", 9)
    field.changed(guest, lambda: api.vm.action("poweroff-hard", guest), POWEROFF)
    text = "DISK=[TYPE=fs,SIZE=11,FORMAT=qcow2,FS=ext4,DEV_PREFIX=vd]"
    field.changed(guest, lambda: api.vm.attach(guest, text), POWEROFF)
    third = int(field.disks(guest)[-1])
    field.changed(guest, lambda: api.vm.detach(guest, second), POWEROFF)
    assert f"disk.{second}" not in field.files(guest)
    field.changed(guest, lambda: api.vm.action("resume", guest), RUNNING)
    field.sees(guest, "sda", 9)
    field.sees(guest, "vdb", 11)
    field.sees(guest, "vdc", None)
    for disk in (first, third):
        field.changed(guest, lambda disk=disk: api.vm.detach(guest, disk), RUNNING)
    field.sees(guest, "sda", None)


def test_what_cannot_be_attached_or_detached_is_refused_and_changes_nothing(
    field: ChangingZone, guest: int
) -> None:
    api, before = field.api, field.api.vm.info(guest).TEMPLATE
    busy = made(field, "NAME=busy\nTYPE=DATABLOCK\nSIZE=1\nPERSISTENT=YES")
    holder = api.template.instantiate(field.template, "holder", True, "DISK=[IMAGE=busy]")
    context = before["CONTEXT"]["DISK_ID"]
    for text, said in (
        ("DISK=[IMAGE=busy]", "persistent and in use"),
        ("DISK=[IMAGE_ID=999]", "999"),
        ("DISK=[TYPE=fs,SIZE=1,TARGET=vda]", "vda"),
        ("DISK=[TYPE=fs,SIZE=1,DEV_PREFIX=hd]", "IDE"),
        ("DISK=[TYPE=fs]", "SIZE"),
        ("NIC=[NETWORK=lan]", "one DISK"),
    ):
        with pytest.raises(pyone.OneException, match=said):
            api.vm.attach(guest, text)
    for disk, said in ((int(context), "context CD"), (999, "no disk 999")):
        with pytest.raises(pyone.OneActionException, match=said):
            api.vm.detach(guest, disk)
    with pytest.raises(pyone.OneActionException, match="not available for state HOLD"):
        api.vm.attach(holder, "DISK=[TYPE=fs,SIZE=1]")
    assert before == api.vm.info(guest).TEMPLATE
    api.vm.action("terminate", holder)
    wait_for(lambda: api.image.info(busy).RUNNING_VMS == 0, "the image is free")


def test_an_attach_that_fails_leaves_no_trace(field: ChangingZone, guest: int) -> None:
    """The image's file is lost: the host says what is missing, and all is as before."""
    image = made(field, "NAME=lost\nTYPE=DATABLOCK\nSIZE=1\nPERSISTENT=YES\nDEV_PREFIX=vd")
    before = field.disks(guest), field.files(guest), field.domain(guest)
    file_of(field, image).unlink()
    field.api.vm.attach(guest, "DISK=[IMAGE=lost]")
    field.wait_phase(guest, *RUNNING)
    wait_for(lambda: field.api.vm.info(guest).USER_TEMPLATE.get("ERROR"), "the error is shown")
    assert "image-" in field.api.vm.info(guest).USER_TEMPLATE["ERROR"]
    assert (field.disks(guest), field.files(guest), field.domain(guest)) == before
    assert field.api.image.info(image).RUNNING_VMS == 0


# ---- NICs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(field: ChangingZone) -> int:
    """Another network, which no host has until a NIC needs it."""
    network: int = field.api.vn.allocate(
        'NAME="other"\nVN_MAD="bridge"\nBRIDGE="inntest3"\nNAT="YES"\nGATEWAY="10.113.10.1"\n'
        'NETWORK_ADDRESS="10.113.10.0"\nNETWORK_MASK="255.255.255.0"\n'
        'AR=[TYPE="IP4",IP="10.113.10.10",SIZE="50"]',
        -1,
    )
    return network


def test_a_nic_is_plugged_in_and_out_twenty_times_without_a_trace(
    field: ChangingZone, guest: int, other: int
) -> None:
    """The guest takes it up by itself: its context comes with it."""
    api, before = field.api, (field.interfaces(), field.api.vm.info(guest).TEMPLATE["CONTEXT"])
    boot = field.answers(guest)["boot_id"]
    count = "ls -d /sys/class/net/eth* | wc -l"
    for number in range(20):
        field.changed(guest, lambda: api.vm.attachnic(guest, "NIC=[NETWORK=other]"), RUNNING)
        nic = field.nics(guest)[-1]
        assert f"one-{guest}-{nic['NIC_ID']}" in field.interfaces()
        if number in (0, 19):
            address = nic["IP"]
            wait_for(lambda ip=address: field.reaches(ip), f"{address} answers")
        wait_for(lambda: field.tell(guest, count) == "2", "the guest has two NICs")
        field.changed(guest, lambda n=nic: api.vm.detachnic(guest, int(n["NIC_ID"])), RUNNING)
        wait_for(lambda: field.tell(guest, count) == "1", "the guest has one NIC")
    assert (field.interfaces(), api.vm.info(guest).TEMPLATE["CONTEXT"]) == before
    assert api.vn.info(other).USED_LEASES == 0
    assert field.answers(guest)["boot_id"] == boot


def test_an_alias_is_an_address_that_comes_and_goes(field: ChangingZone, guest: int) -> None:
    api, name = field.api, field.nics(guest)[0]["NAME"]
    alias = f"NIC_ALIAS=[NETWORK=lan,PARENT={name}]"
    field.changed(guest, lambda: api.vm.attachnic(guest, alias), RUNNING)
    (made,) = field.nics(guest, "NIC_ALIAS")
    assert field.nics(guest)[0]["ALIAS_IDS"] == made["NIC_ID"]
    assert api.vm.info(guest).TEMPLATE["CONTEXT"]["ETH0_ALIAS0_IP"] == made["IP"]
    wait_for(
        lambda: made["IP"] in field.tell(guest, "cat /run/context/files/context.sh || true"),
        "it is told",
    )
    field.changed(guest, lambda: api.vm.detachnic(guest, int(made["NIC_ID"])), RUNNING)
    assert "ALIAS_IDS" not in field.nics(guest)[0]
    assert not [name for name in api.vm.info(guest).TEMPLATE["CONTEXT"] if "ALIAS" in name]


def test_what_a_guest_is_told_of_a_nic_can_be_changed(field: ChangingZone, guest: int) -> None:
    api = field.api
    field.changed(guest, lambda: api.vm.updatenic(guest, 0, "NIC=[METRIC=77]", 1), RUNNING)
    told = "ETH0_METRIC='77'"
    wait_for(
        lambda: told in field.tell(guest, "cat /run/context/files/context.sh || true"), "it is told"
    )
    field.changed(guest, lambda: api.vm.updatenic(guest, 0, "NIC=[DNS=10.113.11.1]", 0), RUNNING)
    assert "METRIC" not in field.nics(guest)[0]
    with pytest.raises(pyone.OneActionException, match="MAC of a NIC cannot be changed"):
        api.vm.updatenic(guest, 0, "NIC=[MAC=02:00:00:00:00:01]", 1)


def test_a_nic_that_comes_while_the_guest_is_off_is_there_when_it_starts(
    field: ChangingZone, guest: int, other: int
) -> None:
    api = field.api
    field.changed(guest, lambda: api.vm.action("poweroff-hard", guest), POWEROFF)
    api.vm.attachnic(guest, "NIC=[NETWORK=other]")
    nic = field.nics(guest)[-1]
    field.changed(guest, lambda: api.vm.action("resume", guest), RUNNING)
    wait_for(lambda: field.reaches(nic["IP"]), f"{nic['IP']} answers")
    field.changed(guest, lambda: api.vm.detachnic(guest, int(nic["NIC_ID"])), RUNNING)
    assert api.vn.info(other).USED_LEASES == 0
    assert "inntest3" not in field.interfaces()


# ---- snapshots ---------------------------------------------------------------------------------


def test_a_disk_goes_back_to_its_snapshot(field: ChangingZone, guest: int) -> None:
    """Taken while the guest runs; what was written since is gone, what was there then is back."""
    api, note = field.api, "cat /root/note 2>/dev/null || true"
    field.tell(guest, "echo before > /root/note; sync")
    field.changed(guest, lambda: api.vm.disksnapshotcreate(guest, 0, "good"), RUNNING)
    field.tell(guest, "echo after > /root/note; sync")
    field.changed(guest, lambda: api.vm.disksnapshotcreate(guest, 0, "worse"), RUNNING)
    (of,) = api.vm.info(guest).SNAPSHOTS
    shown = [(each.ID, each.NAME, each.PARENT, each.ACTIVE) for each in of.SNAPSHOT]
    assert shown == [(0, "good", -1, None), (1, "worse", 0, "YES")]
    field.changed(guest, lambda: api.vm.disksnapshotdelete(guest, 0, 1), RUNNING)
    with pytest.raises(pyone.OneActionException, match="not available for state RUNNING"):
        api.vm.disksnapshotrevert(guest, 0, 0)
    field.changed(guest, lambda: api.vm.action("poweroff-hard", guest), POWEROFF)
    field.changed(guest, lambda: api.vm.disksnapshotrevert(guest, 0, 0), POWEROFF)
    api.vm.disksnapshotrename(guest, 0, 0, "best")
    field.changed(guest, lambda: api.vm.action("resume", guest), RUNNING)
    assert field.tell(guest, note) == "before"
    field.changed(guest, lambda: api.vm.disksnapshotdelete(guest, 0, 0), RUNNING)
    assert api.vm.info(guest).SNAPSHOTS[0].SNAPSHOT == []


def test_a_guest_goes_back_with_its_memory(field: ChangingZone, guest: int) -> None:
    """The same boot, the same data in memory and on disk."""
    api, boot = field.api, field.answers(guest)["boot_id"]
    field.tell(guest, "echo then > /tmp/memory; echo then > /root/note; sync")
    field.changed(guest, lambda: api.vm.snapshotcreate(guest, "then"), RUNNING)
    field.tell(guest, "echo now > /tmp/memory; echo now > /root/note; sync")
    field.changed(guest, lambda: api.vm.snapshotrevert(guest, 0), RUNNING)
    assert field.tell(guest, "cat /tmp/memory /root/note").split() == ["then", "then"]
    assert field.answers(guest)["boot_id"] == boot


def test_another_vm_boots_from_a_disk_that_was_saved(field: ChangingZone, guest: int) -> None:
    """Saved while the guest runs; what was written before is in it, and the guest notices nothing."""
    api, boot = field.api, field.answers(guest)["boot_id"]
    field.tell(guest, "echo saved > /root/note; sync")
    image = api.vm.disksaveas(guest, 0, "golden", "", -1)
    field.wait_phase(guest, *RUNNING)
    wait_for(lambda: api.image.info(image).STATE in (1, 5), "the image is made")
    assert api.image.info(image).STATE == 1, api.image.info(image).TEMPLATE
    assert not list((field.host_root / "vms" / str(guest)).glob("saved*"))
    assert field.answers(guest)["boot_id"] == boot
    context = f'CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",SSH_PUBLIC_KEY="{field.public_key()}"]'
    text = f'NAME="heir"\nCPU="0.1"\nMEMORY="96"\nDISK=[IMAGE="golden"]\nNIC=[NETWORK="lan"]\n{context}'
    heir = api.vm.allocate(text)
    field.running(heir)
    assert field.answers(heir)["hostname"] == "heir"
    assert field.tell(heir, "cat /root/note") == "saved"
    api.vm.action("terminate-hard", heir)
    field.wait_phase(heir, 6)


# ---- sizes and configuration ---------------------------------------------------------------------


def test_disks_grow_in_the_eyes_of_the_guest(field: ChangingZone, guest: int) -> None:
    """The root disk while it runs, and once more while it is off; a persistent image grows with its disk."""
    api = field.api
    image = made(
        field, "NAME=more\nTYPE=DATABLOCK\nSIZE=8\nFORMAT=raw\nPERSISTENT=YES\nDEV_PREFIX=vd"
    )
    field.changed(guest, lambda: api.vm.attach(guest, "DISK=[IMAGE=more]"), RUNNING)
    disk = int(field.disks(guest)[-1])
    field.sees(guest, "vdb", 8)
    field.changed(guest, lambda: api.vm.diskresize(guest, disk, "24"), RUNNING)
    field.sees(guest, "vdb", 24)
    assert (api.image.info(image).SIZE, file_of(field, image).stat().st_size) == (24, 24 * MIB)
    field.changed(guest, lambda: api.vm.detach(guest, disk), RUNNING)
    field.changed(guest, lambda: api.vm.diskresize(guest, 0, "80"), RUNNING)
    field.sees(guest, "vda", 80)
    field.changed(guest, lambda: api.vm.action("poweroff-hard", guest), POWEROFF)
    field.changed(guest, lambda: api.vm.diskresize(guest, 0, "96"), POWEROFF)
    field.changed(guest, lambda: api.vm.action("resume", guest), RUNNING)
    field.sees(guest, "vda", 96)
    wait_for(lambda: int(field.answers(guest)["root_kb"]) > 75 * 1024, "its file system has grown")
    with pytest.raises(pyone.OneActionException, match="more than 96 MB"):
        api.vm.diskresize(guest, 0, "10")


def test_a_guest_gets_memory_and_processors_while_it_runs(field: ChangingZone, guest: int) -> None:
    """Within the limits that it was started with; beyond them the reason is told."""
    api = field.api
    memory = "awk '/MemTotal/ { print $2 }' /proc/meminfo"
    before = int(field.tell(guest, memory))
    field.changed(guest, lambda: api.vm.resize(guest, "MEMORY=144\nVCPU=2\nCPU=0.2", True), RUNNING)
    wait_for(
        lambda: int(field.tell(guest, memory)) > before + 30 * 1024, "the guest has more memory"
    )
    there = "ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l"
    wait_for(lambda: field.tell(guest, there) == "2", "the guest has two processors")
    info = api.vm.info(guest).TEMPLATE
    assert (info["MEMORY"], info["VCPU"], info["CPU"]) == ("144", "2", "0.2")
    assert api.host.info(field.host).HOST_SHARE.MEM_USAGE == 144 * 1024
    for text, said in (
        ("MEMORY=500", "MEMORY_MAX is 160"),
        ("VCPU=4", "VCPU_MAX is 2"),
        ("VCPU=1", "cannot shrink"),
        ("CPU=500", "does not fit"),
    ):
        with pytest.raises(pyone.OneActionException, match=said):
            api.vm.resize(guest, text, True)
    field.changed(guest, lambda: api.vm.resize(guest, "MEMORY=96", True), RUNNING)


def test_a_guest_is_told_its_new_name(field: ChangingZone, guest: int) -> None:
    change = 'CONTEXT=[SET_HOSTNAME="renamed"]'
    field.changed(guest, lambda: field.api.vm.updateconf(guest, change, 1), RUNNING)
    wait_for(lambda: field.answers(guest)["hostname"] == "renamed", "the guest has its new name")
