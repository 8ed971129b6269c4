"""Virtual routers: NICs in several networks, and VMs that all have NICs like these.

Theory of operation
-------------------
A router's NIC is a wish: a network, and what is to be said of it. One that floats (FLOATING_IP=YES) has a lease as
well, which is the router's: its VMs agree among themselves (by VRRP) which of them answers for it, and each may speak
from it. A VM gets a NIC of its own for each, with a lease of its own, that tells the floating one as VROUTER_IP; of a
FLOATING_ONLY one it is not told its own address. NICs come and go for all VMs at once, or for none.
Nothing in a VM depends on its router: a guest makes of its context what it likes.
"""

from innkeeper.lifecycle import machine
from innkeeper.model import addresses
from innkeeper.model.errors import cannot_allocate, invalid, must_be, wrong_state
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import EMPTY, Vm, VmTemplate
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, Vector, as_bool, as_int
from innkeeper.model.world import Transaction

from . import common, nics, templates, vms
from .building.draft import Draft, Problem
from .building.nics import MAX_NICS, network_of, one_lease
from .common import need, parse, usable
from .disks import only_vector
from .restricted import check_restricted

#: What a lease says, which a VM is told of its router under other names.
_LEASED = ("IP", "MAC", "IP6", "IP6_LINK", "IP6_GLOBAL", "IP6_ULA")
_TOLD = ("IP", "MAC", "IP6", "IP6_GLOBAL")
#: VMs that one call makes at most.
MOST_VMS = 64
#: Phases in which a VM ends already.
_ENDING = frozenset({"SHUTDOWN", "EPILOG", "CLEANUP_DELETE", "DONE"})


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Makes a router without VMs; its floating addresses are taken."""
    name, template = common.named(tx, caller, VRouter, text)
    vectors = template.vectors("NIC")
    if len(vectors) > MAX_NICS:
        raise cannot_allocate(VRouter.LABEL, f"It has at most {MAX_NICS} NICs, not {len(vectors)}.")
    router = common.create(tx, caller, VRouter, name, template.without("NIC"))
    try:
        for vector in vectors:
            router = _with_nic(tx, caller, router, vector)
    except Problem as wrong:
        raise cannot_allocate(VRouter.LABEL, wrong.plain, wrong.mistake) from None
    return router.id


def _with_nic(tx: Transaction, caller: Caller, router: VRouter, given: Vector) -> VRouter:
    """The router with one more NIC; a floating one has a lease."""
    draft = Draft(tx, caller, router.id, router.name, EMPTY, EMPTY)
    network = network_of(draft, given, "NIC")
    kept = {
        name: value
        for name, value in given.items()
        if name not in ("NIC_ID", "AR_ID", "NETWORK_UNAME")
    }
    nic = {
        **kept,
        "NIC_ID": str(router.used_nics),
        "NETWORK": network.name,
        "NETWORK_ID": str(network.id),
    }
    if _floats(nic):
        ar, index = one_lease(draft, nic, network)
        nic |= {"AR_ID": str(ar.id), **addresses.lease(ar, index)}
    template = router.template.adding("NIC", nic)
    return tx.change(router, template=template, used_nics=router.used_nics + 1)


def _floats(nic: Vector) -> bool:
    return as_bool(nic.get("FLOATING_IP") or "NO") or as_bool(nic.get("FLOATING_ONLY") or "NO")


def for_vm(nic: Vector) -> Vector:
    """The NIC that a VM gets for one of its router's."""
    kept = {n: v for n, v in nic.items() if n not in ("NIC_ID", "AR_ID", "NETWORK")}
    kept["VROUTER_NIC_ID"] = nic["NIC_ID"]
    if not _floats(nic):
        return kept
    bare = {name: value for name, value in kept.items() if name not in _LEASED}
    return bare | {f"VROUTER_{name}": nic[name] for name in _TOLD if name in nic}


def instantiate(
    tx: Transaction, caller: Caller, router_id: int, count: int, template_id: int, name: str, hold: bool, extra: str
) -> int:  # fmt: skip
    """Makes VMs of a router from a template with VROUTER=YES (-1: the router's TEMPLATE_ID); %i in a name counts."""
    router = _living(tx, caller, router_id)
    if not 0 < count <= MOST_VMS:
        raise invalid(must_be("The number of VMs", f"from 1 to {MOST_VMS}", count), router_id)
    origin = usable(tx.world, VmTemplate, _origin(router, template_id), caller)
    if not as_bool(origin.template.get("VROUTER") or "NO"):
        raise wrong_state(
            f"Template {origin.id} is not for virtual routers (VROUTER=YES)", router_id
        )
    templates.check_trusted(tx.world, caller, origin)
    wanted = name or f"vr-{router.name}-%i"
    for number in range(count):
        templates.make_vm(
            tx, caller, origin, wanted.replace("%i", str(number)), hold, extra, _filled(router)
        )
    tx.log(router, "instantiated", by=caller.uid, count=count, template=origin.id)
    return router_id


def _origin(router: VRouter, template_id: int) -> int:
    if template_id >= 0:
        return template_id
    own = as_int(router.template.get("TEMPLATE_ID") or "")
    if own is None:
        raise wrong_state(
            f"Virtual router {router.id} has no TEMPLATE_ID: name a template", router.id
        )
    return own


