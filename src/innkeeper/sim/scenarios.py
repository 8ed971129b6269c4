"""How to come to the start of each operation, start it, and end everything afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from innkeeper.commands import (
    backups,
    capacity,
    datastores,
    disks,
    executing,
    images,
    locks,
    migration,
    networks,
    nics,
    profiles,
    saving,
    secgroups,
    snapshots,
    vms,
    vrouters,
)
from innkeeper.lifecycle.engine import PROCEDURES
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.operations import cold
from innkeeper.model.errors import Refusal
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import Host, Image, SecurityGroup, Vm
from innkeeper.model.states import ImageState, VmState
from innkeeper.model.world import World

from .zone import Zone

Target = tuple[str, int]

NETWORK = "NAME=net\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=100]"
RULE = "RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE=22]"
IMAGE = "NAME=img\nSIZE=100"
MACHINE = """NAME=vm
CPU=1
MEMORY=512
MEMORY_MAX=1024
NIC=[NETWORK=net]
DISK=[IMAGE=img]
DISK=[TYPE=fs,SIZE=10]
CONTEXT=[NETWORK=YES]
BACKUP_CONFIG=[MODE=INCREMENT,KEEP_LAST=1]"""
BACKUPS = "NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=dummy"


@dataclass(frozen=True)
class Scenario:
    """`prepare` leads to where `start` starts the operation; `reached` tells whether it got to its goal."""

    prepare: Callable[[Zone], Awaitable[Target]]
    start: Callable[[Zone, int], Awaitable[None]]
    reached: Callable[[World, int], bool]


# ---- steps of scenarios ----------------------------------------------------------------------


async def _network(zone: Zone) -> None:
    await zone.do(lambda tx: networks.allocate(tx, zone.admin, NETWORK, -1))


async def _image(zone: Zone) -> Target:
    number = await zone.do(lambda tx: images.allocate(tx, zone.admin, IMAGE, 1, False, ()))
    await zone.until(zone.idle, 600, "the image is ready")
    return Image.KIND, number


async def _nothing_yet(zone: Zone) -> Target:
    return Image.KIND, zone.world.counters.get(Image.KIND, 0)


async def _held(zone: Zone) -> Target:
    await _network(zone)
    await _image(zone)
    number = await zone.do(lambda tx: vms.allocate(tx, zone.admin, MACHINE, True))
    return Vm.KIND, number


async def _running(zone: Zone) -> Target:
    target = await _held(zone)
    await zone.do(lambda tx: vms.act(tx, zone.admin, "release", target[1]))
    await until_phase(zone, target[1], "RUNNING")
    return target


async def _backed_up(zone: Zone) -> Target:
    """A VM that runs, with one backup of all that it will keep."""
    await zone.do(lambda tx: datastores.allocate(tx, zone.admin, BACKUPS, -1, "/ds"))
    target = await _running(zone)
    await _back_up(zone, target[1])
    await zone.until(zone.idle, 600, "the VM is backed up")
    return target


async def _with_backups(zone: Zone) -> Target:
    await zone.do(lambda tx: datastores.allocate(tx, zone.admin, BACKUPS, -1, "/ds"))
    return await _running(zone)


async def _back_up(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: backups.backup(tx, zone.admin, number, -1, False))


async def _chain(zone: Zone) -> Target:
    vm = (await _backed_up(zone))[1]
    return Image.KIND, zone.world.vms[vm].backups[-1]


async def _second(zone: Zone, image: int) -> None:
    await _back_up(zone, zone.world.images[image].vm_id)


async def _before_restored(zone: Zone) -> Target:
    await _backed_up(zone)
    return await _nothing_yet(zone)


async def _restore_image(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: backups.restore_image(tx, zone.admin, number - 1, 1, ""))


async def _off_with_backup(zone: Zone) -> Target:
    target = await _backed_up(zone)
    await zone.do(lambda tx: vms.act(tx, zone.admin, "poweroff", target[1]))
    await until_phase(zone, target[1], "POWEROFF")
    return target


async def _put_back(zone: Zone, number: int) -> None:
    image = zone.world.vms[number].backups[-1]
    await zone.do(lambda tx: backups.restore_vm(tx, zone.admin, number, image, -1, -1))


async def until_phase(zone: Zone, vm: int, wanted: str) -> None:
    """Waits until a VM is somewhere."""
    await zone.until(lambda: phase(zone.world.vms[vm]) == wanted, 600, f"VM {vm} is {wanted}")


def _after(action: str, wanted: str) -> Callable[[Zone], Awaitable[Target]]:
    async def prepare(zone: Zone) -> Target:
        target = await _running(zone)
        await zone.do(lambda tx: vms.act(tx, zone.admin, action, target[1]))
        await until_phase(zone, target[1], wanted)
        return target

    return prepare


async def _unknown(zone: Zone) -> Target:
    """A VM whose guest runs, and whose front end has lost sight of it."""
    target = await _running(zone)
    machine = zone.machine_of(zone.world.vms[target[1]].history[-1].host_id)
    machine.cut_off(agent_ends=True)
    await until_phase(zone, target[1], "UNKNOWN")
    return target


def _act(action: str) -> Callable[[Zone, int], Awaitable[None]]:
    async def start(zone: Zone, number: int) -> None:
        await zone.do(lambda tx: vms.act(tx, zone.admin, action, number))

    return start


def _recover(how: int) -> Callable[[Zone, int], Awaitable[None]]:
    async def start(zone: Zone, number: int) -> None:
        await zone.do(lambda tx: vms.recover(tx, zone.admin, number, how))

    return start


def _change(change: Callable[..., object], *args: object) -> Callable[[Zone, int], Awaitable[None]]:
    async def start(zone: Zone, number: int) -> None:
        await zone.do(lambda tx: change(tx, zone.admin, number, *args))

    return start


def _migrate(*, lively: bool, how: int = cold.SAVE) -> Callable[[Zone, int], Awaitable[None]]:
    async def start(zone: Zone, number: int) -> None:
        await zone.do(lambda tx: migration.migrate(tx, zone.admin, number, 0, lively, how=how))

    return start


async def _stranded(zone: Zone) -> Target:
    """A VM whose migration has failed: its files are on one host, its place on another."""
    target = await _running(zone)
    await _migrate(lively=False)(zone, target[1])
    machine = zone.machine_of(0)
    machine.power_off()
    await until_phase(zone, target[1], "PROLOG_MIGRATE_FAILURE")
    machine.come_back()
    await zone.until(zone.all_up, 600, "the other host is back")
    return target


async def _deploy_on_the_other(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: vms.deploy_on(tx, zone.admin, number, 0, True, -1))


async def _sent_to_a_deaf_host(zone: Zone, number: int) -> None:
    """The guest is sent, and an administrator does not want to wait for it."""
    await _migrate(lively=True)(zone, number)
    await zone.until(lambda: _at_step(zone, number, "send"), 600, "the guest is sent")
    await asyncio.sleep(1.0)  # it is on its way
    await _recover(0)(zone, number)


async def _sent_and_cut_off(zone: Zone, number: int) -> None:
    """The host that the guest leaves is cut off in the middle, and nobody waits for it."""
    await _sent_to_a_deaf_host(zone, number)
    source = zone.world.vms[number].kept_on
    await zone.until(lambda: _at_step(zone, number, "stay"), 600, "its old host is asked")
    machine = zone.machine_of(source)
    machine.cut_off(agent_ends=True)
    zone.loop.call_later(200.0, machine.come_back)


def _at_step(zone: Zone, number: int, name: str) -> bool:
    operation = zone.world.operation_on(zone.world.vms[number])
    return operation is None or PROCEDURES[operation.name].steps[operation.step].name == name


async def _import(zone: Zone, _: int) -> None:
    await zone.do(lambda tx: images.allocate(tx, zone.admin, IMAGE, 1, False, ()))


async def _origin(zone: Zone) -> Target:
    await _image(zone)
    return await _nothing_yet(zone)


async def _clone(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: images.clone(tx, zone.admin, number - 1, "copy", -1))


async def _delete_image(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: images.delete(tx, zone.admin, number, False))


async def _guarded(zone: Zone) -> Target:
    await _running(zone)
    return SecurityGroup.KIND, secgroups.DEFAULT


async def _new_rules(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: secgroups.update(tx, zone.admin, number, RULE, 0))


async def _drifted(zone: Zone) -> Target:
    """A host that is not as it is declared to be, as it says itself."""
    wrong = {"what": "sysctl vm.swappiness", "expected": "1", "found": "60", "mends": True}
    zone.machine_of(0).deviations = [wrong]
    declared = {"sysctls": {"vm.swappiness": 1}}
    await zone.do(lambda tx: profiles.declare(tx, zone.admin, Host, 0, declared))
    await zone.until(lambda: bool(zone.world.hosts[0].drift), 600, "the drift is seen")
    return Host.KIND, 0


async def _repair(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: profiles.start_repair(tx, zone.admin, number))


# ---- goals -------------------------------------------------------------------------------------


def _in(wanted: str) -> Callable[[World, int], bool]:
    return lambda world, number: phase(world.vms[number]) == wanted


def _has_disks(*wanted: int) -> Callable[[World, int], bool]:
    def reached(world: World, number: int) -> bool:
        vm = world.vms[number]
        return vm.running and [int(disk["DISK_ID"]) for disk in vm.disks] == [*wanted]

    return reached


def _has_groups(wanted: str) -> Callable[[World, int], bool]:
    def reached(world: World, number: int) -> bool:
        vm = world.vms[number]
        return vm.running and vm.nics[0]["SECURITY_GROUPS"] == wanted

    return reached


def _has_nics(*wanted: int) -> Callable[[World, int], bool]:
    def reached(world: World, number: int) -> bool:
        vm = world.vms[number]
        return vm.running and [int(nic["NIC_ID"]) for nic in (*vm.nics, *vm.aliases)] == [*wanted]

    return reached


async def _with_network(zone: Zone) -> Target:
    """A VM that runs, and another network, which its host does not have yet."""
    target = await _running(zone)
    await zone.do(lambda tx: networks.allocate(tx, zone.admin, NETWORK.replace("net", "more"), -1))
    return target


async def _with_group(zone: Zone) -> Target:
    """A VM that runs, under a group that allows little, and one that allows something else."""
    target = await _running(zone)
    await _new_rules(zone, secgroups.DEFAULT)
    more = RULE.replace("22", "80")
    await zone.do(lambda tx: secgroups.allocate(tx, zone.admin, f"NAME=web\n{more}"))
    await zone.until(zone.idle, 600, "the rules are there")
    return target


async def _with_two_nics(zone: Zone) -> Target:
    target = await _with_network(zone)
    await zone.do(lambda tx: nics.attach(tx, zone.admin, target[1], "NIC=[NETWORK=more]"))
    await zone.until(zone.idle, 600, "the NIC is attached")
    return target


def _has(name: str, wanted: str) -> Callable[[World, int], bool]:
    return lambda world, number: (
        world.vms[number].running and world.vms[number].template.get(name) == wanted
    )


def _disk_has(size: int) -> Callable[[World, int], bool]:
    return lambda world, number: (
        phase(world.vms[number]) == "UNDEPLOYED" and world.vms[number].disks[0]["SIZE"] == str(size)
    )


def _has_snapshots(*wanted: int) -> Callable[[World, int], bool]:
    def reached(world: World, number: int) -> bool:
        there = world.vms[number].disk_snapshots
        return world.vms[number].running and [s.id for each in there for s in each.snapshots] == [
            *wanted
        ]

    return reached


def _has_saved(*wanted: int) -> Callable[[World, int], bool]:
    def reached(world: World, number: int) -> bool:
        there = world.vms[number].template.vectors("SNAPSHOT")
        return world.vms[number].running and [int(s["SNAPSHOT_ID"]) for s in there] == [*wanted]

    return reached


async def _with_snapshot(zone: Zone) -> Target:
    """A VM that runs, with a snapshot of its first disk."""
    target = await _running(zone)
    await zone.do(lambda tx: snapshots.take_of_disk(tx, zone.admin, target[1], 0, "one"))
    await zone.until(zone.idle, 600, "the snapshot is taken")
    return target


async def _off_with_snapshot(zone: Zone) -> Target:
    target = await _with_snapshot(zone)
    await zone.do(lambda tx: vms.act(tx, zone.admin, "poweroff-hard", target[1]))
    await until_phase(zone, target[1], "POWEROFF")
    return target


async def _saved(zone: Zone) -> Target:
    """A VM that runs, with a snapshot of its guest."""
    target = await _running(zone)
    await zone.do(lambda tx: snapshots.take(tx, zone.admin, target[1], "one"))
    await zone.until(zone.idle, 600, "the snapshot is taken")
    return target


def _has_executed(world: World, number: int) -> bool:
    vm = world.vms[number]
    return vm.running and (vm.template.vector("QEMU_GA_EXEC") or {}).get("STATUS") == "DONE"


async def _executing(zone: Zone) -> Target:
    """A VM whose guest carries out a command that does not end by itself while anybody looks."""
    target = await _running(zone)
    await zone.do(lambda tx: executing.execute(tx, zone.admin, target[1], "sleep 1000000", ""))
    begun = lambda: bool(zone.world.vms[target[1]].executing)  # noqa: E731
    await zone.until(begun, 600, "the command is begun")
    return target


def _has_cancelled(world: World, number: int) -> bool:
    vm = world.vms[number]
    return vm.running and (vm.template.vector("QEMU_GA_EXEC") or {}).get("STATUS") == "CANCELLED"


def _is_saved(world: World, number: int) -> bool:
    states = [image.state for image in world.images if image.name == "saved"]
    return world.vms[number].running and states == [ImageState.READY]


def _moved(world: World, number: int) -> bool:
    vm = world.vms[number]
    return phase(vm) == "RUNNING" and vm.history[-1].host_id == 0


def _anywhere(world: World, number: int) -> bool:
    return phase(world.vms[number]) in ("RUNNING", "POWEROFF", "UNKNOWN")


def _ready(world: World, number: int) -> bool:
    return world.images[number].state is ImageState.READY


def _has_backup(world: World, number: int) -> bool:
    return world.vms[number].running and len(world.vms[number].backups) == 1


def _merged(world: World, number: int) -> bool:
    image = world.images[number]
    return image.state is ImageState.READY and [i.id for i in image.increments] == [1]


def _gone(world: World, number: int) -> bool:
    return number not in world.images


def _has_rules(world: World, number: int) -> bool:
    group = world.security_groups[number]
    return world.operation_on(group) is None and not (group.outdated or group.failed)


#: Procedure -> scenario. The sweep fails for a procedure that has none.
SCENARIOS: dict[str, Scenario] = {
    "deploy": Scenario(_held, _act("release"), _in("RUNNING")),
    "poweroff": Scenario(_running, _act("poweroff"), _in("POWEROFF")),
    "reboot": Scenario(_running, _act("reboot"), _in("RUNNING")),
    "suspend": Scenario(_running, _act("suspend"), _in("SUSPENDED")),
    "live migrate": Scenario(_running, _migrate(lively=True), _moved),
    "settle": Scenario(_running, _sent_to_a_deaf_host, _in("RUNNING")),
    "look": Scenario(_running, _sent_and_cut_off, _anywhere),
    "migrate": Scenario(_running, _migrate(lively=False, how=cold.SHUT_DOWN), _moved),
    "stop": Scenario(_running, _act("stop"), _in("STOPPED")),
    "undeploy": Scenario(_running, _act("undeploy"), _in("UNDEPLOYED")),
    "redeploy": Scenario(_after("undeploy", "UNDEPLOYED"), _deploy_on_the_other, _moved),
    "boot": Scenario(_after("poweroff", "POWEROFF"), _act("resume"), _in("RUNNING")),
    "restore": Scenario(_after("suspend", "SUSPENDED"), _act("resume"), _in("RUNNING")),
    "terminate": Scenario(_running, _act("terminate"), _in("DONE")),
    "epilog": Scenario(_after("poweroff", "POWEROFF"), _act("terminate"), _in("DONE")),
    "disk attach": Scenario(
        _running, _change(disks.attach, "DISK=[IMAGE=img]"), _has_disks(0, 1, 3)
    ),
    "disk detach": Scenario(_running, _change(disks.detach, 1), _has_disks(0)),
    "nic attach": Scenario(
        _with_network, _change(nics.attach, "NIC=[NETWORK=more]"), _has_nics(0, 1)
    ),
    "nic detach": Scenario(_with_two_nics, _change(nics.detach, 1), _has_nics(0)),
    "tell guest": Scenario(
        _running, _change(nics.attach, "NIC_ALIAS=[NETWORK=net,PARENT=NIC0]"), _has_nics(0, 1)
    ),
    "regroup": Scenario(_with_group, _change(nics.attach_group, 0, 100), _has_groups("0,100")),
    "disk resize": Scenario(
        _after("undeploy", "UNDEPLOYED"), _change(disks.resize, 0, "200"), _disk_has(200)
    ),
    "resize": Scenario(
        _running, _change(capacity.resize, "MEMORY=768", True), _has("MEMORY", "768")
    ),
    "disk snapshot": Scenario(
        _running, _change(snapshots.take_of_disk, 0, "one"), _has_snapshots(0)
    ),
    "disk snapshot delete": Scenario(
        _with_snapshot, _change(snapshots.drop_of_disk, 0, 0), _has_snapshots()
    ),
    "disk snapshot revert": Scenario(
        _off_with_snapshot, _change(snapshots.revert_disk, 0, 0), _in("POWEROFF")
    ),
    "disk save as": Scenario(_running, _change(saving.save_as, 0, "saved", "", -1), _is_saved),
    "exec": Scenario(_running, _change(executing.execute, "true", ""), _has_executed),
    "exec cancel": Scenario(_executing, _change(executing.cancel), _has_cancelled),
    "snapshot": Scenario(_running, _change(snapshots.take, "one"), _has_saved(0)),
    "snapshot revert": Scenario(_saved, _change(snapshots.revert, 0), _has_saved(0)),
    "snapshot delete": Scenario(_saved, _change(snapshots.drop, 0), _has_saved()),
    "delete": Scenario(_stranded, _recover(3), _in("DONE")),
    "recreate": Scenario(_stranded, _recover(4), _in("RUNNING")),
    "guard": Scenario(_guarded, _new_rules, _has_rules),
    "repair host": Scenario(_drifted, _repair, lambda world, number: not world.hosts[number].drift),
    "backup": Scenario(_with_backups, _back_up, _has_backup),
    "backup merge": Scenario(_chain, _second, _merged),
    "backup restore": Scenario(_off_with_backup, _put_back, _in("POWEROFF")),
    "image restore": Scenario(_before_restored, _restore_image, _ready),
    "image import": Scenario(_nothing_yet, _import, _ready),
    "image clone": Scenario(_origin, _clone, _ready),
    "image delete": Scenario(_image, _delete_image, _gone),
}


# ---- ending everything -----------------------------------------------------------------------


async def end_everything(zone: Zone) -> None:
    """Ends all VMs and deletes all images, as an administrator with patience does."""
    await _end_routers(zone)
    for vm in list(zone.world.vms):
        if zone.world.vms[vm.id].state is not VmState.DONE:
            await _end_vm(zone, vm.id)
    await zone.until(zone.idle, 3600, "all VMs have ended")
    for vm in list(zone.world.vms):
        if vm.state is not VmState.DONE:
            await _recover(3)(zone, vm.id)
    await zone.until(zone.idle, 3600, "all VMs have ended")
    await _end_routers(zone)
    for image in list(zone.world.images):
        await _force_image_out(zone, image.id)
    await zone.until(zone.idle, 3600, "all images are deleted")


async def _force_image_out(zone: Zone, number: int) -> None:
    await zone.do(lambda tx: images.delete(tx, zone.admin, number, True))


async def _end_routers(zone: Zone) -> None:
    """Those that can be asked: each ends with the last of its VMs."""
    for router in [each for each in zone.world.table(VRouter) if not each.ending]:
        with suppress(Refusal):
            await zone.do(lambda tx, number=router.id: vrouters.delete(tx, zone.admin, number))  # type: ignore[misc]


async def _end_vm(zone: Zone, number: int) -> None:
    if zone.world.vms[number].lock is not None:
        await zone.do(lambda tx: locks.unlock(tx, zone.admin, Vm, number))
    try:
        await zone.do(lambda tx: vms.act(tx, zone.admin, "terminate-hard", number))
    except Refusal:
        await zone.do(lambda tx: vms.recover(tx, zone.admin, number, 3))
