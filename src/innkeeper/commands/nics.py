"""NICs and aliases of VMs that are there: attached, detached, changed (what a VM begins with is in `building/`)."""

from innkeeper.lifecycle.changes import shown_during
from innkeeper.lifecycle.operations import in_place
from innkeeper.lifecycle.operations import nics as work
from innkeeper.model.context import with_nic, without_nic
from innkeeper.model.errors import wrong_state
from innkeeper.model.indexes import numbers
from innkeeper.model.objects import SecurityGroup, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmAction
from innkeeper.model.template import Template, Vector, as_bool
from innkeeper.model.world import Transaction

from .building.context import strings
from .building.draft import Draft, Problem
from .building.nics import MAX_NICS, another, another_alias, sources
from .common import check_append, parse, usable
from .disks import draft_of, only_vector
from .restricted import check_restricted
from .vm_rights import operated

_BANDWIDTH = tuple(
    f"{way}_{what}" for way in ("INBOUND", "OUTBOUND") for what in ("AVG_BW", "PEAK_BW", "PEAK_KB")
)
#: What can be changed of a NIC that is there; its network, addresses and device cannot.
UPDATABLE = (
    *_BANDWIDTH, "METHOD", "IP6_METHOD", "METRIC", "IP6_METRIC", "GUEST_MTU", "GATEWAY", "DNS", "RDP", "SSH",
)  # fmt: skip


def attach(tx: Transaction, caller: Caller, vm_id: int, text: str) -> int:
    """Gives a VM one more NIC, or one of its NICs one more address (NIC_ALIAS)."""
    template = parse(text)
    vm = operated(tx.world, caller, vm_id, "nic-attach")
    name = "NIC_ALIAS" if "NIC_ALIAS" in template else "NIC"
    check_restricted(caller, Vm.KIND, template.only(["NIC", "NIC_ALIAS"]))
    given = only_vector(template, name, vm_id)
    _check_own(vm)
    _attach(tx, caller, vm, name, given)
    return vm_id


def attach_routed(tx: Transaction, caller: Caller, vm: Vm, given: Vector) -> None:
    """Gives a VM of a virtual router the NIC that its router got."""
    _attach(tx, caller, vm, "NIC", given)


def _check_own(vm: Vm) -> None:
    """The NICs of a virtual router's VM are its router's."""
    if "VROUTER_ID" in vm.template:
        router = vm.template.get("VROUTER_ID")
        raise wrong_state(
            f"VM {vm.id} is part of virtual router {router}, which has its NICs", vm.id
        )


def _attach(tx: Transaction, caller: Caller, vm: Vm, name: str, given: Vector) -> None:
    vm_id = vm.id
    shown_during(tx.world, vm, "nic-attach")
    if len(vm.nics) + len(vm.aliases) >= MAX_NICS:
        raise wrong_state(f"A VM has at most {MAX_NICS} NICs.", vm_id)
    draft, number = draft_of(tx, caller, vm), _next(vm)
    try:
        make = another if name == "NIC" else another_alias
        nic = make(draft, given, number)
    except Problem as wrong:
        raise wrong_state(
            f"Could not add a new {name}: {wrong.plain}", vm_id, wrong.mistake
        ) from None
    _begin_attach(tx, tx.change(vm, used_nics=number + 1), caller, draft, nic)


def _begin_attach(tx: Transaction, vm: Vm, caller: Caller, draft: Draft, nic: Vector) -> None:
    """The new NIC, or alias, is the VM's from now on, and with it its address."""
    alias = "ALIAS_ID" in nic
    context = _with_context(draft, vm.template, nic)
    if alias:
        after = context.with_("NIC", *draft.nics).adding("NIC_ALIAS", nic)
        held = vm.template.adding("NIC_ALIAS", _marked(nic))
    else:
        after, held = context.adding("NIC", nic), vm.template.adding("NIC", _marked(nic))
    procedure = work.TELL if alias else work.ATTACH
    action = VmAction.ALIAS_ATTACH if alias else VmAction.NIC_ATTACH
    in_place.begin(tx, procedure, vm, caller, "nic-attach", action, held=held, after=after)


