"""`inn host flush`: a host is emptied, so that it can be switched off."""

from __future__ import annotations

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.document import parse
from innkeeper.cli.errors import CliError
from innkeeper.cli.generic import for_each, info, objects_argument
from innkeeper.cli.lazy import command, examples
from innkeeper.cli.objects import KINDS


def _flush(client: Client, number: int) -> None:
    """Disables the host and lets placement find other places for its VMs; those that cannot go are told."""
    client.api.hosts.disable(number)
    host = parse(info(client, KINDS["host"], number))
    for vm in (int(each.text or "-1") for each in host.findall("VMS/ID")):
        try:
            client.api.vms.resched(vm)
        except CliError as refused:
            render.complain(f"VM {vm} stays: {refused} (inn vm migrate {vm} HOST)")


flush = command(
    "flush",
    lambda objects: for_each(KINDS["host"], objects, "flush", _flush),
    [objects_argument(KINDS["host"])],
    help="Place no more VMs on hosts, and take theirs elsewhere: running ones as they run where that is possible, "
    "others stopped on the way. A VM that fits nowhere else stays, marked, until there is a place for it.",
    epilog=examples("inn host flush node1", "inn host wait node1"),
)
