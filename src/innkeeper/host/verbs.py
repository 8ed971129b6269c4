"""The verbs of the protocol: for each its function, its queue, and whether it may take long.

A verb's function gets the request (its arguments and what it may report or ask while it runs) and
gives the answer's ``result``. What it does to the host is elsewhere; this is the table of contents.
"""

from __future__ import annotations

import base64
import dataclasses
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from . import hooks, libvirtd
from .arguments import Arguments
from .disks import attachments, chains, exports, images, iso, places, qcow2, saving, tree
from .errors import RefusedError
from .folders import Root, VmFolder
from .hypervisor import backups, checkpoint, devices, screens, sizes, snapshots
from .hypervisor.libvirt_qemu import Hypervisor
from .service import Service, read_log

Result = dict[str, Any]
_NOTHING: Result = {}
#: Seconds that a guest has to shut itself down when the request does not say.
_PATIENCE = 120.0


@dataclasses.dataclass(frozen=True)
class Request:
    """A request at work. ``service`` is None before ``hello``, for the verbs that need none."""

    args: Arguments
    service: Service
    #: Sends a progress event for this request: bytes done, bytes in all.
    progress: Callable[[int, int | None], None]
    #: The verbs that wait for the same VM behind this one.
    waiting: Callable[[], list[str]]

    def folder(self) -> VmFolder:
        """The folder of the request's VM, if the request is not stale."""
        return self.service.root.admit(self.args.integer("vm"), self.generation())

    def generation(self) -> int:
        return self.args.integer("generation")

    def vm(self) -> int:
        return self.folder().vm

    def hypervisor(self) -> Hypervisor:
        """The hypervisor that the request's VM was started under last."""
        return self.service.hypervisor_of(self.service.root.folder(self.args.integer("vm")))

    def made_folder(self) -> VmFolder:
        """The same, made if it is missing."""
        folder = self.folder()
        folder.make(self.generation())
        return folder


@dataclasses.dataclass(frozen=True)
class Verb:
    """How a verb is run."""

    run: Callable[[Request], Result]
    #: The queue that a request waits in; None runs it beside everything else.
    queue: Callable[[Arguments], Hashable] = lambda _args: None
    #: Whether it may take minutes.
    slow: bool = False


VERBS: dict[str, Verb] = {}


def _per_vm(args: Arguments) -> Hashable:
    return ("vm", args.integer("vm"))


def _per_target(args: Arguments) -> Hashable:
    return ("file", args.raw("into") or args.raw("path"))


def _per_console(args: Arguments) -> Hashable:
    return ("console", args.raw("console"))


def _verb(
    name: str, queue: Callable[[Arguments], Hashable] = lambda _args: None, slow: bool = False
) -> Callable[[Callable[[Request], Result]], Callable[[Request], Result]]:
    def register(run: Callable[[Request], Result]) -> Callable[[Request], Result]:
        VERBS[name] = Verb(run, queue, slow)
        return run

    return register


#: For verbs that have modules of their own.
verb, per_vm = _verb, _per_vm


# The host


@_verb("identify")
def _identify(request: Request) -> Result:
    return {"root": Root(request.args.path("root")).known_identity()}


@_verb("observe")
def _observe(request: Request) -> Result:
    return request.service.observe()


@_verb("monitor")
def _monitor(request: Request) -> Result:
    interval = request.args.number("interval")
    request.service.monitor.set_interval(interval, request.args.number("first", interval))
    return _NOTHING


@_verb("retire", slow=True)
def _retire(request: Request) -> Result:
    request.service.retire()
    return _NOTHING


@_verb("libvirt.ensure", lambda _args: "libvirtd", slow=True)
def _libvirt_ensure(request: Request) -> Result:
    return {"how": libvirtd.ensure(request.args.path("folder"))}


@_verb("libvirt.stop", lambda _args: "libvirtd", slow=True)
def _libvirt_stop(request: Request) -> Result:
    libvirtd.stop(request.args.path("folder"))
    return _NOTHING


# What it is declared to be like


@_verb("profile.watch", lambda _args: "profile")
def _profile_watch(request: Request) -> Result:
    request.service.keeper.watch(request.args.part("profile"))
    return _NOTHING


