"""Hypervisors: which one a VM runs under, and what the lesser ones cannot do. One table.

A machine is one host record, whatever hypervisors it has: its processors and memory are one account, its agent is one.
The record's VM_MAD is what VMs run under there; one that asks for another (HYPERVISOR in its template) runs under that,
where the machine has it. The VM_MAD of each stay in the VM's history tells under which one it really was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import storage
from .errors import wrong_state
from .objects import Host, Vm

#: OpenNebula's name of a driver -> what an agent calls the hypervisor behind it.
AGENT_NAMES = {"kvm": "qemu", "qemu": "qemu", "lxc": "lxc", "xen": "xen"}
#: What a host may name: those, and hosts that live inside the front end.
DRIVERS = frozenset({*AGENT_NAMES, "dummy"})


@dataclass(frozen=True)
class Limits:
    """What a hypervisor cannot do that QEMU can.

    `procedures` are all that it can be asked (a new one is refused until it is here), `refused` the actions that are
    refused with a reason of their own, `lacking` the `needs` of VMs that it cannot meet.
    """

    procedures: frozenset[str]
    lacking: frozenset[str]
    refused: Mapping[str, str] = field(default_factory=dict)


PERSISTENT, CDROM, SWAP = "a persistent disk", "a CD-ROM", "a swap disk"
OUTSIDE = storage.NAMES[storage.RBD]
#: What starts a guest whose template names no kernel; told only of those who ask for a hypervisor that has none.
BOOT_LOADER = "a boot loader (OS needs a KERNEL)"

LIMITED = {
    "lxc": Limits(
        procedures=frozenset(
            {"deploy", "boot", "poweroff", "reboot", "terminate", "epilog", "delete", "recreate"}
        ),
        lacking=frozenset({PERSISTENT, CDROM, SWAP, *storage.NAMES.values()}),
        refused={
            "suspend": "the memory of a container cannot be saved",
            "stop": "the memory of a container cannot be saved",
            "reboot-hard": "a container cannot be reset; use reboot, or poweroff-hard and resume",
        },
    ),
    "xen": Limits(
        procedures=frozenset(
            {
                "deploy",
                "boot",
                "poweroff",
                "reboot",
                "suspend",
                "restore",
                "stop",
                "undeploy",
                "redeploy",
                "terminate",
                "epilog",
                "delete",
                "recreate",
            }
        ),
        lacking=frozenset({BOOT_LOADER, OUTSIDE}),
        refused={
            "reboot-hard": "a guest under Xen cannot be reset; use poweroff-hard and resume",
        },
    ),
}


def needs(vm: Vm) -> frozenset[str]:
    """What a VM asks of its hypervisor that not every one has."""
    found = set()
    for disk in vm.disks:
        kind = disk.get("TYPE", "").lower()
        if disk.get("DISK_TYPE") == "RBD":
            found.add(OUTSIDE)
        if kind == "cdrom":
            found.add(CDROM)
        elif kind == "swap":
            found.add(SWAP)
        elif disk.get("CLONE") == "NO":
            found.add(PERSISTENT)
    system = vm.template.vector("OS") or {}
    if wish(vm) == "xen" and not (system.get("KERNEL") or system.get("KERNEL_DS_ID")):
        found.add(BOOT_LOADER)
    return frozenset(found)


def wish(vm: Vm) -> str:
    """The hypervisor that a VM asks for; empty when any will do."""
    return (vm.user_template.get("HYPERVISOR") or "").lower()


def architecture(vm: Vm) -> str:
    """The architecture that a VM's operating system is for; empty when it does not say."""
    return (vm.template.vector("OS") or {}).get("ARCH", "")


def driver(wanted: str, host: Host) -> str:
    """Under which hypervisor a VM with this wish runs on a host."""
    same = AGENT_NAMES.get(wanted, wanted) == AGENT_NAMES.get(host.vm_mad)
    return host.vm_mad if not wanted or same or host.simulated else wanted


def unfit(host: Host, wanted: str, needed: frozenset[str], arch: str) -> str:
    """Why a host's hypervisors cannot run a VM with this wish, these needs and architecture; empty when they can."""
    if host.simulated:
        return ""
    name = driver(wanted, host)
    offered = host.facts.get("hypervisors")
    if name not in AGENT_NAMES or (offered is not None and AGENT_NAMES[name] not in offered):
        return f"it has {_listed(offered or ()) or 'none'}, not {name}"
    lacking = needed & LIMITED[name].lacking if name in LIMITED else frozenset()
    if lacking:
        return f"{name} cannot give it {_listed(lacking)}"
    unusable = storage.problem(host, storage.RBD) if OUTSIDE in needed else ""
    return unusable or _foreign(host.facts, name, arch)


def _foreign(facts: dict[str, Any], name: str, arch: str) -> str:
    native = facts.get("arch", arch)
    known = [native] if name in LIMITED else facts.get("architectures")
    if not arch or known is None or arch in known:
        return ""
    return f"{name} runs {_listed(known)} there, not {arch}"


def _listed(words: Any) -> str:
    return ", ".join(sorted(words))


def check(vm: Vm, procedure: str = "", action: str = "") -> None:
    """Refuses what the hypervisor that the VM is under cannot do."""
    limits = LIMITED.get(vm.history[-1].vm_mad) if vm.history else None
    if limits is None:
        return
    reason = limits.refused.get(action or procedure, "")
    if reason or (procedure and procedure not in limits.procedures):
        name = vm.history[-1].vm_mad
        text = f'Action "{action or procedure}" is not supported by hypervisor {name}'
        raise wrong_state(f"{text}: {reason}" if reason else text, vm.id)
