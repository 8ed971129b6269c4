"""What grows and shrinks under a guest that runs: its disks, its memory, its processors."""

from __future__ import annotations

from typing import Any

from ..arguments import Arguments
from ..disks import places, qcow2
from ..errors import RefusedError
from ..folders import VmFolder
from . import devices
from .binding import libvirt
from .libvirt_qemu import Hypervisor


def grow(hypervisor: Hypervisor, folder: VmFolder, disk: Arguments, size_mib: int) -> None:
    """Grows a disk, in the eyes of a guest that has it plugged in too. One that is as large stays as it is."""
    number = disk.integer("disk")
    place = places.of(folder, number, disk.choice("format", qcow2.FORMATS))
    plugged = devices.plugged(hypervisor, folder.vm)
    if plugged is None or number not in plugged["disks"]:
        place.grow(size_mib)
        return
    place.make_room(size_mib)
    domain, target = hypervisor.running(folder.vm), disk.text("target")
    if domain.blockInfo(target)[0] < size_mib * qcow2.MIB:
        flags = libvirt().VIR_DOMAIN_BLOCK_RESIZE_BYTES
        domain.blockResize(target, size_mib * qcow2.MIB, flags)


def resize(hypervisor: Hypervisor, folder: VmFolder, wanted: Arguments) -> None:
    """Gives a guest that runs more or less memory and CPU, within the limits that it was started with."""
    domain = hypervisor.find(folder.vm)
    if domain is None:
        return
    module, live = libvirt(), libvirt().VIR_DOMAIN_AFFECT_LIVE
    vcpus, memory = wanted.integer("vcpus", least=1), wanted.integer("memory_mib", least=1)
    most = domain.vcpusFlags(live | module.VIR_DOMAIN_VCPU_MAXIMUM)
    _check("VCPU", vcpus, most, "virtual processors")
    _check("MEMORY", memory, domain.maxMemory() // 1024, "MiB")
    if domain.vcpusFlags(live) != vcpus:
        domain.setVcpusFlags(vcpus, live)
    domain.setMemoryFlags(memory * 1024, live)
    domain.setSchedulerParametersFlags({"cpu_shares": wanted.integer("cpu_shares", least=2)}, live)
    _remember(folder, wanted)


def _check(name: str, wanted: int, most: int, what: str) -> None:
    if wanted > most:
        text = f"{name} {wanted}: the guest was started with {most} {what} at most"
        raise RefusedError(text)


def _remember(folder: VmFolder, wanted: Arguments) -> None:
    state = folder.state()
    description: dict[str, Any] = wanted.part("domain").as_dict()
    state.domain = description
    folder.write(state)