@_verb("profile.repair", lambda _args: "profile", slow=True)
def _profile_repair(request: Request) -> Result:
    return request.service.keeper.repair(request.args.part("profile"))


# Networks


@_verb("network.ensure", _per_vm)
def _network_ensure(request: Request) -> Result:
    described = request.args.parts("networks")
    nics = request.args.parts("nics") if "nics" in request.args else None
    vm = request.made_folder().vm
    request.service.networks.ensure(vm, request.generation(), described, nics)
    return _NOTHING


@_verb("network.guard", _per_vm)
def _network_guard(request: Request) -> Result:
    nics = request.args.parts("nics")
    request.service.networks.guard(request.vm(), request.generation(), nics)
    return _NOTHING


@_verb("network.release", _per_vm)
def _network_release(request: Request) -> Result:
    numbers = request.args.integers("networks") if "networks" in request.args else None
    request.service.networks.release(request.vm(), numbers)
    return _NOTHING


# Disks


@_verb("disk.ensure", _per_vm, slow=True)
def _disk_ensure(request: Request) -> Result:
    bases = request.service.root.bases
    disks = [qcow2.described(disk, bases) for disk in request.args.parts("disks")]
    attached = attachments.described(request.args, bases)
    folder = request.made_folder()
    request.service.stores.ensure(folder.vm, request.args.parts("stores", required=False))
    store = Path(request.args.path("store")) if "store" in request.args else None
    for disk in disks:
        if disk.kind == "tree":
            tree.ensure(disk, folder.disk(disk.number))
        elif disk.store is not None:
            places.assigned(folder, disk).ensure(disk)
        else:
            qcow2.ensure_in(store, folder.vm, disk, folder.disk(disk.number))
    attachments.ensure(attached, folder.path)
    return _NOTHING


@_verb("disk.release", _per_vm)
def _disk_release(request: Request) -> Result:
    numbers = request.args.integers("disks")
    folder = request.folder()
    devices.check_unplugged(request.hypervisor(), folder, numbers)
    for number in numbers:
        places.of(folder, number, "raw").remove()
        places.forget(folder, number)
    request.service.stores.release(folder.vm, but=places.stores_of(folder))
    return _NOTHING


@_verb("disk.grow", _per_vm, slow=True)
def _disk_grow(request: Request) -> Result:
    disk, size = request.args.part("disk"), request.args.integer("size_mib", least=1)
    sizes.grow(request.hypervisor(), request.folder(), disk, size)
    return _NOTHING


def _of_snapshot(name: str, meant: Callable[[Request], Any], change: Callable[..., None]) -> None:
    """A verb that does something with a snapshot, and has nothing to tell."""

    @_verb(name, _per_vm, slow=True)
    def _perform(request: Request) -> Result:
        change(*meant(request))
        return _NOTHING


def _disk_and_tag(request: Request) -> tuple[snapshots.Disk, str]:
    tag = request.args.file_name("tag")
    described = request.args.part("disk")
    return snapshots.Disk(request.hypervisor(), request.folder(), described), tag


for _name, _change in (
    ("disk.snapshot", snapshots.take),
    ("disk.forget", snapshots.drop),
    ("disk.revert", snapshots.go_back),
):
    _of_snapshot(_name, _disk_and_tag, _change)


@_verb("disk.save", _per_vm, slow=True)
def _disk_save(request: Request) -> Result:
    number = request.args.integer("number")
    tag = request.args.file_name("tag") if "tag" in request.args else None
    return saving.save(request.hypervisor(), request.folder(), request.args, number, tag)


@_verb("disk.unsave", _per_vm, slow=True)
def _disk_unsave(request: Request) -> Result:
    number = request.args.integer("number")
    saving.forget(request.hypervisor(), request.folder(), request.args, number)
    return _NOTHING


@_verb("context.ensure", _per_vm, slow=True)
def _context_ensure(request: Request) -> Result:
    files, number = iso.files_of(request.args), request.args.integer("disk")
    attached = attachments.described(request.args, request.service.root.bases)
    as_folder, folder = request.args.flag("tree"), request.made_folder()
    known = folder.disk(number).exists()  # else no guest can have it
    (tree if as_folder else iso).write(folder.disk(number), files, attached)
    if known and not as_folder:
        devices.show_cd(request.hypervisor(), folder, number)
    return _NOTHING


