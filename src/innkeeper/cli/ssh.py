"""`inn vm ssh`: log in to a VM at the address that the front end gave it.

Addresses are given to one VM after another, so ssh is told to remember host keys by VM and not by address: a new
VM's key is taken the first time, and a change of it later is an alarm. The key that `inn up` made is offered
beside the person's own. Options of the person's own come first, and for ssh the first word is the last.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import click

from innkeeper.cli import render
from innkeeper.cli.document import parse, text_at
from innkeeper.cli.errors import CliError
from innkeeper.cli.generic import info
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS, addresses
from innkeeper.cli.session import current, data_folder


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
    document = info(client, KINDS["vm"], number)
    address = _address(document, nic_id)
    options = [*shlex.split(ssh_options), *_host_key(document), *_identities()]
    line = ["ssh", *options, f"{login}@{address}", *remote]
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


def _host_key(document: str) -> list[str]:
    vm = parse(document)
    alias = f"inn-vm-{text_at(vm, 'ID')}-{text_at(vm, 'STIME')}"
    return ["-o", f"HostKeyAlias={alias}", "-o", "StrictHostKeyChecking=accept-new"]


_OWN_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519")


def _identities() -> list[str]:
    """The key of this machine's cloud; then ssh's usual ones must be named, too."""
    made = data_folder() / "ssh" / "id_ed25519"
    if not os.access(made, os.R_OK):
        return []
    own = [Path.home() / ".ssh" / name for name in _OWN_KEYS]
    return [part for key in (*own, made) if key.exists() for part in ("-i", str(key))]


def _replace_process(line: list[str]) -> None:
    program = shutil.which("ssh")
    if program is None:
        raise CliError("there is no ssh on this machine")
    os.execv(program, line)  # noqa: S606 - the person asked for exactly this program
