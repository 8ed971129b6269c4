"""`inn vm ssh`: log in to a VM at the address that the front end gave it."""

from __future__ import annotations

import os
import shlex
import shutil

import click

from innkeeper.cli import render
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError
from innkeeper.cli.generic import info
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS, addresses
from innkeeper.cli.session import current


@click.command(
    "ssh",
    cls=InnCommand,
    help="Log in to a VM over SSH, or run a command there.",
    epilog=examples(
        "inn vm ssh web",
        "inn vm ssh web -l debian -- uptime",
        "inn vm ssh web --print",
    ),
    context_settings={"allow_interspersed_args": True},
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.argument("remote", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("-l", "--login", default="root", help="User in the guest (root).")
@click.option("--nic-id", type=int, metavar="N", help="Use the address of this interface.")
@click.option("--ssh-options", default="", metavar="TEXT", help="More options for ssh.")
@click.option("--print", "only_print", is_flag=True, help="Print the command, and do nothing.")
def ssh(
    vm: str,
    remote: tuple[str, ...],
    login: str,
    nic_id: int | None,
    ssh_options: str,
    only_print: bool,
) -> None:
    """Replace this process by ssh."""
    session = current()
    client = session.client()
    number = id_of(client, KINDS["vm"], vm)
    address = _address(info(client, KINDS["vm"], number), nic_id)
    line = ["ssh", *shlex.split(ssh_options), f"{login}@{address}", *remote]
    if session.json:
        render.emit_json({"ID": number, "address": address, "command": line})
    elif only_print:
        click.echo(shlex.join(line))
    else:
        _replace_process(line)


def _address(document: str, nic_id: int | None) -> str:
    vm = parse(document)
    if nic_id is not None:
        for nic in vm.findall("TEMPLATE/*"):
            if text_at(nic, "NIC_ID") != str(nic_id):
                nic.clear()
    found = addresses(vm)
    if not found:
        which = "no interface with an address" if nic_id is None else f"no address at NIC {nic_id}"
        raise CliError(f"VM {text_at(vm, 'ID')} has {which}")
    return found[0]


def _replace_process(line: list[str]) -> None:
    program = shutil.which("ssh")
    if program is None:
        raise CliError("there is no ssh on this machine")
    os.execv(program, line)  # noqa: S606 - the person asked for exactly this program
