"""What kind of machine this is: the facts in the answer to ``hello``."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import PROTOCOL, VERSION
from .accelerator import Accelerator
from .errors import AgentError
from .hypervisor.binding import libvirt
from .hypervisor.libvirt_qemu import machines
from .tools import run
from .xmltree import parse


def machine_facts() -> dict[str, Any]:
    """The facts that need no hypervisor."""
    return {
        "protocol": PROTOCOL,
        "agent": VERSION,
        "hostname": socket.gethostname(),
        "arch": platform.machine(),
        "kernel": platform.release(),
        "cpu_model": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_kib": memory()["MemTotal"],
    }


def storage() -> dict[str, str]:
    """Where disks can lie besides files: by technology, why it does not work here; empty when it does."""
    return {"rbd": _no_rbd(), "lvm": _no_lvm()}


def _no_rbd() -> str:
    if not (shutil.which("rbd") and shutil.which("ceph")):
        return "the package ceph-common is not installed"
    try:
        run("qemu-img", "info", "--image-opts", "driver=rbd")
    except AgentError as problem:
        # With its driver, QEMU asks for the pool.
        if "pool" not in str(problem):
            return f"QEMU has no driver for it: the package qemu-block-extra is not installed ({problem})"
    return ""


def _no_lvm() -> str:
    if not shutil.which("lvs"):
        return "the package lvm2 is not installed"
    if "device-mapper" not in Path("/proc/devices").read_text():
        return "the kernel has no device mapper"
    return ""


def cpu_model(cpuinfo: str) -> str:
    """The processor's name as /proc/cpuinfo has it; empty where it has none."""
    found = re.search(r"^(?:model name|Processor|cpu model)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""


def memory() -> dict[str, int]:
    """/proc/meminfo, in KiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def no_hypervisor(reason: str) -> dict[str, Any]:
    """The hypervisor facts of a machine that can run no guests, and why."""
    return {
        "hypervisor": None,
        "hypervisor_reason": reason,
        "accelerator": None,
        "accelerator_reason": reason,
        "libvirt": None,
        "qemu": None,
        "machines": [],
        "architectures": [],
        "cpu_models": [],
        "cpu_sets": {},
        "features": [],
    }


def hypervisor_facts(connection: Any, accelerator: Accelerator) -> dict[str, Any]:
    """The facts about libvirt and QEMU, and what QEMU can do here."""
    arch = platform.machine()
    virtualization = "kvm" if accelerator.name == "kvm" else "qemu"
    capabilities = parse(connection.getCapabilities())
    return {
        "hypervisor": "qemu",
        "accelerator": accelerator.name,
        "accelerator_reason": accelerator.reason,
        "libvirt": version_text(connection.getLibVersion()),
        "qemu": version_text(connection.getVersion()),
        "machines": machines(capabilities).get(arch, []),
        "architectures": sorted(machines(capabilities)),
        **cpu_facts(
            domain_capabilities(connection, arch, virtualization),
            lambda cpu: _expanded(connection, arch, virtualization, cpu),
        ),
    }


def version_text(number: int) -> str:
    """libvirt's way of counting versions: 7002022 is 7.2.22."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def domain_capabilities(connection: Any, arch: str, virtualization: str) -> ET.Element:
    try:
        return parse(connection.getDomainCapabilities(None, arch, None, virtualization, 0))
    except libvirt().libvirtError:
        return ET.Element("domainCapabilities")


def cpu_facts(
    capabilities: ET.Element, expanded: Callable[[ET.Element], list[str]]
) -> dict[str, Any]:
    """The CPU models that guests may ask for with the features of each, and all that a guest's CPU can have."""
    custom = capabilities.findall("cpu/mode[@name='custom']/model[@usable='yes']")
    models = sorted({item.text for item in custom if item.text})
    like = capabilities.find("cpu/mode[@name='host-model']")
    return {
        "cpu_models": models,
        "cpu_sets": {name: found for name in models if (found := expanded(_named(name)))},
        "features": [] if like is None else expanded(like),
    }


def _named(model: str) -> ET.Element:
    cpu = ET.Element("cpu")
    ET.SubElement(cpu, "model").text = model
    return cpu


def _expanded(connection: Any, arch: str, virtualization: str, cpu: ET.Element) -> list[str]:
    """All features of a CPU that libvirt describes by a model and what differs from it; none when it cannot tell."""
    asked = ET.Element("cpu")
    asked.extend(cpu.findall("model") + cpu.findall("vendor") + cpu.findall("feature"))
    flag = libvirt().VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
    try:
        said = connection.baselineHypervisorCPU(
            None, arch, None, virtualization, [ET.tostring(asked, encoding="unicode")], flag
        )
    except libvirt().libvirtError:
        return []
    found = parse(said).findall("feature[@policy='require']")
    return sorted({feature.attrib["name"] for feature in found})


def offers_kvm(capabilities_xml: str) -> bool:
    """Whether libvirt says that guests of this machine's kind can run under KVM."""
    root = parse(capabilities_xml)
    return root.find(f"guest/arch[@name='{platform.machine()}']/domain[@type='kvm']") is not None
