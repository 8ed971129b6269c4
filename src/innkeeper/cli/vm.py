"""VM verbs that take a template fragment: resizing, devices, configuration."""

from __future__ import annotations

from typing import Any

import click

from innkeeper.cli import template_text
from innkeeper.cli.create import gather
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import for_each
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current
from innkeeper.cli.template_options import SIZE, device_attributes

_VM = click.argument("vm", type=ObjectType("vm"), metavar="VM")
_FILE = click.option("-f", "--file", metavar="FILE", help="A file with the template text.")


@click.command(
    "resize",
    cls=InnCommand,
    help="Change a VM's capacity; powered off, waiting, or running where the hypervisor can.",
    epilog=examples("inn vm resize web --cpu 2 --memory 2g"),
)
@_VM
@click.option("--cpu", type=click.FloatRange(min=0, min_open=True), help="Cores' worth of time.")
@click.option("--vcpu", type=click.IntRange(min=1), help="Virtual processors.")
@click.option("--memory", type=SIZE, metavar="MIB", help="Memory: 512, 512m, 1g.")
@click.option("--no-enforce", is_flag=True, help="Even past the host's capacity (administrators).")
def resize(vm: str, no_enforce: bool, **capacity: Any) -> None:
    """Change a VM's capacity."""
    text = "".join(
        template_text.single(name, value) for name, value in capacity.items() if value is not None
    )
    if not text:
        raise CliError("one of --cpu, --vcpu, --memory is needed", ExitCode.USAGE)
    client = current().client()
    client.call("vm.resize", id_of(client, KINDS["vm"], vm), text, not no_enforce)


@click.command(
    "disk-attach",
    cls=InnCommand,
    help="Add a disk to a VM: an image, or an empty disk of a size.",
    epilog=examples("inn vm disk-attach web --image data", "inn vm disk-attach web --size 1g"),
)
@_VM
@_FILE
@click.option("-i", "--image", metavar="IMAGE", help="Number or name of the image.")
@click.option("--size", type=SIZE, metavar="MIB", help="Size of an empty disk.")
@click.option("-t", "--target", metavar="DEVICE", help="Device in the guest, such as vdb.")
@click.option("--prefix", metavar="PREFIX", help="Kind of disk: vd, sd, hd.")
@click.option("--cache", metavar="MODE", help="Cache mode.")
@click.option("--discard", metavar="MODE", help="Discard mode.")
def disk_attach(vm: str, file: str | None, **options: Any) -> None:
    """Add a disk."""
    attributes = device_attributes("IMAGE", options["image"]) if options["image"] else {}
    if options["size"] and not options["image"]:
        attributes |= {"TYPE": "fs", "SIZE": str(options["size"])}
    attributes |= {
        name: options[option]
        for name, option in (
            ("TARGET", "target"),
            ("DEV_PREFIX", "prefix"),
            ("CACHE", "cache"),
            ("DISCARD", "discard"),
        )
        if options[option]
    }
    _attach(vm, "vm.attach", gather(file, _vector("DISK", attributes)))


@click.command(
    "nic-attach",
    cls=InnCommand,
    help="Add a network interface to a VM.",
    epilog=examples("inn vm nic-attach web --network public --ip 10.0.0.12"),
)
@_VM
@_FILE
@click.option("-n", "--network", metavar="NETWORK", help="Number or name of the network.")
@click.option("-i", "--ip", metavar="ADDRESS", help="The address that it is to get.")
@click.option("-a", "--alias", metavar="NIC", help="Make it a further address of this interface.")
@click.option("--name", "--nic_name", "name", metavar="NAME", help="Its name.")
def nic_attach(vm: str, file: str | None, **options: Any) -> None:
    """Add a network interface."""
    attributes = device_attributes("NETWORK", options["network"]) if options["network"] else {}
    attributes |= {
        name: options[option]
        for name, option in (("IP", "ip"), ("PARENT", "alias"), ("NAME", "name"))
        if options[option]
    }
    kind = "NIC_ALIAS" if options["alias"] else "NIC"
    _attach(vm, "vm.attachnic", gather(file, _vector(kind, attributes)))


def _vector(name: str, attributes: dict[str, str]) -> str:
    return template_text.vector(name, attributes) if attributes else ""


def _attach(vm: str, method: str, text: str) -> None:
    for_each(KINDS["vm"], vm, "attached", lambda client, number: client.call(method, number, text))


@click.command(
    "updateconf",
    cls=InnCommand,
    help="Change what a VM is started with: OS, GRAPHICS, CONTEXT, ...",
    epilog=examples("inn vm updateconf web conf.txt --append"),
)
@_VM
@click.argument("file", required=False)
@click.option("-a", "--append", is_flag=True, help="Add to what there is.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An attribute.")
def updateconf(vm: str, file: str | None, append: bool, settings: tuple[str, ...]) -> None:
    """Change a VM's configuration."""
    text = gather(file, template_text.assignments(settings))
    client = current().client()
    client.call("vm.updateconf", id_of(client, KINDS["vm"], vm), text, int(append))
