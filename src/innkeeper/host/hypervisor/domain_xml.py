"""From a DOMAIN description (docs/agent-protocol.md) to libvirt's XML. Pure: reads and writes nothing.

The format is libvirt's, https://libvirt.org/formatdomain.html. What the emulation needs is decided
here: TCG gets a small translation cache (its default of 1 GiB a guest would be the largest part of
its memory), a CPU model that it can emulate, and machine ``pc``, on which the kernels of cloud
images see an IDE CD-ROM. An architecture that is not the host's is emulated also where there is KVM;
ARM's machine ``virt`` has UEFI alone, no IDE and no graphics card of the PC.
"""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import bounds
from ..arguments import Arguments
from ..disks.place import Source
from ..errors import RefusedError
from ..xmltree import parse

#: Our own elements in a domain's XML: which VM, which generation, whose.
NAMESPACE = "urn:innkeeper:host:1"
QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
_BUSES = {"vd": "virtio", "sd": "scsi", "hd": "ide", "xvd": "xen"}
_TARGET = re.compile(r"(vd|sd|hd|xvd)[a-z]{1,2}")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_LIMIT = re.compile(r"(total|read|write)_(bytes|iops)_sec(_max(_length)?)?|size_iops_sec")
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What a guest gets that asks for nothing, by architecture: machine, CPU under TCG, graphics card.
_PC, _ARM = ("pc", "qemu64", "cirrus"), ("virt", "cortex-a57", "virtio")
_USUAL = {"x86_64": _PC, "i686": _PC, "aarch64": _ARM}
#: Mebibytes of TCG's cache of translated code, at least and at most.
_TCG_CACHE = (32, 512)


@dataclasses.dataclass(frozen=True)
class Setting:
    """What the host decides about a domain, as opposed to the front end."""

    vm: int
    generation: int
    zone: str
    folder: Path
    accelerator: str = "tcg"
    #: The host's own architecture.
    arch: str = "x86_64"
    #: The cache mode of disks that ask for none: ``none`` where the file system does direct I/O.
    cache: str = "none"
    #: By disk number, the files (with their formats) that a qcow2 disk is layered on, nearest first.
    backing: Mapping[int, Sequence[tuple[str, str]]] = dataclasses.field(default_factory=dict)
    #: The disks that hosts share: libvirt is to leave their owner alone.
    shared: frozenset[int] = frozenset()
    #: By disk number, how QEMU reaches those that are no files of the VM's folder.
    sources: Mapping[int, Source] = dataclasses.field(default_factory=dict)


def domain_name(vm: int) -> str:
    """What libvirt calls a VM."""
    return f"one-{vm}"


def vm_of_name(name: str) -> int | None:
    """The VM that a libvirt domain is, if it can be ours."""
    found = re.fullmatch(r"one-(\d+)", name)
    return int(found[1]) if found else None


def domain_xml(domain: Arguments, setting: Setting) -> str:
    """The libvirt XML of a domain; BadArgsError names what is wrong in the description."""
    ET.register_namespace("inn", NAMESPACE)
    ET.register_namespace("qemu", QEMU_NAMESPACE)
    if _arch(domain) != setting.arch:
        setting = dataclasses.replace(setting, accelerator="tcg")
    root = head_xml("kvm" if setting.accelerator == "kvm" else "qemu", domain, setting)
    _operating_system(root, domain, setting)
    _features(root, domain, setting)
    _cpu(root, domain, setting)
    localtime = _wanted_features(domain).flag("localtime")
    _leaf(root, "clock", offset="localtime" if localtime else "utc")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _leaf(root, f"on_{event}", action)
    _devices(root, domain, setting)
    if raw := domain.maybe_text("raw"):
        bounds.check_raw()
        _merge(root, _parse_raw(raw, domain))
    return ET.tostring(root, encoding="unicode")


