"""`one.vmpool.accounting`, `one.vmpool.showback` and `one.vmpool.calculateshowback`."""

from collections.abc import Iterable
from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import accounting as documents
from innkeeper.api.xmlrpc.methods import Answer, Desk, Method, i, pool, read
from innkeeper.model import accounting
from innkeeper.model.accounting import Bill, Month
from innkeeper.model.errors import Code, Refusal, bad_argument
from innkeeper.model.objects import History, Vm
from innkeeper.model.permissions import Caller

#: Instead of a time or a month: no bound.
OPEN: Final = -1


def _vms(desk: Desk, caller: Caller, flag: int) -> list[Vm]:
    found = pools.selected(desk.world, desk.world.vms, caller, flag, -1, -1)
    return sorted(found, key=lambda vm: vm.id)


def records(desk: Desk, caller: Caller, flag: int, since: int, until: int) -> Answer:
    """Stays of VMs on hosts that overlap a span of time."""
    found = [
        (vm, stay) for vm in _vms(desk, caller, flag) for stay in accounting.stays(vm, since, until)
    ]

    def parts(entry: tuple[Vm, History]) -> Iterable[bytes]:
        return documents.record(desk.view, caller, *entry)

    return pool("HISTORY_RECORDS", found, parts)


def showback(
    desk: Desk, caller: Caller, flag: int, month0: int, year0: int, month1: int, year1: int
) -> Answer:
    """What VMs cost, a month each."""
    first, last = _month(month0, year0), _month(month1, year1)
    now = int(desk.core.clock.time())
    found = [
        bill for vm in _vms(desk, caller, flag) for bill in accounting.bills(vm, first, last, now)
    ]
    found.sort(key=lambda bill: bill.month)

    def parts(bill: Bill) -> Iterable[bytes]:
        return documents.bill(desk.view, bill)

    return pool("SHOWBACK_RECORDS", found, parts)


def _month(month: int, year: int) -> Month | None:
    if OPEN in (month, year):
        return None
    if not (1 <= month <= 12 and 1970 <= year <= 9998):
        raise bad_argument(
            f"A month from 1 to 12 and a year from 1970 are expected, not {month} and {year}"
        )
    return Month(year, month)


def calculate(
    _desk: Desk, caller: Caller, month0: int, year0: int, month1: int, year1: int
) -> Answer:
    """Costs follow from histories whenever they are asked for: there is nothing to calculate ahead."""
    if not caller.admin:
        text = f"User [{caller.uid}] : calculating showback is for administrators."
        raise Refusal(Code.AUTHORIZATION, text)
    _month(month0, year0)
    _month(month1, year1)
    return " "


_MONTHS: Final = (i("first_month"), i("first_year"), i("last_month"), i("last_year"))

METHODS: Final = (
    Method("one.vmpool.accounting", (i("filter"), i("since"), i("until")), read(records),
           "Stays of VMs on hosts between two times (-1: open)."),
    Method("one.vmpool.showback", (i("filter"), *_MONTHS), read(showback), "What VMs cost, month by month (-1: open)."),
    Method("one.vmpool.calculateshowback", _MONTHS, read(calculate), "Nothing to do: costs follow from histories."),
)  # fmt: skip
