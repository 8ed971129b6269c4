"""What people change of their VMs where these are: disks that come and go, sensibly or not."""

import random
from collections.abc import Callable

from innkeeper.commands import disks
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


MAKERS: tuple[Maker, ...] = (attach_disk, attach_disk, detach_disk)
