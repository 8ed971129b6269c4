"""What administrators change while people work: limits, rules, groups, VDCs."""

import random
from collections.abc import Callable

from innkeeper.commands import acl, quotas, users, vdcs
from innkeeper.model import acl as encoding
from innkeeper.model.objects import Host
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction, World

Change = Callable[[Transaction], object]
Maker = Callable[[random.Random, World, Caller], Change]

PEOPLE = (2, 3, 4, 5)


def limits(chance: random.Random, world: World, admin: Caller) -> Change:
    """Limits about what somebody takes now: some leave room, some do not, some take them away."""
    holder = chance.choice(("user", "group"))
    number = chance.choice(PEOPLE) if holder == "user" else 1
    taken = world.usage.of((holder, number))
    more = chance.choice((0, 1, 5, 20))
    vms = taken.get(("VM", "", "VMS"), 0) + more
    memory = taken.get(("VM", "", "MEMORY"), 0) + 1024 * more
    running = taken.get(("VM", "", "RUNNING_VMS"), 0) + more
    leases = taken.get(("NETWORK", "0", "LEASES"), 0) + more
    text = chance.choice((
        f"VM=[VMS={vms}]", f"VM=[MEMORY={memory},CPU={vms}]", f"VM=[RUNNING_VMS={running}]",
        f"NETWORK=[ID=0,LEASES={leases}]", f"VM=[CLUSTER_IDS=0,VMS={vms + 20}]", "IMAGE=[ID=0,RVMS=3]",
        "VM=[VMS=-1]\nVM=[CLUSTER_IDS=0,VMS=-1]\nNETWORK=[ID=0,LEASES=-2]\nIMAGE=[ID=0,RVMS=-1]",
    ))  # fmt: skip
    setting = quotas.set_user if holder == "user" else quotas.set_group
    if chance.random() < 0.1:
        return lambda tx: quotas.set_default(tx, admin, holder, f"VM=[VMS={vms + 5}]")
    return lambda tx: setting(tx, admin, number, text)


def rules(chance: random.Random, world: World, admin: Caller) -> Change:
    """A rule more, or one less. What lets users make VMs at all is left alone: it would soon be a quiet story."""
    given = [rule.id for rule in world.acl if rule.user & encoding.INDIVIDUAL]
    if chance.random() < 0.5 and given:
        number = chance.choice(given)
        return lambda tx: acl.delete(tx, admin, number)
    who = encoding.INDIVIDUAL | chance.choice(PEOPLE)
    kinds = encoding.TYPES[chance.choice(("VM", "IMAGE", "NET", "TEMPLATE"))]
    which = chance.choice((encoding.ALL, encoding.GROUP | 1, encoding.INDIVIDUAL | 3))
    right = chance.choice((1, 3, 7, 8))
    return lambda tx: acl.add(tx, admin, f"{who:x}", f"{kinds | which:x}", f"{right:x}", "")


def memberships(chance: random.Random, world: World, admin: Caller) -> Change:
    """Groups come and go, and people in them; some become administrators."""
    groups = [number for number in world.groups.rows if number > 1]
    if not groups or (len(groups) < 4 and chance.random() < 0.3):
        name = f"group-{world.counters.get('group', 0)}"
        return lambda tx: users.allocate_group(tx, admin, name)
    group, user = chance.choice(groups), chance.choice(PEOPLE)
    return chance.choice((
        lambda tx: users.add_group(tx, admin, user, group),
        lambda tx: users.delete_from_group(tx, admin, user, group),
        lambda tx: users.add_admin(tx, admin, group, user),
        lambda tx: users.delete_admin(tx, admin, group, user),
        lambda tx: users.delete_group(tx, admin, group),
    ))  # fmt: skip


def data_centres(chance: random.Random, world: World, admin: Caller) -> Change:
    """VDCs come and go, with groups and hosts in them."""
    there = [number for number in world.vdcs.rows if number]
    if not there or (len(there) < 3 and chance.random() < 0.3):
        name = f"vdc-{world.counters.get('vdc', 0)}"
        return lambda tx: vdcs.allocate(tx, admin, f"NAME={name}")
    vdc, group = chance.choice(there), chance.choice(list(world.groups.rows))
    host = chance.choice((-10, *world.hosts.rows))
    return chance.choice((
        lambda tx: vdcs.add_group(tx, admin, vdc, group),
        lambda tx: vdcs.delete_group(tx, admin, vdc, group),
        lambda tx: vdcs.adding(Host)(tx, admin, vdc, 0, host),
        lambda tx: vdcs.removing(Host)(tx, admin, vdc, 0, host),
        lambda tx: vdcs.delete(tx, admin, vdc),
    ))  # fmt: skip


MAKERS: tuple[Maker, ...] = (limits, limits, rules, memberships, data_centres)
