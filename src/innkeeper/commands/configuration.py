"""The configuration of VMs that are there: firmware, screen, context and the like (`one.vm.updateconf`)."""

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations import in_place, nics
from innkeeper.model.errors import invalid
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction

from .auth import caller_of
from .building import backup, boot, capacity, files, graphics, unavailable
from .building.context import completed
from .building.disks import context_place
from .building.draft import Draft, Problem, problem
from .common import check_append, parse
from .disks import draft_of, next_disk
from .restricted import check_restricted
from .vm_rights import operated

#: What can be changed, besides CONTEXT.
CONFIGURED = ("OS", "FEATURES", "INPUT", "GRAPHICS", "VIDEO", "RAW", "CPU_MODEL")
#: What of the context is ours: where its CD is plugged in.
_PLACE = ("DISK_ID", "TARGET")


def update(tx: Transaction, caller: Caller, vm_id: int, text: str, append: int) -> int:
    """Replaces (0) or merges (1) a VM's configuration.

    A guest that runs is shown its new context at once; all else counts from its next start. Replacing leaves out what
    is not given again, but for the machine's UUID and, if no CONTEXT is given at all, the context.
    """
    given = parse(text).only((*CONFIGURED, "CONTEXT", backup.NAME))
    vm = operated(tx.world, caller, vm_id, "updateconf")
    check_append(append, vm_id)
    shown_during(tx.world, vm, "updateconf")
    check_restricted(caller, Vm.KIND, given, vm.template)
    try:
        after = _configured(tx, vm, given, append=bool(append))
        backed_up = _backed_up(vm, given, append=bool(append))
    except Problem as wrong:
        text = f"Could not update the configuration of VM {vm_id}: {wrong.plain}"
        raise invalid(text, vm_id, wrong.mistake) from None
    told = after.vector("CONTEXT") != vm.template.vector("CONTEXT")
    vm = tx.change(vm, used_disks=_used(vm, after), backup_config=backed_up)
    in_place.begin(
        tx, nics.TELL, vm, caller, "updateconf", VmAction.NONE,
        held=vm.template, after=after, unnoticed=not told,
    )  # fmt: skip
    return vm_id


def _configured(tx: Transaction, vm: Vm, given: Template, *, append: bool) -> Template:
    draft = draft_of(tx, caller_of(tx.world.users[vm.uid]), vm)
    draft.disks = [_unordered(disk) for disk in draft.disks]
    draft.nics = [_unordered(nic) for nic in draft.nics]
    draft.template = vm.template.with_("DISK", *draft.disks).with_("NIC", *draft.nics)
    for name in CONFIGURED:
        values = _merged(vm.template, given, name) if append else given.vectors(name)
        draft.template = draft.template.with_(name, *values)
    identity = {"UUID": (vm.template.vector("OS") or {})["UUID"]}
    draft.template = draft.template.with_("OS", identity | (draft.template.vector("OS") or {}))
    draft.template = draft.template.with_("OS", capacity.system(draft, draft.template))
    unavailable.check(draft.template)
    capacity.machine(draft)
    graphics.fill(draft)
    boot.fill(draft)
    context = given.vector("CONTEXT")
    if context is not None:
        made = _context(draft, vm, context, append=append)
        draft.template = draft.template.with_("CONTEXT", made)
    files.fill(draft)
    _check_booted(vm.template.vector("OS") or {}, draft.template.vector("OS") or {})
    return draft.template


def _check_booted(before: Vector, after: Vector) -> None:
    """What a VM boots from came with its disks."""
    for name in ("KERNEL_DS", "INITRD_DS"):
        if before.get(f"{name}_ID") != after.get(f"{name}_ID"):
            raise problem(f"{name} of OS cannot be changed any more.")


def _backed_up(vm: Vm, given: Template, *, append: bool) -> Vector:
    """How the VM's backups are made; what the front end knows about the last one stays."""
    wanted = given.vector(backup.NAME)
    if wanted is None:
        return vm.backup_config
    return backup.checked({**vm.backup_config, **wanted} if append else wanted, vm.backup_config)


def _unordered(device: Vector) -> Vector:
    return {name: value for name, value in device.items() if name != "ORDER"}


def _merged(old: Template, given: Template, name: str) -> tuple[Vector, ...]:
    """What there is, with the parts that are given; of what there may be several, all that are given."""
    before, new = old.vectors(name), given.vectors(name)
    if name == "INPUT" or not (before and new):
        return new or before
    return ({**before[0], **new[0]},)


def _context(draft: Draft, vm: Vm, given: Vector, *, append: bool) -> Vector:
    old = vm.template.vector("CONTEXT")
    if old is None and vm.running:
        text = (
            f"VM {vm.id} has no context CD, and a guest that runs takes none: power it off first."
        )
        raise invalid(text, vm.id)
    place = old if old is not None else context_place(draft, next_disk(vm))
    asked = {name: value for name, value in given.items() if name not in _PLACE}
    kept = old if old is not None and append else {}
    network = {"NETWORK": kept["NETWORK"]} if "NETWORK" in kept else {}
    return {**kept, **completed(draft, network | asked), **{name: place[name] for name in _PLACE}}


def _used(vm: Vm, after: Template) -> int:
    """The numbers of disks that were given; a context CD that is new has one of them."""
    context = after.vector("CONTEXT") or {}
    return max(vm.used_disks, int(context.get("DISK_ID", -1)) + 1)
