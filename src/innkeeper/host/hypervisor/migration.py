"""A running guest on its way from this host to another, or from another to this one.

Theory of operation
-------------------
libvirt's own migration does the work, from daemon to daemon (peer to peer), through sockets that lead to the other
host by the door that was opened for it (`peers/door.py`): libvirt's own, the stream of memory, and the stream of the
disks. What lies under the disks was brought before; only what the guest wrote goes along. When an agent dies in the
middle, the daemons and the connection go on.

The guest never runs twice. On the other host it arrives *paused*, and only who has seen that it is gone from here lets
it go on: this agent at once (so that the guest hardly notices), or the front end, after this host's word. If the
daemons lose each other in the last moment, the guest goes on here and what lies paused there is removed.
``sending`` in the VM's state tells a repeated request that the guest has left.
"""

from __future__ import annotations

import contextlib
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..disks import qcow2
from ..errors import FailedError, RefusedError
from ..folders import VmFolder
from ..libvirtd import socket_path
from ..peers import fetch, tunnel
from ..peers.tunnel import Tunnel
from ..xmltree import parse
from .binding import libvirt
from .domain_xml import backing_xml, remarked
from .libvirt_qemu import Hypervisor, state_of
from .ownership import qemu_user

#: Seconds that a guest's way may take.
LONGEST = 6 * 3600.0
#: libvirt's reason for a guest that was paused by request, which is how one arrives that is whole.
_PAUSED_BY_REQUEST = 1


def offered(hypervisor: Hypervisor, folder: VmFolder) -> dict[str, Any]:
    """What the other host needs to know of a running guest."""
    domain = hypervisor.running(folder.vm)
    root = parse(domain.XMLDesc(libvirt().VIR_DOMAIN_XML_UPDATE_CPU))
    cpu = root.find("cpu")
    return {
        "cpu": "" if cpu is None else ET.tostring(cpu, encoding="unicode"),
        "type": root.get("type"),
        "disks": [_offered_disk(folder, element) for element in _files(root)],
        "nvram": (folder.path / "nvram").exists(),
    }


def _files(root: ET.Element) -> list[ET.Element]:
    """The disks that are files: those in stores are where they are, for both hosts."""
    return [
        disk for disk in root.iterfind("devices/disk") if disk.find("source[@file]") is not None
    ]


def _offered_disk(folder: VmFolder, element: ET.Element) -> dict[str, Any]:
    source, target = element.find("source"), element.find("target")
    file = Path("" if source is None else source.get("file", ""))
    disk: dict[str, Any] = {
        "name": file.name,
        "target": "" if target is None else target.get("dev", ""),
        "writable": element.find("readonly") is None,
        "link": file.is_symlink(),
    }
    if disk["writable"] and file.parent == folder.path and not file.is_symlink():
        driver = element.find("driver")
        image_format = "raw" if driver is None else driver.get("type", "raw")
        disk |= {"format": image_format, "bytes": qcow2.info(file, image_format).virtual}
    return disk


# On the host that the guest goes to


def prepare(hypervisor: Hypervisor, folder: VmFolder, name: str, args: Arguments) -> dict[str, Any]:
    """Makes everything ready for a guest that is to come; what the other host needs to know of it."""
    offer = args.part("offer")
    _check_cpu(hypervisor, offer)
    user = qemu_user(hypervisor.connection.get().getCapabilities())
    sockets = tunnel.make_folder(name, user)
    way = Tunnel.described(hypervisor.root, name, args.part("peer"))
    way.open(
        [
            (sockets / "libvirt", socket_path()),
            (sockets / "memory", sockets / "memory"),
            (sockets / "disks", sockets / "disks"),
        ]
    )
    layers = {}
    for disk in offer.parts("disks"):
        _make_disk(folder, disk)
        file = folder.path / disk.text("name")
        if disk.raw("format") == "qcow2":
            layers[disk.text("name")] = qcow2.backing_chain(file)
    _bring_small(folder, way, offer)
    return {"folder": str(folder.path), "layers": layers}


def _check_cpu(hypervisor: Hypervisor, offer: Arguments) -> None:
    """Refuses a guest that needs what this host's CPU lacks, and names it."""
    kind, cpu = offer.text("type"), offer.text("cpu", "")
    ours = "kvm" if hypervisor.accelerator() == "kvm" else "qemu"
    if kind != ours:
        raise RefusedError(f"the guest runs under {kind}, this host has {ours}")
    module = libvirt()
    try:
        hypervisor.connection.get().compareHypervisorCPU(
            None, None, None, kind, cpu, module.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
        )
    except module.libvirtError as problem:
        if problem.get_error_code() == module.VIR_ERR_CPU_INCOMPATIBLE:
            raise RefusedError(f"the guest's CPU: {problem}") from problem


