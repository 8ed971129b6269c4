"""`inn user quota`, `inn group quota`, and their default quotas: limits shown and set."""

from __future__ import annotations

from typing import Literal

import click

from innkeeper.cli import template_text
from innkeeper.cli.client import Client
from innkeeper.cli.create import gather
from innkeeper.cli.document import parse
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import info
from innkeeper.cli.kinds import Kind
from innkeeper.cli.layouts import emit_quotas
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_OPTIONS = {
    "--vm": ("VM", "VMS=5,CPU=4", "Of VMs: VMS, CPU, MEMORY (MB), RUNNING_..., SYSTEM_DISK_SIZE (MB), CLUSTER_IDS."),
    "--datastore": ("DATASTORE", "DATASTORE:SIZE=MB,IMAGES=N", "Of a datastore's images: SIZE (MB), IMAGES."),
    "--network": ("NETWORK", "NETWORK:LEASES=N", "Of a network's addresses: LEASES."),
    "--image": ("IMAGE", "IMAGE:RVMS=N", "Of VMs that use an image: RVMS."),
}  # fmt: skip


def _params() -> list[click.Parameter]:
    return [
        click.Argument(["file"], required=False, metavar="[FILE]"),
        *(
            click.Option([flag], multiple=True, metavar=form, help=text)
            for flag, (_, form, text) in _OPTIONS.items()
        ),
    ]


def _text(client: Client, file: str | None, given: dict[str, tuple[str, ...]]) -> str:
    """The quota template that the options and the file make; empty when there are none."""
    options = ""
    for flag, (kind, form, _) in _OPTIONS.items():
        for text in given[flag.lstrip("-")]:
            options += template_text.vector(kind, _limits(client, kind, form, text))
    return gather(file, options) if file or options else ""


def _limits(client: Client, kind: str, form: str, text: str) -> dict[str, str]:
    which, colon, metrics = text.rpartition(":")
    found: dict[str, str] = {}
    for part in metrics.split(","):
        name, equals, value = part.partition("=")
        if not equals or (kind != "VM" and not colon):
            raise CliError(f"--{kind.lower()}: expected {form}, not {text!r}", ExitCode.USAGE)
        found[name.upper()] = value
    if kind == "VM":
        return found
    return {"ID": str(id_of(client, KINDS[kind.lower()], which)), **found}


def _setting(kind: Kind) -> InnCommand:
    """`inn KIND quota`."""

    def run(which: str, file: str | None, **given: tuple[str, ...]) -> None:
        client = current().client()
        number = id_of(client, kind, which)
        if text := _text(client, file, given):
            kind.of(client).set_quota(number, template=text)
        else:
            emit_quotas(parse(info(client, kind, number)))

    which = click.Argument(["which"], metavar=kind.name.upper())
    return command(
        "quota", run, [which, *_params()],
        help="Set limits: what is given takes the place of what was set for the same things; -1 is the default, "
             "-2 no limit. Without any, show them.",
        epilog=examples(
            f"inn {kind.name} quota ann --vm VMS=5,CPU=4,MEMORY=8192",
            f"inn {kind.name} quota ann --datastore default:SIZE=10240 --network lab:LEASES=8",
            f"inn {kind.name} quota ann",
        ),
    )  # fmt: skip


def _defaults(holder: Literal["user", "group"]) -> InnCommand:
    """`inn KIND defaultquota`."""

    def run(file: str | None, **given: tuple[str, ...]) -> None:
        client = current().client()
        reports = client.api.reports
        if text := _text(client, file, given):
            reports.limit(holder, template=text)
        else:
            shown = {"user": reports.quotas_of_users, "group": reports.quotas_of_groups}[holder]
            emit_quotas(parse(shown()))

    return command(
        "defaultquota", run, _params(),
        help=f"Set the limits of {holder}s that have none of their own. Without any, show them.",
        epilog=examples(f"inn {holder} defaultquota --vm VMS=10"),
    )  # fmt: skip


user_quota, group_quota = _setting(KINDS["user"]), _setting(KINDS["group"])
user_defaults, group_defaults = _defaults("user"), _defaults("group")
