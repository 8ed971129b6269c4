"""Documents of accounting and showback (spec: xml-documents.md section 7.1)."""

from collections.abc import Iterable

import msgspec

from innkeeper.api.xmlrpc.documents.elements import owners, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.documents.vms import history_record, without_history
from innkeeper.api.xmlrpc.wire import escape
from innkeeper.model.accounting import Bill, amounts
from innkeeper.model.objects import History, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.template import number

_END = "</HISTORY>"


def record(view: View, caller: Caller, vm: Vm, stay: History) -> Iterable[bytes]:
    """A stay, with the VM in it as large as it was then."""
    yield escape(history_record(vm.id, stay).removesuffix(_END))
    yield from without_history(view, caller, _then(vm, stay))
    yield escape(_END)


def _then(vm: Vm, stay: History) -> Vm:
    cpu, memory, _ = amounts(vm, stay)
    if (cpu, memory) == (vm.cpu, vm.memory):
        return vm
    sized = vm.template.with_("CPU", number(cpu)).with_("MEMORY", str(memory))
    return msgspec.structs.replace(vm, template=sized)


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
