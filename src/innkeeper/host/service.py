"""What one agent serves: a root, with its hypervisors, networks, consoles and samples."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import VERSION, own_probes, probes
from .accelerator import Accelerator, choose, qemu_version
from .arguments import Arguments
from .connections import Connections
from .console import Consoles
from .disks import places
from .disks.records import Stores
from .errors import AgentError
from .folders import Root, VmFolder
from .hypervisor import devices
from .hypervisor.checkpoint import is_whole
from .hypervisor.libvirt_lxc import Containers
from .hypervisor.libvirt_qemu import Hypervisor
from .hypervisor.libvirt_xen import XenGuests
from .hypervisor.ownership import qemu_user
from .metrics import Monitor, Rates, domain_samples, host_sample
from .networks import bridge, firewall
from .networks.registry import Networks
from .peers import tunnel
from .peers.door import Doors
from .peers.keys import public_key
from .profile import Keeper
from .rootlock import RootLock

_TAP = re.compile(r"one-(\d+)-\d+")

#: Bytes of a log in one answer: even if each needs an escape of six, the line is short enough.
_LONGEST_PIECE = 512 * 1024

Report = Callable[[dict[str, Any]], None]
_log = logging.getLogger(__name__)


class Service:
    """One root of one front end. ``report`` sends events to the front end."""

    def __init__(self, root: Root, zone: str, report: Report) -> None:
        self.root = root
        self.zone = zone
        self.networks = Networks(root.networks, root.identity)
        self.hypervisor = Hypervisor(zone, root.vms, lambda: self.accelerator().name, report)
        containers = Containers(zone, root.vms, lambda: "none", report)
        self._xen = XenGuests(zone, root.vms, lambda: "none", report)
        #: All that there could be here, by name; QEMU is what a VM runs under that asks for nothing else.
        self.hypervisors = {each.NAME: each for each in (self.hypervisor, containers, self._xen)}
        self.keeper = Keeper(VERSION)
        self.stores = Stores(root.stores, zone, self.hypervisor.connection.get)
        self.consoles = Consoles(report)
        self.connections = Connections(report)
        self.doors = Doors(root.path)
        self.monitor = Monitor(self._sample, report)
        self._lock: RootLock | None = None
        self._accelerator: Accelerator | None = None
        self._probing = threading.Lock()

    def take_over(self) -> None:
        """Becomes the only agent of this root."""
        if self._lock is None:
            self._lock = RootLock(self.root.path)
            self._lock.take_over()

    def facts(self, hypervisor: bool) -> dict[str, Any]:
        """The answer to ``hello``."""
        facts = {
            "root": self.root.identity,
            "peer_key": public_key(self.root.path),
            **probes.machine_facts(),
            "storage": probes.storage(),
        }
        if not hypervisor:
            return facts | probes.no_hypervisor("this agent serves images only")
        try:
            connection = self.hypervisor.connection.get()
            facts |= probes.hypervisor_facts(connection, self.accelerator())
        except AgentError as problem:
            facts |= probes.no_hypervisor(str(problem))
        offered = [name for name, each in self.hypervisors.items() if _answers(each)]
        main = facts["hypervisor"] or next(iter(offered), None)
        facts |= self._xen.capacity() if self._xen.NAME in offered else {}
        return facts | {"hypervisor": main, "hypervisors": offered}

    # Which hypervisor

    def hypervisor_called(self, description: Arguments) -> Hypervisor:
        """The hypervisor that a description of a domain asks for."""
        names = tuple(self.hypervisors)
        return self.hypervisors[description.choice("hypervisor", names, self.hypervisor.NAME)]

    def hypervisor_of(self, folder: VmFolder) -> Hypervisor:
        """The hypervisor that a VM was started under last."""
        return self.hypervisor_called(Arguments(folder.state().domain or {}))

    def _in_use(self) -> list[Hypervisor]:
        """The hypervisors that may have guests of ours: those that are here, and those that folders name.

        One of these that does not answer is an error, because nobody could tell what its guests do.
        """
        named = {self.hypervisor_of(folder).NAME for folder in self.root.folders()}
        found = [
            each
            for name, each in self.hypervisors.items()
            if each.connection.opened or name in named
        ]
        return found or [self.hypervisor]

    def accelerator(self) -> Accelerator:
        """What QEMU is to use here; tried out at the first call."""
        with self._probing:
            if self._accelerator is None:
                capabilities = self.hypervisor.connection.get().getCapabilities()
                self._accelerator = choose(
                    self.root.path / "accelerator.json",
                    qemu_version(),
                    qemu_user(capabilities),
                    probes.offers_kvm(capabilities),
                )
            return self._accelerator

    # What is here

    def observe(self) -> dict[str, Any]:
        """Everything here that is ours."""
        live = {seen.vm: seen for each in self._in_use() for seen in each.seen()}
        folders = {folder.vm: folder for folder in self.root.folders()}
        vms = []
        for vm in sorted(live.keys() | folders.keys()):
            seen, folder = live.get(vm), folders.get(vm)
            if seen is not None and seen.state != "off":
                told = {"generation": seen.generation, "state": seen.state, "pid": seen.pid}
            else:
                told = {**_resting(folder or self.root.folder(vm)), "pid": None}
            told["disks"] = folder.disks() if folder is not None else []
            if seen is not None:
                told |= self._plugged(vm)
            vms.append({"vm": vm, "folder": folder is not None, **told})
        networks = [
            {"network": network.network, "bridge": network.bridge, "vms": network.vms}
            for network in self.networks.all()
        ]
        strays = [
            {"kind": "domain", "name": f"one-{vm}"} for vm in sorted(live.keys() - folders.keys())
        ]
        return {"vms": vms, "networks": networks, "strays": strays + self._stray_interfaces()}

    def _plugged(self, vm: int) -> dict[str, Any]:
        """What a guest has plugged in; nothing of a container, into which nothing can be."""
        if self.hypervisor_of(self.root.folder(vm)) is not self.hypervisor:
            return {}
        plugged = devices.plugged(self.hypervisor, vm)
        return {} if plugged is None else {"plugged": plugged}

    def _stray_interfaces(self) -> list[dict[str, str]]:
        """Interfaces with a guest's name, of which no domain lives (whoever owns it)."""
        found = []
        for name in bridge.links():
            tap = _TAP.fullmatch(name)
            if tap and not self._domain_exists(int(tap[1])):
                found.append({"kind": "interface", "name": name})
        return found

    def _domain_exists(self, vm: int) -> bool:
        return any(each.domain_exists(vm) for each in self._in_use())

    def _sample(self, rates: Rates, at: float) -> dict[str, Any]:
        domains = domain_samples(self._in_use(), rates, at)
        resting = [
            {"vm": folder.vm, **_resting(folder)}
            for folder in self.root.folders()
            if folder.vm not in domains
        ]
        self._renew_rules()
        drift = self.keeper.drift()
        return {
            "event": "metrics",
            "time": int(time.time()),
            "host": host_sample(rates, at),
            "vms": [*domains.values(), *resting],
            **({} if drift is None else {"drift": drift}),
            "attributes": own_probes.attributes(self.root.path / "probes.d"),
        }

    def _renew_rules(self) -> None:
        """Nobody is to be without the rules that they were given, whatever happens to the host's firewall."""
        try:
            if renewed := self.networks.renew():
                _log.warning("rules were missing and are back: %s", ", ".join(renewed))
        except AgentError as problem:
            _log.warning("rules could not be looked after: %s", problem)

    # Removing

    def remove_vm(self, folder: VmFolder, generation: int, shared: bool = False) -> None:
        """Leaves nothing of a VM, whatever there is of it; each step may find its work done.

        Disks outside of its folder, which other hosts may use, are removed if ``shared``; else only let go of.
        """
        for each in self._in_use():
            each.destroy(folder.vm)
        self.end_transfers(folder.vm)
        if not self._domain_exists(folder.vm):
            self._remove_traces(folder.vm)
        self.networks.release(folder.vm)
        for place in places.outside(folder).values():
            place.remove() if shared else place.leave()
        self.root.remember_gone(folder.vm, generation)
        folder.remove()
        self.stores.release(folder.vm)

    def transfer(self, vm: int, generation: int) -> str:
        """What a VM's going from host to host is called, the same on both of them."""
        return f"{self._transfers(vm)}{generation}"

    def transfer_of(self, what: str) -> str:
        """What the going of something is called; two zones on a machine do not meet."""
        return f"{hashlib.sha256(self.zone.encode()).hexdigest()[:8]}-{what}"

    def _transfers(self, vm: int) -> str:
        return self.transfer_of(f"{vm}-")

    def end_transfers(self, vm: int) -> None:
        """Nothing of the VM comes or goes any more."""
        self.doors.close(f"vm-{vm}")
        for folder in tunnel.RUN.glob(f"{self._transfers(vm)}*"):
            tunnel.close(self.root.path, folder.name)

    def _remove_traces(self, vm: int) -> None:
        for name in list(bridge.links()):
            tap = _TAP.fullmatch(name)
            if tap and int(tap[1]) == vm:
                bridge.remove_interface(name)
        for each in self._in_use():
            each.remove_traces(vm)

    def retire(self) -> None:
        """Removes what belongs to no VM that has a folder."""
        present = {folder.vm for folder in self.root.folders()}
        for seen in [seen for each in self._in_use() for seen in each.seen()]:
            if seen.vm not in present:
                self.remove_vm(self.root.folder(seen.vm), seen.generation)
        self.networks.drop_users(present)
        self.stores.drop_users(present)
        firewall.remove_empty_table()

    # Reading logs

    def log_file(self, vm: int, which: str) -> Path:
        """The file of a VM's log; it may not exist."""
        if which == "serial":
            return self.root.folder(vm).serial_log
        folder = self.root.folder(vm)
        return next(iter(self.hypervisor_of(folder).logs_of(vm)), folder.path / "qemu.log")


def _answers(hypervisor: Hypervisor) -> bool:
    try:
        hypervisor.connection.get()
    except AgentError:
        return False
    return True


def _resting(folder: VmFolder) -> dict[str, Any]:
    """Generation and state of a VM without a domain."""
    state = "saved" if is_whole(folder.checkpoint) else "off"
    return {"generation": folder.state().generation, "state": state}


def read_log(file: Path, request: Arguments) -> dict[str, Any]:
    """The verb ``log.read``: a piece of a text file, as text, and where the next piece begins."""
    offset = request.integer("offset", default=0)
    limit = request.integer("limit", default=65536, least=1, most=_LONGEST_PIECE)
    try:
        with file.open("rb") as log:
            size = log.seek(0, 2)
            # The file was begun anew since the last piece was read.
            start = offset if offset <= size else 0
            log.seek(start)
            data = log.read(limit)
    except FileNotFoundError:
        return {"data": "", "offset": 0, "size": 0}
    return {"data": data.decode(errors="replace"), "offset": start + len(data), "size": size}
