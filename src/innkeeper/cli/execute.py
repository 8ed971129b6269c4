"""`inn vm exec`: a command inside a guest, by the QEMU guest agent that runs there; no network is needed."""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from contextlib import closing

import click

from innkeeper.cli import render
from innkeeper.cli.client import Client
from innkeeper.cli.errors import ExitCode
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

#: Seconds that the answer may take beside the command.
_SLACK = 60.0


@click.command(
    "exec",
    cls=InnCommand,
    help="Run a command with the guest's shell and end with its exit code.",
    epilog=examples(
        "inn vm exec web -- uptime", "inn vm exec web --stdin -- 'cat > /etc/motd' < motd"
    ),
)
@click.argument("vm", type=ObjectType("vm"), metavar="VM")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("--stdin", is_flag=True, help="Give it the standard input.")
@click.option("--timeout", type=click.FloatRange(min=0.1, max=3600), default=60.0, metavar="SECONDS",
              help="How long it may take (60).")  # fmt: skip
def execute(vm: str, command: tuple[str, ...], stdin: bool, timeout: float) -> None:
    """Run it once."""
    session = current()
    client = session.client()
    number = id_of(client, KINDS["vm"], vm)
    given = b64encode(sys.stdin.buffer.read()).decode() if stdin else ""
    patient = Client(client.endpoint, client.secret, timeout + _SLACK, client.verify)
    with closing(patient):
        found = patient.api.pages.vms_exec(
            number, command=" ".join(command), stdin=given, seconds=timeout
        )
    if session.json:
        render.emit_json({"ID": number, **found})
    else:
        for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
            stream.buffer.write(b64decode(found[name]))
            stream.buffer.flush()
        if found["cut"]:
            render.note("The output was longer than can be told.")
    if found["code"]:
        raise click.exceptions.Exit(found["code"] if 0 < found["code"] < 256 else ExitCode.FAILED)
