"""Checkpoints: which are whole, and whose domain they become."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import RefusedError
from innkeeper.host.hypervisor.checkpoint import is_whole
from innkeeper.host.hypervisor.domain_xml import NAMESPACE, Setting, domain_xml, remarked


def test_only_a_finished_file_is_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint"
    assert not is_whole(file)
    for content, whole in (
        (b"LibvirtQemudPart" + bytes(100), False),
        (b"LibvirtQemudSave" + bytes(100), True),
        (b"Libvirt", False),
        (b"", False),
    ):
        file.write_bytes(content)
        assert is_whole(file) is whole


def test_a_restored_domain_has_the_new_generation_and_folder() -> None:
    disk = {"disk": 0, "target": "vda", "format": "raw"}
    described = Arguments({"uuid": "u", "memory_mib": 32, "disks": [disk]})
    old = Setting(vm=12, generation=3, zone="z", folder=Path("/old/vms/12"))
    new = Setting(vm=12, generation=4, zone="z", folder=Path("/new/vms/12"))
    root = ET.fromstring(remarked(domain_xml(described, old), new))
    marks = root.findall(f"metadata/{{{NAMESPACE}}}vm")
    assert [(mark.get("generation"), mark.get("folder")) for mark in marks] == [
        ("4", "/new/vms/12")
    ]
    sources = {item.get("file") for item in root.iter() if item.get("file")}
    assert sources == {"/new/vms/12/disk.0", "/new/vms/12/serial.log"}


@pytest.mark.parametrize("xml", ["<domain/>", "<domain><metadata/></domain>"])
def test_a_checkpoint_of_somebody_else_is_refused(xml: str) -> None:
    setting = Setting(vm=12, generation=4, zone="z", folder=Path("/x"))
    with pytest.raises(RefusedError, match="not of a guest that this front end started"):
        remarked(xml, setting)
