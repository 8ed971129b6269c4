"""Paravirtualized guests of Xen, through libvirt's libxl driver.

Such a guest needs no virtualization by the processor: its kernel knows that it runs under Xen. It has no firmware, so
the host starts its kernel for it, from files; its disks are block devices of Xen's own (`xvda`), which a QEMU in the
host's first domain serves from the same files as anywhere else; its power button is a word in XenStore.

libvirt writes a guest's memory in a format of its own for Xen, with nothing in it that tells whether it is whole, and
lets nobody change the description in it. So the memory goes to a file beside, which gets its name when the domain is
gone; and what marks the domain as ours is set when it has been restored, before it goes on.
"""

from __future__ import annotations

import contextlib
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import MissingError, RefusedError
from ..files import written_beside
from ..folders import VmFolder
from . import statistics
from .binding import libvirt
from .domain_xml import (
    NAMESPACE,
    Setting,
    boot_files,
    disk_xml,
    domain_name,
    head_xml,
    identity_xml,
    nic_xml,
)
from .libvirt_qemu import Hypervisor, state_of

#: Where Debian has the QEMU that serves disks to paravirtualized guests; libvirt would look elsewhere.
_DISK_SERVER = Path("/usr/libexec/xen-qemu-system-i386")
_LIBVIRT_LOGS = Path("/var/log/libvirt/libxl")
#: What an element has that means nothing to Xen.
_FOREIGN = ("alias", "boot", "model", "rom", "serial", "iotune")


class XenGuests(Hypervisor):
    """The paravirtualized guests of one root on this host."""

    NAME = "xen"
    URI = "xen:///system"
    RUN_FOLDER = Path("/run/libvirt/libxl")
    LOG_FOLDER = Path("/var/log/xen")

    def describe(self, folder: VmFolder, generation: int, description: Arguments) -> str:
        """The libvirt XML of a guest, whose disks are all there."""
        for disk in description.parts("disks", required=False):
            if not (file := folder.disk(disk.integer("disk"))).exists():
                raise MissingError(str(file))
        return xen_xml(description, self.setting(folder, generation, {}))

    def statistics(self) -> list[tuple[Any, dict[str, Any]]]:
        """The live guests with libvirt's statistics of each: this driver has no bulk call."""
        return statistics.one_by_one(self.connection.get())

    def capacity(self) -> dict[str, int]:
        """What guests can have: the machine's processors, and its memory without that of the first domain."""
        connection = self.connection.get()
        _, memory_mib, cpus, *_ = connection.getInfo()
        return {
            "cpus": cpus,
            "memory_kib": memory_mib * 1024 - connection.lookupByID(0).maxMemory(),
        }

    def press(self, domain: Any) -> None:
        """Tells the guest's kernel to power off."""
        with contextlib.suppress(libvirt().libvirtError):
            if state_of(domain) == "paused":
                domain.resume()
            domain.shutdownFlags(0)

    def reboot(self, vm: int, hard: bool) -> None:
        """Tells the guest's kernel to reboot; its domain is made anew then."""
        if hard:
            raise RefusedError(
                "a guest under Xen cannot be reset; it can be powered off, and resumed"
            )
        domain = self.running(vm)
        self.watcher.will_start_over(vm)
        domain.reboot(0)

    def save_memory(self, domain: Any, checkpoint: Path) -> None:
        """The memory in a file beside, then under the checkpoint's name: only one that is whole has it."""
        with written_beside(checkpoint) as part:
            domain.save(str(part))

    def restore_memory(self, folder: VmFolder, generation: int) -> None:
        """The guest, paused, with its memory and its mark."""
        self.connection.get().restoreFlags(
            str(folder.checkpoint), None, libvirt().VIR_DOMAIN_SAVE_PAUSED
        )
        self.mark_again(folder, generation)

    def mark_again(self, folder: VmFolder, generation: int) -> None:
        """A restored domain still says with which generation it was saved."""
        module = libvirt()
        mark = identity_xml(self.setting(folder, generation, {}))
        mark.tag = "vm"  # libvirt puts it into the name space itself
        text, live = ET.tostring(mark, encoding="unicode"), module.VIR_DOMAIN_AFFECT_LIVE
        element = module.VIR_DOMAIN_METADATA_ELEMENT
        self.running(folder.vm).setMetadata(element, text, "inn", NAMESPACE, live)

    def logs_of(self, vm: int) -> list[Path]:
        """What the QEMU that serves its disks has said, and libvirt."""
        served = sorted(self.LOG_FOLDER.glob(f"qemu*-{domain_name(vm)}.log*"))
        return served + sorted(_LIBVIRT_LOGS.glob(f"{domain_name(vm)}.log*"))


def xen_xml(domain: Arguments, setting: Setting) -> str:
    """The libvirt XML of a paravirtualized guest; BadArgsError names what is wrong in the description."""
    if "kernel" not in domain:
        raise RefusedError("a guest under Xen is started by its host: it needs a KERNEL in OS")
    ET.register_namespace("inn", NAMESPACE)
    root = head_xml("xen", domain, setting)
    for tuned in root.findall("cputune"):
        root.remove(tuned)
    system = ET.SubElement(root, "os")
    arch = domain.text("arch", "x86_64")
    ET.SubElement(system, "type", arch=arch, machine="xenpv").text = "xen"
    boot_files(system, domain, setting)
    ET.SubElement(root, "clock", offset="utc", adjustment="reset")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        ET.SubElement(root, f"on_{event}").text = action
    devices = ET.SubElement(root, "devices")
    if os.access(_DISK_SERVER, os.X_OK):
        ET.SubElement(devices, "emulator").text = str(_DISK_SERVER)
    for disk in domain.parts("disks", required=False):
        devices.append(_disk_xml(disk, setting))
    for nic in domain.parts("nics", required=False):
        devices.append(_plain(nic_xml(nic, setting.vm)))
    console = ET.SubElement(devices, "console", type="pty")
    ET.SubElement(console, "target", type="xen", port="0")
    return ET.tostring(root, encoding="unicode")


def _disk_xml(disk: Arguments, setting: Setting) -> ET.Element:
    """A disk as Xen's block device; a CD is one that cannot be written to.

    QEMU 7.2 opens what it serves to Xen for writing, whatever is said: the kernel serves what is to be read only.
    """
    element = _plain(disk_xml(disk, setting))
    element.set("device", "disk")
    driver, target = element.find("driver"), element.find("target")
    if driver is not None:
        for name in ("cache", "discard", "io"):
            driver.attrib.pop(name, None)
        if element.find("readonly") is not None:
            if driver.get("type") != "raw":
                raise RefusedError(
                    f"disk {disk.integer('disk')}: under Xen only a raw disk can be read only"
                )
            driver.set("name", "phy")
    if target is not None:
        target.attrib.update(dev=device_name(target.attrib["dev"]), bus="xen")
    return element


def device_name(target: str) -> str:
    """Xen's name for a target: vdb is xvdb; what would be on IDE is counted from the other end, out of the way."""
    if target.startswith("hd"):
        return f"xvd{chr(ord('a') + ord('z') - ord(target[-1]))}"
    return f"xvd{target.removeprefix('xvd').removeprefix('vd').removeprefix('sd')}"


def _plain(element: ET.Element) -> ET.Element:
    for tag in _FOREIGN:
        for child in element.findall(tag):
            element.remove(child)
    return element
