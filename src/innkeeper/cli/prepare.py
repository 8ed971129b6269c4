"""`inn prepare`: what root makes for a front end that systemd starts."""

from __future__ import annotations

import os

import click

from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.local import account, layout
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress
from innkeeper.cli.session import SYSTEM_DATA


@click.command(
    "prepare",
    cls=InnCommand,
    help=f"Make the front end's user ({account.NAME}), its data folder and this machine's agent, as root."
    " `inn up` does that by itself; a front end that systemd starts needs it before.",
    epilog=examples("inn prepare", "inn prepare --data /srv/cloud"),
)
@click.option("--data", metavar="DIR", help=f"The data folder (INN_DATA, else {SYSTEM_DATA}).")
def prepare(data: str | None) -> None:
    """Make what is missing; what is there stays."""
    if os.geteuid() != 0:
        raise CliError("only root may make users and folders of others", ExitCode.NOT_ALLOWED)
    folder = DataFolder.find(data)
    layout.prepare(folder, account.ensure(Progress()))
    click.echo(f"{folder.root} is ready.")
