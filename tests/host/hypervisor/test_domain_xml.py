"""Descriptions of domains as libvirt's XML, checked against libvirt's own schema."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks.place import Source
from innkeeper.host.errors import BadArgsError, RefusedError
from innkeeper.host.hypervisor.domain_xml import NAMESPACE, Setting, domain_xml, vm_of_name

FOLDER = Path("/srv/root/vms/12")

FULL: dict[str, Any] = {
    "name": "one-12",
    "uuid": "0a1b2c3d-0000-4000-8000-00000000000c",
    "title": "web <1> & \x07 more",
    "memory_mib": 1024,
    "vcpus": 2,
    "cpu_shares": 512,
    "arch": "x86_64",
    "machine": None,
    "firmware": "bios",
    "disks": [
        {"disk": 0, "target": "vda", "device": "disk", "format": "qcow2", "boot": 1},
        {"disk": 2, "target": "sdb", "device": "disk", "format": "raw", "cache": "writeback"},
        {"disk": 1, "target": "hda", "device": "cdrom", "format": "raw", "readonly": True},
    ],
    "nics": [
        {"nic": 0, "mac": "02:00:0a:00:00:05", "bridge": "br0", "model": "virtio"},
        {"nic": 1, "mac": "02:00:0a:00:00:06", "bridge": "br1", "target": "tap9", "boot": 2},
    ],
    "graphics": {"type": "vnc", "listen": "0.0.0.0", "port": 5912, "password": "s", "keymap": "de"},
    "features": {"acpi": True, "apic": True, "pae": True, "guest_agent": True},
    "inputs": [{"type": "tablet", "bus": "usb"}],
}
SMALL = {"uuid": FULL["uuid"], "memory_mib": 32}


def setting(**more: Any) -> Setting:
    return Setting(vm=12, generation=3, zone="z", folder=FOLDER, **more)


def rendered(description: dict[str, Any], **more: Any) -> ET.Element:
    return ET.fromstring(domain_xml(Arguments(description, "domain"), setting(**more)))


def attributes(root: ET.Element, path: str) -> dict[str, str]:
    found = root.find(path)
    assert found is not None, path
    return dict(found.attrib)


#: Descriptions that touch every part; libvirt's schema is held against them in test_real_schema.py.
UEFI = {**SMALL, "firmware": "uefi", "machine": "q35", "cpu_model": "host-passthrough"}
TUNED = {
    **SMALL,
    "vcpus": 4,
    "kernel": "kernel",
    "initrd": "initrd",
    "emulator": "/usr/bin/qemu-system-x86_64",
    "cpu_model": "Nehalem",
    "cpu_features": ["aes"],
    "topology": {"sockets": 1, "cores": 2, "threads": 2},
    "video": "virtio",
    "vram": 4096,
    "resolution": "800x600",
    "features": {"localtime": True},
    "disks": [
        {"disk": 0, "target": "vda", "format": "raw", "io": "threads", "discard": "ignore",
         "serial": "12-0", "throttles": {"total_iops_sec": 500, "write_bytes_sec_max": 4096}},
    ],
}  # fmt: skip
DIRECT = {**SMALL, "kernel": "/k", "initrd": "/i", "cmdline": "root=/dev/vda", "video": "virtio"}


def test_the_basics() -> None:
    root = rendered(FULL)
    assert root.findtext("name") == "one-12" and root.findtext("uuid") == FULL["uuid"]
    assert root.findtext("title") == "web <1> &  more"
    assert (root.findtext("memory"), root.findtext("vcpu")) == ("1024", "2")
    assert root.findtext("cputune/shares") == "512"
    assert attributes(root, "os/type") == {"arch": "x86_64", "machine": "pc"}
    assert {item.tag for item in root.findall("features/*")} == {"acpi", "apic", "pae", "tcg"}
    assert root.findtext("on_crash") == "destroy"


def test_the_mark_says_whose_domain_it_is() -> None:
    assert attributes(rendered(SMALL), f"metadata/{{{NAMESPACE}}}vm") == {
        "number": "12",
        "generation": "3",
        "zone": "z",
        "folder": str(FOLDER),
    }


@pytest.mark.parametrize(("memory", "cache"), [(16, "32"), (96, "48"), (512, "256"), (9000, "512")])
def test_emulation_gets_a_translation_cache_that_fits_the_guest(memory: int, cache: str) -> None:
    root = rendered({**SMALL, "memory_mib": memory})
    assert root.get("type") == "qemu"
    assert root.findtext("features/tcg/tb-cache") == cache
    assert rendered(SMALL, accelerator="kvm").find("features/tcg") is None


@pytest.mark.parametrize(
    ("accelerator", "asked", "mode", "model"),
    [
        ("tcg", None, "custom", "qemu64"),
        ("tcg", "Westmere", "custom", "Westmere"),
        ("tcg", "host-passthrough", "maximum", None),
        ("kvm", None, "host-passthrough", None),
        ("kvm", "host-model", "host-model", None),
        ("kvm", "EPYC", "custom", "EPYC"),
    ],
)
def test_the_cpu_is_one_that_can_be_had(
    accelerator: str, asked: str | None, mode: str, model: str | None
) -> None:
    root = rendered({**SMALL, "cpu_model": asked}, accelerator=accelerator)
    assert root.get("type") == ("kvm" if accelerator == "kvm" else "qemu")
    assert attributes(root, "cpu")["mode"] == mode
    assert root.findtext("cpu/model") == model


def test_what_is_tuned() -> None:
    root = rendered(TUNED)
    assert root.findtext("os/kernel") == f"{FOLDER}/kernel"
    assert root.findtext("os/initrd") == f"{FOLDER}/initrd"
    assert root.findtext("devices/emulator") == TUNED["emulator"]
    assert attributes(root, "cpu/topology") == {"sockets": "1", "cores": "2", "threads": "2"}
    assert attributes(root, "cpu/feature") == {"policy": "require", "name": "aes"}
    assert attributes(root, "clock") == {"offset": "localtime"}
    driver = attributes(root, "devices/disk/driver")
    assert (driver["io"], driver["discard"]) == ("threads", "ignore")
    assert root.findtext("devices/disk/serial") == "12-0"
    assert root.findtext("devices/disk/iotune/total_iops_sec") == "500"
    assert attributes(root, "devices/video/model") == {"type": "virtio", "vram": "4096"}
    assert attributes(root, "devices/video/model/resolution") == {"x": "800", "y": "600"}


def test_enlightenments_for_windows_need_kvm() -> None:
    wanted = {**SMALL, "features": {"hyperv": True}}
    root = rendered(wanted, accelerator="kvm")
    assert attributes(root, "features/hyperv/relaxed") == {"state": "on"}
    with pytest.raises(RefusedError, match="HYPERV needs KVM"):
        rendered(wanted)


def test_disks_lie_in_the_vms_folder_on_the_bus_of_their_target() -> None:
    disks = rendered(FULL).findall("devices/disk")
    assert [attributes(disk, "source")["file"] for disk in disks] == [
        f"{FOLDER}/disk.{number}" for number in (0, 2, 1)
    ]
    assert [attributes(disk, "target")["bus"] for disk in disks] == ["virtio", "scsi", "ide"]
    assert [attributes(disk, "driver")["cache"] for disk in disks] == ["none", "writeback", "none"]
    assert [disk.find("readonly") is not None for disk in disks] == [False, False, True]
    assert attributes(disks[0], "boot") == {"order": "1"}
    assert rendered(FULL).find("devices/controller[@type='scsi']") is not None
    assert rendered(FULL, cache="writeback").find("devices/disk/driver[@cache='none']") is None


def test_layers_under_a_disk_are_not_given_to_qemus_user() -> None:
    root = rendered(FULL, backing={0: [("/b/1", "qcow2"), ("/b/0", "raw")]})
    layers = root.findall("devices/disk/backingStore//seclabel")
    assert [layer.get("relabel") for layer in layers] == ["no", "no"]
    files = [item.get("file") for item in root.findall("devices/disk/backingStore//source")]
    assert files == ["/b/1", "/b/0"]


def test_an_ide_disk_of_machine_q35_is_on_sata() -> None:
    root = rendered({**FULL, "machine": "pc-q35-7.2"})
    assert attributes(root, "devices/disk/target[@dev='hda']")["bus"] == "sata"


def test_interfaces() -> None:
    first, second = rendered(FULL).findall("devices/interface")
    assert attributes(first, "target") == {"dev": "one-12-0"}
    assert attributes(first, "rom") == {"enabled": "no"} and first.find("boot") is None
    assert attributes(second, "source") == {"bridge": "br1"}
    assert attributes(second, "target") == {"dev": "tap9"}
    assert second.find("rom") is None and attributes(second, "boot") == {"order": "2"}


def test_the_screen() -> None:
    root = rendered(FULL)
    assert attributes(root, "devices/graphics") == {
        "type": "vnc", "listen": "0.0.0.0", "autoport": "no", "port": "5912", "passwd": "s",
        "keymap": "de",
    }  # fmt: skip
    assert attributes(root, "devices/video/model")["type"] == "cirrus"
    assert attributes(rendered(SMALL), "devices/video/model")["type"] == "none"
    auto = rendered({**SMALL, "graphics": {"port": None}})
    assert attributes(auto, "devices/graphics")["autoport"] == "yes"


def test_uefi_keeps_its_variables_in_the_vms_folder() -> None:
    root = rendered(UEFI)
    assert attributes(root, "os") == {"firmware": "efi"}
    assert root.findtext("os/nvram") == f"{FOLDER}/nvram"


def test_raw_xml_is_merged_into_what_is_there() -> None:
    raw = (
        "<devices><watchdog model='i6300esb'/></devices><cpu mode='maximum'/>"
        "<seclabel type='none' model='x'/><seclabel type='none' model='y'/>"
        "<qemu:commandline><qemu:arg value='-v'/></qemu:commandline>"
    )
    root = rendered({**FULL, "raw": raw})
    assert len(root.findall("devices")) == len(root.findall("cpu")) == 1
    assert root.find("devices/watchdog") is not None and root.find("devices/disk") is not None
    assert attributes(root, "cpu") == {"mode": "maximum"}
    assert [label.get("model") for label in root.findall("seclabel")] == ["x", "y"]
    assert root.find("{http://libvirt.org/schemas/domain/qemu/1.0}commandline") is not None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"memory_mib": 0}, "domain.memory_mib"),
        ({"memory_mib": None}, "domain.memory_mib"),
        ({"uuid": 5}, "domain.uuid"),
        ({"vcpus": "two"}, "domain.vcpus"),
        ({"firmware": "coreboot"}, "domain.firmware"),
        ({"kernel": "vmlinuz"}, "domain.kernel"),
        ({"disks": [{"disk": 0, "target": "vda", "format": "vmdk"}]}, "domain.disks[0].format"),
        ({"disks": [{"disk": -1, "target": "vda", "format": "raw"}]}, "domain.disks[0].disk"),
        ({"nics": [{"nic": 0, "mac": "x", "bridge": "br0"}]}, "domain.nics[0].mac"),
        ({"nics": [{"nic": 0, "mac": "02:00:00:00:00:01"}]}, "domain.nics[0].bridge"),
        ({"graphics": {"type": "sdl"}}, "domain.graphics.type"),
        ({"raw": "<a>"}, "domain.raw"),
        ({"raw": "<!DOCTYPE a><a/>"}, "domain.raw"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(BadArgsError) as caught:
        rendered({**FULL, **wrong})
    assert caught.value.argument == named


def test_only_our_names_are_vms() -> None:
    assert vm_of_name("one-12") == 12
    assert vm_of_name("one-12-0") is vm_of_name("zone-1") is vm_of_name("one-x") is None


ARM = {**FULL, "arch": "aarch64"}
del ARM["cpu_shares"]


def test_another_architecture_is_emulated_whatever_the_host_has() -> None:
    root = rendered(ARM, accelerator="kvm")
    assert root.get("type") == "qemu"
    assert attributes(root, "os/type") == {"arch": "aarch64", "machine": "virt"}
    assert attributes(root, "os")["firmware"] == "efi"
    assert root.findtext("cpu/model") == "cortex-a57"
    assert root.find("features/acpi") is not None and root.find("features/tcg") is not None
    assert root.find("features/apic") is None and root.find("features/pae") is None
    assert attributes(root, "devices/video/model") == {"type": "virtio"}
    native = rendered(ARM, accelerator="kvm", arch="aarch64")
    assert native.get("type") == "kvm"


def test_arms_machine_has_no_ide() -> None:
    targets = {t.get("dev"): t.get("bus") for t in rendered(ARM).findall("devices/disk/target")}
    assert targets == {"vda": "virtio", "sdb": "scsi", "vdz": "virtio"}
    cd = rendered(ARM).find("devices/disk/target[@dev='vdz']/..")
    assert cd.get("device") == "disk" and cd.find("readonly") is not None


def test_a_kernel_of_its_own_needs_no_firmware() -> None:
    root = rendered({**SMALL, "arch": "aarch64", "kernel": "/k"})
    assert "firmware" not in attributes(root, "os")
    assert root.find("features/acpi") is None


#: Disks that are no files, by number; libvirt's schema is held against them, too.
OUTSIDE = {
    0: Source(
        protocol="rbd", name="one/one-5-12-0", hosts=(("10.0.0.1", "6789"), ("fd00::1", "3300")),
        user="inn", secret="0a1b2c3d-0000-4000-8000-00000000000d",
    ),
    2: Source(device=Path("/dev/vg-one-7/lv-one-12-2")),
}  # fmt: skip


def test_disks_that_are_no_files() -> None:
    root = rendered(FULL, sources=OUTSIDE)
    network, block, file = root.findall("devices/disk")
    assert [disk.get("type") for disk in (network, block, file)] == ["network", "block", "file"]
    assert attributes(network, "source") == {"protocol": "rbd", "name": "one/one-5-12-0"}
    assert [dict(host.attrib) for host in network.findall("source/host")] == [
        {"name": "10.0.0.1", "port": "6789"}, {"name": "fd00::1", "port": "3300"},
    ]  # fmt: skip
    assert attributes(network, "source/auth") == {"username": "inn"}
    secret = {"type": "ceph", "uuid": "0a1b2c3d-0000-4000-8000-00000000000d"}
    assert attributes(network, "source/auth/secret") == secret
    assert attributes(block, "source") == {"dev": "/dev/vg-one-7/lv-one-12-2"}
    assert attributes(network, "alias") == {"name": "ua-disk-0"}
