"""`inn vm monitoring` and `inn host monitoring`: what was measured, over time or the last of all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from innkeeper.cli import formats
from innkeeper.cli.client import Client
from innkeeper.cli.document import Element, parse, text_at
from innkeeper.cli.generic import emit_rows
from innkeeper.cli.kinds import Column, Kind
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.names import ObjectType, all_ids
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_LAST = 0  # instead of a number of seconds: the last sample of each object

_WHEN = (Column("ID", 4, "ID"), Column("TIME", 14, "TIMESTAMP", formats.moment, left=True))

_VM_COLUMNS = (
    *_WHEN,
    Column("CPU", 6, "CPU", formats.number),
    Column("MEMORY", 7, "MEMORY", formats.size_of_kib),
    Column("NETRX", 7, "NETRX", formats.size_of_bytes),
    Column("NETTX", 7, "NETTX", formats.size_of_bytes),
    Column("READ", 7, "DISKRDBYTES", formats.size_of_bytes),
    Column("WRITTEN", 7, "DISKWRBYTES", formats.size_of_bytes),
)

_HOST_COLUMNS = (
    *_WHEN,
    Column("USED_CPU", 8, "CAPACITY/USED_CPU", formats.number),
    Column("FREE_CPU", 8, "CAPACITY/FREE_CPU", formats.number),
    Column("USED_MEM", 8, "CAPACITY/USED_MEMORY", formats.size_of_kib),
    Column("FREE_MEM", 8, "CAPACITY/FREE_MEMORY", formats.size_of_kib),
    Column("NETRX", 7, "SYSTEM/NETRX", formats.size_of_bytes),
    Column("NETTX", 7, "SYSTEM/NETTX", formats.size_of_bytes),
)


def _monitoring(kind: Kind, columns: tuple[Column, ...]) -> InnCommand:
    def callback(objects: tuple[str, ...], seconds: int | None, csv: bool) -> None:
        emit_rows(columns, list(_samples(current().client(), kind, objects, seconds)), csv)

    params = [
        click.Argument(["objects"], nargs=-1, type=ObjectType(kind.name),
                       metavar=f"[{kind.name.upper()}...]"),
        click.Option(["--since", "seconds"], type=click.IntRange(min=1), metavar="SECONDS",
                     help="Only the samples of the last so many seconds."),
        click.Option(["--csv"], is_flag=True, help="Print comma-separated values."),
    ]  # fmt: skip
    return command(
        "monitoring", callback, params,
        help=f"Show what was measured of {kind.plural}: all samples of those that are named,"
        " or the last one of each. CPU is in percent of a core; traffic counts from the start.",
        epilog=examples(f"inn {kind.name} monitoring",
                        f"inn {kind.name} monitoring NAME --since 600 --csv"),
    )  # fmt: skip


def _samples(
    client: Client, kind: Kind, objects: tuple[str, ...], seconds: int | None
) -> Iterator[Element]:
    """The samples that were asked for, object by object, oldest first."""
    reports = client.api.reports
    if not objects:
        every = {"vm": reports.monitoring_of_vms, "host": reports.monitoring_of_hosts}[kind.name]
        yield from parse(every(seconds=seconds or _LAST)).iterfind("MONITORING")
        return
    earliest = time.time() - seconds if seconds else 0.0
    one = {"vm": reports.monitoring_of_vm, "host": reports.monitoring_of_host}[kind.name]
    for number in all_ids(client, kind, objects):
        document = parse(one(number))
        for sample in document.iterfind("MONITORING"):
            if float(text_at(sample, "TIMESTAMP") or 0) >= earliest:
                yield sample


vm_monitoring = _monitoring(KINDS["vm"], _VM_COLUMNS)
host_monitoring = _monitoring(KINDS["host"], _HOST_COLUMNS)
