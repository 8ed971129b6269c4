"""`inn vm save`: a template that makes VMs like one that is there, with images of its disks."""

from __future__ import annotations

import time

import click

from innkeeper.cli import template_text
from innkeeper.cli.client import Client
from innkeeper.cli.create import emit_new
from innkeeper.cli.document import Element, parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import info
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

#: What of a disk or NIC says how it is wanted; the rest was filled in for the VM.
_DISK = ("DEV_PREFIX", "TARGET", "CACHE", "IO", "DISCARD")
_VOLATILE = ("TYPE", "SIZE", "FORMAT", "FS")
_NIC = ("NETWORK_ID", "MODEL")
_PAUSE, _PATIENCE = 0.3, 3600.0


@click.command(
    "save", cls=InnCommand,
    help="Make a template of a VM: its disks become images, one after the other, and its template is copied with them.",
    epilog=examples("inn vm save web golden", "inn vm save web golden --persistent"),
)  # fmt: skip
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.argument("name")
@click.option("--persistent", is_flag=True, help="Make the images persistent.")
def save(vm: str, name: str, persistent: bool) -> None:
    """Save a VM as a template."""
    client = current().client()
    number = id_of(client, KINDS["vm"], vm)
    element = parse(info(client, KINDS["vm"], number))
    origin = text_at(element, "TEMPLATE/TEMPLATE_ID")
    if not origin:
        raise CliError(f"VM {number} was not made from a template", ExitCode.FAILED)
    made = int(client.api.templates.clone(int(origin), name=name)["result"])
    saved: list[int] = []
    try:
        disks = [
            _disk(client, number, disk, f"{name}-disk-{place}", persistent, saved)
            for place, disk in enumerate(element.iterfind("TEMPLATE/DISK"))
        ]
        nics = [_those(nic, _NIC) for nic in element.iterfind("TEMPLATE/NIC")]
        text = "".join(
            template_text.vector(tag, vector)
            for tag, vectors in (("DISK", disks), ("NIC", nics))
            for vector in vectors
        )
        if text:
            client.api.templates.update(made, template=text)
    except CliError:
        for image in saved:
            client.api.images.delete(image)
        client.api.templates.delete(made)
        raise
    emit_new(made)


def _disk(
    client: Client, vm: int, disk: Element, name: str, persistent: bool, saved: list[int]
) -> dict[str, str]:
    """The disk of the template: a saved image of it; a CD-ROM and a volatile one as they are."""
    wanted = _those(disk, _DISK)
    image = text_at(disk, "IMAGE_ID")
    if not image:
        return _those(disk, _VOLATILE) | wanted
    if text_at(disk, "TYPE") == "CDROM":
        return {"IMAGE_ID": image, **wanted}
    begun = client.api.vms.save_disk(vm, disk_id=int(text_at(disk, "DISK_ID")), name=name)
    number = int(begun["result"])
    _await(client, vm)
    saved.append(number)
    if persistent:
        client.api.images.update(number, persistent=True)
    return {"IMAGE_ID": str(number), **wanted}


def _await(client: Client, vm: int) -> None:
    """Waits until the VM is what it was before its disk was saved."""
    deadline = time.monotonic() + _PATIENCE
    while text_at(_look(client, vm), "LCM_STATE") in _SAVING:
        if time.monotonic() > deadline:
            raise CliError(f"VM {vm}: saving its disk takes too long", ExitCode.TIMED_OUT)
        time.sleep(_PAUSE)


#: HOTPLUG_SAVEAS in all its forms.
_SAVING = ("26", "27", "28", "67", "68")


def _look(client: Client, vm: int) -> Element:
    return parse(info(client, KINDS["vm"], vm))


def _those(element: Element, names: tuple[str, ...]) -> dict[str, str]:
    return {name: found for name in names if (found := text_at(element, name))}
