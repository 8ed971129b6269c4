"""Network verbs about addresses: ranges, holding, releasing, reserving."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from innkeeper.cli import template_text
from innkeeper.cli.client import Client
from innkeeper.cli.create import emit_new, gather
from innkeeper.cli.create_resources import address_range
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_NETWORK = click.argument("network", type=ObjectType("network"), metavar="NETWORK")
_RANGE = click.option("-a", "--range", "--ar", "ar", metavar="N", help="In this address range.")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


@click.command(
    "add-range",
    cls=InnCommand,
    help="Add an address range to a network.",
    epilog=examples(
        "inn network add-range public --ip 10.0.1.10 --size 50",
        "inn network add-range public range.txt",
    ),
)
@_NETWORK
@click.argument("file", required=False)
@click.option("-i", "--ip", metavar="ADDRESS", help="First address.")
@click.option("-m", "--mac", metavar="ADDRESS", help="First hardware address.")
@click.option("-s", "--size", type=click.IntRange(min=1), help="How many addresses.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="More attributes.")
def add_range(network: str, file: str | None, settings: tuple[str, ...], **options: Any) -> None:
    """Add an address range."""
    attributes = address_range(options) if any(options.values()) else {}
    attributes |= attributes_of(settings)
    text = gather(file, template_text.vector("AR", attributes) if attributes else "")
    client = current().client()
    client.api.networks.add_range(id_of(client, KINDS["network"], network), template=text)


@click.command(
    "update-range",
    cls=InnCommand,
    help="Change the size or the attributes of an address range; attributes of your own that are"
    " not given again are dropped.",
    epilog=examples("inn network update-range public 0 --size 100"),
)
@_NETWORK
@click.argument("ar", type=int, metavar="RANGE")
@click.option("-s", "--size", type=click.IntRange(min=1), help="How many addresses.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An attribute.")
def update_range(network: str, ar: int, size: int | None, settings: tuple[str, ...]) -> None:
    """Change an address range."""
    attributes = attributes_of(settings) | ({"SIZE": str(size)} if size else {})
    if not attributes:
        raise CliError("nothing to change: give --size or --set", ExitCode.USAGE)
    text = template_text.vector("AR", {"AR_ID": str(ar), **attributes})
    client = current().client()
    client.api.networks.update_range(id_of(client, KINDS["network"], network), template=text)


def attributes_of(settings: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` texts as the attributes of a vector."""
    found = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise CliError(f"--set: expected NAME=VALUE, not {setting!r}", ExitCode.USAGE)
        found[name.strip().upper()] = value
    return found


@click.command(
    "hold",
    cls=InnCommand,
    help="Keep addresses from being given to VMs.",
    epilog=examples("inn network hold public 10.0.0.12"),
)
@_NETWORK
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_RANGE
def hold(network: str, addresses: tuple[str, ...], ar: str | None) -> None:
    """Hold addresses."""
    client = current().client()
    _each_lease(client.api.networks.hold, client, network, addresses, ar)


@click.command(
    "release",
    cls=InnCommand,
    help="Let held addresses be given again.",
    epilog=examples("inn network release public 10.0.0.12"),
)
@_NETWORK
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_RANGE
def release(network: str, addresses: tuple[str, ...], ar: str | None) -> None:
    """Release addresses."""
    client = current().client()
    _each_lease(client.api.networks.release, client, network, addresses, ar)


@click.command(
    "reserve",
    cls=InnCommand,
    help="Take addresses out of a network: for a network of your own, or for a reservation.",
    epilog=examples(
        "inn network reserve public --name mine --size 16",
        "inn network reserve public --into mine --size 8 --ip 10.0.0.64",
    ),
)
@_NETWORK
@click.option("-s", "--size", type=click.IntRange(min=1), required=True, help="How many.")
@click.option("-n", "--name", metavar="NAME", help="Name of the new network.")
@click.option("--into", type=ObjectType("network"), metavar="NETWORK", help="A reservation.")
@click.option("-i", "--ip", metavar="ADDRESS", help="First address (IP or hardware address).")
@_RANGE
def reserve(
    network: str, size: int, name: str | None, into: str | None, ip: str | None, ar: str | None
) -> None:
    """Reserve addresses."""
    if bool(name) == bool(into):
        raise CliError("exactly one of --name and --into is needed", ExitCode.USAGE)
    client = current().client()
    number = id_of(client, KINDS["network"], network)
    target = "" if into is None else str(id_of(client, KINDS["network"], into))
    values = {"SIZE": str(size), "NAME": name, "NETWORK_ID": target, "AR_ID": ar}
    values |= {_field(ip): ip} if ip else {}
    text = "".join(template_text.single(key, value) for key, value in values.items() if value)
    emit_new(int(client.api.networks.reserve(number, template=text)["result"]))


def _each_lease(
    act: Callable[..., Any],
    client: Client,
    network: str,
    addresses: tuple[str, ...],
    ar: str | None,
) -> None:
    number = id_of(client, KINDS["network"], network)
    for address in addresses:
        text = template_text.vector("LEASES", {_field(address): address, "AR_ID": ar or ""})
        act(number, template=text)


def _field(address: str) -> str:
    """The attribute for an address: each kind has its own, so that none is taken for another."""
    import ipaddress

    if _MAC.fullmatch(address):
        return "MAC"
    try:
        return "IP6" if ipaddress.ip_address(address).version == 6 else "IP"
    except ValueError:
        raise CliError(
            f"ADDRESS: expected an IP or a hardware address, not {address!r}", ExitCode.USAGE
        ) from None
