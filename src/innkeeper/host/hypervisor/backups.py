"""Backups of a VM's disks: full ones, and what has changed since the one before.

Theory of operation
-------------------
A checkpoint is a bitmap in each qcow2 disk that notes which of its blocks are written from then on. A backup sets the
checkpoint that it is named by at the very moment that it shows, and copies either everything or what an earlier
checkpoint has noted. While a guest runs, libvirt does both; of a guest that is off, qemu-img reads the bitmap as what
an NBD export says of itself, and copies those blocks on reading them.

A disk in Ceph notes by itself what changes: its checkpoints are snapshots there, and what is copied is what differs
between two of them. A guest with several disks stands still while these are taken.

Going back to a snapshot gives all checkpoints up: what was noted since is not what differs then.
Bitmaps are part of the disk, so they outlive the guest's QEMU, but libvirt forgets checkpoints with a transient
domain: it is told again. A QEMU that was killed leaves its bitmaps unusable: the backup that finds that is a full one,
and says why.

The files lie in `backup/<checkpoint>/` of the VM's folder, and beside them, once they are whole, what was answered: the
same request is answered again from that. Nothing earlier is given up until `forget` names the checkpoint to keep, so a
backup that is not wanted after all costs nothing but its file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import bounds
from ..arguments import Arguments
from ..disks import places, qcow2
from ..errors import FailedError, RefusedError
from ..files import read_json, remove_durably, sync_file, write_json
from ..folders import VmFolder
from ..tools import run
from ..xmltree import parse
from . import monitor
from .binding import libvirt
from .devices import name_of
from .libvirt_qemu import Hypervisor, state_of

FREEZES = ("NONE", "AGENT", "SUSPEND")
#: In a VM's folder: what is done to a guest that stands still for a backup's moment.
_STILL = "still.json"
_TIME = 6 * 3600.0
_PAUSE = 0.1


def make(hypervisor: Hypervisor, folder: VmFolder, request: Arguments) -> dict[str, Any]:
    """Copies disks as they are now; the answer tells what kind of backup it became, its files and their hashes."""
    name = request.file_name("checkpoint")
    done = folder.path / "backup" / name / "answer.json"
    answer = read_json(done)
    if answer is None:
        since = request.file_name("since") if "since" in request else None
        numbers = [part.integer("disk") for part in request.parts("disks")]
        _clear(hypervisor, folder, keep=since, but=name)
        done.parent.mkdir(mode=0o711, parents=True)
        work = _Work(hypervisor, folder, name, numbers, request.choice("freeze", FREEZES, "NONE"))
        why = work.run(since)
        answer = {
            "type": "INCREMENT" if since and not why else "FULL",
            "why": why,
            "files": [_described(number, work.target(number)) for number in numbers],
        }
        write_json(done, answer)
    return dict(answer)


def forget(hypervisor: Hypervisor, folder: VmFolder, keep: str | None) -> None:
    """Gives up all checkpoints but one, and all files."""
    _clear(hypervisor, folder, keep=keep, but=keep)
    shutil.rmtree(folder.path / "backup", ignore_errors=True)


def _described(number: int, path: Path) -> dict[str, Any]:
    sync_file(path)
    bounds.hand_over(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"disk": number, "path": str(path), "bytes": path.stat().st_size, "sha256": digest}


def _clear(hypervisor: Hypervisor, folder: VmFolder, keep: str | None, but: str | None) -> None:
    """Ends what an interrupted request began, and drops checkpoints that are not kept."""
    for place in places.outside(folder).values():
        if place.notes and place.there():
            place.unmark(keep)
    domain = hypervisor.find(folder.vm)
    if domain is not None:
        go_on(domain, folder)
        _end_job(domain)
        for checkpoint in domain.listAllCheckpoints():
            if checkpoint.getName() != keep:
                checkpoint.delete()
        _drop_untold(domain, keep)
    else:
        for number, image_format in _formats(folder).items():
            if image_format == "qcow2":
                qcow2.drop_bitmaps(folder.disk(number), keep)
    if but is not None and but != keep:
        shutil.rmtree(folder.path / "backup" / but, ignore_errors=True)


def _drop_untold(domain: Any, keep: str | None) -> None:
    """Removes bitmaps that came with the disks and that libvirt was not told of."""
    with contextlib.suppress(libvirt().libvirtError):  # it may be gone by now
        for node in monitor.nodes(domain).values():
            for name in sorted(node.bitmaps - {keep}):
                monitor.command(domain, "block-dirty-bitmap-remove", node=node.name, name=name)


def _end_job(domain: Any) -> None:
    module = libvirt()
    with contextlib.suppress(module.libvirtError):
        if domain.jobStats().get("operation") == module.VIR_DOMAIN_JOB_OPERATION_BACKUP:
            domain.abortJob()
    while _busy(domain):
        time.sleep(_PAUSE)


def _busy(domain: Any) -> bool:
    module = libvirt()
    try:
        said = domain.jobStats()
    except module.libvirtError:
        return False
    return bool(
        said.get("operation") == module.VIR_DOMAIN_JOB_OPERATION_BACKUP and said.get("type")
    )


def _formats(folder: VmFolder) -> dict[int, str]:
    """The formats of the disks that the guest was last started with: nothing that a guest can write tells them."""
    description = folder.state().domain or {}
    disks = description.get("disks", [])
    return {disk["disk"]: disk["format"] for disk in disks if disk.get("device") != "cdrom"}


class _Work:
    """One backup."""

    def __init__(
        self, hypervisor: Hypervisor, folder: VmFolder, name: str, numbers: list[int], freeze: str
    ) -> None:
        self.folder = folder
        self.name = name
        self.numbers = numbers
        self.freeze = freeze
        self.domain = hypervisor.find(folder.vm)
        found = {number: places.of(folder, number, "raw") for number in numbers}
        for place in found.values():
            if not place.there():
                raise place.missing()
        #: Disks whose places note what changes, and those of which QEMU must.
        self.marked = {number: place for number, place in found.items() if place.notes}
        self.files = [number for number in numbers if number not in self.marked]

    def target(self, number: int) -> Path:
        """Where a disk's copy goes."""
        return self.folder.path / "backup" / self.name / f"disk.{number}"

    def run(self, since: str | None) -> str:
        """Makes it; tells why it became a full one although only changes were asked for."""
        why = self._unusable(since) if since else ""
        since = None if why else since
        if self.domain is not None:
            self._live(since)
        else:
            self._mark()
            for number in self.files:
                self._at_rest(number, since)
        for number, place in self.marked.items():
            place.copy_marked(self.target(number), self.name, since)
        return why

    def _mark(self) -> None:
        for place in self.marked.values():
            place.mark(self.name)

    def _unusable(self, since: str) -> str:
        """Why what has changed since a checkpoint is not known; empty when it is."""
        for number, place in self.marked.items():
            if since not in place.marks():
                return f"disk {number} has no snapshot of {since}"
        if self.domain is not None:
            return self._told_again(since) if self.files else ""
        for number in self.files:
            disk = self.folder.disk(number)
            if not self._is_qcow2(number) or not qcow2.bitmaps(disk).get(since):
                return f"disk {number} has no usable bitmap {since}"
        return ""

    # -- of a guest that runs

    def _told_again(self, since: str) -> str:
        module = libvirt()
        if since in [checkpoint.getName() for checkpoint in self.domain.listAllCheckpoints()]:
            return ""
        disks = "".join(
            f"<disk name='{device}' checkpoint='bitmap' bitmap='{since}'/>"
            for device in self._devices().values()
        )
        xml = (
            f"<domaincheckpoint><name>{since}</name><creationTime>{int(time.time())}</creationTime>"
            f"<disks>{disks}</disks></domaincheckpoint>"
        )
        flags = module.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE
        flags |= module.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE
        try:
            self.domain.checkpointCreateXML(xml, flags)
        except module.libvirtError as problem:
            return str(problem)
        return ""

    def _devices(self) -> dict[int, str]:
        """What libvirt calls the disks, by number."""
        found = {}
        for disk in parse(self.domain.XMLDesc()).findall("devices/disk"):
            named, target = name_of(disk), disk.find("target")
            if named is not None and named[1] in self.files and target is not None:
                found[named[1]] = target.get("dev", "")
        for number in self.files:
            if number not in found:
                raise RefusedError(f"VM {self.folder.vm} runs without disk {number}")
        return found

    def _live(self, since: str | None) -> None:
        devices = self._devices()
        bitmapped = [number for number in devices if self._is_qcow2(number)]
        copies = "".join(
            f"<disk name='{device}' backup='yes' type='file'><driver type='qcow2'/>"
            f"<target file='{self.target(number)}'/></disk>"
            for number, device in devices.items()
        )
        others = "".join(
            f"<disk name='{name}' backup='no'/>" for name in self._other_devices(devices)
        )
        incremental = f"<incremental>{since}</incremental>" if since else ""
        backup = (
            f"<domainbackup mode='push'>{incremental}<disks>{copies}{others}</disks></domainbackup>"
        )
        # Several places are not marked at one moment by themselves.
        suspend = self.freeze == "SUSPEND" or bool(self.marked and len(self.numbers) > 1)
        with still(self.domain, self.folder, freeze=self.freeze == "AGENT", suspend=suspend):
            self._mark()
            if devices:
                self.domain.backupBegin(backup, self._checkpoint(devices, bitmapped))
        if devices:
            self._await_end()

    def _is_qcow2(self, number: int) -> bool:
        return _formats(self.folder).get(number) == "qcow2"

    def _other_devices(self, devices: dict[int, str]) -> list[str]:
        targets = parse(self.domain.XMLDesc()).findall("devices/disk/target")
        return [t.get("dev", "") for t in targets if t.get("dev") not in devices.values()]

    def _checkpoint(self, devices: dict[int, str], bitmapped: list[int]) -> str | None:
        if len(bitmapped) != len(devices):
            return None  # a raw disk cannot note what changes: there will be no increment
        noted = "".join(f"<disk name='{name}' checkpoint='bitmap'/>" for name in devices.values())
        others = "".join(
            f"<disk name='{n}' checkpoint='no'/>" for n in self._other_devices(devices)
        )
        return f"<domaincheckpoint><name>{self.name}</name><disks>{noted}{others}</disks></domaincheckpoint>"

    def _await_end(self) -> None:
        module = libvirt()
        deadline = time.monotonic() + _TIME
        while _busy(self.domain):
            if time.monotonic() > deadline:
                self.domain.abortJob()
                raise FailedError(f"the backup of VM {self.folder.vm} took more than {_TIME:g} s")
            time.sleep(_PAUSE)
        said = self.domain.jobStats(module.VIR_DOMAIN_JOB_STATS_COMPLETED)
        if not said.get("success"):
            raise FailedError(said.get("errmsg") or f"the backup of VM {self.folder.vm} failed")

    # -- of a guest that is off

    def _at_rest(self, number: int, since: str | None) -> None:
        disk, target = self.folder.disk(number), self.target(number)
        if since is None:
            image_format = "qcow2" if self._is_qcow2(number) else "raw"
            places.of(self.folder, number, image_format).copy(target)
        else:
            _copy_noted(disk, since, target)
        if self._is_qcow2(number):
            run("qemu-img", "bitmap", "--add", "-f", "qcow2", str(disk), self.name)


