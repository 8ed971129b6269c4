"""`inn up`, `inn down` and `inn status`: a cloud on this machine, from nothing and back."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client, Endpoint
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.local import (
    account,
    agent,
    cleanup,
    guests,
    image,
    layout,
    objects,
    overview,
    process,
    service,
)
from innkeeper.cli.local.folder import DEFAULT_LISTEN, DataFolder
from innkeeper.cli.local.guests import Guest
from innkeeper.cli.local.progress import Progress, block
from innkeeper.cli.session import SYSTEM_DATA, current, find_secret, read_unfollowed

_CALL_SECONDS = 60.0

_data_option = click.option(
    "--data",
    "data",
    metavar="DIR",
    help=f"Where everything is kept (INN_DATA, else {SYSTEM_DATA}).",
)


@click.command(
    "up",
    cls=InnCommand,
    help="Start a cloud on this machine: the front end, this machine as a host, a network, an image,"
    f" a template, and a first guest called {objects.GUEST_NAME}. What is there already stays.",
    epilog=examples("inn up", "inn up --data /srv/cloud --listen 127.0.0.1:2700"),
)
@_data_option
@click.option(
    "--listen", metavar="HOST:PORT", help=f"Where the front end listens ({DEFAULT_LISTEN})."
)
def up(data: str | None, listen: str | None) -> None:
    """Start it all and wait for the guest."""
    folder = DataFolder.find(data)
    listen = _agreed_address(folder, listen)
    _need_root("start guests")
    progress = Progress()
    user = account.ensure(progress)
    process.give_up_root(folder, progress)
    if layout.prepare(folder, user):
        service.end(folder, progress)
    image.ensure_image(folder, progress)
    public_key = image.ensure_ssh_key(folder, user)
    progress.say(f"libvirt: {agent.ensure_libvirt(folder)}")
    service.start(folder, user, progress)
    process.start(folder, listen, user, progress)
    guest = _furnish(_client(folder, listen), folder, public_key, progress)
    click.echo(_welcome(folder, listen, guest))


def _agreed_address(folder: DataFolder, wanted: str | None) -> str:
    """Where the front end is to listen; one that runs already is not moved."""
    known = folder.listen()
    if wanted is None or wanted == known:
        return known
    process.split_listen(wanted)
    if process.running_pid(folder) is not None and process.answers(folder, known):
        raise CliError(
            f"--listen: the front end of {folder.root} listens on {known} already (inn down first)",
            ExitCode.USAGE,
        )
    return wanted


def _furnish(client: Client, folder: DataFolder, public_key: str, progress: Progress) -> Guest:
    objects.ensure_host(client, progress)
    network = objects.ensure_network(client, progress)
    picture = objects.ensure_image(client, folder, progress)
    objects.ensure_user_key(client, public_key)
    template = objects.ensure_template(client, picture, network)
    number = objects.ensure_guest(client, template)
    guest = guests.wait_until_it_answers(client, number, progress)
    for stopped in folder.stopped_by_down():
        guests.resume(client, guests.look(client, stopped), progress)
    folder.stopped_file.unlink(missing_ok=True)
    return guest


@click.command(
    "down",
    cls=InnCommand,
    help="Power off the guests on this machine, end the front end, and give back bridges, rules and"
    " the libvirt that was started for it. Disks and all objects stay, unless --purge is given.",
    epilog=examples("inn down", "inn down --purge"),
)
@_data_option
@click.option("--purge", is_flag=True, help="Remove the data folder, and every disk in it, too.")
def down(data: str | None, purge: bool) -> None:
    """Stop it all and look whether anything is left."""
    folder = DataFolder.find(data)
    progress = Progress()
    if not folder.looks_like_ours():
        click.echo(f"Nothing to take down: no front end has worked in {folder.root}.")
        return
    _need_root("stop guests")
    _power_off(folder, progress)
    process.stop(folder, progress)
    service.stop(folder, progress)
    traces = cleanup.clear(folder, purge, progress)
    left = cleanup.remains(folder, traces, progress)
    if purge:
        shutil.rmtree(folder.root)
    else:
        folder.note_stopped(traces.awake)
    if left:
        raise CliError(block("Still there:", left))
    click.echo(
        "Down: no process, interface or firewall rule is left."
        + (f" {folder.root} is removed." if purge else f" Everything is kept in {folder.root}.")
    )


def _power_off(folder: DataFolder, progress: Progress) -> None:
    """Ask the front end, where one answers, to power off what runs on this machine."""
    listen = folder.listen()
    if process.running_pid(folder) is None or not process.answers(folder, listen):
        return
    client = _client(folder, listen)
    guests.power_off_all(client, socket.gethostname(), progress, folder.note_stopped)


@click.command(
    "status",
    cls=InnCommand,
    help="Say what runs here: the front end, its hosts and VMs, versions, and sizes on disk.",
    epilog=examples("inn status", "inn status --json"),
)
@_data_option
def status(data: str | None) -> None:
    """Print the overview; the exit code is 5 when no front end answers."""
    folder = DataFolder.find(data)
    listen = folder.listen()
    answers = process.answers(folder, listen)
    view = overview.of(folder, listen, _status_client(folder, listen) if answers else None)
    if current().json:
        render.emit_json(view)
    else:
        click.echo(overview.as_text(view))
    if not answers:
        click.get_current_context().exit(ExitCode.UNREACHABLE)


def _need_root(what: str) -> None:
    if os.geteuid() != 0:
        raise CliError(f"only root may {what} on this machine", ExitCode.NOT_ALLOWED)


def _client(folder: DataFolder, listen: str) -> Client:
    """The front end of this folder, as oneadmin."""
    try:
        secret = read_unfollowed(folder.credentials).strip()
    except OSError as error:
        raise CliError(
            f"a front end answers at {listen}, but not this folder's: cannot read"
            f" {folder.credentials} ({error.strerror})",
            ExitCode.NOT_ALLOWED,
        ) from error
    return _connect(folder, listen, secret)


def _connect(folder: DataFolder, listen: str, secret: str) -> Client:
    endpoint = Endpoint.parse(f"{process.endpoint(folder, listen)}/RPC2")
    client = Client(endpoint, secret, _CALL_SECONDS)
    click.get_current_context().call_on_close(client.close)
    return client


def _status_client(folder: DataFolder, listen: str) -> Client | None:
    """As `_client`; for a caller who may not read the credentials, with their own or not at all."""
    try:
        return _client(folder, listen)
    except CliError:
        pass
    try:
        return _connect(folder, listen, find_secret())
    except CliError:
        return None


def _welcome(folder: DataFolder, listen: str, guest: Guest) -> str:
    endpoint = f"{process.endpoint(folder, listen)}/RPC2"
    settings = [] if folder.root == SYSTEM_DATA else [f"export INN_DATA={folder.root}"]
    if shutil.which("inn") is None:
        settings.append(f"export PATH={Path(sys.executable).parent}:$PATH")
    facts = [
        f"guest        {guest.name} at {guest.address}",
        f"API          {endpoint}",
        f"credentials  {folder.credentials}",
        f"log          {folder.log}",
    ]
    tries = [
        *settings,
        "inn vm list",
        f"inn vm ssh {guest.name}",
        f"curl http://{guest.address}/cgi-bin/info",
        "inn template instantiate tiny --name second",
        f"inn vm console {guest.name}",
    ]
    return "\n".join(["", block("Your cloud is up.", facts), "", block("Worth trying:", tries)])
