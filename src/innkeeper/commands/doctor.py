"""Is everything as it should be? Findings from the world, with advice."""

import msgspec

from innkeeper.lifecycle.machine import phase
from innkeeper.model.objects import Vm
from innkeeper.model.states import FAILURES, HostState, ImageState, VmState
from innkeeper.model.world import World

#: Seconds after which an operation that is still under way is worth a look.
LONG = 3600.0


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it should be; severity `error` or `warning`."""

    severity: str
    what: str
    object: str
    advice: str


def examine(world: World, now: float) -> list[Finding]:
    """All findings."""
    return [
        *_hosts(world),
        *_vms(world),
        *_images(world),
        *_operations(world, now),
        *_capacity(world),
        *_leases(world),
    ]


def _hosts(world: World) -> list[Finding]:
    return [
        Finding(
            "error",
            f"host {h.name} is in error: {h.error}",
            f"host {h.id}",
            "see its log, or disable it",
        )
        for h in world.hosts
        if h.state is HostState.ERROR
    ] + [
        Finding(
            "warning",
            f"host {h.name} is not as declared: {d.what} is {d.found}, not {d.expected}",
            f"host {h.id}",
            f"inn host repair {h.name}"
            if d.mends
            else "put it right by hand, or change the profile",
        )
        for h in world.hosts
        for d in h.drift
    ]


def _vms(world: World) -> list[Finding]:
    found = []
    for vm in world.vms:
        if vm.state is VmState.ACTIVE and vm.lcm_state in FAILURES:
            why = vm.user_template.get("ERROR") or "no reason is recorded"
            advice = f"inn vm recover {vm.id} --retry, or --delete"
            found.append(
                Finding("warning", f"VM {vm.name} is in {phase(vm)}: {why}", f"vm {vm.id}", advice)
            )
        if vm.state is VmState.PENDING and (message := vm.user_template.get("SCHED_MESSAGE")):
            text = f"VM {vm.name} waits for a host: {message}"
            found.append(Finding("warning", text, f"vm {vm.id}", f"inn why {vm.id}"))
        if not _has_owner(world, vm):
            found.append(
                Finding(
                    "error",
                    f"VM {vm.name} has no owner",
                    f"vm {vm.id}",
                    f"inn vm chown {vm.id} USER",
                )
            )
    return found


def _has_owner(world: World, vm: Vm) -> bool:
    return vm.state is VmState.DONE or vm.uid in world.users


def _images(world: World) -> list[Finding]:
    return [
        Finding(
            "warning",
            f"image {i.name} is in error: {i.template.get('ERROR') or 'no reason is recorded'}",
            f"image {i.id}",
            f"inn image delete {i.id}",
        )
        for i in world.images
        if i.state is ImageState.ERROR
    ]


def _operations(world: World, now: float) -> list[Finding]:
    return [
        Finding(
            "warning",
            f"{o.name} of {o.target_kind} {o.target} is under way for {now - o.started:.0f} s",
            f"{o.target_kind} {o.target}",
            "inn events shows where it stands",
        )
        for o in world.operations
        if now - o.started > LONG
    ]


def _capacity(world: World) -> list[Finding]:
    found = []
    for host in world.hosts:
        room = world.occupancy.of(host.id)
        if (
            host.total_memory
            and room.memory > host.total_memory
            and not host.template.get("RESERVED_MEM")
        ):
            text = f"host {host.name} has {room.memory} KiB of guests in {host.total_memory} KiB"
            found.append(Finding("error", text, f"host {host.id}", "move guests away"))
    return found


def _leases(world: World) -> list[Finding]:
    """Two VMs with one address: the index would hide one of them, so it is counted from the VMs."""
    owners: dict[tuple[str, str], int] = {}
    found = []
    for vm in world.vms:
        for nic in (*vm.nics, *vm.aliases) if vm.state is not VmState.DONE else ():
            key = nic.get("NETWORK_ID", ""), nic.get("MAC", "")
            if key in owners and owners[key] != vm.id:
                text = f"VMs {owners[key]} and {vm.id} both have {nic.get('IP', key[1])}"
                found.append(Finding("error", text, f"vm {vm.id}", "terminate one of them"))
            owners[key] = vm.id
    return found