def head_xml(kind: str, domain: Arguments, setting: Setting) -> ET.Element:
    """A domain with what every hypervisor is told: whose it is and how much it gets."""
    root = ET.Element("domain", type=kind)
    _leaf(root, "name", domain_name(setting.vm))
    _leaf(root, "uuid", domain.text("uuid"))
    if title := _UNPRINTABLE.sub("", domain.text("title", "").replace("\n", " ")):
        _leaf(root, "title", title)
    _identity(root, setting)
    _capacity(root, domain)
    if shares := domain.maybe_integer("cpu_shares", least=2):
        _leaf(_leaf(root, "cputune"), "shares", str(shares))
    return root


def identity_xml(setting: Setting) -> ET.Element:
    """The element that marks a running domain as ours."""
    return ET.Element(
        f"{{{NAMESPACE}}}vm",
        number=str(setting.vm),
        generation=str(setting.generation),
        zone=setting.zone,
        folder=str(setting.folder),
    )


def remarked(saved_xml: str, setting: Setting) -> str:
    """A saved domain's XML for another generation, and for a folder that may lie elsewhere now."""
    ET.register_namespace("inn", NAMESPACE)
    ET.register_namespace("qemu", QEMU_NAMESPACE)
    root = parse(saved_xml)
    metadata = root.find("metadata")
    mark = root.find(f"metadata/{{{NAMESPACE}}}vm")
    if metadata is None or mark is None:
        raise RefusedError("the checkpoint is not of a guest that this front end started")
    was = mark.get("folder", "")
    metadata.remove(mark)
    metadata.append(identity_xml(setting))
    for element in root.iter():
        for key, value in element.attrib.items():
            if value.startswith(was + "/"):
                element.set(key, str(setting.folder) + value[len(was) :])
    return ET.tostring(root, encoding="unicode")


