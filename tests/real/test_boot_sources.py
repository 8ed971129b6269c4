"""Guests that boot from a kernel in a file, from a CD-ROM, from the disk beside it; files on their context CD."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.real.zone import Zone, wait_for

pytestmark = pytest.mark.real

POWEROFF, DONE = 8, 6
COMMAND = "root=LABEL=tinyroot console=ttyS0,115200 net.ifnames=0"


def register(zone: Zone, name: str, kind: str, path: Path, datastore: int) -> int:
    text = f'NAME="{name}"\nTYPE="{kind}"\nPATH="{path}"'
    image: int = zone.api.image.allocate(text, datastore)
    wait_for(lambda: zone.api.image.info(image).STATE == 1, f"image {name} is ready", 60)
    return image


def boot_cd(zone: Zone, path: Path) -> None:
    """A CD whose GRUB boots the small guest's kernel, and says so on its command line."""
    tree = path.with_suffix(".tree")
    (tree / "boot").mkdir(parents=True)
    for part in ("kernel", "initrd"):
        shutil.copyfile(f"{zone.image}.{part}", tree / "boot" / part)
    config = path.with_suffix(".cfg")
    config.write_text(
        "serial --unit=0 --speed=115200\nterminal_output serial\nset root=(cd)\n"
        f"linux /boot/kernel {COMMAND} booted=cd\ninitrd /boot/initrd\nboot\n"
    )
    core = tree / "boot" / "core.img"
    modules = ["biosdisk", "iso9660", "linux", "serial", "normal", "boot"]
    make = [
        "grub-mkimage",
        "-O",
        "i386-pc-eltorito",
        "-p",
        "/boot",
        "-c",
        config,
        "-o",
        core,
        *modules,
    ]
    subprocess.run(make, check=True)
    bootable = ["-b", "boot/core.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    subprocess.run(["genisoimage", "-quiet", "-R", "-o", path, *bootable, tree], check=True)


def made(zone: Zone, name: str, text: str) -> int:
    vm: int = zone.api.vm.allocate(
        f'NAME="{name}"\nCPU="0.1"\nMEMORY="128"\nNIC=[NETWORK="lan"]\n{text}', False
    )
    return vm


def booted_with(zone: Zone, vm: int) -> str:
    """The command line of the kernel that the guest runs now."""

    def found() -> list[str]:
        return [line for line in zone.serial(vm).splitlines() if "Command line:" in line]

    zone.running(vm)
    wait_for(found, f"VM {vm} boots a kernel")
    return found()[-1]


def test_a_kernel_from_files_and_files_on_the_context_cd(zone: Zone, tmp_path: Path) -> None:
    images = zone.data / "images"
    for part in ("kernel", "initrd"):
        register(
            zone, part, part.upper().replace("INITRD", "RAMDISK"), Path(f"{zone.image}.{part}"), 2
        )
    (images / "hello.txt").write_text("hello-from-a-file\n")
    register(zone, "hello.txt", "CONTEXT", images / "hello.txt", 2)
    vm = made(
        zone,
        "direct",
        'DISK=[IMAGE="tiny"]\nVCPU="2"\nTOPOLOGY=[SOCKETS="1",CORES="2",THREADS="1"]\n'
        f'OS=[KERNEL_DS="$FILE[IMAGE=kernel]",INITRD_DS="$FILE[IMAGE=initrd]",KERNEL_CMD="{COMMAND} booted=files"]\n'
        'CONTEXT=[NETWORK="YES",FILES_DS="$FILE[IMAGE=\\"hello.txt\\"]",START_SCRIPT='
        '"cat /run/context/files/hello.txt > /dev/console; grep -c processor /proc/cpuinfo > /dev/console"]',
    )
    assert "booted=files" in booted_with(zone, vm)
    assert zone.answers(vm)["cpus"] == "2"
    wait_for(lambda: "hello-from-a-file" in zone.serial(vm), "the start script found its file")
    zone.api.vm.action("terminate-hard", vm)
    zone.wait_phase(vm, DONE)


def test_boot_order_between_a_cd_and_a_disk(zone: Zone, tmp_path: Path) -> None:
    iso = zone.data / "images" / "boot.iso"
    boot_cd(zone, iso)
    register(zone, "boot-cd", "CDROM", iso, 1)
    disks = 'DISK=[IMAGE="tiny"]\nDISK=[IMAGE="boot-cd"]\nCONTEXT=[NETWORK="YES"]'
    from_cd = made(zone, "cd-first", f'{disks}\nOS=[BOOT="disk1,disk0"]')
    assert "booted=cd" in booted_with(zone, from_cd)
    zone.answers(from_cd)
    zone.api.vm.action("terminate-hard", from_cd)
    from_disk = made(zone, "disk-first", f'{disks}\nOS=[BOOT="disk0,disk1"]')
    zone.answers(from_disk)
    assert "booted=cd" not in zone.serial(from_disk)
    zone.api.vm.action("terminate-hard", from_disk)
    for vm in (from_cd, from_disk):
        zone.wait_phase(vm, DONE)
    wait_for(lambda: not zone.leftovers(), f"nothing left: {zone.leftovers()}", 30)


def test_a_full_file_system_is_told_and_nothing_stays(zone: Zone) -> None:
    number = zone.api.datastore.allocate("NAME=full\nDS_MAD=fs\nTM_MAD=local", -1)
    store = Path(zone.api.datastore.info(number).BASE_PATH)
    store.mkdir()
    # The front end may have a view of its own (`cli/local/view.py`), and this machine's mounts are private.
    inside = ["nsenter", f"--mount=/proc/{zone.daemon.pid}/ns/mnt"]
    options = f"size=6m,uid={zone.user.uid},gid={zone.user.gid}"
    subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", options, "tmpfs", store], check=True)
    try:
        text = f'NAME="too large"\nPATH="{zone.image}"'
        image = zone.api.image.allocate(text, number)
        wait_for(lambda: zone.api.image.info(image).STATE == 5, "the image has failed", 60)
        assert (
            f"no room in the datastore at {store}" in zone.api.image.info(image).TEMPLATE["ERROR"]
        )
        assert list(Path(f"/proc/{zone.daemon.pid}/root{store}").iterdir()) == []
        zone.api.image.delete(image)
        wait_for(lambda: not zone.api.datastore.info(number).IMAGES.ID, "it is deleted", 30)
    finally:
        subprocess.run([*inside, "umount", store], check=True)
    zone.api.datastore.delete(number)
