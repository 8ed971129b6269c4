"""When nothing is under way any more: does the world agree with the machines, and is anything left over?"""

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet

from innkeeper.fleet.simulated import Guest
from innkeeper.lifecycle import guarding
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.mending import disks_of
from innkeeper.model.indexes import security_groups_of
from innkeeper.model.jobs import BackupJob
from innkeeper.model.nouns import HookRun
from innkeeper.model.objects import Vm
from innkeeper.model.states import FAILURES, HostState, VmState
from innkeeper.model.world import World
from innkeeper.placement.decide import place
from innkeeper.store.journal import EventRow

from .invariants import Violation
from .machines import IMAGES, Machine, describe

#: What a machine may show of a VM in each phase in which it may rest; "gone": no folder.
SHOWN = {
    "INIT": "gone",
    "PENDING": "gone",
    "HOLD": "gone",
    "CLONING": "gone",
    "CLONING_FAILURE": "gone",
    "PROLOG_FAILURE": "gone",
    "BOOT_FAILURE": "gone",
    **dict.fromkeys((state.name for state in FAILURES if state.name.startswith("PROLOG_")), "gone"),
    "BOOT_MIGRATE_FAILURE": "gone",
    "BOOT_STOPPED_FAILURE": "gone",
    "BOOT_UNDEPLOY_FAILURE": "gone",
    "RUNNING": "running",
    "POWEROFF": "off saved",  # saved when a suspension was believed to have failed
    "SUSPENDED": "saved",
    "DONE": "gone",
}
#: Phases about which nothing is promised: the VM's host is away, or did not do what it was asked.
UNSURE = frozenset({"UNKNOWN", "EPILOG_FAILURE"})


def disagreements(
    world: World, machines: dict[str, Machine], vouched: Collection[int] = ()
) -> Iterator[Violation]:
    """Where world and machines differ although every host that is looked after has been heard.

    VMs of which somebody has `vouched` that a step was done may lack what the step would have made.
    """
    yield from _at_work(world)
    heard = {
        host.name: host.id
        for host in world.hosts
        if host.state in (HostState.MONITORED, HostState.DISABLED) and not host.error
    }
    names = {number: name for name, number in heard.items()}
    for vm in world.vms:
        place = vm.place
        if place is not None and place.host_id in names:
            guest = machines[names[place.host_id]].guests.get(vm.id)
            if (guest is None and vm.id in vouched) or vm.kept_on == place.host_id:
                continue
            yield from _differs(vm, guest)
            if guest is not None and vm.id not in vouched:
                yield from _equipped(vm, guest)
                if vm.running:
                    yield from _cut_off(vm, guest)
                    yield from _unguarded(world, vm, guest)
    for name in heard:
        for number, guest in machines[name].guests.items():
            place, kept_on = world.vms[number].place, world.vms[number].kept_on
            if (place is None or place.host_id != heard[name]) and kept_on != heard[name]:
                yield Violation(
                    ("vm", number), f"lies on {name}, where it is not: {describe(guest)}"
                )


def _at_work(world: World) -> Iterator[Violation]:
    for operation in world.operations:
        text = f"{operation.name} has not ended, at step {operation.step}"
        yield Violation((operation.target_kind, operation.target), text)
    for job in world.table(BackupJob):
        if job.started:
            yield Violation((job.KIND, job.id), f"runs still: {job.outdated}, {job.backing}")
    for run in world.table(HookRun):
        if not run.ended:
            yield Violation((run.KIND, run.id), "has not ended")
    for number in world.pending.cloning:
        yield Violation(("vm", number), "waits for images, and none is being made")


def _differs(vm: Vm, guest: Guest | None) -> Iterator[Violation]:
    now = phase(vm)
    if now in UNSURE:
        return
    shown = "gone" if guest is None else guest.seen()[1]
    if shown not in SHOWN[now].split():
        said = "nothing" if guest is None else describe(guest)
        yield Violation(("vm", vm.id), f"is {now}, and its machine has {said}")


