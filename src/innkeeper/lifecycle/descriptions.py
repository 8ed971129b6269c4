"""What an agent is told about a VM: its disks, networks and domain, as data (docs/agent-protocol.md)."""

import ipaddress
from typing import Any

from innkeeper.model import storage
from innkeeper.model.context import context_sh
from innkeeper.model.hypervisors import AGENT_NAMES
from innkeeper.model.objects import Network, Operation, Vm
from innkeeper.model.template import Template, Vector, as_bool, as_float, as_int
from innkeeper.model.world import World

from . import network_uplinks, stores
from .messages import Instruction

Described = dict[str, Any]


def about(operation: Operation) -> Described:
    """The two arguments that every verb for a VM carries."""
    return {"vm": operation.target, "generation": operation.generation}


def ask(operation: Operation, verb: str, timeout: float = 60.0, **args: Any) -> Instruction:
    """An instruction for the operation's host about its VM."""
    return ask_at(operation.host_id, operation, verb, timeout, **args)


def ask_at(
    place: int, operation: Operation, verb: str, timeout: float = 60.0, **args: Any
) -> Instruction:
    """An instruction for some host about the operation's VM."""
    return Instruction(place=place, verb=verb, args={**about(operation), **args}, timeout=timeout)


def networks(world: World, vm: Vm) -> list[Described]:
    """The networks that a host must have for the VM."""
    found = {int(nic["NETWORK_ID"]) for nic in vm.nics if "NETWORK_ID" in nic}
    return [
        _network(world.networks[number]) for number in sorted(found) if number in world.networks
    ]


def _network(network: Network) -> Described:
    template = network.template
    address = None
    nat = as_bool(template.get("NAT") or "NO")
    gateway = template.get("GATEWAY")
    if nat and gateway:
        mask = template.get("NETWORK_MASK") or "255.255.255.0"
        address = str(ipaddress.ip_interface(f"{gateway}/{mask}").with_prefixlen)
    return {
        "network": network.id,
        "bridge": network.bridge,
        "address": address,
        "nat": nat,
        "mtu": as_int(template.get("MTU") or ""),
        "phydev": network.phydev or None,
        **network_uplinks.described(network),
    }


def disks(world: World, vm: Vm) -> list[Described]:
    """The disks of the VM, the context CD not among them."""
    described = [_disk(world, vm, disk) for disk in vm.disks]
    return [_tree(disk) for disk in described] if in_container(vm) else described


def _hypervisor(vm: Vm) -> str:
    """What an agent calls the hypervisor that the VM is under."""
    return AGENT_NAMES.get(vm.history[-1].vm_mad, "qemu") if vm.history else "qemu"


def in_container(vm: Vm) -> bool:
    """Whether a VM is a container, whose disks are folders."""
    return _hypervisor(vm) == "lxc"


def _tree(disk: Described) -> Described:
    kept = ("disk", "base", "origin", "base_format")
    return {"kind": "tree", **{name: disk[name] for name in kept if name in disk}}


def _disk(world: World, vm: Vm, disk: Vector) -> Described:
    if storage.technology(vm, disk) != storage.FILE:
        return stores.disk(world, vm, disk)
    described: Described = {"disk": int(disk["DISK_ID"]), "format": disk.get("DRIVER", "qcow2")}
    if "IMAGE_ID" not in disk:
        kind = "swap" if disk.get("TYPE", "").lower() == "swap" else "empty"
        described |= {
            "kind": kind,
            "size_mib": int(disk["SIZE"]),
            "format": disk.get("FORMAT", "raw"),
        }
        if kind == "empty" and disk.get("FS"):
            described["fs"] = disk["FS"]
        return described
    image = world.images.get(int(disk["IMAGE_ID"]))
    cdrom = disk.get("TYPE") == "CDROM"
    base = f"bases/{image.checksum}" if image and image.checksum else disk["SOURCE"]
    described |= {"base": base, "origin": disk["SOURCE"], "base_format": disk.get("FORMAT", "raw")}
    if disk.get("CLONE") == "YES":
        return described | {
            "kind": "overlay",
            "format": "qcow2",
            "size_mib": as_int(disk["SIZE"]) or None,
        }
    described |= {"kind": "link", "format": disk.get("FORMAT", "raw")}
    # Nobody writes to a CD-ROM: a copy of it will do. A persistent image is the file itself.
    return described | ({"readonly": True} if cdrom else {"base": disk["SOURCE"]})


def context(vm: Vm) -> Described | None:
    """The context CD: its disk number and files; None when the VM has no context."""
    vector = vm.template.vector("CONTEXT")
    if vector is None:
        return None
    described = {"disk": int(vector["DISK_ID"]), "files": {"context.sh": context_sh(vector)}}
    return described | {"tree": True} if in_container(vm) else described


