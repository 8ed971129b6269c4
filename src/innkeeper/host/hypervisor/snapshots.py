"""Snapshots of a disk, and of a whole guest with its memory (inside the qcow2 files, which no file more is needed for).

Theory of operation
-------------------
A snapshot is known by its tag, which the front end never uses twice: one that is there is the one that was asked for,
and one that is not there is gone. Inside a file of a guest that runs QEMU makes it; else the disk's place does. A disk
goes back to a snapshot only while its guest is off. A guest goes back, memory and disks, while it runs; it must have
the same devices and the same memory as then, which is looked at first: QEMU would find it out when the disks have gone
back already. A disk that goes back notes no changes for backups any more: the next one is a full one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ..arguments import Arguments
from ..disks import places, qcow2
from ..disks.files import FilePlace
from ..errors import AgentError, RefusedError
from ..folders import VmFolder
from . import backups, devices, monitor
from .libvirt_qemu import Hypervisor

#: Seconds that libvirt has to tell that a guest was paused and goes on.
_TELLING = 5.0


class Disk:
    """One disk of a VM; `node` is how QEMU has it, None when no guest runs with it."""

    def __init__(self, hypervisor: Hypervisor, folder: VmFolder, disk: Arguments) -> None:
        self._of = hypervisor, folder, disk
        self.vm, self.number = folder.vm, disk.integer("disk")
        self.place = places.of(folder, self.number, disk.choice("format", qcow2.FORMATS))
        if not self.place.there():
            raise self.place.missing()
        self.domain = hypervisor.find(folder.vm)
        running = monitor.nodes(self.domain) if self.domain is not None else {}
        self.node = running.get(self.number)

    def again(self) -> Disk:
        """The disk as it is by now."""
        return Disk(*self._of)

    @property
    def by_qemu(self) -> monitor.Node | None:
        """How QEMU has it, when QEMU must do it."""
        return self.node if self.place.inside else None

    def has(self, tag: str) -> bool:
        node = self.by_qemu
        return tag in (self.place.snapshots() if node is None else node.snapshots)


def take(disk: Disk, tag: str) -> None:
    """A snapshot of the disk as it is now, unless there is one of this tag."""
    if disk.has(tag):
        return
    if node := disk.by_qemu:
        name = "blockdev-snapshot-internal-sync"
        monitor.command(disk.domain, name, device=node.name, name=tag)
    else:
        disk.place.snapshot(tag)


def drop(disk: Disk, tag: str) -> None:
    """No snapshot of this tag any more."""
    if not disk.has(tag):
        return
    if node := disk.by_qemu:
        name = "blockdev-snapshot-delete-internal-sync"
        monitor.command(disk.domain, name, device=node.name, name=tag)
    else:
        disk.place.forget(tag)


def go_back(disk: Disk, tag: str) -> None:
    """The disk as it was when the snapshot was taken."""
    if disk.node is not None:
        raise RefusedError(f"the guest of VM {disk.vm} runs with disk {disk.number}")
    if not disk.has(tag):
        raise RefusedError(f"disk {disk.number} of VM {disk.vm} has no snapshot {tag}")
    disk.place.revert(tag)


# ---- whole guests --------------------------------------------------------------------------------


def _writable(domain: Any, vm: int) -> dict[int, monitor.Node]:
    """The disks that a guest can write to, all of which must be able to hold a snapshot."""
    found = {number: node for number, node in monitor.nodes(domain).items() if not node.readonly}
    raw = sorted(number for number, node in found.items() if node.format != "qcow2")
    if raw or not found:
        which = f"its disks {raw} are raw" if raw else "it has no disk that can be written to"
        raise RefusedError(f"VM {vm} has no snapshots: {which}")
    return found


def _shape(hypervisor: Hypervisor, vm: int, domain: Any) -> dict[str, Any]:
    """What must be the same when a guest goes back."""
    return {
        "devices": devices.plugged(hypervisor, vm),
        "memory": domain.maxMemory(),
        "processors": domain.maxVcpus(),
    }


def _nodes_of(found: dict[int, monitor.Node]) -> dict[str, Any]:
    names = [found[number].name for number in sorted(found)]
    return {"vmstate": names[0], "devices": names}


def save_guest(hypervisor: Hypervisor, folder: VmFolder, tag: str) -> None:
    """A snapshot of a guest that runs: its memory and all its disks."""
    domain = hypervisor.running(folder.vm)
    found = _writable(domain, folder.vm)
    if all(tag in node.snapshots for node in found.values()):
        return
    state = folder.state()
    state.snapshots = {**state.snapshots, tag: _shape(hypervisor, folder.vm, domain)}
    folder.write(state)
    with _pausing(hypervisor, folder.vm):
        monitor.job(domain, "snapshot-save", tag, **_nodes_of(found))


def load_guest(hypervisor: Hypervisor, folder: VmFolder, tag: str) -> None:
    """The guest goes on from where it was when the snapshot was taken."""
    domain = hypervisor.running(folder.vm)
    then, now = folder.state().snapshots.get(tag), _shape(hypervisor, folder.vm, domain)
    found = _writable(domain, folder.vm)
    if then is None or not all(tag in node.snapshots for node in found.values()):
        raise RefusedError(f"VM {folder.vm} has no snapshot {tag}")
    if then != now:
        changed = ", ".join(sorted(part for part in now if now[part] != then.get(part)))
        raise RefusedError(
            f"VM {folder.vm} is not as it was at snapshot {tag}: its {changed} differ"
        )
    backups.forget(hypervisor, folder, None)
    with _pausing(hypervisor, folder.vm):
        _load(
            hypervisor,
            folder.vm,
            lambda: monitor.job(domain, "snapshot-load", tag, **_nodes_of(found)),
        )


def _load(hypervisor: Hypervisor, vm: int, load: Callable[[], None]) -> None:
    try:
        load()
    except AgentError:
        # Its disks may have gone back without its memory: it starts over from them.
        hypervisor.reboot(vm, hard=True)
        raise
    finally:
        hypervisor.resume(vm)


@contextlib.contextmanager
def _pausing(hypervisor: Hypervisor, vm: int) -> Iterator[None]:
    """Around what pauses a guest for a moment: ends when that was told."""
    told = hypervisor.watcher.told(vm)
    yield
    hypervisor.watcher.wait_for_pause(vm, told, _TELLING)


def drop_guest(hypervisor: Hypervisor, folder: VmFolder, tag: str) -> None:
    """No snapshot of this tag any more, whether the guest runs or not."""
    domain = hypervisor.find(folder.vm)
    if domain is not None:
        has = {n: node for n, node in monitor.nodes(domain).items() if tag in node.snapshots}
        if has:
            names = [node.name for node in has.values()]
            monitor.job(domain, "snapshot-delete", tag, devices=names)
    else:
        for number in folder.disks():
            with contextlib.suppress(AgentError):  # what is no qcow2 image has none
                FilePlace(folder, number, "qcow2").forget(tag)
    state = folder.state()
    state.snapshots = {name: shape for name, shape in state.snapshots.items() if name != tag}
    folder.write(state)
