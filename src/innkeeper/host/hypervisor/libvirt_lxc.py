"""Containers: OS-level VMs under libvirt's LXC driver.

A container is a VM whose disks are folders: the root file system is its disk 0, unpacked from an image
(`disks/tree.py`), its context a folder that it sees as /context. Root inside is nobody outside: users and groups are
mapped to numbers that the host does not use. Its power button is a signal to its init; which one, depends on the init.
"""

from __future__ import annotations

import contextlib
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..disks.tree import FIRST_ID, IDS
from ..errors import MissingError, RefusedError
from ..folders import VmFolder
from . import statistics
from .binding import libvirt
from .domain_xml import NAMESPACE, Setting, domain_name, head_xml, nic_xml, vm_of_name
from .libvirt_qemu import Hypervisor, state_of

#: The signals that mean power off and reboot to an init, by what /sbin/init leads to; else LXC's convention.
_POWER_OFF, _REBOOT = {"systemd": 38, "busybox": 12}, {"systemd": 2, "busybox": 15}
_USUAL_POWER_OFF, _USUAL_REBOOT = 30, 2
#: What libvirt leaves in its run folder when a container has ended.
_LEFT = ("dev", "devpts", "fuse", "sock")


class Containers(Hypervisor):
    """The containers of one root on this host."""

    NAME = "lxc"
    URI = "lxc:///system"
    RUN_FOLDER = Path("/run/libvirt/lxc")
    LOG_FOLDER = Path("/var/log/libvirt/lxc")

    def describe(self, folder: VmFolder, generation: int, description: Arguments) -> str:
        """The libvirt XML of a container, whose folders are all there."""
        for disk in description.parts("disks", required=False):
            if not (file := folder.disk(disk.integer("disk"))).is_dir():
                raise MissingError(str(file))
        return container_xml(description, self.setting(folder, generation, {}))

    def statistics(self) -> list[tuple[Any, dict[str, Any]]]:
        """The live containers with libvirt's statistics of each: this driver has no bulk call."""
        return statistics.one_by_one(self.connection.get())

    def press(self, domain: Any) -> None:
        """Sends the init what tells it to power off."""
        module = libvirt()
        with contextlib.suppress(module.libvirtError):
            if state_of(domain) == "paused":
                domain.resume()
            self._signal(domain, _POWER_OFF, _USUAL_POWER_OFF)

    def reboot(self, vm: int, hard: bool) -> None:
        """Tells the init to reboot: libvirt starts the container anew. There is no reset."""
        if hard:
            raise RefusedError(
                "a container cannot be reset; it can be rebooted, or powered off hard"
            )
        self._signal(self.running(vm), _REBOOT, _USUAL_REBOOT)

    def _signal(self, domain: Any, by_init: dict[str, int], usual: int) -> None:
        vm = vm_of_name(domain.name())
        leads_to = init_of(self._vms / str(vm) / "disk.0")
        domain.sendProcessSignal(1, by_init.get(leads_to, usual))

    def remove_traces(self, vm: int) -> None:
        super().remove_traces(vm)
        for name in _LEFT:
            left = self.RUN_FOLDER / f"{domain_name(vm)}.{name}"
            if left.is_dir() and not left.is_mount():
                shutil.rmtree(left, ignore_errors=True)
            elif left.is_socket():
                left.unlink()


def init_of(root: Path) -> str:
    """The name of the program that /sbin/init in a root file system is a link to; empty for none."""
    try:
        return (root / "sbin" / "init").readlink().name
    except OSError:
        return ""


def container_xml(domain: Arguments, setting: Setting) -> str:
    """The libvirt XML of a container; BadArgsError names what is wrong in the description."""
    ET.register_namespace("inn", NAMESPACE)
    root = head_xml("lxc", domain, setting)
    system = ET.SubElement(root, "os")
    ET.SubElement(system, "type", arch=domain.text("arch", "x86_64")).text = "exe"
    ET.SubElement(system, "init").text = domain.text("init", "/sbin/init")
    mapping = ET.SubElement(root, "idmap")
    for kind in ("uid", "gid"):
        ET.SubElement(mapping, kind, start="0", target=str(FIRST_ID), count=str(IDS))
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        ET.SubElement(root, f"on_{event}").text = action
    devices = ET.SubElement(root, "devices")
    for disk in domain.parts("disks", required=False):
        devices.append(_folder_xml(disk, setting))
    for nic in domain.parts("nics", required=False):
        devices.append(_nic_xml(nic, setting.vm))
    ET.SubElement(devices, "console", type="pty")
    return ET.tostring(root, encoding="unicode")


def _folder_xml(disk: Arguments, setting: Setting) -> ET.Element:
    """A disk's folder, at its place in the container: the first is the root, a CD is the context."""
    number = disk.integer("disk")
    context = disk.choice("device", ("disk", "cdrom"), "disk") == "cdrom"
    place = "/context" if context else "/" if number == 0 else f"/media/one-disk.{number}"
    element = ET.Element("filesystem", type="mount", accessmode="passthrough")
    ET.SubElement(element, "source", dir=str(setting.folder / f"disk.{number}"))
    ET.SubElement(element, "target", dir=place)
    if context or disk.flag("readonly"):
        ET.SubElement(element, "readonly")
    return element


def _nic_xml(nic: Arguments, vm: int) -> ET.Element:
    """A pair of interfaces: one in the bridge, the other is ethN inside."""
    element = nic_xml(nic, vm)
    for tag in ("model", "rom", "boot", "alias"):
        for child in element.findall(tag):
            element.remove(child)
    ET.SubElement(element, "guest", dev=f"eth{nic.integer('nic')}")
    return element
