"""`inn vm vnc` and `inn vm screenshot`: a VM's screen in a browser, and as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from innkeeper.cli import render
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current


@click.command(
    "vnc",
    cls=InnCommand,
    help="Print the address of a page with a VM's screen. It can be opened once, within a minute.",
    epilog=examples("inn vm vnc web", "inn vm vnc web --serial"),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.option("--serial", is_flag=True, help="Its serial port instead.")
def vnc(vm: str, serial: bool) -> None:
    """Ask for a token."""
    session = current()
    client = session.client()
    number = id_of(client, KINDS["vm"], vm)
    kind = "serial" if serial else "vnc"
    granted = client.api.pages.vms_console_token(number, kind=kind)
    where = client.endpoint
    url = f"{where.scheme}://{where.authority}{granted['page']}"
    if session.json:
        render.emit_json({"ID": number, "url": url, "expires": granted["expires"]})
        return
    sys.stdout.write(f"{url}\n")


@click.command(
    "screenshot",
    cls=InnCommand,
    help="Write what a VM's screen shows to a PNG file.",
    epilog=examples("inn vm screenshot web", "inn vm screenshot web -o - | display"),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.option(
    "-o", "--output", metavar="FILE", help="Where to (vm-NUMBER.png); - is standard output."
)
def screenshot(vm: str, output: str | None) -> None:
    """Fetch the picture."""
    client = current().client()
    number = id_of(client, KINDS["vm"], vm)
    picture = client.fetch(f"/api/v1/vms/{number}/screenshot")
    if output == "-":
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()
        return
    file = Path(output or f"vm-{number}.png")
    try:
        file.write_bytes(picture)
    except OSError as error:
        raise CliError(f"cannot write {file}: {error.strerror}", ExitCode.FAILED) from error
    render.note(f"{file}: {len(picture)} bytes")