def _make_disk(folder: VmFolder, disk: Arguments) -> None:
    """A disk that will be written from the other host must be there, as large as it is there."""
    if "bytes" not in disk:
        return
    file, image_format = folder.path / disk.file_name("name"), disk.choice("format", qcow2.FORMATS)
    if not file.exists():
        raise RefusedError(f"{file.name} was not made here: the front end does not know of it")
    if qcow2.info(file, image_format).virtual != disk.integer("bytes"):
        qcow2.set_size(file, image_format, disk.integer("bytes"))


def _bring_small(folder: VmFolder, way: Tunnel, offer: Arguments) -> None:
    """What libvirt does not bring: CDs that were made for the VM, its firmware's variables, and what is noted of it."""
    wanted = [
        disk.file_name("name")
        for disk in offer.parts("disks")
        if not disk.flag("writable") and not disk.flag("link")
    ]
    wanted += ["nvram"] if offer.flag("nvram") else []
    with fetch.session(way) as giver:
        for name in wanted:
            fetch.bring(giver, f"vms/{folder.vm}/{name}", folder.path / name)
        fetch.bring_notes(giver, folder)


def receive(hypervisor: Hypervisor, folder: VmFolder, name: str, generation: int) -> dict[str, Any]:
    """The guest has left the other host: it goes on here."""
    domain = hypervisor.find(folder.vm)
    if domain is None or hypervisor.generation_of(domain) != generation:
        raise RefusedError(f"VM {folder.vm} has not arrived here")
    if state_of(domain) != "running":
        if not _is_whole(domain):
            raise RefusedError(f"VM {folder.vm} has arrived here in part only")
        domain.resume()
    tunnel.close(hypervisor.root, name)
    return hypervisor.described(domain)


def _is_whole(domain: Any) -> bool:
    state, reason = domain.state()
    return bool(state == libvirt().VIR_DOMAIN_PAUSED and reason == _PAUSED_BY_REQUEST)


def look(hypervisor: Hypervisor, vm: int) -> str:
    """What there is of a guest: running, paused (come or still coming), or off."""
    domain = hypervisor.find(vm)
    state = "off" if domain is None else state_of(domain)
    return "paused" if state == "starting" else state


# On the host that it leaves


def send(
    hypervisor: Hypervisor, folder: VmFolder, name: str, generation: int, there: Arguments
) -> dict[str, Any]:
    """Sends the guest to the other host, and lets it go on there once it is gone from here."""
    state = folder.state()
    domain = hypervisor.find(folder.vm)
    if domain is None:
        if state.sending == generation:
            return {}
        raise RefusedError(f"VM {folder.vm} is not running here")
    if state.sending == generation and _job(domain):
        return _sent_before(hypervisor, folder.vm)
    state.sending = generation
    folder.write(state)
    xml = _sent_xml(hypervisor, folder, generation, domain, there)
    return _send(hypervisor, folder, name, domain, xml)


def _sent_before(hypervisor: Hypervisor, vm: int) -> dict[str, Any]:
    """An earlier request, whose agent has died, has set the daemons to work: they finish it."""
    _wait_settled(hypervisor, vm)
    if hypervisor.find(vm) is not None:
        raise FailedError(f"VM {vm} did not leave this host")
    return {}


