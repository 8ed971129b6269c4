"""VM templates, and making VMs from them."""

from innkeeper.model.objects import VmTemplate
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.world import Transaction, World

from . import common, vms
from .common import check_create, check_free_name, creation_bits, need, needed_name, parse, usable
from .restricted import check_restricted


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Stores a VM template."""
    template = parse(text)
    check_create(caller, VmTemplate)
    check_restricted(caller, VmTemplate.KIND, template)
    name = needed_name(template, VmTemplate)
    check_free_name(tx.world, VmTemplate, name, caller.uid)
    return _put(tx, caller, name, VmTemplate(
        id=0, name=name, uid=caller.uid, gid=caller.gid, template=template.without("NAME"),
    ))  # fmt: skip


def _put(tx: Transaction, caller: Caller, name: str, made: VmTemplate) -> int:
    stored = tx.change(
        made, id=tx.new_id(VmTemplate), name=name, regtime=tx.second,
        permissions=creation_bits(tx.world, caller),
    )  # fmt: skip
    tx.log(stored, "created", by=caller.uid)
    return stored.id


def clone(tx: Transaction, caller: Caller, template_id: int, name: str) -> int:
    """Copies a VM template."""
    origin = usable(tx.world, VmTemplate, template_id, caller)
    check_create(caller, VmTemplate)
    check_free_name(tx.world, VmTemplate, name, caller.uid)
    copy = VmTemplate(id=0, name=name, uid=caller.uid, gid=caller.gid, template=origin.template)
    return _put(tx, caller, name, copy)


def delete(tx: Transaction, caller: Caller, template_id: int) -> int:
    """Deletes a VM template."""
    template = need(tx.world, VmTemplate, template_id, caller, Right.MANAGE)
    tx.delete(template)
    tx.log(template, "deleted", by=caller.uid)
    return template_id


def update(tx: Transaction, caller: Caller, template_id: int, text: str, append: int) -> int:
    """Replaces or merges a VM template."""
    return common.update(tx, caller, VmTemplate, template_id, text, append)


def check_trusted(world: World, caller: Caller, template: VmTemplate) -> None:
    """Refuses a template with what only administrators may set, unless one of them answers for it by owning it."""
    owner = world.users.get(template.uid)
    if owner is None or not (owner.id == 0 or 0 in owner.all_groups):
        check_restricted(caller, VmTemplate.KIND, template.template)


def instantiate(
    tx: Transaction, caller: Caller, template_id: int, name: str, hold: bool, extra: str
) -> int:
    """Makes a VM from a template; `extra` is merged over it."""
    origin = usable(tx.world, VmTemplate, template_id, caller)
    check_trusted(tx.world, caller, origin)
    return make_vm(tx, caller, origin, name, hold, extra)


def make_vm(
    tx: Transaction, caller: Caller, origin: VmTemplate, name: str, hold: bool, extra: str
) -> int:
    """Makes a VM from a template that may be used."""
    template = origin.template
    if extra:
        more = parse(extra)
        check_create(caller, VmTemplate)
        check_restricted(caller, VmTemplate.KIND, more, template)
        template = template.merged(more)
    template = template.without("NAME").with_("TEMPLATE_ID", str(origin.id))
    return vms.create(tx, caller, template, name=name or None, hold=hold, prefix=origin.name)
