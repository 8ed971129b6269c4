"""The CPU and memory of VMs that are there."""

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations.sizes import begin_resize
from innkeeper.model.errors import wrong_state
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction
from innkeeper.placement.decide import fits

from .building import capacity
from .building.draft import Draft, Problem
from .common import parse, replaced
from .restricted import check_restricted
from .vm_rights import operated

RESIZED = ("CPU", "VCPU", "MEMORY")
#: What placement checks of a host that depends on how much a VM needs.
_AMOUNTS = frozenset({"cpu", "memory"})


def resize(tx: Transaction, caller: Caller, vm_id: int, text: str, enforce: bool) -> int:
    """Gives a VM another CPU, VCPU and MEMORY; what is 0 or not given stays."""
    given = parse(text).only(RESIZED)
    vm = operated(tx.world, caller, vm_id, "resize")
    check_restricted(caller, Vm.KIND, given)
    shown = shown_during(tx.world, vm, "resize")
    after = _sized(tx, caller, vm, given)
    if shown == "HOTPLUG_RESIZE":
        _check_limits(vm, after)
    if vm.place is not None and (enforce or not caller.admin):
        _check_host(tx, vm, after)
    begin_resize(tx, vm, after, caller)
    return vm_id


def _sized(tx: Transaction, caller: Caller, vm: Vm, given: Template) -> Template:
    """The template with what is asked for, checked as at the VM's creation."""
    wanted = vm.template
    for name in RESIZED:
        value = given.get(name)
        if value and value.strip("0."):
            wanted = wanted.with_(name, value)
    draft = Draft(tx, caller, vm.id, vm.name, wanted, vm.user_template)
    try:
        capacity.amounts(draft)
    except Problem as wrong:
        raise wrong_state(
            f"Could not resize VM {vm.id}: {wrong.plain}", vm.id, wrong.mistake
        ) from None
    return draft.template


def _check_limits(vm: Vm, after: Template) -> None:
    """A guest that runs grows up to the limits that it was started with, and keeps its processors."""
    for name, limit in (("VCPU", "VCPU_MAX"), ("MEMORY", "MEMORY_MAX")):
        now, wanted = (int(template.get(name, "1")) for template in (vm.template, after))
        most = int(vm.template.get(limit, "0"))
        if wanted > max(now, most):
            known = f"{limit} is {most}" if most else f"it has no {limit}"
            text = f"{name} of a VM that runs cannot grow to {wanted}: {known}; power it off first"
            raise wrong_state(text, vm.id)
        if name == "VCPU" and wanted < now:
            text = (
                f"VCPU of a VM that runs cannot shrink from {now} to {wanted}: power it off first"
            )
            raise wrong_state(text, vm.id)


def _check_host(tx: Transaction, vm: Vm, after: Template) -> None:
    host = tx.world.hosts[vm.history[-1].host_id]
    checks = fits(tx.world, replaced(vm, template=after), host)
    missing = [check for check in checks if check.name in _AMOUNTS and not check.ok]
    if missing:
        said = "; ".join(f"{c.name}: needed {c.needed}, had {c.had}" for c in missing)
        raise wrong_state(f"VM {vm.id} does not fit on host {host.id} any more: {said}", vm.id)
