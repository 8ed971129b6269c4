"""Paravirtualized guests of Xen as libvirt's XML, and when their memory is whole."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import BadArgsError, RefusedError
from innkeeper.host.hypervisor.checkpoint import is_whole
from innkeeper.host.hypervisor.domain_xml import NAMESPACE, Setting
from innkeeper.host.hypervisor.libvirt_xen import XenGuests, device_name, xen_xml

FOLDER = Path("/srv/root/vms/12")
GUEST: dict[str, Any] = {
    "uuid": "0a1b2c3d-0000-4000-8000-00000000000c",
    "title": "web",
    "memory_mib": 128,
    "cpu_shares": 512,
    "hypervisor": "xen",
    "kernel": "kernel",
    "initrd": "initrd",
    "cmdline": "root=LABEL=tinyroot console=hvc0",
    "disks": [
        {"disk": 0, "target": "vda", "device": "disk", "format": "qcow2", "cache": "none"},
        {"disk": 1, "target": "hda", "device": "cdrom", "format": "raw", "readonly": True},
    ],
    "nics": [{"nic": 0, "mac": "02:00:0a:00:00:05", "bridge": "br0", "model": "virtio"}],
}


def rendered(**more: Any) -> ET.Element:
    setting = Setting(vm=12, generation=3, zone="z", folder=FOLDER)
    return ET.fromstring(xen_xml(Arguments({**GUEST, **more}, "domain"), setting))


def test_its_host_starts_its_kernel() -> None:
    root = rendered()
    assert (root.get("type"), root.find("os/type").get("machine")) == ("xen", "xenpv")
    assert root.findtext("os/kernel") == str(FOLDER / "kernel")
    assert root.findtext("os/cmdline") == GUEST["cmdline"]
    assert root.find(f"metadata/{{{NAMESPACE}}}vm").get("generation") == "3"
    with pytest.raises(RefusedError, match="needs a KERNEL in OS"):
        rendered(kernel=None)


def test_its_disks_are_xens_and_a_cd_is_one_that_cannot_be_written_to() -> None:
    found = [
        (
            d.get("device"),
            d.find("target").attrib,
            d.find("readonly") is not None,
            d.find("driver").attrib,
        )
        for d in rendered().findall("devices/disk")
    ]
    assert found == [
        ("disk", {"dev": "xvda", "bus": "xen"}, False, {"name": "qemu", "type": "qcow2"}),
        ("disk", {"dev": "xvdz", "bus": "xen"}, True, {"name": "phy", "type": "raw"}),
    ]


def test_a_disk_with_layers_is_not_read_only() -> None:
    disk = {**GUEST["disks"][0], "readonly": True}
    with pytest.raises(RefusedError, match="disk 0: under Xen only a raw disk can be read only"):
        rendered(disks=[disk])


@pytest.mark.parametrize(
    ("target", "name"),
    [("vda", "xvda"), ("sdc", "xvdc"), ("xvdb", "xvdb"), ("hda", "xvdz"), ("hdb", "xvdy")],
)
def test_targets_have_xens_names(target: str, name: str) -> None:
    assert device_name(target) == name


def test_its_nic_is_a_plain_port_of_the_bridge() -> None:
    nic = rendered().find("devices/interface")
    assert {child.tag for child in nic} == {"source", "mac", "target"}
    assert nic.find("target").get("dev") == "one-12-0"


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(BadArgsError, match="memory_mib"):
        rendered(memory_mib="much")


class Domain:
    """A domain that writes a checkpoint as libvirt's driver for Xen does, to its end or not."""

    def __init__(self, *, breaks: bool) -> None:
        self.breaks = breaks

    def save(self, path: str) -> None:
        Path(path).write_bytes(b"libvirt-xml\n \0 \rmemory")
        if self.breaks:
            raise OSError("no space")


@pytest.mark.parametrize("breaks", [False, True])
def test_only_memory_that_is_whole_is_a_checkpoint(tmp_path: Path, breaks: bool) -> None:
    hypervisor = XenGuests("zone", tmp_path, lambda: "none", lambda **_: None)
    checkpoint = tmp_path / "checkpoint"
    with contextlib.suppress(OSError):
        hypervisor.save_memory(Domain(breaks=breaks), checkpoint)
    assert is_whole(checkpoint) is not breaks
    assert len(list(tmp_path.iterdir())) == (0 if breaks else 1)