def undone(world: World, machines: dict[str, Machine]) -> Iterator[Violation]:
    """Deployments that failed and left something."""
    for vm in world.vms:
        if phase(vm) in ("PROLOG_FAILURE", "BOOT_FAILURE"):
            machine = machines[world.hosts[vm.history[-1].host_id].name]
            yield from _differs(vm, machine.guests.get(vm.id))


def _cut_off(vm: Vm, guest: Guest) -> Iterator[Violation]:
    needed = {int(nic["NETWORK_ID"]) for nic in vm.nics}
    if not needed <= guest.networks.keys():
        text = f"runs without its networks: needs {needed}, has {sorted(guest.networks)}"
        yield Violation(("vm", vm.id), text)


def _equipped(vm: Vm, guest: Guest) -> Iterator[Violation]:
    """Of a VM that runs or is powered off: its disks and what is plugged in are those of its record.

    A context that it was given while it was off is written as it starts.
    """
    if phase(vm) not in ("RUNNING", "POWEROFF"):
        return
    disks, nics = disks_of(vm), {int(nic["NIC_ID"]) for nic in vm.nics}
    missing = disks - guest.disks
    due = set() if vm.running else missing - {int(disk["DISK_ID"]) for disk in vm.disks}
    if guest.disks | due != disks:
        yield Violation(("vm", vm.id), f"has disks {disks}, its machine {guest.disks}")
    if vm.running and guest.plugged != {"disks": disks, "nics": nics}:
        text = f"has disks {disks} and NICs {nics}, its guest {guest.plugged}"
        yield Violation(("vm", vm.id), text)


def _unguarded(world: World, vm: Vm, guest: Guest) -> Iterator[Violation]:
    """Its host has other rules for it than the world, and no security group knows."""
    groups = [world.security_groups[number] for number in security_groups_of(vm)]
    known = any(vm.id in (*group.outdated, *group.failed) for group in groups)
    if guest.nics != guarding.nics(world, vm) and not known:
        yield Violation(("vm", vm.id), f"is guarded by rules that are not right: {guest.nics}")


def misled(world: World, ports: AbstractSet[int]) -> Iterator[Violation]:
    """Ports of the front end that are open without a record, or are not although they have one."""
    for port in ports ^ world.redirects.ports.keys():
        vm, _ = world.redirects.ports.get(port, (-1, -1))
        state = "leads nowhere" if vm < 0 else "is not open"
        yield Violation(("vm", vm), f"port {port} {state}")


def starving(world: World, now: float) -> Iterator[Violation]:
    """VMs that wait although there is a place for them: somebody forgot to look."""
    for decision in place(world, now):
        if decision.host is not None:
            yield Violation(("vm", decision.vm), f"waits, and fits on host {decision.host}")


def served_twice(events: Iterable[EventRow]) -> Iterator[Violation]:
    """Scheduled actions that happened more than once for one of their times."""
    seen = set()
    for row in events:
        if row.what == "schedule":
            served = (row.detail["schedule"], row.detail["due"])
            if served in seen:
                text = "scheduled action {} was carried out twice for its time {}"
                yield Violation((row.kind, row.id), text.format(*served))
            seen.add(served)


def left_over(world: World, machines: dict[str, Machine]) -> Iterator[Violation]:
    """What is left although all VMs are DONE and all images deleted."""
    for vm in world.vms:
        if vm.state is not VmState.DONE:
            yield Violation(("vm", vm.id), f"is {phase(vm)}, not DONE")
    for image in world.images:
        yield Violation(("image", image.id), f"is still there, {image.state.name}")
    for host in world.hosts:
        room = world.occupancy.of(host.id)
        if room.cpu or room.memory or room.vms:
            yield Violation(
                ("host", host.id), f"{room.cpu} CPU and {room.memory} KiB are still taken"
            )
    for network in world.networks:
        if vms := world.leases.vms_of(network.id) | world.leases.routers_of(network.id):
            yield Violation(("network", network.id), f"leases are left: {vms}")
    for machine in machines.values():
        if left := machine.left():
            kind = "image" if machine.name == IMAGES else "host"
            yield Violation((kind, -1), f"{machine.name} still has {', '.join(left)}")
