"""What goes beyond one VM: groups of VMs that belong together or apart, backup jobs, hooks."""

import random
from collections.abc import Callable

from innkeeper.commands import backupjobs, hooks, vmgroups
from innkeeper.model import affinity
from innkeeper.model.jobs import BackupJob
from innkeeper.model.nouns import Hook, VmGroup
from innkeeper.model.permissions import Caller
from innkeeper.model.states import VmState
from innkeeper.model.world import Transaction, World

Change = Callable[[Transaction], object]

ROLES = ("front", "back")
#: Groups, jobs and hooks that there are at most, so that they do not outgrow what they are about.
MOST = 4


def _vms(world: World, chance: random.Random, most: int) -> list[int]:
    """Some VMs that are there, and sometimes one that is not."""
    there = [vm.id for vm in world.vms if vm.state is not VmState.DONE]
    found = chance.sample(there, min(len(there), chance.randrange(1, most + 1)))
    return [*found, *([99999] if chance.random() < 0.05 else [])]


def groups(chance: random.Random, world: World, admin: Caller) -> Change:
    """A group comes or goes, VMs join it or leave it, its rules change."""
    table = world.table(VmGroup)
    if len(table) < MOST and chance.random() < 0.4:
        policy = chance.choice(affinity.POLICIES)
        rule = chance.choice(("", 'AFFINED="front,back"', 'ANTI_AFFINED="front,back"'))
        name = f"group-{world.counters.get(VmGroup.KIND, 0)}"
        text = f"NAME={name}\nROLE=[NAME=front,POLICY={policy}]\nROLE=[NAME=back]\n{rule}"
        return lambda tx: vmgroups.allocate(tx, admin, text)
    number = chance.choice(list(table.rows)) if len(table) else 0
    vm, role = _vms(world, chance, 1), chance.choice(ROLES)
    policy = chance.choice(affinity.POLICIES)
    changes: tuple[Change, ...] = (
        lambda tx: vmgroups.add_vm(tx, admin, vm[0] if vm else 0, number, role),
        lambda tx: vmgroups.add_vm(tx, admin, vm[0] if vm else 0, number, role),
        lambda tx: vmgroups.remove_vm(tx, admin, vm[0] if vm else 0),
        lambda tx: vmgroups.update_role(tx, admin, number, 0, f"POLICY={policy}"),
        lambda tx: vmgroups.delete(tx, admin, number),
    )
    return chance.choice(changes)


def jobs(chance: random.Random, world: World, admin: Caller) -> Change:
    """A job is made, run, given up, tried again, deleted."""
    table = world.table(BackupJob)
    if len(table) < MOST and chance.random() < 0.4:
        listed = ",".join(map(str, _vms(world, chance, 5)))
        how = chance.choice(("SEQUENTIAL", "PARALLEL"))
        name = f"job-{world.counters.get(BackupJob.KIND, 0)}"
        text = f'NAME={name}\nBACKUP_VMS="{listed}"\nEXECUTION={how}\nMODE=INCREMENT\nKEEP_LAST=2'
        return lambda tx: backupjobs.allocate(tx, admin, text)
    number = chance.choice(list(table.rows)) if len(table) else 0
    does = chance.choice((
        backupjobs.backup, backupjobs.backup, backupjobs.backup, backupjobs.retry, backupjobs.cancel, backupjobs.delete,
    ))  # fmt: skip
    return lambda tx: does(tx, admin, number)


def commands(chance: random.Random, world: World, admin: Caller) -> Change:
    """A hook is made or deleted, or does something again."""
    table = world.table(Hook)
    if len(table) < MOST and chance.random() < 0.6:
        about = chance.choice((
            "RESOURCE=VM\nON=RUNNING\nREMOTE=yes", "RESOURCE=VM\nON=DONE", "RESOURCE=HOST\nSTATE=ERROR\nREMOTE=yes",
            "RESOURCE=IMAGE\nSTATE=USED", "RESOURCE=VM\nON=UNKNOWN",
        ))  # fmt: skip
        text = f'NAME=hook\nTYPE=state\nCOMMAND=/bin/x\nARGUMENTS="$TEMPLATE"\n{about}'
        return lambda tx: hooks.allocate(tx, admin, text, frozenset())
    number = chance.choice(list(table.rows)) if len(table) else 0
    runs = hooks.runs_of(world, number)
    if runs and chance.random() < 0.5:
        run = chance.choice(runs).id
        return lambda tx: hooks.retry(tx, admin, number, run)
    return lambda tx: hooks.delete(tx, admin, number)


MAKERS = (groups, groups, jobs, jobs, commands)