def _with_context(draft: Draft, template: Template, nic: Vector) -> Template:
    """The template with what the guest is told of one more NIC, if it is told of its network at all."""
    context = template.vector("CONTEXT")
    if context is None or not as_bool(context.get("NETWORK")):
        return template
    ar, network = sources(draft, nic)
    return template.with_("CONTEXT", with_nic(context, nic, ar, strings(network)))


def _marked(nic: Vector) -> Vector:
    """A NIC that comes or goes, as OpenNebula shows it."""
    return {**nic, "ATTACH": "YES"}


def _next(vm: Vm) -> int:
    """The number of the next NIC: one that no NIC or alias of this VM ever had."""
    return max([vm.used_nics, *(int(nic["NIC_ID"]) + 1 for nic in (*vm.nics, *vm.aliases))])


def detach(tx: Transaction, caller: Caller, vm_id: int, nic_id: int) -> int:
    """Takes a NIC, with its aliases, or one alias from a VM; their addresses are free then."""
    vm = operated(tx.world, caller, vm_id, "nic-detach")
    _check_own(vm)
    detach_routed(tx, caller, vm, nic_id)
    return vm_id


def detach_routed(tx: Transaction, caller: Caller, vm: Vm, nic_id: int) -> None:
    """Takes a NIC from a VM, also from one of a virtual router."""
    shown_during(tx.world, vm, "nic-detach")
    nic = nic_of(vm, nic_id)
    alias = "ALIAS_ID" in nic
    vm = tx.change(vm, used_nics=_next(vm))
    in_place.begin(
        tx, work.TELL if alias else work.DETACH, vm, caller, "nic-detach",
        VmAction.ALIAS_DETACH if alias else VmAction.NIC_DETACH,
        held=_held(vm, nic_id), after=_without(vm, nic),
    )  # fmt: skip


def nic_of(vm: Vm, nic_id: int) -> Vector:
    """The VM's NIC or alias of this number."""
    both = (*vm.nics, *vm.aliases)
    for nic in both:
        if nic["NIC_ID"] == str(nic_id):
            return nic
    has = ", ".join(nic["NIC_ID"] for nic in both) or "none"
    raise wrong_state(f"VM {vm.id} has no NIC {nic_id} (it has: {has}).", vm.id)


def _held(vm: Vm, nic_id: int) -> Template:
    template = vm.template
    for name in ("NIC", "NIC_ALIAS"):
        both = [
            _marked(nic) if nic["NIC_ID"] == str(nic_id) else nic for nic in template.vectors(name)
        ]
        template = template.with_(name, *both)
    return template


def _without(vm: Vm, gone: Vector) -> Template:
    """The template without a NIC and its aliases, or without an alias, of which its parent knows no more."""
    number = gone["NIC_ID"]
    nics = [_forgetting(nic, number) for nic in vm.nics if nic["NIC_ID"] != number]
    aliases = [
        a
        for a in vm.aliases
        if a["NIC_ID"] != number and ("ALIAS_ID" in gone or a["PARENT_ID"] != number)
    ]
    template = vm.template.with_("NIC", *nics).with_("NIC_ALIAS", *aliases)
    context = template.vector("CONTEXT")
    if context is None:
        return template
    return template.with_("CONTEXT", without_nic(context, gone))


def _forgetting(nic: Vector, alias: str) -> Vector:
    left = [number for number in nic.get("ALIAS_IDS", "").split(",") if number != alias]
    kept = {name: value for name, value in nic.items() if name != "ALIAS_IDS"}
    return kept | ({"ALIAS_IDS": ",".join(left)} if any(left) else {})


def update(tx: Transaction, caller: Caller, vm_id: int, nic_id: int, text: str, append: int) -> int:
    """Changes attributes of a NIC: replaces (0) or merges (1) those that can be changed."""
    template = parse(text)
    vm = operated(tx.world, caller, vm_id, "nic-update")
    check_append(append, vm_id)
    given = only_vector(template, "NIC", vm_id)
    shown_during(tx.world, vm, "nic-update")
    nic = nic_of(vm, nic_id)
    if "ALIAS_ID" in nic:
        raise wrong_state(
            f"NIC {nic_id} of VM {vm_id} is an alias, which cannot be updated.", vm_id
        )
    made = _updated(nic, given, vm_id, append=bool(append))
    restricted = (Template({"NIC": (vector,)}) for vector in (made, nic))
    check_restricted(caller, Vm.KIND, *restricted)
    after = _told_anew(tx, caller, vm, made)
    in_place.begin(
        tx, work.TELL, vm, caller, "nic-update", VmAction.NIC_UPDATE, held=vm.template, after=after
    )
    return vm_id