def _leaf(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _identity(root: ET.Element, setting: Setting) -> None:
    _leaf(root, "metadata").append(identity_xml(setting))


def machine_of(domain: Arguments) -> str:
    """The machine type; on ``pc`` the kernels of cloud images see an IDE CD-ROM."""
    return domain.maybe_text("machine") or _usual(domain)[0]


def _arch(domain: Arguments) -> str:
    return domain.text("arch", "x86_64")


def _usual(domain: Arguments) -> tuple[str, str | None, str]:
    return _USUAL.get(_arch(domain), ("virt", None, "virtio"))


def _is_pc(domain: Arguments) -> bool:
    return _USUAL.get(_arch(domain)) is _PC


def _capacity(root: ET.Element, domain: Arguments) -> None:
    """Memory and processors; the guest can be given more, up to the limits, while it runs."""
    memory, vcpus = (
        domain.integer("memory_mib", least=1),
        domain.integer("vcpus", default=1, least=1),
    )
    most = max(memory, domain.integer("memory_max_mib", default=0))
    most_vcpus = max(vcpus, domain.integer("vcpus_max", default=0))
    _leaf(root, "memory", str(most), unit="MiB")
    if most > memory:
        _leaf(root, "currentMemory", str(memory), unit="MiB")
    vcpu = _leaf(root, "vcpu", str(most_vcpus))
    if most_vcpus > vcpus:
        vcpu.set("current", str(vcpus))


def _operating_system(root: ET.Element, domain: Arguments, setting: Setting) -> None:
    system = _leaf(root, "os")
    _leaf(system, "type", "hvm", arch=_arch(domain), machine=machine_of(domain))
    wanted = domain.choice("firmware", ("bios", "uefi"), "bios")
    if wanted == "uefi" or not (_is_pc(domain) or "kernel" in domain):
        system.set("firmware", "efi")
        # Otherwise libvirt may choose one that starts nothing but what Microsoft or Debian has signed.
        for feature in ("enrolled-keys", "secure-boot"):
            _leaf(_only(system, "firmware"), "feature", enabled="no", name=feature)
        # In the VM's folder, so that it goes when the VM goes.
        _leaf(system, "nvram", str(setting.folder / "nvram"))
    boot_files(system, domain, setting)


def boot_files(system: ET.Element, domain: Arguments, setting: Setting) -> None:
    """The kernel that is started instead of a boot loader, and what it is given."""
    for key in ("kernel", "initrd"):
        if key in domain:
            # By its mere name it is the file in the VM's folder, which came with the disks.
            own = domain.raw(key) == key
            _leaf(system, key, str(setting.folder / key) if own else domain.path(key))
    if cmdline := domain.maybe_text("cmdline"):
        _leaf(system, "cmdline", cmdline)


def _features(root: ET.Element, domain: Arguments, setting: Setting) -> None:
    wanted = _wanted_features(domain)
    features = _leaf(root, "features")
    pc = _is_pc(domain)
    # Without firmware, ARM's machine has no ACPI tables.
    known = {"acpi": pc or "kernel" not in domain, "apic": pc, "pae": pc}
    for name, default in (("acpi", True), ("apic", True), ("pae", False)):
        if known[name] and wanted.flag(name, default):
            _leaf(features, name)
    if wanted.flag("hyperv"):
        _hyperv(features, setting)
    if setting.accelerator != "kvm":
        least, most = _TCG_CACHE
        size = max(least, min(domain.integer("memory_mib") // 2, most))
        _leaf(_leaf(features, "tcg"), "tb-cache", str(size), unit="MiB")


def _hyperv(features: ET.Element, setting: Setting) -> None:
    if setting.accelerator != "kvm":
        raise RefusedError("HYPERV needs KVM, which does not work on this host")
    hyperv = _leaf(features, "hyperv")
    for name in ("relaxed", "vapic"):
        _leaf(hyperv, name, state="on")
    _leaf(hyperv, "spinlocks", state="on", retries="4096")


def _wanted_features(domain: Arguments) -> Arguments:
    return domain.part("features") if "features" in domain else Arguments({})


def _cpu(root: ET.Element, domain: Arguments, setting: Setting) -> None:
    model = domain.maybe_text("cpu_model")
    cpu: ET.Element | None = None
    host_like = model in (None, "host-passthrough", "host-model")
    if setting.accelerator == "kvm" and host_like:
        cpu = _leaf(root, "cpu", mode=model or "host-passthrough")
    elif model == "maximum" or (model and host_like):
        cpu = _leaf(root, "cpu", mode="maximum")
    elif name := model or _usual(domain)[1]:
        cpu = _leaf(root, "cpu", mode="custom", match="exact", check="none")
        _leaf(cpu, "model", name, fallback="forbid")
    if "topology" in domain:
        cpu = _leaf(root, "cpu") if cpu is None else cpu
        shape = domain.part("topology")
        parts = ("sockets", "cores", "threads")
        _leaf(cpu, "topology", **{name: str(shape.integer(name, least=1)) for name in parts})
    if names := domain.raw("cpu_features"):
        cpu = _leaf(root, "cpu") if cpu is None else cpu
        for name in names:
            _leaf(cpu, "feature", policy="require", name=str(name))


def _devices(root: ET.Element, domain: Arguments, setting: Setting) -> None:
    devices = _leaf(root, "devices")
    if "emulator" in domain:
        _leaf(devices, "emulator", domain.path("emulator"))
    q35 = "q35" in machine_of(domain)
    disks = domain.parts("disks", required=False)
    for disk in disks:
        element = disk_xml(disk, setting, q35)
        if not _is_pc(domain):
            _without_ide(element)
        devices.append(element)
    if any(element.find("target[@bus='scsi']") is not None for element in devices):
        _leaf(devices, "controller", type="scsi", model="virtio-scsi")
    for nic in domain.parts("nics", required=False):
        devices.append(nic_xml(nic, setting.vm))
    _serial(devices, setting)
    if _wanted_features(domain).flag("guest_agent"):
        channel = _leaf(devices, "channel", type="unix")
        _leaf(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    _screen(devices, domain)
    _leaf(_leaf(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    _leaf(_leaf(devices, "memballoon", model="virtio"), "stats", period="10")


def _without_ide(element: ET.Element) -> None:
    """A disk for a machine that has no IDE: what would be a CD drive there is a disk that cannot be written to."""
    target = element.find("target[@bus='ide']")
    if target is not None:
        # hda becomes vdz, hdb vdy: names from the other end are free, and libvirt counts by them.
        target.set("dev", f"vd{chr(ord('a') + ord('z') - ord(target.attrib['dev'][-1]))}")
        target.set("bus", "virtio")
        element.set("device", "disk")


def disk_xml(disk: Arguments, setting: Setting, q35: bool = False) -> ET.Element:
    """One disk. Its file follows from the VM's folder, its bus from its target."""
    target = disk.text("target")
    found = _TARGET.fullmatch(target)
    if not found:
        raise disk.bad("target", "a name such as vda, sda or hda")
    device = disk.choice("device", ("disk", "cdrom"), "disk")
    readonly = disk.flag("readonly") or device == "cdrom"
    element = ET.Element("disk", type="file", device=device)
    driver = _leaf(element, "driver", name="qemu", type=disk.choice("format", ("raw", "qcow2")))
    driver.set("cache", disk.text("cache", setting.cache))
    if not readonly:
        driver.set("discard", disk.choice("discard", ("unmap", "ignore"), "unmap"))
    if "io" in disk:
        driver.set("io", disk.choice("io", ("native", "threads", "io_uring")))
    number = disk.integer("disk")
    _source(element, number, setting)
    if number in setting.backing:
        backing_xml(element, setting.backing[number])
    bus = _BUSES[found[1]]
    _leaf(element, "target", dev=target, bus="sata" if q35 and bus == "ide" else bus)
    if readonly:
        _leaf(element, "readonly")
    if "serial" in disk:
        _leaf(element, "serial", disk.text("serial"))
    if "throttles" in disk:
        _throttle(_leaf(element, "iotune"), disk.part("throttles"))
    _boot(element, disk)
    _leaf(element, "alias", name=f"ua-disk-{number}")
    return element


def _source(element: ET.Element, number: int, setting: Setting) -> None:
    """Where the disk is: a file of the VM's folder, a block device, or in the network."""
    outside = setting.sources.get(number)
    if outside is None:
        source = _leaf(element, "source", file=str(setting.folder / f"disk.{number}"))
        if number in setting.shared:
            _leaf(source, "seclabel", model="dac", relabel="no")
    elif outside.device is not None:
        element.set("type", "block")
        _leaf(element, "source", dev=str(outside.device))
    else:
        element.set("type", "network")
        source = _leaf(element, "source", protocol=outside.protocol, name=outside.name)
        for name, port in outside.hosts:
            _leaf(source, "host", name=name, port=port)
        if outside.secret:
            auth = _leaf(source, "auth", username=outside.user)
            _leaf(auth, "secret", type="ceph", uuid=outside.secret)


def _throttle(element: ET.Element, limits: Arguments) -> None:
    for name in limits.as_dict():
        if not _LIMIT.fullmatch(name):
            raise limits.bad(name, "a limit such as total_bytes_sec")
        _leaf(element, name, str(limits.integer(name)))


def backing_xml(element: ET.Element, layers: Sequence[tuple[str, str]]) -> None:
    """The layers under a disk, which libvirt is not to give to QEMU's user: guests share them."""
    for file, layer_format in layers:
        element = _leaf(element, "backingStore", type="file")
        _leaf(element, "format", type=layer_format)
        _leaf(_leaf(element, "source", file=file), "seclabel", model="dac", relabel="no")
    _leaf(element, "backingStore")


def nic_xml(nic: Arguments, vm: int) -> ET.Element:
    """One network interface, plugged into its bridge."""
    mac = nic.text("mac")
    if not _MAC.fullmatch(mac):
        raise nic.bad("mac", "a MAC address such as 02:00:0a:00:00:05")
    element = ET.Element("interface", type="bridge")
    _leaf(element, "source", bridge=nic.interface("bridge"))
    _leaf(element, "mac", address=mac)
    if nic.flag("switched"):
        _port(element, nic)
    _leaf(element, "model", type=nic.text("model", "virtio"))
    target = nic.interface("target") if "target" in nic else f"one-{vm}-{nic.integer('nic')}"
    _leaf(element, "target", dev=target)
    if nic.maybe_integer("boot") is None:
        # Only a network boot needs the option ROM; without it the firmware starts sooner.
        _leaf(element, "rom", enabled="no")
    _boot(element, nic)
    _leaf(element, "alias", name=f"ua-nic-{nic.integer('nic')}")
    return element


def _port(element: ET.Element, nic: Arguments) -> None:
    """A port of an Open vSwitch: in one VLAN, or one that carries several, tagged (``vlan`` untagged)."""
    _leaf(element, "virtualport", type="openvswitch")
    # The userspace datapath does not finish checksums that a guest has left to its hardware.
    driver = _leaf(element, "driver", name="qemu")
    for end in ("host", "guest"):
        _leaf(driver, end, csum="off", tso4="off", tso6="off", ecn="off", ufo="off")
    own, tagged = nic.maybe_integer("vlan", least=1), nic.raw("tagged") or []
    if not isinstance(tagged, list) or not all(type(tag) is int for tag in tagged):
        raise nic.bad("tagged", "a list of VLAN numbers")
    if own is None and not tagged:
        return
    vlan = _leaf(element, "vlan", **({"trunk": "yes"} if tagged else {}))
    if own is not None:
        _leaf(vlan, "tag", id=str(own), **({"nativeMode": "untagged"} if tagged else {}))
    for tag in tagged:
        _leaf(vlan, "tag", id=str(tag))


def _boot(element: ET.Element, device: Arguments) -> None:
    order = device.maybe_integer("boot", least=1)
    if order is not None:
        _leaf(element, "boot", order=str(order))


def _serial(devices: ET.Element, setting: Setting) -> None:
    serial = _leaf(devices, "serial", type="pty")
    _leaf(serial, "log", file=str(setting.folder / "serial.log"), append="on")
    _leaf(serial, "target", port="0")
    console = _leaf(devices, "console", type="pty")
    _leaf(console, "target", type="serial", port="0")


def _screen(devices: ET.Element, domain: Arguments) -> None:
    for item in domain.parts("inputs", required=False):
        _leaf(devices, "input", type=item.text("type"), bus=item.text("bus", "usb"))
    if not _is_pc(domain) and devices.find("input[@bus='usb']") is not None:
        _leaf(devices, "controller", type="usb", model="qemu-xhci")
    model = domain.maybe_text("video")
    if "graphics" in domain:
        _graphics(devices, domain.part("graphics"))
        model = model or _usual(domain)[2]
    shown = _leaf(_leaf(devices, "video"), "model", type=model or "none")
    if vram := domain.maybe_integer("vram", least=1024):
        shown.set("vram", str(vram))
    if resolution := domain.maybe_text("resolution"):
        across, _, down = resolution.partition("x")
        _leaf(shown, "resolution", x=across, y=down)


def _graphics(devices: ET.Element, graphics: Arguments) -> None:
    port = graphics.maybe_integer("port", least=1)
    kind = graphics.choice("type", ("vnc", "spice"), "vnc")
    listen = graphics.text("listen", "127.0.0.1")
    element = _leaf(devices, "graphics", type=kind, listen=listen)
    element.set("autoport", "no" if port else "yes")
    if port:
        element.set("port", str(port))
    for key, attribute in (("password", "passwd"), ("keymap", "keymap")):
        if value := graphics.maybe_text(key):
            element.set(attribute, value)


def _parse_raw(raw: str, domain: Arguments) -> ET.Element:
    try:
        return parse(f"<raw xmlns:qemu='{QEMU_NAMESPACE}'>{raw}</raw>")
    except ValueError as broken:
        raise domain.bad("raw", f"libvirt XML ({broken})") from broken


#: Elements of which a domain has one: what comes raw is put into the one that is there.
_SINGLE = frozenset({"devices", "features", "os", "cputune", "metadata"})


def _only(parent: ET.Element, tag: str) -> ET.Element:
    """The one child with this tag, made if it is missing."""
    found = parent.find(tag)
    return _leaf(parent, tag) if found is None else found


def _merge(root: ET.Element, raw: ET.Element) -> None:
    ours = {element.tag: element for element in root}
    for element in list(raw):
        present = ours.get(element.tag)
        if present is None:
            root.append(element)
        elif element.tag in _SINGLE:
            present.extend(list(element))
        else:
            root.remove(present)
            root.append(element)
