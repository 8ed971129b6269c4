"""VM templates, and making VMs from them."""

from innkeeper.model import inputs
from innkeeper.model.errors import BadValue, invalid, wrong_state
from innkeeper.model.objects import EMPTY, VmTemplate
from innkeeper.model.permissions import Caller
from innkeeper.model.template import Template, as_bool
from innkeeper.model.world import Transaction, World

from . import common, vms
from .acting import acting
from .common import check_create, parse, usable
from .restricted import check_restricted


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Stores a VM template."""
    name, template = common.named(tx, caller, VmTemplate, text)
    return common.create(tx, caller, VmTemplate, name, template, regtime=tx.second).id


def clone(tx: Transaction, caller: Caller, template_id: int, name: str) -> int:
    """Copies a VM template."""
    copied = common.copyable(tx, caller, VmTemplate, template_id, name).template
    return common.create(tx, caller, VmTemplate, name, copied, regtime=tx.second).id


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
    if as_bool(origin.template.get("VROUTER") or "NO"):
        text = f"Template {template_id} is for virtual routers (VROUTER=YES): instantiate a router"
        raise wrong_state(text, template_id)
    return make_vm(tx, caller, origin, name, hold, extra)


def make_vm(
    tx: Transaction,
    caller: Caller,
    origin: VmTemplate,
    name: str,
    hold: bool,
    extra: str,
    filled: Template = EMPTY,
) -> int:
    """Makes a VM from a template that may be used."""
    template = origin.template
    if extra:
        more = parse(extra)
        check_create(tx.world, caller, VmTemplate)
        check_restricted(caller, VmTemplate.KIND, more, template)
        _check_inputs(template, more)
        template = template.merged(more)
    caller, template = acting(tx.world, caller, template)
    template = template.without("NAME").with_("TEMPLATE_ID", str(origin.id))
    return vms.create(
        tx, caller, template, name=name or None, hold=hold, prefix=origin.name, filled=filled
    )


def _check_inputs(template: Template, given: Template) -> None:
    try:
        inputs.check(template, given)
    except BadValue as problem:
        raise invalid(f"{problem}.", mistake=problem.mistake) from None
