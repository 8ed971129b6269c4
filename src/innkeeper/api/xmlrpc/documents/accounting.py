"""Documents of accounting and showback (spec: xml-documents.md section 7.1)."""

from collections.abc import Iterable

from innkeeper.api.xmlrpc.documents.elements import owners, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.documents.vms import history_record, without_history
from innkeeper.api.xmlrpc.wire import escape
from innkeeper.model.accounting import Bill
from innkeeper.model.objects import History, Vm
from innkeeper.model.permissions import Caller

_END = "</HISTORY>"


def record(view: View, caller: Caller, vm: Vm, stay: History) -> Iterable[bytes]:
    """A stay, with the VM in it."""
    yield escape(history_record(vm.id, stay).removesuffix(_END))
    yield from without_history(view, caller, vm)
    yield escape(_END)


def bill(view: View, bill: Bill) -> Iterable[bytes]:
    """What a VM costs in a month."""
    vm = bill.vm
    uname, gname = owners(view.world, vm)
    figures = {
        "CPU_COST": bill.cpu, "MEMORY_COST": bill.memory, "DISK_COST": bill.disk, "TOTAL_COST": bill.total,
        "HOURS": bill.hours, "RHOURS": bill.running,
    }  # fmt: skip
    shown = "".join(f"<{name}>{value:.2f}</{name}>" for name, value in figures.items())
    yield escape(
        f"<SHOWBACK><VMID>{vm.id}</VMID>{text('VMNAME', vm.name)}<UID>{vm.uid}</UID><GID>{vm.gid}</GID>"
        f"{text('UNAME', uname)}{text('GNAME', gname)}<YEAR>{bill.month.year}</YEAR>"
        f"<MONTH>{bill.month.month}</MONTH>{shown}</SHOWBACK>"
    )