# Domains


@_verb("domain.ensure", _per_vm, slow=True)
def _domain_ensure(request: Request) -> Result:
    description = request.args.part("domain")
    folder = request.folder()
    if not folder.exists():
        raise RefusedError(f"VM {folder.vm} has no disks here: no disk.ensure came before")
    hypervisor = request.service.hypervisor_called(description)
    started = hypervisor.ensure(folder, request.generation(), description)
    request.service.networks.shape(folder.vm)
    return started


@_verb("domain.adjust", _per_vm, slow=True)
def _domain_adjust(request: Request) -> Result:
    description = request.args.part("domain")
    folder = request.folder()
    devices.adjust(request.hypervisor(), folder, description)
    request.service.networks.shape(folder.vm)
    return _NOTHING


@_verb("domain.resize", _per_vm)
def _domain_resize(request: Request) -> Result:
    sizes.resize(request.hypervisor(), request.folder(), request.args)
    return _NOTHING


def _guest_and_tag(request: Request) -> tuple[Hypervisor, VmFolder, str]:
    tag = request.args.file_name("tag")
    return request.hypervisor(), request.folder(), tag


_of_snapshot("domain.snapshot", _guest_and_tag, snapshots.save_guest)
_of_snapshot("domain.forget", _guest_and_tag, snapshots.drop_guest)


@_verb("domain.revert", _per_vm, slow=True)
def _domain_revert(request: Request) -> Result:
    snapshots.load_guest(*_guest_and_tag(request))
    request.service.networks.shape(request.vm())
    return _NOTHING


@_verb("domain.shutdown", _per_vm, slow=True)
def _domain_shutdown(request: Request) -> Result:
    patience = request.args.number("patience", _PATIENCE)

    def superseded() -> bool:
        return any(verb in ("domain.destroy", "vm.remove") for verb in request.waiting())

    request.hypervisor().shut_down(request.vm(), patience, superseded)
    return _NOTHING


@_verb("domain.destroy", _per_vm, slow=True)
def _domain_destroy(request: Request) -> Result:
    request.hypervisor().destroy(request.vm())
    return _NOTHING


@_verb("domain.reboot", _per_vm)
def _domain_reboot(request: Request) -> Result:
    request.hypervisor().reboot(request.vm(), request.args.flag("hard"))
    return _NOTHING


@_verb("domain.suspend", _per_vm)
def _domain_suspend(request: Request) -> Result:
    request.hypervisor().suspend(request.vm())
    return _NOTHING


@_verb("domain.resume", _per_vm)
def _domain_resume(request: Request) -> Result:
    request.hypervisor().resume(request.vm())
    return _NOTHING


@_verb("domain.save", _per_vm, slow=True)
def _domain_save(request: Request) -> Result:
    checkpoint.save(request.hypervisor(), request.folder())
    return _NOTHING


@_verb("domain.restore", _per_vm, slow=True)
def _domain_restore(request: Request) -> Result:
    folder = request.folder()
    restored = checkpoint.restore(request.hypervisor(), folder, request.generation())
    request.service.networks.shape(folder.vm)
    return restored


# VMs


@_verb("vm.remove", _per_vm, slow=True)
def _vm_remove(request: Request) -> Result:
    folder = request.folder()
    shared = request.args.flag("shared") or "store" in request.args
    request.service.remove_vm(folder, request.generation(), shared)
    if "store" in request.args:
        qcow2.remove_shared(Path(request.args.path("store")), folder.vm)
    return _NOTHING


@_verb("vm.adopt", _per_vm)
def _vm_adopt(request: Request) -> Result:
    folder = request.folder()
    if not folder.exists():
        request.service.root.remember_gone(folder.vm, request.generation())
    return _NOTHING


@_verb("log.read")
def _log_read(request: Request) -> Result:
    which = request.args.choice("which", ("serial", "qemu"))
    return read_log(request.service.log_file(request.args.integer("vm"), which), request.args)


