"""What people change of their VMs where these are: disks and NICs that come and go, sensibly or not."""

import random
from collections.abc import Callable

from innkeeper.commands import (
    capacity,
    configuration,
    disks,
    executing,
    nics,
    redirects,
    saving,
    snapshots,
    vms,
)
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction, World

Change = Callable[[Transaction], int]
Maker = Callable[[random.Random, World, Caller, Vm], Change]

MISTAKES = (
    "",
    "DISK=[IMAGE_ID=99999]",
    "DISK=[TYPE=fs]",
    "DISK=[TYPE=fs,SIZE=10,TARGET=sda]",
    "DISK=[TYPE=fs,SIZE=10,DEV_PREFIX=hd]",
    "DISK=[TYPE=fs,SIZE=1]\nDISK=[TYPE=fs,SIZE=1]",
)


def attach_disk(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A disk of some image, a volatile one, or a mistake."""
    text = chance.choice(MISTAKES)
    images = list(world.images)
    if images and chance.random() < 0.5:
        text = f"DISK=[IMAGE_ID={chance.choice(images).id}]"
    elif chance.random() < 0.8:
        text = "DISK=[TYPE=swap,SIZE=16,DEV_PREFIX=vd]"
    return lambda tx: disks.attach(tx, caller, vm.id, text)


def detach_disk(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A disk that the VM has, most often."""
    has = [int(disk["DISK_ID"]) for disk in vm.disks]
    number = chance.choice(has) if has and chance.random() < 0.9 else chance.randrange(9)
    return lambda tx: disks.detach(tx, caller, vm.id, number)


NIC_MISTAKES = (
    "",
    "NIC=[NETWORK_ID=99999]",
    "NIC=[MODEL=virtio]",
    "NIC=[NETWORK_ID=0,IP=192.0.2.1]",
    "NIC=[NETWORK_ID=0,TARGET=one-0-0]",
    "NIC_ALIAS=[NETWORK_ID=0,PARENT=NIC77]",
)


def attach_nic(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A NIC in some network, another address, or a mistake."""
    number = chance.choice(list(world.networks)).id
    text = f"NIC=[NETWORK_ID={number}]"
    if chance.random() < 0.3:
        text = f"NIC_ALIAS=[NETWORK_ID={number},PARENT=NIC{chance.randrange(2)}]"
    elif chance.random() < 0.2:
        text = chance.choice(NIC_MISTAKES)
    return lambda tx: nics.attach(tx, caller, vm.id, text)


def detach_nic(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A NIC or alias that the VM has, most often."""
    has = [int(nic["NIC_ID"]) for nic in (*vm.nics, *vm.aliases)]
    number = chance.choice(has) if has and chance.random() < 0.9 else chance.randrange(9)
    return lambda tx: nics.detach(tx, caller, vm.id, number)


def update_nic(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """What the guest is told of a NIC, or something that cannot be changed."""
    text = chance.choice(("NIC=[METRIC=5]", "NIC=[DNS=10.0.0.1]", "NIC=[MAC=02:00:00:00:00:01]"))
    return lambda tx: nics.update(tx, caller, vm.id, chance.randrange(2), text, 1)


def regroup(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A NIC comes under one more security group, or out of one."""
    group, nic = chance.choice(list(world.security_groups)).id, chance.randrange(2)
    do = chance.choice((nics.attach_group, nics.detach_group))
    return lambda tx: do(tx, caller, vm.id, nic, group)


def grow_disk(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """To a size that is larger, most often."""
    number, size = chance.randrange(2), chance.choice(("50", "200", "500", "1000", "-1", "large"))
    return lambda tx: disks.resize(tx, caller, vm.id, number, size)


def resize(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """More or less CPU or memory; always with the check of the host's capacity."""
    text = chance.choice(
        ("CPU=0.5", "CPU=2", "MEMORY=256", "MEMORY=2048", "VCPU=2", "CPU=-1", "MEMORY=x")
    )
    return lambda tx: capacity.resize(tx, caller, vm.id, text, True)


def configure(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """Another context, another device to boot from, or a mistake."""
    texts = (
        "CONTEXT=[A=1,NETWORK=YES]", 'CONTEXT=[B="$NAME"]', "OS=[BOOT=disk0]", "GRAPHICS=[TYPE=vnc]", "OS=[BOOT=disk9]",
        "GRAPHICS=[PORT=x]",
    )  # fmt: skip
    text, append = chance.choice(texts), chance.choice((0, 1, 1))
    return lambda tx: configuration.update(tx, caller, vm.id, text, append)


def snapshot(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """One of a disk or of the guest is taken, gone back to, or removed; most often one that is there."""
    disk = chance.choice([int(disk["DISK_ID"]) for disk in vm.disks] or [0])
    of_disk = _one_of(
        chance, [(of.disk, each.id) for of in vm.disk_snapshots for each in of.snapshots]
    )
    of_guest = _one_of(
        chance, [(0, int(s["SNAPSHOT_ID"])) for s in vm.template.vectors("SNAPSHOT")]
    )
    taking: list[Change] = [
        lambda tx: snapshots.take_of_disk(tx, caller, vm.id, disk, "s"),
        lambda tx: snapshots.take(tx, caller, vm.id, ""),
    ]
    of_disks: list[Change] = [
        lambda tx: snapshots.drop_of_disk(tx, caller, vm.id, *of_disk),
        lambda tx: snapshots.revert_disk(tx, caller, vm.id, *of_disk),
        lambda tx: snapshots.rename_of_disk(tx, caller, vm.id, *of_disk, "t"),
        lambda tx: vms.act(tx, caller, "poweroff-hard", vm.id),  # or no disk could go back
    ]
    of_guests: list[Change] = [
        lambda tx: snapshots.revert(tx, caller, vm.id, of_guest[1]),
        lambda tx: snapshots.drop(tx, caller, vm.id, of_guest[1]),
    ]
    senseless = chance.random() < 0.1
    more = of_disks if vm.disk_snapshots or senseless else []
    others = of_guests if vm.template.vectors("SNAPSHOT") or senseless else []
    return chance.choice([*taking, *more, *others])


def _one_of(chance: random.Random, there: list[tuple[int, int]]) -> tuple[int, int]:
    """A disk and one of its snapshots: one that is there, most often."""
    return chance.choice(there) if there and chance.random() < 0.9 else (0, chance.randrange(3))


def save_disk(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A disk becomes an image."""
    disk, name = chance.randrange(2), f"saved-{len(world.images)}-{chance.randrange(99)}"
    at = chance.choice((-1, -1, 0))
    return lambda tx: saving.save_as(tx, caller, vm.id, disk, name, "", at)


#: Few enough ports that they run out.
PORTS = redirects.Limits(last=20049)


def redirect(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A port of the front end comes to lead to a VM, or does no more; sensibly, most often."""
    port, seconds = chance.choice((22, 80, 5900, 0)), chance.choice((5.0, 60.0, 7200.0, 1e5, 1e9))
    wanted = chance.choice((0, 0, 20001, 80))
    wish = redirects.Wish(to=port, nic=chance.choice((-1, 0, 1)), seconds=seconds, port=wanted)
    if vm.redirects and chance.random() < 0.4:
        number = chance.choice(vm.redirects).id
        return lambda tx: redirects.remove(tx, caller, vm.id, number)
    return lambda tx: redirects.add(tx, caller, vm.id, wish, PORTS).id


def execute(chance: random.Random, world: World, caller: Caller, vm: Vm) -> Change:
    """A command in the guest, once more, or not after all."""
    changes: tuple[Change, ...] = (
        lambda tx: executing.execute(tx, caller, vm.id, chance.choice(("true", "sleep 9", "")), ""),
        lambda tx: executing.retry(tx, caller, vm.id),
        lambda tx: executing.cancel(tx, caller, vm.id),
    )
    return chance.choice(changes)


MAKERS: tuple[Maker, ...] = (
    attach_disk, attach_disk, detach_disk, attach_nic, attach_nic, detach_nic, update_nic,
    grow_disk, resize, configure, save_disk, save_disk, regroup, execute,
    snapshot, snapshot, snapshot, snapshot, snapshot, snapshot,
)  # fmt: skip