def domain(vm: Vm) -> Described:
    """The virtual machine as the hypervisor is to run it."""
    template = vm.template
    system = template.vector("OS") or {}
    features = template.vector("FEATURES") or {}
    described: Described = {
        "name": f"one-{vm.id}",
        "uuid": system["UUID"],
        "title": vm.name,
        "memory_mib": vm.memory,
        "vcpus": as_int(template.get("VCPU") or "1") or 1,
        "cpu_shares": max(2, round((as_float(template.get("CPU") or "1") or 1.0) * 1024)),
        "arch": system.get("ARCH", "x86_64"),
        "machine": system.get("MACHINE"),
        "firmware": "uefi" if system.get("FIRMWARE", "").upper() == "UEFI" else "bios",
        "disks": [_domain_disk(vm, disk) for disk in vm.disks],
        "nics": [_domain_nic(vm, nic) for nic in vm.nics],
        "graphics": _graphics(template.vector("GRAPHICS")),
        "features": {
            "acpi": as_bool(features.get("ACPI", "YES")),
            "apic": as_bool(features.get("APIC", "YES")),
            "pae": as_bool(features.get("PAE", "NO")),
            "guest_agent": as_bool(features.get("GUEST_AGENT", "YES")),
            "hyperv": as_bool(features.get("HYPERV", "NO")),
            "localtime": as_bool(features.get("LOCALTIME", "NO")),
        },
        "inputs": [
            {"type": i["TYPE"], "bus": i.get("BUS", "usb")}
            for i in template.vectors("INPUT")
            if "TYPE" in i
        ],
    }
    described |= _limits(vm)
    described |= _booted(system)
    if (under := _hypervisor(vm)) != "qemu":
        described["hypervisor"] = under
    described |= _optional(vm)
    disk = context(vm)
    if disk is not None:
        target = (template.vector("CONTEXT") or {}).get("TARGET", "hda")
        described["disks"].append(
            {
                "disk": disk["disk"],
                "target": target,
                "device": "cdrom",
                "format": "raw",
                "readonly": True,
                "boot": None,
            }
        )
    return described


def _limits(vm: Vm) -> Described:
    """What the guest can be given while it runs."""
    named = {"vcpus_max": "VCPU_MAX", "memory_max_mib": "MEMORY_MAX"}
    limits = {key: as_int(vm.template.get(name, "")) for key, name in named.items()}
    return {key: limit for key, limit in limits.items() if limit is not None}


def _booted(system: Vector) -> Described:
    """Kernel and initial RAM disk: files of images by their names in the VM's folder, others by their paths."""
    found: Described = {
        name: name if system.get(f"{key}_DS_ID") else system[key]
        for key, name in (("KERNEL", "kernel"), ("INITRD", "initrd"))
        if system.get(f"{key}_DS_ID") or system.get(key)
    }
    root = f"root=/dev/{system['ROOT']}" if system.get("ROOT") else ""
    command = f"{root} {system.get('KERNEL_CMD', '')}".strip()
    return found | ({"cmdline": command} if command and "kernel" in found else {})


def cpu_features(template: Template) -> list[str]:
    """Features that the guest's processor must have."""
    listed = (template.vector("CPU_MODEL") or {}).get("FEATURES", "")
    return [name.strip() for name in listed.split(",") if name.strip()]


def _optional(vm: Vm) -> Described:
    found: Described = {}
    model = vm.template.vector("CPU_MODEL")
    if model and model.get("MODEL"):
        found["cpu_model"] = model["MODEL"]
    if names := cpu_features(vm.template):
        found["cpu_features"] = names
    if topology := vm.template.vector("TOPOLOGY"):
        shape = ("SOCKETS", "CORES", "THREADS")
        found["topology"] = {name.lower(): int(topology[name]) for name in shape}
    video = vm.template.vector("VIDEO") or {}
    for name, key in (("TYPE", "video"), ("RESOLUTION", "resolution")):
        if video.get(name):
            found[key] = video[name]
    if vram := as_int(video.get("VRAM", "")):
        found["vram"] = vram
    if emulator := vm.template.get("EMULATOR"):
        found["emulator"] = emulator
    raw = vm.template.vector("RAW")
    if raw and raw.get("TYPE", "").lower() in ("kvm", "qemu") and raw.get("DATA"):
        found["raw"] = raw["DATA"]
    return found


def _domain_disk(vm: Vm, disk: Vector) -> Described:
    cdrom = disk.get("TYPE") == "CDROM"
    described: Described = {
        "disk": int(disk["DISK_ID"]),
        "target": disk["TARGET"],
        "device": "cdrom" if cdrom else "disk",
        "format": storage.disk_format(vm, disk),
        "readonly": cdrom or as_bool(disk.get("READONLY", "NO")),
        "boot": as_int(disk.get("ORDER", "")),
    }
    for name in ("CACHE", "IO", "DISCARD"):
        if disk.get(name):
            described[name.lower()] = disk[name].lower()
    if disk.get("SERIAL"):
        described["serial"] = disk["SERIAL"]
    throttles = {name.lower(): int(disk[name]) for name in disk if _is_throttle(name, disk[name])}
    return described | ({"throttles": throttles} if throttles else {})


def _is_throttle(name: str, value: str) -> bool:
    return ("_BYTES_SEC" in name or "_IOPS_SEC" in name) and value not in ("", "0")


def _domain_nic(vm: Vm, nic: Vector) -> Described:
    return {
        "nic": int(nic["NIC_ID"]),
        "mac": nic["MAC"],
        "bridge": nic.get("BRIDGE", ""),
        "model": nic.get("MODEL", "virtio"),
        "target": nic.get("TARGET", f"one-{vm.id}-{nic['NIC_ID']}"),
        "boot": as_int(nic.get("ORDER", "")),
        **network_uplinks.port(nic),
    }


def _graphics(vector: Vector | None) -> Described | None:
    if not vector or vector.get("TYPE", "").lower() not in ("vnc", "spice"):
        return None
    described: Described = {
        "type": vector["TYPE"].lower(),
        "listen": vector.get("LISTEN", "127.0.0.1"),
        "port": as_int(vector.get("PORT", "")) or None,
    }
    for key in ("PASSWD", "KEYMAP"):
        if vector.get(key):
            described["password" if key == "PASSWD" else "keymap"] = vector[key]
    return described