def _updated(nic: Vector, given: Vector, vm_id: int, *, append: bool) -> Vector:
    for name, value in given.items():
        if name not in UPDATABLE and nic.get(name) != value:
            text = f"{name} of a NIC cannot be changed; {', '.join(UPDATABLE)} can."
            raise wrong_state(text, vm_id)
    kept = {name: value for name, value in nic.items() if append or name not in UPDATABLE}
    return kept | given


def _told_anew(tx: Transaction, caller: Caller, vm: Vm, made: Vector) -> Template:
    """The template with a NIC as it is now, and what the guest is told of it."""
    nics = [made if nic["NIC_ID"] == made["NIC_ID"] else nic for nic in vm.nics]
    template = vm.template.with_("NIC", *nics)
    context = template.vector("CONTEXT")
    if context is None:
        return template
    aliases = {k: v for k, v in context.items() if k.startswith(f"ETH{made['NIC_ID']}_ALIAS")}
    bare = template.with_("CONTEXT", without_nic(context, made) | aliases)
    return _with_context(draft_of(tx, caller, vm), bare, made)


def attach_group(tx: Transaction, caller: Caller, vm_id: int, nic_id: int, group_id: int) -> int:
    """Puts a NIC under one more security group: what that allows may come and go, too."""
    vm = operated(tx.world, caller, vm_id, "sg-attach")
    usable(tx.world, SecurityGroup, group_id, caller)
    nic, groups = _grouped(vm, nic_id)
    if group_id in groups:
        raise wrong_state(f"NIC {nic_id} of VM {vm_id} is under security group {group_id}.", vm_id)
    after = _under(vm, nic, [*groups, group_id])
    _regroup(tx, vm, caller, "sg-attach", VmAction.SG_ATTACH, held=after, after=after)
    return vm_id


def detach_group(tx: Transaction, caller: Caller, vm_id: int, nic_id: int, group_id: int) -> int:
    """Takes a NIC out of a security group; never out of its last one, or everything might come and go."""
    vm = operated(tx.world, caller, vm_id, "sg-detach")
    nic, groups = _grouped(vm, nic_id)
    if group_id not in groups:
        has = ", ".join(map(str, groups))
        text = f"NIC {nic_id} of VM {vm_id} is not under security group {group_id} (it is under: {has})."
        raise wrong_state(text, vm_id)
    if len(groups) == 1:
        text = f"Security group {group_id} is the only one of NIC {nic_id} of VM {vm_id}: attach another one first."
        raise wrong_state(text, vm_id)
    after = _under(vm, nic, [number for number in groups if number != group_id])
    _regroup(tx, vm, caller, "sg-detach", VmAction.SG_DETACH, held=vm.template, after=after)
    return vm_id


def _grouped(vm: Vm, nic_id: int) -> tuple[Vector, list[int]]:
    nic = nic_of(vm, nic_id)
    if "ALIAS_ID" in nic:
        text = f"NIC {nic_id} of VM {vm.id} is an alias, which is under the groups of its NIC."
        raise wrong_state(text, vm.id)
    return nic, numbers(nic.get("SECURITY_GROUPS", ""))


def _under(vm: Vm, nic: Vector, groups: list[int]) -> Template:
    made = {**nic, "SECURITY_GROUPS": ",".join(map(str, groups))}
    nics = [made if each["NIC_ID"] == nic["NIC_ID"] else each for each in vm.nics]
    return vm.template.with_("NIC", *nics)


def _regroup(
    tx: Transaction, vm: Vm, caller: Caller, change: str, action: VmAction, **to: Template
) -> None:
    shown_during(tx.world, vm, change)
    in_place.begin(tx, work.REGROUP, vm, caller, change, action, held=to["held"], after=to["after"])
