"""The devices of a guest that runs: made equal to a description, one device after the other.

Theory of operation
-------------------
What is plugged in is read from the running domain, never remembered. What the description does not have is unplugged
first, then what is missing is plugged in. A guest takes its part in unplugging: libvirt asks it, and the device is
gone once the guest has let go, or never. So the request waits, for a while, and answers `timeout` when the guest keeps
the device; one that lets go later is found out when the host is looked over.

A killed agent leaves some devices plugged and others not: the request sent again does what is left. Devices are known
by their kind and number, which their alias in libvirt holds; what has no such alias is not ours (it came in by `raw`),
and is left alone.
"""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import GuestTimeoutError, RefusedError
from ..folders import VmFolder
from ..xmltree import parse
from .binding import libvirt
from .domain_xml import disk_xml, machine_of, nic_xml
from .libvirt_qemu import Hypervisor, layers

#: Seconds that a guest has to let go of a device.
_LETTING_GO = 30.0
_ALIAS = re.compile(r"ua-(disk|nic)-(\d+)")
#: How devices of guests that an older agent started are known.
_DISK_FILE = re.compile(r"disk\.(\d+)")
_INTERFACE = re.compile(r"one-\d+-(\d+)")

#: The kind of a device (disk, nic) and its number.
Name = tuple[str, int]


def adjust(hypervisor: Hypervisor, folder: VmFolder, description: Arguments) -> None:
    """Plugs in and out until the guest has the devices described. One that does not run has nothing to adjust."""
    domain = hypervisor.find(folder.vm)
    if domain is None:
        return
    wanted = _described(hypervisor, folder, description)
    present = _present(domain)
    for name in sorted(present.keys() - wanted.keys()):
        _unplug(hypervisor, folder.vm, name, present[name])
    for name, device in wanted.items():
        if name not in present:
            _plug(domain, device)
        elif _is_empty(present[name]) and not _is_empty(device):
            _change_cd(domain, device)
    state = folder.state()
    state.domain = description.as_dict()
    folder.write(state)


def plugged(hypervisor: Hypervisor, vm: int) -> dict[str, list[int]] | None:
    """The numbers of the disks and interfaces that a VM's guest has; None when it does not run."""
    domain = hypervisor.find(vm)
    if domain is None:
        return None
    module = libvirt()
    try:
        present = _present(domain)
    except module.libvirtError as problem:
        if problem.get_error_code() == module.VIR_ERR_NO_DOMAIN:
            return None  # it has just ended
        raise
    there = [name for name, device in present.items() if not _is_empty(device)]
    return {f"{kind}s": sorted(n for k, n in there if k == kind) for kind in ("disk", "nic")}


def check_unplugged(hypervisor: Hypervisor, folder: VmFolder, numbers: Sequence[int]) -> None:
    """Refuses when a guest still has one of these disks."""
    has = plugged(hypervisor, folder.vm)
    held = set(has["disks"]) & set(numbers) if has is not None else set()
    if held:
        raise RefusedError(f"VM {folder.vm} has its disks {sorted(held)} plugged in")


def show_cd(hypervisor: Hypervisor, folder: VmFolder, number: int) -> None:
    """Lets a guest that runs see what a CD holds now: QEMU has the file open that it was plugged in with."""
    domain = hypervisor.find(folder.vm)
    drive = _present(domain).get(("disk", number)) if domain is not None else None
    if drive is None or drive.get("device") != "cdrom":
        return
    for tag in ("source", "backingStore"):
        for element in drive.findall(tag):
            drive.remove(element)
    _change_cd(domain, drive)
    ET.SubElement(drive, "source", file=str(folder.disk(number)))
    _change_cd(domain, drive)


def _change_cd(domain: Any, drive: ET.Element) -> None:
    """Puts the CD that the drive is described with into it; the guest may have locked what was in it."""
    module = libvirt()
    flags = module.VIR_DOMAIN_AFFECT_LIVE | module.VIR_DOMAIN_DEVICE_MODIFY_FORCE
    domain.updateDeviceFlags(_text(drive), flags)


