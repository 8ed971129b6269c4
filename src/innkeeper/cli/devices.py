"""`inn vm disk-attach`, `nic-attach`, `nic-update`: what a VM gets while it is there, by options or a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from innkeeper.cli import template_text
from innkeeper.cli.create import gather
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.network import attributes_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current
from innkeeper.cli.template_options import SIZE

F = TypeVar("F", bound=Callable[..., Any])

VM = click.argument("vm", type=ObjectType("vm"), metavar="VM")
FILE = click.option("-f", "--file", metavar="FILE", help="A template to read it from.")
SETTINGS = click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any other attribute."
)


def referring(name: str, text: str | None) -> dict[str, str]:
    """An object named by its number or its name, as a template names it."""
    if not text:
        return {}
    return {f"{name}_ID" if text.isdigit() else name: text}


def device(
    name: str, file: str | None, attributes: dict[str, Any], settings: tuple[str, ...]
) -> str:
    """The template of one device."""
    given = {key: str(value) for key, value in attributes.items() if value is not None}
    given |= attributes_of(settings)
    return gather(file, template_text.vector(name, given) if given else "")


@click.command(
    "disk-attach", cls=InnCommand,
    help="Give a VM that runs, or is powered off, one more disk.",
    epilog=examples("inn vm disk-attach web --image data",
                    "inn vm disk-attach web --size 10g --fs ext4 --prefix vd"),
)  # fmt: skip
@VM
@FILE
@click.option("-i", "--image", metavar="IMAGE", help="The disk of this image.")
@click.option("--size", type=SIZE, metavar="MIB", help="A new, empty disk of this size.")
@click.option("--swap", is_flag=True, help="The new disk is swap space.")
@click.option("--fs", metavar="NAME", help="A file system to make on the new disk.")
@click.option("-t", "--target", metavar="DEVICE", help="The guest's device, such as vdb.")
@click.option("--prefix", metavar="PREFIX", help="Its bus: vd, sd or hd.")
@click.option("--cache", metavar="MODE", help="How the host caches it.")
@click.option("--discard", metavar="MODE", help="Whether the guest can give blocks back.")
@SETTINGS
def disk_attach(
    vm: str, file: str | None, image: str | None, size: int | None, swap: bool, fs: str | None,
    prefix: str | None, settings: tuple[str, ...], **options: str | None,
) -> None:  # fmt: skip
    """Attach a disk."""
    if image and size:
        raise CliError("--image and --size exclude each other", ExitCode.USAGE)
    kind = "swap" if swap else "fs"
    empty = {"TYPE": kind, "SIZE": size, "FS": fs} if size else {}
    attributes = referring("IMAGE", image) | empty | {"DEV_PREFIX": prefix} | _upper(options)
    client = current().client()
    client.api.vms.attach_disk(
        id_of(client, KINDS["vm"], vm), template=device("DISK", file, attributes, settings)
    )


@click.command(
    "nic-attach", cls=InnCommand,
    help="Give a VM that runs, or is powered off, one more NIC, or a NIC one more address.",
    epilog=examples("inn vm nic-attach web --network private",
                    "inn vm nic-attach web --network public --ip 10.0.0.7 --alias NIC0"),
)  # fmt: skip
@VM
@FILE
@click.option("-n", "--network", metavar="NETWORK", help="The network that it is in.")
@click.option("-i", "--ip", metavar="ADDRESS", help="The address that it is to have.")
@click.option("-a", "--alias", metavar="NIC", help="Another address of this NIC, by its name.")
@click.option("--name", "--nic_name", "name", metavar="NAME", help="Its name.")
@click.option("--model", metavar="MODEL", help="The device that the guest sees.")
@SETTINGS
def nic_attach(
    vm: str, file: str | None, network: str | None, alias: str | None, settings: tuple[str, ...],
    **options: str | None,
) -> None:  # fmt: skip
    """Attach a NIC or an alias."""
    attributes = referring("NETWORK", network) | _upper(options) | {"PARENT": alias}
    text = device("NIC_ALIAS" if alias else "NIC", file, attributes, settings)
    client = current().client()
    client.api.vms.attach_nic(id_of(client, KINDS["vm"], vm), template=text)


@click.command(
    "nic-attach", cls=InnCommand,
    help="Give a virtual router, and each of its VMs, one more NIC.",
    epilog=examples("inn vrouter nic-attach edge --network private --float"),
)  # fmt: skip
@click.argument("router", type=ObjectType("vrouter"), metavar="VROUTER")
@FILE
@click.option("-n", "--network", metavar="NETWORK", help="The network that it is in.")
@click.option("-i", "--ip", metavar="ADDRESS", help="The address that it is to have.")
@click.option(
    "--float", "floating", is_flag=True, help="An address of the router's own, which floats."
)
@SETTINGS
def router_nic_attach(
    router: str, file: str | None, network: str | None, ip: str | None, floating: bool,
    settings: tuple[str, ...],
) -> None:  # fmt: skip
    """Attach a NIC to a router."""
    floats = {"FLOATING_IP": "YES"} if floating else {}
    text = device("NIC", file, referring("NETWORK", network) | {"IP": ip} | floats, settings)
    client = current().client()
    client.api.virtual_routers.attach_nic(id_of(client, KINDS["vrouter"], router), template=text)


@click.command(
    "nic-update", cls=InnCommand,
    help="Change attributes of a NIC; those that are not given stay, unless --replace says otherwise.",
    epilog=examples("inn vm nic-update web 0 --set INBOUND_AVG_BW=1000"),
)  # fmt: skip
@VM
@click.argument("nic", type=int, metavar="NIC")
@FILE
@click.option("--replace", is_flag=True, help="Drop what is not given again.")
@SETTINGS
def nic_update(
    vm: str, nic: int, file: str | None, replace: bool, settings: tuple[str, ...]
) -> None:
    """Update a NIC."""
    client = current().client()
    text = device("NIC", file, {}, settings)
    number = id_of(client, KINDS["vm"], vm)
    client.api.vms.update_nic(number, nic_id=nic, template=text, merge=not replace)


def _upper(options: dict[str, str | None]) -> dict[str, str | None]:
    return {name.upper(): value for name, value in options.items()}


@click.command(
    "resize", cls=InnCommand,
    help="Give a VM another CPU, VCPU or memory; what is not given stays.",
    epilog=examples("inn vm resize web --memory 2g --cpu 2"),
)  # fmt: skip
@VM
@click.option("--cpu", type=click.FloatRange(min=0, min_open=True), help="Cores' worth of time.")
@click.option("--vcpu", type=click.IntRange(min=1), help="Virtual processors.")
@click.option("--memory", type=SIZE, metavar="MIB", help="Memory: 512, 512m, 1g.")
@click.option("-e/-E", "--enforce/--no-enforce", default=True, help="Check the host's capacity.")
def resize(vm: str, enforce: bool, **options: int | float | None) -> None:
    """Resize a VM."""
    given = {n: value for n in ("cpu", "vcpu", "memory") if (value := options[n]) is not None}
    if not given:
        raise CliError("nothing to change: give --cpu, --vcpu or --memory", ExitCode.USAGE)
    text = "".join(template_text.single(name, value) for name, value in given.items())
    client = current().client()
    client.api.vms.resize(id_of(client, KINDS["vm"], vm), template=text, enforce=enforce)


@click.command(
    "updateconf", cls=InnCommand,
    help="Change OS, FEATURES, INPUT, GRAPHICS, VIDEO, RAW, CPU_MODEL or CONTEXT of a VM.",
    epilog=examples("inn vm updateconf web --set 'GRAPHICS=[TYPE=vnc]'",
                    "inn vm updateconf web conf.txt --replace"),
)  # fmt: skip
@VM
@click.argument("file", required=False)
@click.option(
    "-a/-r", "--append/--replace", default=True, help="Keep what is not given, or drop it."
)
@SETTINGS
def updateconf(vm: str, file: str | None, append: bool, settings: tuple[str, ...]) -> None:
    """Update the configuration of a VM."""
    text = gather(file, template_text.assignments(settings))
    client = current().client()
    number = id_of(client, KINDS["vm"], vm)
    client.api.vms.update_configuration(number, template=text, merge=append)
