"""The verbs by which guests and files go from one host to another; part of the table in `verbs.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from pathlib import Path

from .arguments import Arguments
from .disks import qcow2
from .errors import MissingError, RefusedError
from .folders import VmFolder
from .hypervisor import migration
from .hypervisor.ownership import qemu_user
from .peers import fetch, tunnel
from .peers.tunnel import Tunnel
from .verbs import Request, Result, per_vm, verb


def _name(request: Request) -> str:
    """What the transfer of this request is called, on both hosts."""
    return request.service.transfer(request.args.integer("vm"), request.generation())


def _needed(request: Request) -> VmFolder:
    folder = request.folder()
    if not folder.exists():
        raise RefusedError(f"VM {folder.vm} has no folder here")
    return folder


# A running guest


@verb("migration.offer", per_vm, slow=True)
def _offer(request: Request) -> Result:
    folder, service = _needed(request), request.service
    offer = migration.offered(service.hypervisor, folder)
    user = qemu_user(service.hypervisor.connection.get().getCapabilities())
    tunnel.make_folder(_name(request), user)
    return {**offer, "port": service.doors.open(f"vm-{folder.vm}", request.args.text("key"))}


@verb("migration.prepare", per_vm, slow=True)
def _prepare(request: Request) -> Result:
    hypervisor = request.service.hypervisor
    return migration.prepare(hypervisor, _needed(request), _name(request), request.args)


@verb("migration.send", per_vm, slow=True)
def _send(request: Request) -> Result:
    folder, there = _needed(request), request.args.part("there")
    hypervisor, generation = request.service.hypervisor, request.generation()
    return migration.send(hypervisor, folder, _name(request), generation, there)


@verb("migration.receive", per_vm, slow=True)
def _receive(request: Request) -> Result:
    folder, sent = _needed(request), request.args.integer("sent")
    name = request.service.transfer(folder.vm, sent)
    return migration.receive(request.service.hypervisor, folder, name, sent)


@verb("migration.stay", per_vm, slow=True)
def _stay(request: Request) -> Result:
    folder = request.folder()
    state = migration.stay(request.service.hypervisor, folder)
    request.service.end_transfers(folder.vm)
    return {"state": state}


@verb("migration.look", per_vm)
def _look(request: Request) -> Result:
    return {"state": migration.look(request.service.hypervisor, request.vm())}


# What lies there of a VM that does not run


@verb("vm.give", per_vm)
def _give(request: Request) -> Result:
    folder = _needed(request)
    return {"port": request.service.doors.open(f"vm-{folder.vm}", request.args.text("key"))}


@verb("vm.fetch", per_vm, slow=True)
def _fetch(request: Request) -> Result:
    folder, generation = _needed(request), request.generation()
    state = folder.state()
    if state.fetched == generation:
        return {}
    name = _name(request)
    tunnel.make_folder(name, None)
    way = Tunnel.described(request.service.root.path, name, request.args.part("peer"))
    way.open()
    brought = _bring_all(folder, way)
    way.close()
    state = folder.state()
    state.fetched = generation
    folder.write(state)
    return {"files": brought}


def _bring_all(folder: VmFolder, way: Tunnel) -> dict[str, str]:
    """Every file of the VM, with its hash."""
    brought = {}
    with fetch.session(way) as giver:
        for name in giver.ask({"list": folder.vm}):
            target = folder.path / Path(name).name
            base = _base_of(target)
            brought[target.name] = fetch.bring(giver, name, target)
            if base is not None and _base_of(target) not in (None, base):
                qcow2.lay_on(target, *base)
        fetch.bring_notes(giver, folder)
    return brought


# Bases


def _per_base(args: Arguments) -> Hashable:
    return ("base", args.raw("name"))


@verb("base.give", _per_base)
def _base_give(request: Request) -> Result:
    name, key = request.args.file_name("name"), request.args.text("key")
    service = request.service
    if not (service.root.bases / name).exists():
        raise MissingError(str(service.root.bases / name))
    visitor = hashlib.sha256(key.encode()).hexdigest()[:8]
    return {"port": service.doors.open(f"base-{name[:16]}-{visitor}", key, once=True)}


@verb("base.fetch", _per_base, slow=True)
def _base_fetch(request: Request) -> Result:
    """The name of a base is the hash of its content, whoever gives it."""
    name, service = request.args.file_name("name"), request.service
    target = service.root.bases / name
    if target.exists():
        return {}
    transfer = service.transfer_of(f"base-{name[:16]}")
    tunnel.make_folder(transfer, None)
    way = Tunnel.described(service.root.path, transfer, request.args.part("peer"))
    try:
        way.open()
        with fetch.session(way) as giver:
            fetch.bring(giver, f"bases/{name}", target, name)
    finally:
        way.close()
    target.chmod(0o644)
    return {}


def _base_of(file: Path) -> tuple[str, str] | None:
    """The file that a disk is a layer on, and its format: where `disk.ensure` has put it on this host."""
    if not file.name.startswith("disk.") or not file.exists():
        return None
    if qcow2.info(file).format != "qcow2":
        return None
    layers = qcow2.backing_chain(file) if qcow2.info(file, "qcow2").backing else []
    return layers[0] if layers else None
