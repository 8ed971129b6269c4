"""Domains: starting, stopping, finding them, by way of libvirt.

Domains are transient: libvirt forgets them when they end. Each carries a mark in its XML (which
VM, which generation, of which front end and folder), so that what runs here can be told from what
other people run here, by any agent that starts later.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..disks import places
from ..disks.qcow2 import FORMATS, backing_chain
from ..errors import FailedError, GuestTimeoutError, RefusedError, StaleError
from ..files import remove_durably
from ..folders import VmFolder
from ..xmltree import parse
from . import statistics
from .binding import libvirt
from .connection import Connection
from .domain_xml import NAMESPACE, Setting, domain_name, domain_xml, remarked, vm_of_name
from .events import Watcher
from .ownership import give_away, qemu_user, shared_disks
from .screens import with_free_ports

#: Seconds until a domain that is being started must be there, or one that was ended gone.
_SETTLE = 120.0
#: Seconds after which the power button is pressed again: a guest that boots does not hear it.
_PRESS_AGAIN = 5.0

# Numbers of libvirt's virDomainState (and of the reason for being paused), from libvirt-domain.h:
# no state, running, blocked, paused, shutting down, suspended by power management. Others are off.
_STATES = {
    0: "starting",
    1: "running",
    2: "running",
    3: "paused",
    4: "running",
    7: "paused",
}
_STARTING_UP = (3, 11)


@dataclasses.dataclass(frozen=True)
class Mark:
    """Whose domain it is, as its XML says."""

    generation: int
    zone: str
    folder: str


@dataclasses.dataclass(frozen=True)
class Seen:
    """A domain of ours that lives now. ``state``: running, paused, starting, or off (ending)."""

    vm: int
    generation: int
    state: str
    pid: int | None


class Hypervisor:
    """The domains of one root on this host, under QEMU. Another hypervisor says what differs."""

    NAME = "qemu"
    URI = "qemu:///system"
    #: Where libvirt's driver keeps what concerns a running domain, and its logs.
    RUN_FOLDER = Path("/run/libvirt/qemu")
    LOG_FOLDER = Path("/var/log/libvirt/qemu")

    def __init__(
        self, zone: str, vms: Path, accelerator: Callable[[], str], report: Callable[..., None]
    ) -> None:
        self._zone = zone
        self._vms = vms
        self.root = vms.parent
        self.accelerator = accelerator
        self._machines: dict[str, list[str]] | None = None
        self.watcher = Watcher(report, self._live_generation, self.generations)
        self.connection = Connection(self.URI, self.watcher.occurred, self.watcher.resync)

    # Finding

    def find(self, vm: int) -> Any:
        """The live libvirt domain of a VM of ours, or None."""
        domain = self._lookup(domain_name(vm))
        return domain if domain is not None and self._mark(domain) else None

    def generation_of(self, domain: Any) -> int:
        """The generation that a domain was started with."""
        mark = self._mark(domain)
        return mark.generation if mark else 0

    def domain_exists(self, vm: int) -> bool:
        """Whether a domain of this name lives here, whoever owns it."""
        return self._lookup(domain_name(vm)) is not None

    def live_generation(self, vm: int) -> int | None:
        """The generation with which a VM runs, None when no domain of ours does."""
        known = self.watcher.generation(vm)
        return self._live_generation(domain_name(vm)) if known is None else known

    def seen(self) -> list[Seen]:
        """All live domains of ours."""
        return [
            Seen(vm, mark.generation, state_of(domain), self.pid_of(vm))
            for vm, domain, mark in self._ours()
        ]

    def generations(self) -> dict[int, int]:
        """The generation of each live domain of ours."""
        return {vm: mark.generation for vm, _, mark in self._ours()}

    def _ours(self) -> list[tuple[int, Any, Mark]]:
        found = []
        for domain in self.connection.get().listAllDomains(
            libvirt().VIR_CONNECT_LIST_DOMAINS_ACTIVE
        ):
            vm = vm_of_name(domain.name())
            mark = self._mark(domain) if vm is not None else None
            if vm is not None and mark is not None:
                found.append((vm, domain, mark))
        return found

    def _lookup(self, name: str) -> Any:
        module = libvirt()
        try:
            return self.connection.get().lookupByName(name)
        except module.libvirtError as problem:
            if problem.get_error_code() == module.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _live_generation(self, name: str) -> int | None:
        domain = self._lookup(name)
        mark = self._mark(domain) if domain is not None else None
        return mark.generation if mark else None

    def _mark(self, domain: Any) -> Mark | None:
        """The mark of a domain that is ours; None for one that is not, or that is gone."""
        module = libvirt()
        try:
            text = domain.metadata(module.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
        except module.libvirtError as problem:
            if problem.get_error_code() in (
                module.VIR_ERR_NO_DOMAIN_METADATA,
                module.VIR_ERR_NO_DOMAIN,
                module.VIR_ERR_OPERATION_INVALID,
            ):
                return None
            raise
        said = parse(text).attrib
        mark = Mark(int(said["generation"]), said["zone"], said["folder"])
        ours = mark.zone == self._zone and Path(mark.folder).parent == self._vms
        return mark if ours else None

    def statistics(self) -> list[tuple[Any, dict[str, Any]]]:
        """The live domains with libvirt's statistics of each."""
        return statistics.bulk(self.connection.get())

    def pid_of(self, vm: int) -> int | None:
        """The process number of a VM's guest, or None."""
        try:
            return int((self.RUN_FOLDER / f"{domain_name(vm)}.pid").read_text())
        except (OSError, ValueError):
            return None

    def logs_of(self, vm: int) -> list[Path]:
        """The files in which libvirt logged what it and the hypervisor said about a VM, newest first."""
        name = f"{domain_name(vm)}.log"
        return [path for path in [self.LOG_FOLDER / name] if path.exists()] + sorted(
            path for path in self.LOG_FOLDER.glob(f"{name}.*") if path.suffix[1:].isdigit()
        )

    def remove_traces(self, vm: int) -> None:
        """What libvirt leaves behind of a domain that is gone."""
        for log in self.logs_of(vm):
            log.unlink(missing_ok=True)

    # Starting

    def ensure(self, folder: VmFolder, generation: int, description: Arguments) -> dict[str, Any]:
        """Starts the VM unless it runs already with this generation."""
        xml = self.describe(folder, generation, description)
        domain = self.find(folder.vm)
        if domain is not None:
            running = self.generation_of(domain)
            if running == generation:
                return self.described(self.when_started(folder.vm))
            if running > generation:
                raise StaleError(f"VM {folder.vm} runs with generation {running} here")
            self.destroy(folder.vm)
        elif self.domain_exists(folder.vm):
            raise RefusedError(f"{domain_name(folder.vm)} runs here and is not ours")
        self._note_start(folder, generation, description)
        return self.described(self.connection.get().createXML(with_free_ports(xml), 0))

    def describe(self, folder: VmFolder, generation: int, description: Arguments) -> str:
        """The libvirt XML of a VM, with whose disks everything is well."""
        self._check_machine(description)
        setting = self.setting(folder, generation, layers(folder, description))
        return domain_xml(description, setting)

    def _check_machine(self, description: Arguments) -> None:
        """libvirt's own complaint about an unknown machine is that it has no PCI bus."""
        wanted = description.maybe_text("machine")
        if wanted is None:
            return
        if self._machines is None:
            self._machines = machines(parse(self.connection.get().getCapabilities()))
        arch = description.text("arch", "x86_64")
        if wanted not in self._machines.get(arch, ()):
            raise RefusedError(f"QEMU here has no machine {wanted!r} of architecture {arch}")

    def setting(
        self,
        folder: VmFolder,
        generation: int,
        backing: Mapping[int, Sequence[tuple[str, str]]],
        there: Path | None = None,
    ) -> Setting:
        """What this host adds to a description of a domain; `there` is its folder on another host."""
        shared = shared_disks(folder)
        if shared:
            give_away(shared, qemu_user(self.connection.get().getCapabilities()))
        return Setting(
            vm=folder.vm,
            generation=generation,
            zone=self._zone,
            folder=there or folder.path,
            accelerator=self.accelerator(),
            arch=platform.machine(),
            cache="none" if direct_io_works(folder.path) else "writeback",
            backing=backing,
            shared=frozenset(shared),
            sources=places.sources(folder),
        )

    def _note_start(self, folder: VmFolder, generation: int, description: Arguments) -> None:
        # The memory of an earlier run does not fit the disks any more once the guest boots.
        remove_durably(folder.checkpoint)
        state = folder.state()
        state.domain = description.as_dict()
        state.domain_generation = generation
        state.restoring = state.sending = None
        folder.write(state)

    def when_started(self, vm: int) -> Any:
        """The domain of a VM, once libvirt has finished starting or restoring it."""
        deadline = time.monotonic() + _SETTLE
        while time.monotonic() < deadline:
            domain = self.find(vm)
            if domain is None:
                raise FailedError(f"VM {vm} ended while it was being started")
            if state_of(domain) != "starting":
                return domain
            self._wait(0.2)
        raise GuestTimeoutError(f"VM {vm} is still being started after {_SETTLE:g} s")

    def described(self, domain: Any) -> dict[str, Any]:
        """The answer to a verb that leaves a domain running."""
        vm = vm_of_name(domain.name())
        return {
            "domain": domain.name(),
            "pid": self.pid_of(vm if vm is not None else -1),
            "console": console_path(domain),
            "state": state_of(domain),
            "cpu": cpu_of(parse(domain.XMLDesc())),
        }

    # Stopping

    def destroy(self, vm: int) -> None:
        """Ends a VM's domain at once, if there is one, and waits until it is gone."""
        module = libvirt()
        domain = self.find(vm)
        if domain is None:
            return
        try:
            domain.destroy()
        except module.libvirtError as problem:
            gone = (module.VIR_ERR_NO_DOMAIN, module.VIR_ERR_OPERATION_INVALID)
            if problem.get_error_code() not in gone:
                raise
        if not self.wait_gone(vm, _SETTLE, lambda: False):
            raise FailedError(f"VM {vm} was destroyed and is still there")

    def shut_down(self, vm: int, patience: float, superseded: Callable[[], bool]) -> None:
        """Presses the power button and waits until the guest is off.

        Gives up with GuestTimeoutError after ``patience`` seconds, or when ``superseded`` says that a
        stronger request for this VM waits behind this one.
        """
        deadline = time.monotonic() + patience
        while (domain := self.find(vm)) is not None:
            left = deadline - time.monotonic()
            if left <= 0 or superseded():
                why = "a stronger request came" if superseded() else f"in {patience:g} s"
                raise GuestTimeoutError(f"VM {vm} did not shut down ({why})")
            self.press(domain)
            if self.wait_gone(vm, min(left, _PRESS_AGAIN), superseded):
                return

    def press(self, domain: Any) -> None:
        """Presses the power button."""
        module = libvirt()
        # A domain that has just ended cannot be asked; the caller looks again.
        with contextlib.suppress(module.libvirtError):
            if state_of(domain) == "paused":
                domain.resume()
            domain.shutdownFlags(module.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)

    def wait_gone(self, vm: int, seconds: float, stop: Callable[[], bool]) -> bool:
        """Waits until a VM has no domain; False when the time is up or ``stop`` says so."""
        deadline = time.monotonic() + seconds
        while self.find(vm) is not None:
            left = deadline - time.monotonic()
            if left <= 0 or stop():
                return False
            self._wait(min(left, 1.0))
        return True

    def _wait(self, seconds: float) -> None:
        """Until the next domain event, but no longer than that."""
        with self.watcher.changed:
            self.watcher.changed.wait(seconds)

    # Other things that a running domain does

    def running(self, vm: int) -> Any:
        """The live domain of a VM; RefusedError when there is none."""
        domain = self.find(vm)
        if domain is None:
            raise RefusedError(f"VM {vm} is not running here")
        return domain

    def reboot(self, vm: int, hard: bool) -> None:
        domain = self.running(vm)
        if hard:
            domain.reset(0)
        else:
            domain.reboot(0)

    # Its memory (see `checkpoint.py`)

    def save_memory(self, domain: Any, checkpoint: Path) -> None:
        """Writes a guest's memory to a file and ends its domain."""
        domain.save(str(checkpoint))

    def restore_memory(self, folder: VmFolder, generation: int) -> None:
        """The guest of a checkpoint, paused, with this generation."""
        module, connection = libvirt(), self.connection.get()
        checkpoint = str(folder.checkpoint)
        saved = connection.saveImageGetXMLDesc(checkpoint, module.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
        xml = remarked(saved, self.setting(folder, generation, {}))
        connection.restoreFlags(checkpoint, with_free_ports(xml), module.VIR_DOMAIN_SAVE_PAUSED)

    def mark_again(self, folder: VmFolder, generation: int) -> None:
        """Nothing: a domain is restored with its mark."""

    def suspend(self, vm: int) -> None:
        domain = self.running(vm)
        if state_of(domain) != "paused":
            domain.suspend()

    def resume(self, vm: int) -> None:
        domain = self.running(vm)
        if state_of(domain) == "paused":
            domain.resume()


def layers(folder: VmFolder, description: Arguments) -> dict[int, list[tuple[str, str]]]:
    found = {}
    for disk in description.parts("disks", required=False):
        number, image_format = disk.integer("disk"), disk.choice("format", FORMATS)
        place = places.of(folder, number, image_format)
        if not place.there():
            raise place.missing()
        if place.inside:
            found[number] = backing_chain(folder.disk(number))
    return found


def machines(capabilities: ET.Element) -> dict[str, list[str]]:
    """The machine types of full virtualization, by architecture."""
    return {
        arch.get("name", ""): sorted({item.text for item in arch.iter("machine") if item.text})
        for arch in capabilities.findall("guest[os_type='hvm']/arch")
    }


def state_of(domain: Any) -> str:
    """running, paused, starting, or off."""
    module = libvirt()
    try:
        state, reason = domain.state()
    except module.libvirtError as problem:
        if problem.get_error_code() == module.VIR_ERR_NO_DOMAIN:
            return "off"
        raise
    return state_word(state, reason)


def state_word(state: int, reason: int) -> str:
    """The protocol's word for libvirt's state and reason numbers."""
    if (state, reason) == _STARTING_UP:
        return "starting"
    return _STATES.get(state, "off")


def console_path(domain: Any) -> str | None:
    """The pseudo-terminal of a domain's first serial port (or its console: a container has no port)."""
    devices = parse(domain.XMLDesc()).find("devices")
    found = ("serial/source", "console/source")
    source = next(
        (s for path in found if devices is not None and (s := devices.find(path)) is not None), None
    )
    return source.get("path") if source is not None else None


def cpu_of(domain: ET.Element) -> dict[str, Any]:
    """The CPU that a live domain has: libvirt's mode, the model, and what differs from it."""
    cpu = domain.find("cpu")
    if cpu is None:
        return {}
    listed = {
        policy: [item.attrib["name"] for item in cpu.findall(f"feature[@policy='{policy}']")]
        for policy in ("require", "disable")
    }
    return {"mode": cpu.get("mode", ""), "model": cpu.findtext("model", ""), **listed}


def direct_io_works(folder: Path) -> bool:
    """Whether files of a folder can be opened for direct I/O; some file systems have none."""
    probe = folder / ".direct-io"
    try:
        os.close(os.open(probe, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True