def _present(domain: Any) -> dict[Name, ET.Element]:
    devices = parse(domain.XMLDesc()).find("devices")
    named = [(name_of(device), device) for device in (devices if devices is not None else ())]
    return {name: device for name, device in named if name is not None}


def name_of(device: ET.Element) -> Name | None:
    """The device's kind and number; None for one that is not ours."""
    alias = _ALIAS.fullmatch(_attribute(device, "alias", "name"))
    if alias:
        return alias[1], int(alias[2])
    file = _DISK_FILE.fullmatch(Path(_attribute(device, "source", "file")).name)
    if device.tag == "disk" and file:
        return "disk", int(file[1])
    interface = _INTERFACE.fullmatch(_attribute(device, "target", "dev"))
    return ("nic", int(interface[1])) if interface else None


def _attribute(device: ET.Element, tag: str, name: str) -> str:
    element = device.find(tag)
    return "" if element is None else element.get(name, "")


def _is_empty(device: ET.Element) -> bool:
    """A CD-ROM drive without a CD."""
    # What it holds is a file, a block device, or has a name in the network.
    held = any(_attribute(device, "source", name) for name in ("file", "dev", "name"))
    return device.get("device") == "cdrom" and not held


def _described(
    hypervisor: Hypervisor, folder: VmFolder, description: Arguments
) -> dict[Name, ET.Element]:
    setting = hypervisor.setting(folder, 0, layers(folder, description))
    q35 = "q35" in machine_of(description)
    makers: dict[str, Callable[[Arguments], ET.Element]] = {
        "disk": lambda disk: disk_xml(disk, setting, q35),
        "nic": lambda nic: nic_xml(nic, folder.vm),
    }
    return {
        (kind, part.integer(kind)): make(part)
        for kind, make in makers.items()
        for part in description.parts(f"{kind}s", required=False)
    }


def _plug(domain: Any, device: ET.Element) -> None:
    module = libvirt()
    if _attribute(device, "target", "bus") == "scsi" and not _has_scsi(domain):
        controller = ET.Element("controller", type="scsi", model="virtio-scsi")
        domain.attachDeviceFlags(_text(controller), module.VIR_DOMAIN_AFFECT_LIVE)
    domain.attachDeviceFlags(_text(device), module.VIR_DOMAIN_AFFECT_LIVE)


def _has_scsi(domain: Any) -> bool:
    return parse(domain.XMLDesc()).find("devices/controller[@type='scsi']") is not None


def _unplug(hypervisor: Hypervisor, vm: int, name: Name, device: ET.Element) -> None:
    """Asks the guest to let go of a device and waits until it is gone, or the guest is."""
    deadline = time.monotonic() + _LETTING_GO
    asked = False
    while (domain := hypervisor.find(vm)) is not None and name in _present(domain):
        if time.monotonic() > deadline:
            text = (
                f"the guest of VM {vm} has not let go of {name[0]} {name[1]} in {_LETTING_GO:g} s"
            )
            raise GuestTimeoutError(text)
        if asked:
            time.sleep(0.2)
        else:
            asked = True
            _ask_to_let_go(domain, device)


def _ask_to_let_go(domain: Any, device: ET.Element) -> None:
    module = libvirt()
    gone = {
        module.VIR_ERR_DEVICE_MISSING,
        module.VIR_ERR_NO_DOMAIN,
        module.VIR_ERR_OPERATION_INVALID,
    }
    try:
        domain.detachDeviceFlags(_text(device), module.VIR_DOMAIN_AFFECT_LIVE)
    except module.libvirtError as problem:
        # An earlier request's question may still be open; the guest answers it or does not.
        open_already = "in the process of unplug" in str(problem)
        if problem.get_error_code() not in gone and not open_already:
            raise


def _text(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")
