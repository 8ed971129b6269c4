"""`inn host flush`."""

from __future__ import annotations

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError
from innkeeper.cli.generic import for_each, info
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType
from innkeeper.cli.objects import KINDS

_DISABLE = 1


@click.command(
    "flush",
    cls=InnCommand,
    help="Disable hosts and ask for other places for their VMs.",
    epilog=examples("inn host flush node1"),
)
@click.argument("hosts", nargs=-1, required=True, type=ObjectType("host"), metavar="HOST...")
def flush(hosts: tuple[str, ...]) -> None:
    """Empty hosts."""
    for_each(KINDS["host"], hosts, "flushed", _flush_one)


def _flush_one(client: Client, number: int) -> None:
    client.call("host.status", number, _DISABLE)
    host = parse(info(client, KINDS["host"], number))
    refused = []
    for vm in [text_at(vm, ".") for vm in host.iterfind("VMS/ID")]:
        try:
            client.call("vm.action", "resched", int(vm))
        except CliError as error:
            refused.append(vm)
            render.complain(f"VM {vm}: {error}")
    if refused:
        raise CliError(f"VMs that stay: {', '.join(refused)}")
