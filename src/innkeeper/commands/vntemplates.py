"""Templates of virtual networks, and networks made from them."""

from innkeeper.model.errors import invalid, must_be
from innkeeper.model.nouns import VnTemplate
from innkeeper.model.objects import Network
from innkeeper.model.permissions import Caller
from innkeeper.model.template import Template, as_int
from innkeeper.model.world import Transaction, World

from . import common, networks
from .acting import acting
from .common import parse, usable
from .restricted import check_restricted


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Stores a template."""
    name, template = common.named(tx, caller, VnTemplate, text)
    return common.create(tx, caller, VnTemplate, name, template, regtime=tx.second).id


def clone(tx: Transaction, caller: Caller, template_id: int, name: str) -> int:
    """Copies a template."""
    copied = common.copyable(tx, caller, VnTemplate, template_id, name).template
    return common.create(tx, caller, VnTemplate, name, copied, regtime=tx.second).id


def instantiate(tx: Transaction, caller: Caller, template_id: int, name: str, extra: str) -> int:
    """Makes a network that is the caller's; `extra` is merged over the template, its address ranges are added."""
    origin = usable(tx.world, VnTemplate, template_id, caller)
    more = parse(extra).without("NAME") if extra.strip() else Template()
    # The template's own ranges are what its owner lets others have: more of them may not say how they are bridged.
    check_restricted(caller, VnTemplate.KIND, more, origin.template.without("AR"))
    template = origin.template.merged(more.without("AR"))
    for vector in more.vectors("AR"):
        template = template.adding("AR", vector)
    caller, template = acting(tx.world, caller, template)
    clusters = _clusters(tx.world, template)
    name = name or f"{origin.name}-{tx.world.counters.get(Network.KIND, 0)}"
    return networks.create(tx, caller, name, template.without("CLUSTER_IDS"), clusters, template_id)


def _clusters(world: World, template: Template) -> tuple[int, ...]:
    """The clusters of CLUSTER_IDS, or the default one."""
    listed = [as_int(word.strip()) for word in (template.get("CLUSTER_IDS") or "0").split(",")]
    numbers = [number for number in listed if number is not None]
    if len(numbers) != len(listed):
        raise invalid(must_be("CLUSTER_IDS", "numbers like 0,100", template.get("CLUSTER_IDS")))
    return tuple(dict.fromkeys(world.clusters[number].id for number in numbers))
