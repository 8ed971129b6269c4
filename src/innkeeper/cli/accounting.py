"""`inn accounting` and `inn showback`: where VMs were and when, and what they cost."""

from __future__ import annotations

import time
from datetime import datetime

import click

from innkeeper.cli import formats
from innkeeper.cli.document import parse
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.generic import emit_rows
from innkeeper.cli.kinds import Column
from innkeeper.cli.layouts import action_name
from innkeeper.cli.lazy import Entry, InnCommand, LazyGroup, examples, session_options
from innkeeper.cli.names import filter_of
from innkeeper.cli.session import current

_WHO = click.argument("who", required=False, metavar="[all|mine|group|USER]")
_CSV = click.option("--csv", is_flag=True, help="Print comma-separated values.")

_STAYS = (
    Column("VID", 4, "OID"),
    Column("HOSTNAME", 15, "HOSTNAME", left=True),
    Column("ACTION", 16, action_name, left=True),
    Column("START_TIME", 14, "STIME", formats.moment),
    Column("END_TIME", 14, "ETIME", formats.moment),
    Column("MEMORY", 6, "VM/TEMPLATE/MEMORY", formats.size_of_mib),
    Column("CPU", 3, "VM/TEMPLATE/CPU", formats.number),
)
_BILLS = (
    Column("USER_NAME", 8, "UNAME"), Column("GROUP_NAME", 8, "GNAME"), Column("VM_ID", 6, "VMID"),
    Column("VM_NAME", 15, "VMNAME"), Column("MONTH", 5, "MONTH"), Column("YEAR", 5, "YEAR"),
    Column("HOURS", 8, "HOURS"), Column("RUNNING_HOURS", 8, "RHOURS"), Column("COST", 15, "TOTAL_COST"),
)  # fmt: skip


@click.command(
    "accounting", cls=InnCommand, help="Show which VMs were on which hosts, and when.",
    epilog=examples("inn accounting", "inn accounting mine -s 2026-11-01 -e 2026-11-30 --csv"),
)  # fmt: skip
@_WHO
@click.option("-s", "--start", metavar="TIME", help="From this local time on.")
@click.option(
    "-e", "--end", metavar="TIME", help="Until this local time; a day is meant with its end."
)
@_CSV
def accounting(who: str | None, start: str | None, end: str | None, csv: bool) -> None:
    """Show stays."""
    client = current().client()
    document = client.api.reports.accounting(
        filter=filter_of(client, who), since=_time(start), until=_time(end, whole_day=True)
    )
    emit_rows(_STAYS, parse(document).findall("HISTORY"), csv)


@click.command(
    "list", cls=InnCommand, help="Show what VMs cost, month by month.",
    epilog=examples("inn showback list", "inn showback list all -s 10/2026 -e 11/2026"),
)  # fmt: skip
@_WHO
@click.option("-s", "--start", metavar="MM/YYYY", help="The first month.")
@click.option("-e", "--end", metavar="MM/YYYY", help="The last month.")
@_CSV
def showback_list(who: str | None, start: str | None, end: str | None, csv: bool) -> None:
    """Show costs."""
    client = current().client()
    (month0, year0), (month1, year1) = _month(start), _month(end)
    document = client.api.reports.showback(
        filter=filter_of(client, who),
        first_month=month0,
        first_year=year0,
        last_month=month1,
        last_year=year1,
    )
    emit_rows(_BILLS, parse(document).findall("SHOWBACK"), csv)


@click.command(
    "calculate", cls=InnCommand,
    help="As OpenNebula has it; costs follow from histories, so that there is nothing to calculate.",
)  # fmt: skip
@click.option("-s", "--start", metavar="MM/YYYY", help="The first month.")
@click.option("-e", "--end", metavar="MM/YYYY", help="The last month.")
def showback_calculate(start: str | None, end: str | None) -> None:
    """Nothing but a look at the months."""
    _month(start), _month(end)


showback = LazyGroup(
    "showback",
    {
        "list": Entry("Costs", "Show what VMs cost.", lambda: showback_list),
        "calculate": Entry("Costs", "Nothing to do here.", lambda: showback_calculate),
    },
    params=[*session_options(hidden=True)],
    help="What VMs cost, by CPU_COST, MEMORY_COST and DISK_COST of their templates.",
)


def _time(text: str | None, *, whole_day: bool = False) -> int:
    if text is None:
        return -1
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wanted = "a day or time like 2026-12-01"
        raise CliError(f"TIME: expected {wanted}, not {text!r}", ExitCode.USAGE) from None
    day = 86_400 if whole_day and len(text) <= len("2026-12-01") else 0
    return int(time.mktime(moment.timetuple())) + day


def _month(text: str | None) -> tuple[int, int]:
    if text is None:
        return -1, -1
    month, _, year = text.partition("/")
    if not (month.isdigit() and year.isdigit() and 1 <= int(month) <= 12):
        raise CliError(f"MM/YYYY: expected a month like 11/2026, not {text!r}", ExitCode.USAGE)
    return int(month), int(year)