@contextlib.contextmanager
def still(domain: Any, folder: VmFolder, *, freeze: bool, suspend: bool) -> Iterator[None]:
    """The guest writes nothing meanwhile: its file systems stand still, or all of it. One that was paused stays so.

    What is to be undone is noted first: should the agent die meanwhile, `go_on` does it before anything else.
    """
    suspend = suspend and state_of(domain) == "running"
    write_json(folder.path / _STILL, {"frozen": freeze, "suspended": suspend})
    try:
        if freeze:
            domain.fsFreeze()
        if suspend:
            domain.suspend()
        yield
    finally:
        go_on(domain, folder)


def go_on(domain: Any, folder: VmFolder) -> None:
    """A guest that we have stopped for a backup's moment writes again."""
    noted = read_json(folder.path / _STILL)
    if noted is None:
        return
    if noted["suspended"] and state_of(domain) == "paused":
        domain.resume()
    if noted["frozen"]:
        # It may not be frozen, or not answer any more; then there is nothing that we could do.
        with contextlib.suppress(libvirt().libvirtError):
            domain.fsThaw()
    remove_durably(folder.path / _STILL)


def _copy_noted(disk: Path, bitmap: str, target: Path) -> None:
    """The blocks that a bitmap has noted, as a qcow2 file of which all else is empty."""
    # A socket's path has a short limit.
    with (
        tempfile.TemporaryDirectory(prefix="inn-") as short,
        _exported(disk, bitmap, Path(short)) as socket,
    ):
        image = f"driver=nbd,server.type=unix,server.path={socket}"
        said = run(
            "qemu-img", "map", "--output=json", "--image-opts",
            f"{image},x-dirty-bitmap=qemu:dirty-bitmap:{bitmap}", timeout=_TIME,
        )  # fmt: skip
        # What is noted is shown as what holds no data.
        noted = [part for part in json.loads(said) if not part["data"]]
        parts = [(int(part["start"]), int(part["length"])) for part in noted]
        qcow2.copy_parts(f"nbd+unix:///?socket={socket}", parts, target)


@contextlib.contextmanager
def _exported(disk: Path, bitmap: str, folder: Path) -> Iterator[Path]:
    """A socket on which the disk can be read, and asked what a bitmap has noted."""
    socket = folder / "disk"
    command = [
        "qemu-nbd",
        "-r",
        "-f",
        "qcow2",
        "-B",
        bitmap,
        "-k",
        str(socket),
        "--persistent",
        str(disk),
    ]
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command], stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            deadline = time.monotonic() + 60
            while not socket.exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    said = (
                        server.stderr.read() if server.stderr and server.poll() is not None else ""
                    )
                    raise FailedError(f"qemu-nbd: {said.strip() or 'does not answer'}")
                time.sleep(_PAUSE)
            yield socket
        finally:
            server.terminate()
            server.wait()