@_verb("console.open", _per_console)
def _console_open(request: Request) -> Result:
    vm, console = request.args.integer("vm"), request.args.integer("console")
    kind = request.args.choice("kind", ("serial", "vnc"), "serial")
    hypervisor, consoles = request.hypervisor(), request.service.consoles
    domain = hypervisor.running(vm)
    if kind == "vnc":
        consoles.open_screen(console, lambda: screens.connect(domain))
        return _NOTHING
    path = hypervisor.described(domain)["console"]
    if path is None:
        raise RefusedError(f"VM {vm} has no serial port")
    consoles.open_terminal(console, path)
    return _NOTHING


# In no queue: what a guest does not read must not keep it from being heard.
@_verb("console.passed-on")
def _console_passed_on(request: Request) -> Result:
    args = request.args
    request.service.consoles.passed_on(args.integer("console"), args.integer("bytes"))
    return _NOTHING


@_verb("console.write", _per_console)
def _console_write(request: Request) -> Result:
    data = request.args.data("data")
    request.service.consoles.write(request.args.integer("console"), data)
    return _NOTHING


@_verb("console.close", _per_console)
def _console_close(request: Request) -> Result:
    request.service.consoles.close(request.args.integer("console"))
    return _NOTHING


@_verb("screenshot")
def _screenshot(request: Request) -> Result:
    hypervisor = request.hypervisor()
    domain = hypervisor.running(request.args.integer("vm"))
    png = screens.picture(hypervisor.connection.get(), domain)
    return {"png": base64.b64encode(png).decode()}


# Images


@_verb("image.import", _per_target, slow=True)
def _image_import(request: Request) -> Result:
    return images.bring(request.args, request.progress)


@_verb("image.clone", _per_target, slow=True)
def _image_clone(request: Request) -> Result:
    return images.clone(request.args)


@_verb("image.export", _per_target, slow=True)
def _image_export(request: Request) -> Result:
    return exports.export(request.args)


@_verb("image.remove", _per_target)
def _image_remove(request: Request) -> Result:
    images.remove(request.args)
    return _NOTHING


@_verb("image.stat", slow=True)
def _image_stat(request: Request) -> Result:
    return images.look(request.args)


@_verb("store.stat")
def _store_stat(request: Request) -> Result:
    return images.stat(request.args)


# Backups


@_verb("backup.make", _per_vm, slow=True)
def _backup_make(request: Request) -> Result:
    folder = request.folder()
    if not folder.exists():
        raise RefusedError(f"VM {folder.vm} has no disks here")
    return backups.make(request.hypervisor(), folder, request.args)


@_verb("backup.forget", _per_vm, slow=True)
def _backup_forget(request: Request) -> Result:
    folder = request.folder()
    keep = request.args.file_name("keep") if "keep" in request.args else None
    if folder.exists():
        backups.forget(request.hypervisor(), folder, keep)
    return _NOTHING


@_verb("disk.restore", _per_vm, slow=True)
def _disk_restore(request: Request) -> Result:
    bases = request.service.root.bases
    disks = [qcow2.described(disk, bases) for disk in request.args.parts("disks")]
    folder = request.folder()
    if request.hypervisor().find(folder.vm) is not None:
        raise RefusedError(f"VM {folder.vm} runs: its disks cannot be put back")
    for disk in disks:
        places.of(folder, disk.number, disk.format).put_back(disk)
    return _NOTHING


@_verb("backup.take", _per_target, slow=True)
def _backup_take(request: Request) -> Result:
    return chains.take(request.args)


@_verb("backup.verify", slow=True)
def _backup_verify(request: Request) -> Result:
    return chains.verify(request.args)


@_verb("backup.compose", _per_target, slow=True)
def _backup_compose(request: Request) -> Result:
    return chains.compose(request.args)


@_verb("backup.merge", _per_target, slow=True)
def _backup_merge(request: Request) -> Result:
    return chains.merge(request.args)


@_verb("backup.remove", _per_target, slow=True)
def _backup_remove(request: Request) -> Result:
    return chains.remove(request.args)


@_verb("hook.run", slow=True)
def _hook_run(request: Request) -> Result:
    return hooks.run(request.service.root.path / "hooks", request.args)


@_verb("ping")
def _ping(_request: Request) -> Result:
    return {"time": time.time()}
