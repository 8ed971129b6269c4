"""`inn vm redirect`: ports of the front end that lead to a VM, for a time."""

from __future__ import annotations

import re
from typing import Any

import click

from innkeeper.cli import formats, render
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import Entry, InnCommand, LazyGroup, examples, session_options
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.render import Head
from innkeeper.cli.session import current

_VM = click.argument("vm", type=ObjectType("vm"), metavar="VM")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
#: How the other end of some ports is reached; {0} is the host, {1} the port.
_LINES = {
    22: "ssh -p {1} {2}@{0}",
    80: "http://{0}:{1}/",
    443: "https://{0}:{1}/",
    3389: "rdp://{0}:{1}",
}
_SCREENS = range(5900, 6000)
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what a listener may be told, not one of ours


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise CliError(
            f"--for: expected a time like 90s, 30m, 8h or 2d, not {text!r}", ExitCode.USAGE
        )
    return float(match[1]) * _SECONDS[match[2]]


def _listen(text: str | None) -> dict[str, Any]:
    """ADDRESS, ADDRESS:PORT, [IPV6]:PORT or :PORT taken apart."""
    match = re.fullmatch(
        r"(\[[^\]]*\]|[^:]*|[0-9a-fA-F:]*:[0-9a-fA-F:]*)(?::(\d{1,5}))?", text or ""
    )
    if match is None:
        raise CliError(f"--listen: expected ADDRESS[:PORT], not {text!r}", ExitCode.USAGE)
    return {"address": match[1].strip("[]"), "port": int(match[2] or 0)}


def _line(redirect: dict[str, Any], login: str = "root") -> str:
    """What to type, or open, to get to the VM."""
    host = redirect["host"]
    if host in _EVERYWHERE:
        host = current().client().endpoint.host
    named = f"[{host}]" if ":" in host and redirect["to"] != 22 else host
    screen = "vnc://{0}:{1}" if redirect["to"] in _SCREENS else "{0}:{1}"
    return _LINES.get(redirect["to"], screen).format(named, redirect["port"], login)


@click.command(
    "add", cls=InnCommand,
    help="Let a port of the front end lead to a TCP port of a VM, for a time; prints the line that gets there.",
    epilog=examples("inn vm redirect add web --to-port 22", "inn vm redirect add web --to-port 80 --for 2d",
                    "inn vm redirect add web --to-port 5432 --nic 1 --listen 0.0.0.0:20432"),
)  # fmt: skip
@_VM
@click.option(
    "--to-port", type=click.IntRange(1, 65535), required=True, metavar="PORT", help="The VM's port."
)
@click.option("--nic", type=int, default=-1, metavar="NIC", help="Behind this NIC (its first).")
@click.option(
    "--for", "time", default="8h", metavar="TIME", help="How long: 90s, 30m, 8h, 2d (8h)."
)
@click.option(
    "--listen",
    metavar="ADDRESS[:PORT]",
    help="Where the front end listens, of what its settings allow.",
)
@click.option("-l", "--login", default="root", help="User in the guest, for the line (root).")
def add(vm: str, to_port: int, nic: int, time: str, listen: str | None, login: str) -> None:
    """Ask for a redirect."""
    wish = {"to": to_port, "nic": nic, "seconds": _seconds(time), **_listen(listen)}
    session = current()
    client = session.client()
    number = id_of(client, KINDS["vm"], vm)
    made = client.api.pages.post_vms_redirects(number, **wish)
    line = _line(made, login)
    if session.json:
        render.emit_json({**made, "line": line})
    else:
        render.note(f"Redirect {made['id']}, until {formats.moment(str(int(made['until'])))}:")
        click.echo(line)


@click.command(
    "list", cls=InnCommand, help="List the ports of the front end that lead to a VM.",
    epilog=examples("inn vm redirect list web"),
)  # fmt: skip
@_VM
def list_all(vm: str) -> None:
    """List redirects."""
    session = current()
    client = session.client()
    number = id_of(client, KINDS["vm"], vm)
    found = client.api.pages.get_vms_redirects(number)["redirects"]
    if session.json:
        render.emit_json([{**redirect, "line": _line(redirect)} for redirect in found])
        return
    heads = [Head("ID", 4, False), Head("NIC", 3, False), Head("TO", 5, False), Head("LISTEN", 21),
             Head("UNTIL", 14), Head("STATE", 6), Head("LINE")]  # fmt: skip
    render.emit_table(heads, [_row(redirect) for redirect in found])


def _row(redirect: dict[str, Any]) -> list[str]:
    address = redirect["address"]
    shown = f"[{address}]" if ":" in address else address
    until = formats.moment(str(int(redirect["until"])))
    line = redirect["why"] or _line(redirect)
    plain = (redirect["id"], redirect["nic"], redirect["to"])
    return [*map(str, plain), f"{shown}:{redirect['port']}", until, redirect["state"], line]


@click.command(
    "delete", cls=InnCommand, help="End redirects before their time; connections through them end, too.",
    epilog=examples("inn vm redirect delete web 3"),
)  # fmt: skip
@_VM
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="REDIRECT...")
def delete(vm: str, numbers: tuple[int, ...]) -> None:
    """End redirects."""
    client = current().client()
    vm_id = id_of(client, KINDS["vm"], vm)
    for number in numbers:
        client.api.pages.delete_vms_redirects(vm_id, number)


group = LazyGroup(
    "redirect",
    {
        "add": Entry("Commands", "Let a port lead to a VM, for a time.", lambda: add),
        "list": Entry("Commands", "List those that do.", lambda: list_all),
        "delete": Entry("Commands", "End some before their time.", lambda: delete),
    },
    params=[*session_options(hidden=True)],
    help="Ports of the front end that lead to a VM on a private network, for a time.",
    epilog=examples("inn vm redirect add web --to-port 22"),
)