def _filled(router: VRouter) -> Template:
    """What a VM's template gets from its router."""
    values = {"VROUTER_ID": str(router.id), **_keepalived(router)}
    made = Template({name: (value,) for name, value in values.items()})
    return made.with_("NIC", *(for_vm(nic) for nic in router.nics))


def _keepalived(router: VRouter) -> Vector:
    """Number and password by which its VMs know one another (VRRP has 255 numbers)."""
    number = as_int(router.template.get("KEEPALIVED_ID") or "") or router.id % 255 + 1
    password = router.template.get("KEEPALIVED_PASSWORD")
    told = {"VROUTER_KEEPALIVED_ID": str(number)}
    return told | ({"VROUTER_KEEPALIVED_PASSWORD": password} if password else {})


def _living(tx: Transaction, caller: Caller, router_id: int) -> VRouter:
    router = need(tx.world, VRouter, router_id, caller, Right.MANAGE)
    if router.ending:
        raise wrong_state(f"Virtual router {router_id} ends with the last of its VMs", router_id)
    return router


# ---- NICs --------------------------------------------------------------------------------------


def attach_nic(tx: Transaction, caller: Caller, router_id: int, text: str) -> int:
    """Gives a router, and each of its VMs, one more NIC."""
    router = _living(tx, caller, router_id)
    template = parse(text)
    check_restricted(caller, Vm.KIND, template.only(["NIC"]))
    given = only_vector(template, "NIC", router_id)
    if len(router.nics) >= MAX_NICS:
        raise wrong_state(f"A virtual router has at most {MAX_NICS} NICs.", router_id)
    try:
        router = _with_nic(tx, caller, router, given)
    except Problem as wrong:
        raise wrong_state(
            f"Could not add a new NIC: {wrong.plain}", router_id, wrong.mistake
        ) from None
    for vm_id in sorted(tx.world.router_vms.of(router_id)):
        nics.attach_routed(tx, caller, tx.world.vms[vm_id], for_vm(router.nics[-1]))
    tx.log(router, "nic attached", by=caller.uid, nic=router.used_nics - 1)
    return router_id


def detach_nic(tx: Transaction, caller: Caller, router_id: int, nic_id: int) -> int:
    """Takes a NIC from a router and each of its VMs; a floating address is free then."""
    router = _living(tx, caller, router_id)
    left = [nic for nic in router.nics if nic["NIC_ID"] != str(nic_id)]
    if len(left) == len(router.nics):
        has = ", ".join(nic["NIC_ID"] for nic in router.nics) or "none"
        raise wrong_state(
            f"Virtual router {router_id} has no NIC {nic_id} (it has: {has}).", router_id
        )
    for vm_id in sorted(tx.world.router_vms.of(router_id)):
        vm = tx.world.vms[vm_id]
        for nic in vm.nics:
            if nic.get("VROUTER_NIC_ID") == str(nic_id):
                nics.detach_routed(tx, caller, vm, int(nic["NIC_ID"]))
    tx.change(router, template=router.template.with_("NIC", *left))
    tx.log(router, "nic detached", by=caller.uid, nic=nic_id)
    return router_id


# ---- the rest ----------------------------------------------------------------------------------


def update(tx: Transaction, caller: Caller, router_id: int, text: str, append: int) -> int:
    """Replaces (0) or merges (1) what users wrote; NICs have methods of their own."""
    router = need(tx.world, VRouter, router_id, caller, Right.MANAGE)
    new, old = parse(text).without("NAME", "NIC"), router.template.without("NIC")
    made = common.updated(caller, VRouter.KIND, old, new, append)
    tx.change(router, template=made.with_("NIC", *router.nics))
    tx.log(router, "update", by=caller.uid)
    return router_id


def delete(tx: Transaction, caller: Caller, router_id: int) -> int:
    """Ends a router's VMs, and with the last of them the router; its addresses are its own until then."""
    router = need(tx.world, VRouter, router_id, caller, Right.MANAGE)
    router = tx.change(router, ending=True)
    tx.log(router, "ending", by=caller.uid)
    for vm_id in sorted(tx.world.router_vms.of(router_id)):
        if machine.phase(tx.world.vms[vm_id]) not in _ENDING:
            vms.act(tx, caller, "terminate-hard", vm_id)
    if tx.world.tables[VRouter.KIND].get(router_id) and not tx.world.router_vms.of(router_id):
        common.drop(tx, caller, router)
    return router_id


def chown(tx: Transaction, caller: Caller, router_id: int, uid: int, gid: int) -> int:
    """Gives a router and its VMs to another owner or group (-1 keeps)."""
    common.chown(tx, caller, VRouter, router_id, uid, gid)
    for vm_id in sorted(tx.world.router_vms.of(router_id)):
        vms.chown(tx, caller, vm_id, uid, gid)
    return router_id


def chmod(tx: Transaction, caller: Caller, router_id: int, bits: tuple[int, ...]) -> int:
    """Sets (1), clears (0) or keeps (-1) each of the nine permission bits of a router and its VMs."""
    common.chmod(tx, caller, VRouter, router_id, bits)
    for vm_id in sorted(tx.world.router_vms.of(router_id)):
        common.chmod(tx, caller, Vm, vm_id, bits)
    return router_id
