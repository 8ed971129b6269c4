"""Containers as libvirt's XML, and which signal their init understands."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.disks.tree import FIRST_ID
from innkeeper.host.errors import BadArgsError
from innkeeper.host.hypervisor.domain_xml import NAMESPACE, Setting
from innkeeper.host.hypervisor.libvirt_lxc import container_xml, init_of

FOLDER = Path("/srv/root/vms/12")
CONTAINER: dict[str, Any] = {
    "uuid": "0a1b2c3d-0000-4000-8000-00000000000c",
    "title": "web",
    "memory_mib": 64,
    "cpu_shares": 512,
    "hypervisor": "lxc",
    "disks": [
        {"disk": 0, "target": "vda", "device": "disk", "format": "qcow2"},
        {"disk": 1, "target": "vdb", "device": "disk", "format": "raw", "readonly": True},
        {"disk": 2, "target": "hda", "device": "cdrom", "format": "raw", "readonly": True},
    ],
    "nics": [{"nic": 0, "mac": "02:00:0a:00:00:05", "bridge": "br0", "model": "virtio"}],
}


def rendered(**more: Any) -> ET.Element:
    setting = Setting(vm=12, generation=3, zone="z", folder=FOLDER)
    return ET.fromstring(container_xml(Arguments({**CONTAINER, **more}, "domain"), setting))


def test_its_disks_are_folders_at_their_places() -> None:
    found = [
        (f.find("source").get("dir"), f.find("target").get("dir"), f.find("readonly") is not None)
        for f in rendered().findall("devices/filesystem")
    ]
    assert found == [
        (f"{FOLDER}/disk.0", "/", False),
        (f"{FOLDER}/disk.1", "/media/one-disk.1", True),
        (f"{FOLDER}/disk.2", "/context", True),
    ]


def test_its_nic_has_a_known_name_on_both_sides_and_nothing_of_a_card() -> None:
    nic = rendered().find("devices/interface")
    assert nic.find("target").get("dev") == "one-12-0"
    assert nic.find("guest").get("dev") == "eth0"
    assert nic.find("source").get("bridge") == "br0"
    assert nic.find("model") is None and nic.find("rom") is None


def test_it_is_marked_as_ours_and_its_root_is_nobody() -> None:
    root = rendered()
    assert root.get("type") == "lxc"
    assert root.find(f"metadata/{{{NAMESPACE}}}vm").get("generation") == "3"
    for kind in ("uid", "gid"):
        assert root.find(f"idmap/{kind}").get("target") == str(FIRST_ID)
    assert root.findtext("os/init") == "/sbin/init"
    assert rendered(init="/bin/own").findtext("os/init") == "/bin/own"


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(BadArgsError, match="memory_mib"):
        rendered(memory_mib="much")


@pytest.mark.parametrize(
    ("link", "name"),
    [("/lib/systemd/systemd", "systemd"), ("../bin/busybox", "busybox"), (None, "")],
)
def test_the_init_is_known_by_what_it_leads_to(tmp_path: Path, link: str | None, name: str) -> None:
    (tmp_path / "sbin").mkdir()
    if link:
        (tmp_path / "sbin" / "init").symlink_to(link)
    assert init_of(tmp_path) == name
