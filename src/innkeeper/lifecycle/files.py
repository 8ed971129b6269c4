"""Files of images that go with a VM: its kernel and initial RAM disk, and what lies on its context CD."""

from typing import Any

from innkeeper.model.objects import Image, Vm
from innkeeper.model.substitution import file_references
from innkeeper.model.template import as_bool, as_int
from innkeeper.model.tokens import KEY, guest_token
from innkeeper.model.world import World

from . import descriptions

Attachment = dict[str, Any]

#: Attribute of OS -> the file's name in the VM's folder.
BOOTED = {"KERNEL_DS": "kernel", "INITRD_DS": "initrd"}


def booted(world: World, vm: Vm) -> list[Attachment]:
    """The kernel and initial RAM disk that are images."""
    system = vm.template.vector("OS") or {}
    return [
        _attached(world, int(system[f"{key}_ID"]), name, system.get(f"{key}_SOURCE", ""))
        for key, name in BOOTED.items()
        if as_int(system.get(f"{key}_ID")) is not None
    ]


def context(world: World, vm: Vm) -> Attachment | None:
    """The context CD: its disk number, its own files, and those that are images; None when the VM has no context."""
    found = descriptions.context(vm)
    if found is None:
        return None
    if proof := token(world, vm):
        found["files"]["token.txt"] = proof
    if attached := on_cd(world, vm):
        found["attachments"] = attached
    return found


def on_cd(world: World, vm: Vm) -> list[Attachment]:
    """The images that lie on the context CD, under their names."""
    context = vm.template.vector("CONTEXT") or {}
    numbers = [reference.image_id for reference in file_references(context.get("FILES_DS", ""))]
    return [_attached(world, number, "") for number in numbers if number is not None]


def _attached(world: World, number: int, name: str, source: str = "") -> Attachment:
    image: Image | None = world.images.get(number)
    if image is None:  # the host says that it lacks the file, by this name
        path = source or f"/image-{number}-is-deleted"
        return {"name": name or f"image-{number}", "base": path, "origin": path}
    base = f"bases/{image.checksum}" if image.checksum else image.source
    return {"name": name or image.name, "base": base, "origin": image.source}


def token(world: World, vm: Vm) -> str | None:
    """What proves to the front end which VM a guest is; None when it is not asked for."""
    if not as_bool((vm.template.vector("CONTEXT") or {}).get("TOKEN")):
        return None
    creator = world.users.get(as_int(vm.template.get("CREATED_BY")) or 0)
    key = creator.template.get(KEY) if creator else None
    return guest_token(key, vm.id, vm.stime) if key else None
