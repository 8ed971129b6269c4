"""What JSON shows of objects besides their own fields, and what it keeps from callers."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from innkeeper.commands import datastores, operations
from innkeeper.commands.clusters import members
from innkeeper.commands.core import Core
from innkeeper.lifecycle import engine
from innkeeper.lifecycle.machine import phase
from innkeeper.model import acl
from innkeeper.model.access import said
from innkeeper.model.objects import Datastore, Host, Image, Network, Operation, Record, User, Vm
from innkeeper.model.permissions import Caller, Right, may
from innkeeper.model.quotas import FRACTIONAL, MILLION
from innkeeper.model.tokens import KEY
from innkeeper.model.world import World

from .table import Extra

Numbers = list[int]


def _operation(world: World, _: Caller, record: Record) -> int | None:
    found = world.operation_on(record)
    return None if found is None else found.id


_OPEN: dict[str, Extra] = {"operation": (int | None, _operation)}


def state(_: World, record: Any) -> Iterable[str]:
    """By its state's name."""
    return (record.state.name,)


# ---- VMs


VM: dict[str, Extra] = {
    "phase": (str, lambda world, caller, vm: phase(vm)),
    "host_id": (int | None, lambda world, caller, vm: vm.place.host_id if vm.place else None),
    **_OPEN,
}


def vm_states(_: World, vm: Vm) -> Iterable[str]:
    """By its state or its LCM state."""
    return (vm.state.name, phase(vm))


def vm(world: World, caller: Caller, vm: Vm) -> Vm:
    """Without the password of its screen for those who may only look at it."""
    graphics = vm.template.vector("GRAPHICS")
    if graphics is None or "PASSWD" not in graphics or may(world, caller, Right.MANAGE, vm):
        return vm
    kept = {name: value for name, value in graphics.items() if name != "PASSWD"}
    return msgspec.structs.replace(vm, template=vm.template.with_("GRAPHICS", kept))


# ---- places


def _taken(world: World, host: Host) -> Any:
    return world.occupancy.of(host.id)


HOST: dict[str, Extra] = {
    "used_cpu": (int, lambda world, caller, host: _taken(world, host).cpu),
    "used_memory": (int, lambda world, caller, host: _taken(world, host).memory),
    "vms": (Numbers, lambda world, caller, host: sorted(_taken(world, host).vms)),
}


def _members(place: int) -> Extra:
    return Numbers, lambda world, caller, cluster: members(world, cluster.id)[place]


CLUSTER: dict[str, Extra] = {
    "hosts": _members(0),
    "datastores": _members(1),
    "networks": _members(2),
}
DATASTORE: dict[str, Extra] = {
    "images": (
        Numbers,
        lambda world, caller, store: [i.id for i in world.images if i.datastore_id == store.id],
    ),
}


# ---- what VMs are made of


IMAGE: dict[str, Extra] = {
    "vms": (Numbers, lambda world, caller, image: sorted(world.image_users.of(image.id))),
    **_OPEN,
}


def image(world: World, _: Caller, image: Image) -> Image:
    """In the state that its users make of it."""
    return msgspec.structs.replace(image, state=world.image_state(image))


def image_states(world: World, image: Image) -> Iterable[str]:
    """By the state that is shown."""
    return (world.image_state(image).name,)


class Lease(msgspec.Struct):
    """An address in use: of a VM that the caller may use (null: of another)."""

    mac: str
    vm: int | None


def _leases(world: World, caller: Caller, network: Network) -> list[dict[str, Any]]:
    found = []
    for each in network.ranges:
        for mac, vm_id in sorted(world.leases.of(network.id, each.id).items()):
            holder = world.vms.get(vm_id)
            seen = holder is not None and may(world, caller, Right.USE, holder)
            text = ":".join(f"{mac:012x}"[i : i + 2] for i in range(0, 12, 2))
            found.append({"mac": text, "vm": vm_id if seen else None})
    return found


NETWORK: dict[str, Extra] = {"leases": (list[Lease], _leases)}
SECURITY_GROUP: dict[str, Extra] = {
    "vms": (Numbers, lambda world, caller, group: sorted(world.group_users.of(group.id))),
    **_OPEN,
}

VIRTUAL_ROUTER: dict[str, Extra] = {
    "vms": (Numbers, lambda world, caller, router: sorted(world.router_vms.of(router.id))),
}


def datastore(_: World, caller: Caller, store: Datastore) -> Datastore:
    """Without the key to what lies there."""
    return msgspec.structs.replace(store, template=datastores.shown(store.template))


# ---- people


def user(_: World, caller: Caller, user: User) -> User:
    """Without the key of its guests' tokens."""
    return msgspec.structs.replace(user, template=user.template.without(KEY))


class Taken(msgspec.Struct):
    """What somebody takes of what quotas limit: CPU in cores, memory and sizes in MiB, the rest by number."""

    kind: str
    which: str
    amounts: dict[str, float]


def _taken_by(holder: str) -> Extra:
    def find(world: World, _: Caller, record: Record) -> list[dict[str, Any]]:
        found: dict[tuple[str, str], dict[str, float]] = {}
        for (kind, which, metric), amount in sorted(world.usage.of((holder, record.id)).items()):
            shown = amount / MILLION if metric in FRACTIONAL else amount
            found.setdefault((kind, which), {})[metric.lower()] = shown
        return [{"kind": k, "which": w, "amounts": amounts} for (k, w), amounts in found.items()]

    return list[Taken], find


USER: dict[str, Extra] = {"taken": _taken_by("user")}
GROUP: dict[str, Extra] = {
    "taken": _taken_by("group"),
    "users": (Numbers, lambda world, caller, group: sorted(world.members.of(group.id))),
}


# ---- rules


ACL: dict[str, Extra] = {
    "text": (str, lambda world, caller, rule: acl.text(said(rule))),
}

# ---- work

Stage = Literal["running", "undoing", "finished", "failed", "undone", "replaced"]


def _stage(operation: Operation) -> str:
    return "undoing" if operation.undoing else "running"


def _step(operation: Operation) -> str:
    return engine.PROCEDURES[operation.name].steps[operation.step].name


OPERATION: dict[str, Extra] = {
    "state": (Stage, lambda world, caller, operation: _stage(operation)),
    "step": (str | None, lambda world, caller, operation: _step(operation)),
    "cancellable": (bool, lambda world, caller, operation: engine.cancellable(operation)),
    "ended": (float | None, lambda world, caller, operation: None),
}


def operation_states(_: World, operation: Operation) -> Iterable[str]:
    """Running, or undoing."""
    return (_stage(operation),)


def ended(core: Core, caller: Caller, number: int) -> dict[str, Any] | None:
    """An operation that is no more, as the event log tells of it."""
    row = operations.ended(core, caller, number)
    if row is None:
        return None
    told = row.detail
    return {
        "id": number, "name": told["name"], "target_kind": told["target_kind"], "target": told["target"],
        "host_id": -1, "failure": told["why"], "started": told["started"], "uid": told["by"], "gid": -1,
        "state": told["stage"], "step": None, "cancellable": False, "ended": row.at,
    }  # fmt: skip
