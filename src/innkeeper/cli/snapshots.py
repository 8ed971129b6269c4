"""`inn vm snapshot-list` and `inn vm disk-snapshot-list`; snapshots by their names."""

from __future__ import annotations

from collections.abc import Iterator

import click

from innkeeper.cli import formats
from innkeeper.cli.document import Element, parse, text_at
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import emit_rows
from innkeeper.cli.kinds import Column
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current

_VM = click.argument("vm", type=ObjectType("vm"), metavar="VM")


def _active(row: Element) -> str:
    return "=>" if text_at(row, "ACTIVE") == "YES" else ""


_OF_GUEST = (
    Column("AC", 2, _active),
    Column("ID", 3, "SNAPSHOT_ID"),
    Column("TIME", 14, "TIME", formats.moment, left=True),
    Column("NAME", 20, "NAME", left=True),
)
_OF_DISK = (
    Column("AC", 2, _active),
    Column("ID", 3, "ID"),
    Column("DISK", 4, "DISK_ID"),
    Column("PARENT", 6, "PARENT"),
    Column("DATE", 14, "DATE", formats.moment, left=True),
    Column("SIZE", 7, "SIZE", formats.size_of_mib),
    Column("NAME", 20, "NAME", left=True),
)


def _document(vm: str) -> Element:
    client = current().client()
    return parse(client.api.vms.document(id_of(client, KINDS["vm"], vm)))


@click.command(
    "snapshot-list", cls=InnCommand, help="List the snapshots of a guest.",
    epilog=examples("inn vm snapshot-list web"),
)  # fmt: skip
@_VM
def snapshot_list(vm: str) -> None:
    """List a VM's snapshots."""
    emit_rows(_OF_GUEST, _document(vm).findall("TEMPLATE/SNAPSHOT"))


@click.command(
    "disk-snapshot-list", cls=InnCommand, help="List the snapshots of a VM's disks, or of one disk.",
    epilog=examples("inn vm disk-snapshot-list web", "inn vm disk-snapshot-list web 0"),
)  # fmt: skip
@_VM
@click.argument("disk", type=int, required=False)
def disk_snapshot_list(vm: str, disk: int | None) -> None:
    """List the snapshots of disks."""
    emit_rows(_OF_DISK, list(_of_disks(_document(vm), disk)))


def _of_disks(document: Element, disk: int | None) -> Iterator[Element]:
    """Each snapshot with the number of its disk."""
    for of in document.findall("SNAPSHOTS"):
        number = of.find("DISK_ID")
        if number is not None and disk in (None, int(number.text or "-1")):
            for snapshot in of.findall("SNAPSHOT"):
                snapshot.append(number)
                yield snapshot


def number_of(vm: str, text: str, disk: int | None) -> int:
    """The number of the VM's snapshot, or its disk's, that a number or a name means."""
    if text.isdecimal():
        return int(text)
    document = _document(vm)
    rows = (
        document.findall("TEMPLATE/SNAPSHOT") if disk is None else list(_of_disks(document, disk))
    )
    path = "SNAPSHOT_ID" if disk is None else "ID"
    found = [text_at(row, path) for row in rows if text_at(row, "NAME") == text]
    owner = f"VM {text_at(document, 'ID')}" + (f" disk {disk}" if disk is not None else "")
    if not found:
        there = ", ".join(text_at(row, "NAME") for row in rows) or "none"
        raise CliError(f"{owner} has no snapshot {text!r} (it has: {there})", ExitCode.NOT_FOUND)
    if len(found) > 1:
        raise CliError(
            f"{len(found)} snapshots of {owner} are named {text!r}: use a number ({', '.join(found)})",
            ExitCode.USAGE,
        )
    return int(found[0])