def _send(
    hypervisor: Hypervisor, folder: VmFolder, name: str, domain: Any, xml: str
) -> dict[str, Any]:
    module = libvirt()
    sockets = tunnel.folder_of(name)
    disks = _moved_disks(domain, folder)
    there = f"qemu+unix:///system?socket={sockets / 'libvirt'}"
    parameters: dict[str, Any] = {
        module.VIR_MIGRATE_PARAM_URI: f"unix://{sockets / 'memory'}",
        module.VIR_MIGRATE_PARAM_DEST_XML: xml,
    }
    flags = (
        module.VIR_MIGRATE_LIVE | module.VIR_MIGRATE_PEER2PEER | module.VIR_MIGRATE_PAUSED
        | module.VIR_MIGRATE_AUTO_CONVERGE
    )  # fmt: skip
    if _in_shared_folder(domain):
        # libvirt takes no folder that two hosts share for shared storage; ours is opened with cache none.
        flags |= module.VIR_MIGRATE_UNSAFE
    if disks:
        flags |= module.VIR_MIGRATE_NON_SHARED_INC
        parameters[module.VIR_MIGRATE_PARAM_DISKS_URI] = f"unix://{sockets / 'disks'}"
        parameters[module.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = disks
    began = time.monotonic()
    with contextlib.closing(module.open(there)) as far, _still(domain):
        domain.migrateToURI3(there, parameters, flags)
        sent = time.monotonic()
        if hypervisor.find(folder.vm) is not None:
            raise FailedError(f"VM {folder.vm} did not leave this host")
        # Should this not come through, the front end lets it go on.
        with contextlib.suppress(module.libvirtError):
            far.lookupByName(f"one-{folder.vm}").resume()
    return {"seconds": round(sent - began, 3), "resumed_after": round(time.monotonic() - sent, 4)}


@contextlib.contextmanager
def _still(domain: Any) -> Iterator[None]:
    """An emulated guest stands still meanwhile; should it not leave, it goes on.

    On a busy host an emulated guest was seen to arrive with a torn network ring. QEMU's emulator seems to lose what is
    written while memory is copied, when a processor is between two steps as a page is taken for clean. KVM does not.
    """
    if parse(domain.XMLDesc()).get("type") == "kvm":
        yield
        return
    domain.suspend()
    try:
        yield
    except BaseException:
        with contextlib.suppress(libvirt().libvirtError):
            domain.resume()
        raise


def _moved_disks(domain: Any, folder: VmFolder) -> list[str]:
    """The disks whose content goes along: those that are written to, and lie in the VM's folder alone."""
    disks = (_offered_disk(folder, each) for each in _files(parse(domain.XMLDesc())))
    return [disk["target"] for disk in disks if "bytes" in disk]


def _in_shared_folder(domain: Any) -> bool:
    """Whether it writes to a file that is not in the VM's own folder."""
    elements = parse(domain.XMLDesc()).iterfind("devices/disk")
    written = [e.find("source") for e in elements if e.find("readonly") is None]
    return any(Path(s.get("file", "")).is_symlink() for s in written if s is not None)


def _sent_xml(
    hypervisor: Hypervisor, folder: VmFolder, generation: int, domain: Any, there: Arguments
) -> str:
    """The domain as it is to be there: in that host's folder, with this generation, on its own bases."""
    module = libvirt()
    flags = module.VIR_DOMAIN_XML_MIGRATABLE | module.VIR_DOMAIN_XML_SECURE
    setting = hypervisor.setting(folder, generation, {}, Path(there.absolute("folder")))
    root = parse(remarked(domain.XMLDesc(flags), setting))
    layers: Mapping[str, Any] = there.raw("layers") or {}
    for element in root.iterfind("devices/disk"):
        source = element.find("source")
        name = Path("" if source is None else source.get("file", "")).name
        if name in layers:
            for old in element.findall("backingStore"):
                element.remove(old)
            backing_xml(element, [(file, kind) for file, kind in layers[name]])
    return ET.tostring(root, encoding="unicode")


def stay(hypervisor: Hypervisor, folder: VmFolder) -> str:
    """Ends a guest's leaving, one way or the other: running or paused here, off, or gone to the other host."""
    domain = hypervisor.find(folder.vm)
    if domain is not None and _job(domain):
        module = libvirt()
        with contextlib.suppress(module.libvirtError):
            domain.abortJob()
        _wait_settled(hypervisor, folder.vm)
        domain = hypervisor.find(folder.vm)
    state = folder.state()
    if domain is None:
        return "off" if state.sending is None else "gone"
    if state.sending is not None:
        if state_of(domain) == "paused":
            domain.resume()  # what there is of it elsewhere is paused, too, and stays so
        state.sending = None
        folder.write(state)
    return state_of(domain)


def _job(domain: Any) -> bool:
    module = libvirt()
    try:
        return bool(domain.jobInfo()[0] != module.VIR_DOMAIN_JOB_NONE)
    except module.libvirtError:
        return False


def _wait_settled(hypervisor: Hypervisor, vm: int) -> None:
    deadline = time.monotonic() + LONGEST
    while (domain := hypervisor.find(vm)) is not None and _job(domain):
        if time.monotonic() > deadline:
            raise FailedError(f"VM {vm} neither leaves nor stays")
        time.sleep(0.1)
