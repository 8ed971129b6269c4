"""People: users and administrators who ask for things, sensible and not, in all states.

What is refused must have no effect: not one transaction.
"""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from innkeeper.commands import (
    backups,
    datastores,
    hosts,
    images,
    locks,
    migration,
    networks,
    operations,
    profiles,
    reservations,
    schedules,
    secgroups,
    template_images,
    templates,
    users,
    vms,
    vrouters,
)
from innkeeper.commands.auth import caller_of
from innkeeper.lifecycle.actions import ACTIONS
from innkeeper.lifecycle.machine import TRANSITIONS, phase
from innkeeper.model.errors import Refusal
from innkeeper.model.nouns import VRouter
from innkeeper.model.objects import Host, Image, Record, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.states import ImageType, VmState
from innkeeper.model.world import Table, Transaction

from . import changers, companies, offices
from .zone import GIB, Zone

T = TypeVar("T")
R = TypeVar("R", bound=Record)

ACTIONS_ASKED = tuple(ACTIONS)
#: Actions of VMs, and half as often what else can be scheduled.
SCHEDULED = (*ACTIONS_ASKED, *(name for name in schedules.OFFERED[Vm.KIND] if name not in ACTIONS))
#: Phase -> actions that are accepted in it, without those that end the VM: these would soon leave nothing to act on.
SENSIBLE = {
    now: tuple(a for a in ACTIONS if now in ACTIONS[a] and not a.startswith("terminate"))
    for now in TRANSITIONS
}
#: Actions after which there is something to resume.
STOPPING = frozenset({"poweroff", "poweroff-hard", "suspend", "stop", "undeploy", "undeploy-hard"})
#: Phases in which a VM can be changed where it is.
RESTING = frozenset({"RUNNING", "POWEROFF", "SUSPENDED", "STOPPED", "UNDEPLOYED"})
#: How often each recover operation is asked for.
RECOVERIES = (0, 0, 1, 2, 2, 2, 3, 4, 4, 5)
NETWORKS = 4

MISTAKES = (
    "",
    "CPU=0\nMEMORY=64",
    "CPU=1\nMEMORY=64\nNIC=[NETWORK=nowhere]",
    "CPU=1\nMEMORY=64\nDISK=[IMAGE_ID=99999]",
    "CPU=1\nMEMORY=64\nDISK=[TYPE=fs]",
    "CPU=1\nMEMORY=64\nNIC=[NETWORK_ID=0,IP=192.0.2.1]",
    "CPU=1\nMEMORY=64\nCONTEXT=[2BAD=x]",
    'CPU=1\nMEMORY=64\nSCHED_REQUIREMENTS="(("',
    "CPU=1\nMEMORY=64\nNIC=[NETWORK_ID=1]\nNIC=[NETWORK_ID=1,IP=10.1.0.1]\nDISK=[IMAGE_ID=-1]",
)


class Unpunished(AssertionError):
    """A request was refused and changed something all the same."""


class People:
    """A crowd: user 0 administrates, four others use. `asked` and `refused` count what they asked for."""

    def __init__(self, zone: Zone, chance: random.Random, addresses: int) -> None:
        self.zone = zone
        self.chance = chance
        self.addresses = addresses
        self.asked = 0
        self.refused = 0
        self._hosts = 0
        self._names = 0
        self._habits = self._habits_of_people()
        self._stopped: list[int] = []
        #: VMs that were changed where they are: they are changed again, so that they get a history.
        self._changed: list[int] = []
        #: VMs of which an administrator has said that a step was done, true or not.
        self.vouched: set[int] = set()

    def _habits_of_people(self) -> list[Callable[[], Awaitable[None]]]:
        weighted: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (54, self._act),
            (16, self._change),
            (8, self._recover),
            (2, self._cancel),
            (6, self._back_up),
            (3, self._deploy),
            (6, self._migrate),
            (1, self._flush),
            (4, self._mistake),
            (2, self._meddle),
            (3, self._host_status),
            (1, self._host_new_or_gone),
            (1, self._profile),
            (3, self._image_new),
            (2, self._image_clone),
            (2, self._image_gone),
            (1, self._image_switch),
            (2, self._network),
            (2, self._security_group),
            (3, self._router),
            (5, self._redirect),
            (2, self._update),
            (3, self._schedule),
            (1, self._instantiate),
            (1, self._template),
            (1, self._lock),
            (2, self._govern),
            (3, self._organise),
        ]
        return [habit for weight, habit in weighted for _ in range(weight)]

    # -- the beginning

    async def settle_in(self) -> None:
        """Users, networks and images to begin with."""
        admin = self.zone.admin

        def change(tx: Transaction) -> None:
            for number in range(4):
                users.allocate(tx, admin, f"user-{number}", "", "core", [])
            for number in range(NETWORKS):
                _make_network(tx, admin, number, self.addresses)
            for number in range(3):
                _make_image(tx, admin, f"base-{number}", False)
            datastores.allocate(tx, admin, "NAME=backups\nTYPE=BACKUP_DS\nDS_MAD=dummy", -1, "/ds")

        await self.zone.do(change)

    async def add_host(self, name: str) -> None:
        """A new machine of some size becomes a host."""
        size = self.chance.choice((8, 12, 16))
        await self.zone.add_host(name, size, 2 * size * GIB)
        self._hosts += 1

    async def readd_host(self, name: str) -> None:
        """A machine that is no host any more becomes one again."""
        admin = self.zone.admin
        await self.zone.do(lambda tx: hosts.allocate(tx, admin, name, "dummy", "dummy", -1))

    def check(self) -> None:
        """Raises what anybody met that must not be; here that is raised where it is met."""

    # -- asking

    async def something(self) -> None:
        """Somebody asks for something."""
        await self.chance.choice(self._habits)()

    async def _ask(self, change: Callable[[Transaction], T]) -> T | None:
        """Asks; None when it was refused. Most people do not wait until the answer is durable."""
        front = self.zone.living
        asked = self._try(change)
        if asked is None:
            return None
        if self.chance.random() < 0.2:
            await self.zone.durable(front, asked[1])
        return asked[0]

    def _try(self, change: Callable[[Transaction], T]) -> tuple[T, int] | None:
        """Asks; None when it was refused, which must have changed nothing."""
        self.asked += 1
        before = self.zone.checker.transactions
        try:
            return self.zone.living.core.transact(change)
        except Refusal:
            self.refused += 1
            if self.zone.checker.transactions != before:
                raise Unpunished("a refused request changed something") from None
            return None

    def _somebody(self) -> Caller:
        """Any user; the administrator twice as often."""
        world = self.zone.world
        number = self.chance.choice((0, 0, 2, 3, 4, 5))
        return caller_of(world.users[number])

    def _any(self, table: Table[R]) -> R | None:
        """Any object of a kind."""
        rows = table.rows
        return rows[self.chance.choice(list(rows))] if rows else None

    def _any_vm(self) -> Vm | None:
        """Any VM, most often one of the last, and one that is not DONE."""
        rows = self.zone.world.vms.rows
        if self._stopped and self.chance.random() < 0.2:
            return rows.get(self._stopped.pop())
        for _ in range(4):
            if not rows:
                return None
            vm = rows[len(rows) - 1 - int(len(rows) * self.chance.random() ** 2)]
            if vm.state is not VmState.DONE:
                return vm
        return vm

    def _in_trouble(self) -> Vm | None:
        """A VM on which an operation works, or any."""
        world = self.zone.world
        at_work = [o.target for o in world.operations if o.target_kind == Vm.KIND]
        if at_work and self.chance.random() < 0.7:
            return world.vms[self.chance.choice(at_work)]
        return self._any_vm()

    def _name(self, what: str) -> str:
        self._names += 1
        return f"{what}-{self._names}"

    # -- VMs

    async def create_vm(self) -> bool:
        """Somebody wants a VM; False when it was refused."""
        caller = self._somebody()
        text, hold = self._wish(), self.chance.random() < 0.1
        return self._try(lambda tx: vms.allocate(tx, caller, text, hold)) is not None

    def _wish(self) -> str:
        chance = self.chance
        cpu = chance.choice(("0.25", "0.5", "0.5", "1", "1", "2", "4"))
        text = f"CPU={cpu}\nMEMORY={chance.choice((128, 256, 512, 1024, 2048, 4096))}"
        for number in chance.sample(range(NETWORKS), chance.choice((0, 1, 1, 1, 2))):
            group = self._any(self.zone.world.security_groups)
            own = (
                f",SECURITY_GROUPS={group.id}"
                if group is not None and chance.random() < 0.3
                else ""
            )
            text += f"\nNIC=[NETWORK_ID={number}{own}]"
        if chance.random() < 0.5:
            image = self._any(self.zone.world.images)
            fits = image is not None and image.type is not ImageType.BACKUP and not image.persistent
            if image is not None and (fits or chance.random() < 0.1):
                text += f"\nDISK=[IMAGE_ID={image.id}]"
        else:
            text += chance.choice(
                ("\nDISK=[TYPE=fs,SIZE=100]", "\nDISK=[TYPE=fs,SIZE=100,FORMAT=qcow2]")
            )
        if chance.random() < 0.4:
            text += "\nCONTEXT=[NETWORK=YES]"
        if chance.random() < 0.5:
            text += f"\nBACKUP_CONFIG=[MODE=INCREMENT,KEEP_LAST={chance.choice((0, 1, 2))},BACKUP_VOLATILE=YES]"
        return text

    async def _act(self) -> None:
        """An action on a VM: most often one that its owner may ask for, in a state in which it makes sense."""
        vm = self._any_vm()
        if vm is None:
            return
        sensible = SENSIBLE.get(phase(vm)) if self.chance.random() < 0.75 else None
        action = self.chance.choice(sensible or ACTIONS_ASKED)
        caller = self._owner(vm) if self.chance.random() < 0.8 else self._somebody()
        done = await self._ask(lambda tx: vms.act(tx, caller, action, vm.id))
        if done is not None and action in STOPPING:
            self._stopped.append(vm.id)

    async def _change(self) -> None:
        """A VM is changed where it is, most often by its owner."""
        vm = self._changeable()
        if vm is None:
            return
        caller = self._owner(vm) if self.chance.random() < 0.9 else self._somebody()
        maker = self.chance.choice(changers.MAKERS)
        done = await self._ask(maker(self.chance, self.zone.world, caller, vm))
        if done is not None and vm.id not in self._changed:
            self._changed = [*self._changed[-3:], vm.id]

    def _changeable(self) -> Vm | None:
        """A VM that rests, often one that was changed before; now and then any."""
        world = self.zone.world
        if self._changed and self.chance.random() < 0.6:
            vm = world.vms[self.chance.choice(self._changed)]
            if vm.state is VmState.DONE:
                self._changed.remove(vm.id)
            return vm
        for _ in range(6):
            found = self._any_vm()
            if found is None or (phase(found) in RESTING and world.operation_on(found) is None):
                break
        return found

    async def _govern(self) -> None:
        """An administrator changes limits, rules, groups or VDCs."""
        maker = self.chance.choice(offices.MAKERS)
        await self._ask(maker(self.chance, self.zone.world, self.zone.admin))

    async def _organise(self) -> None:
        """An administrator is busy with what goes beyond one VM."""
        maker = self.chance.choice(companies.MAKERS)
        await self._ask(maker(self.chance, self.zone.world, self.zone.admin))

    def _owner(self, vm: Vm) -> Caller:
        return caller_of(self.zone.world.users[vm.uid])

    async def _back_up(self) -> None:
        """A backup is made, given up, put back, or turned into images, most often by an administrator."""
        vm, image = self._changeable(), self._any_backup()
        caller = self.zone.admin if self.chance.random() < 0.8 else self._somebody()
        if vm is None:
            return
        changes: list[Callable[[Transaction], int | str]] = [
            lambda tx: backups.backup(tx, caller, vm.id, -1, self.chance.random() < 0.1),
            lambda tx: backups.backup(tx, caller, vm.id, -1, False),
            lambda tx: backups.cancel(tx, caller, vm.id),
        ]
        if image is not None:
            increment = self.chance.choice((-1, -1, 0, 1))
            origin = self.zone.world.vms[image.vm_id]
            if origin.running and self.chance.random() < 0.3:
                await self._ask(lambda tx: vms.act(tx, caller, "poweroff-hard", origin.id))
                return
            options = f"INCREMENT_ID={increment}"
            changes += [
                lambda tx: backups.restore_vm(tx, caller, image.vm_id, image.id, increment, -1),
                lambda tx: backups.restore_image(tx, caller, image.id, 1, options),
            ]
        await self._ask(self.chance.choice(changes))

    def _any_backup(self) -> Image | None:
        found = [image for image in self.zone.world.images if image.increments]
        return self.chance.choice(found) if found else None

    async def _recover(self) -> None:
        vm, how = self._in_trouble(), self.chance.choice(RECOVERIES)
        caller = self.zone.admin if self.chance.random() < 0.9 else self._somebody()
        if vm is not None:
            if how == 1:
                self.vouched.add(vm.id)
            await self._ask(lambda tx: vms.recover(tx, caller, vm.id, how))

    async def _cancel(self) -> None:
        """Somebody gives up what is under way, most often an administrator, whether it can be or not."""
        open_ones = [operation.id for operation in self.zone.world.operations]
        number = self.chance.choice(open_ones) if open_ones else 0
        caller = self.zone.admin if self.chance.random() < 0.8 else self._somebody()
        await self._ask(lambda tx: operations.cancel(tx, caller, number))

    async def _deploy(self) -> None:
        host, caller = self._any(self.zone.world.hosts), self.zone.admin
        waiting = [*self.zone.world.pending.vms] or [
            v.id for v in self.zone.world.vms if v.state == 2
        ]
        vm = self.zone.world.vms[self.chance.choice(waiting)] if waiting else self._any_vm()
        if vm is not None and host is not None:
            await self._ask(lambda tx: vms.deploy_on(tx, caller, vm.id, host.id, True, -1))

    async def _migrate(self) -> None:
        """To any host, as it runs or not; also where it is already, and in states in which it cannot."""
        vm, host, caller = self._any_vm(), self._any(self.zone.world.hosts), self.zone.admin
        lively, how = self.chance.random() < 0.6, self.chance.choice((0, 0, 1, 2))
        if vm is not None and host is not None:
            await self._ask(
                lambda tx: migration.migrate(tx, caller, vm.id, host.id, lively, True, -1, how)
            )

    async def _flush(self) -> None:
        """A host is emptied: nothing new comes to it, and what is there is to go elsewhere."""
        host, admin = self._any(self.zone.world.hosts), self.zone.admin
        if host is None:
            return
        await self._ask(lambda tx: hosts.status(tx, admin, host.id, 1))
        for number in list(self.zone.world.occupancy.of(host.id).vms):
            await self._ask(partial(vms.act, caller=admin, action="resched", vm_id=number))

    async def _profile(self) -> None:
        """What a host is to be like is declared, or taken back; it drifts, or is repaired."""
        host, caller = self._any(self.zone.world.hosts), self.zone.admin
        if host is None:
            return
        wrong = {"what": "sysctl a.b", "expected": "1", "found": "0", "mends": True}
        self.zone.machine_of(host.id).deviations = self.chance.choice(([], [wrong]))
        said = self.chance.choice((None, {"sysctls": {"a.b": 1}}, {"nonsense": 1}))
        if self.chance.random() < 0.5:
            await self._ask(lambda tx: profiles.declare(tx, caller, Host, host.id, said))
        else:
            await self._ask(lambda tx: profiles.start_repair(tx, caller, host.id))

    async def _update(self) -> None:
        vm, caller = self._any_vm(), self._somebody()
        if vm is None:
            return
        wish = f'SCHED_REQUIREMENTS="ID != {self.chance.randrange(self._hosts)}"\nNOTE=x'
        name, uid = self._name("vm"), self.chance.choice((0, 2, 3, 4, 5))
        changes: tuple[Callable[[Transaction], int], ...] = (
            lambda tx: vms.update(tx, caller, vm.id, wish, 1),
            lambda tx: vms.rename(tx, caller, vm.id, name),
            lambda tx: vms.chown(tx, caller, vm.id, uid, -1),
        )
        await self._ask(self.chance.choice(changes))

    async def _schedule(self) -> None:
        """Something is to happen by the clock: soon, or every few hours, or never after all."""
        vm = self._any_vm()
        if vm is None:
            return
        caller = self._owner(vm) if self.chance.random() < 0.8 else self._somebody()
        text = self._scheduled(vm)
        changes: list[Callable[[Transaction], int]] = [
            lambda tx: schedules.add(tx, caller, vm.id, text)
        ]
        if vm.schedule and self.chance.random() < 0.4:
            number = self.chance.choice(vm.schedule).id
            changes = [
                lambda tx: schedules.delete(tx, caller, vm.id, number),
                lambda tx: schedules.update(tx, caller, vm.id, number, text),
            ]
        await self._ask(self.chance.choice(changes))

    def _scheduled(self, vm: Vm) -> str:
        """Anything that can be scheduled; sometimes with ARGS that say nothing to it."""
        age = int(self.zone.living.core.clock.time()) - vm.stime
        line = f"ACTION={self.chance.choice(SCHEDULED)},TIME=+{age + self.chance.randrange(400)}"
        args = self.chance.choice(("", "", "0", "0,1", "102,YES"))
        if args:
            line += f',ARGS="{args}"'
        if self.chance.random() < 0.4:
            line += f",REPEAT=3,DAYS={self.chance.choice((1, 2, 200))},END_TYPE=1,END_VALUE=3"
        return f"SCHED_ACTION=[{line}]"

    async def _instantiate(self) -> None:
        caller, text, name = self._somebody(), self._wish(), self._name("template")

        def change(tx: Transaction) -> int:
            number = templates.allocate(tx, caller, f"NAME={name}\n{text}")
            return templates.instantiate(tx, caller, number, "", self.chance.random() < 0.5, "")

        await self._ask(change)

    async def _template(self) -> None:
        """A template is copied with its images, or deleted with them."""
        caller, name = self._somebody(), self._name("template")
        template = self._any(self.zone.world.templates)
        if template is None:
            return
        deep = self.chance.random() < 0.5
        changes: tuple[Callable[[Transaction], int], ...] = (
            lambda tx: template_images.clone(tx, caller, template.id, name, deep),
            lambda tx: template_images.delete(tx, caller, template.id, deep),
        )
        await self._ask(self.chance.choice(changes))

    async def _lock(self) -> None:
        """A VM is locked against some of what people ask for, most often for a while only."""
        world, caller = self.zone.world, self._somebody()
        locked = [vm.id for vm in world.vms if vm.lock is not None]
        if locked and self.chance.random() < 0.8:
            number = self.chance.choice(locked)
            await self._ask(lambda tx: locks.unlock(tx, self.zone.admin, Vm, number))
            return
        vm, level = self._any_vm(), self.chance.choice((1, 2, 3, 4))
        if vm is not None:
            await self._ask(lambda tx: locks.lock(tx, caller, Vm, vm.id, level, False))

    # -- mistakes

    async def _mistake(self) -> None:
        """A template that makes no VM."""
        caller, text = self._somebody(), self.chance.choice(MISTAKES)
        await self._ask(lambda tx: vms.allocate(tx, caller, text, False))

    async def _meddle(self) -> None:
        """A user tries what is an administrator's business."""
        user = caller_of(self.zone.world.users[self.chance.choice((2, 3, 4, 5))])
        host = self._any(self.zone.world.hosts)
        number = host.id if host is not None else 0
        changes: tuple[Callable[[Transaction], int], ...] = (
            lambda tx: hosts.status(tx, user, number, 2),
            lambda tx: hosts.delete(tx, user, number),
            lambda tx: hosts.allocate(tx, user, "mine", "dummy", "dummy", -1),
            lambda tx: networks.delete(tx, user, 0),
            lambda tx: users.delete(tx, user, 0),
            lambda tx: vms.recover(tx, user, 99999, 3),
        )
        await self._ask(self.chance.choice(changes))

    # -- hosts

    async def _host_status(self) -> None:
        """Most often back into service, so that the zone does not run dry."""
        world, admin = self.zone.world, self.zone.admin
        away = [host for host in world.hosts if host.state in (4, 8)]
        host: Host | None = self._any(world.hosts)
        wanted = self.chance.choice((1, 1, 2))
        if away and self.chance.random() < 0.6:
            host, wanted = self.chance.choice(away), 0
        if host is not None:
            number = host.id
            await self._ask(lambda tx: hosts.status(tx, admin, number, wanted))

    async def _host_new_or_gone(self) -> None:
        """A new machine comes, or a host is deleted (which is refused while it has VMs)."""
        admin, world = self.zone.admin, self.zone.world
        if self.chance.random() < 0.4:
            name = self._name("spare")
            machine = self.zone.add_machine(name, 8, 16 * GIB)
            if self.chance.random() < 0.4:  # somebody forgot to switch it on
                machine.power_off()
                self.zone.loop.call_later(self.chance.uniform(5, 100), machine.come_back)
            await self._ask(lambda tx: hosts.allocate(tx, admin, name, "dummy", "dummy", -1))
            self._hosts += 1
            return
        empty = [h.id for h in world.hosts if not world.occupancy.of(h.id).vms]
        any_host = self._any(world.hosts)
        if any_host is not None:
            number = self.chance.choice(empty) if empty else any_host.id
            await self._ask(lambda tx: hosts.delete(tx, admin, number))

    # -- images and networks

    async def _image_new(self) -> None:
        caller, name = self._somebody(), self._name("image")
        persistent = self.chance.random() < 0.2
        await self._ask(lambda tx: _make_image(tx, caller, name, persistent))

    async def _image_clone(self) -> None:
        image, caller, name = (
            self._any(self.zone.world.images),
            self._somebody(),
            self._name("copy"),
        )
        if image is not None:
            await self._ask(lambda tx: images.clone(tx, caller, image.id, name, -1))

    async def _image_gone(self) -> None:
        image, caller = self._any(self.zone.world.images), self._somebody()
        force = self.chance.random() < 0.5
        if image is not None:
            await self._ask(lambda tx: images.delete(tx, caller, image.id, force))

    async def _image_switch(self) -> None:
        image: Image | None = self._any(self.zone.world.images)
        caller, wanted = self._somebody(), self.chance.random() < 0.6
        if image is not None:
            switch = self.chance.choice((images.enable, images.persistent))
            await self._ask(lambda tx: switch(tx, caller, image.id, wanted))

    async def _network(self) -> None:
        caller, number = self._somebody(), self.chance.randrange(NETWORKS)
        ip = f"10.{number}.0.{self.chance.randrange(1, self.addresses * 3 // 2)}"
        name, ar = self._name("net"), self.chance.randrange(3)
        changes: tuple[Callable[[Transaction], int], ...] = (
            lambda tx: networks.hold(tx, caller, number, f"LEASES=[IP={ip}]"),
            lambda tx: networks.release(tx, caller, number, f"LEASES=[IP={ip}]"),
            lambda tx: networks.delete(tx, caller, number),
            lambda tx: reservations.reserve(tx, caller, number, f"NAME={name}\nSIZE={ar + 1}"),
            lambda tx: networks.add_range(tx, caller, number, f"AR=[TYPE=IP4,IP={ip},SIZE=30]"),
            lambda tx: networks.remove_range(tx, caller, number, ar, self.chance.random() < 0.3),
            lambda tx: networks.allocate(tx, caller, f"NAME={name}\nVN_MAD=bridge", -1),
        )
        await self._ask(self.chance.choice(changes))

    async def _security_group(self) -> None:
        """Rules change under running guests; now and then somebody commits, or makes a group of his own."""
        caller, name, port = self._somebody(), self._name("rules"), self.chance.randrange(1, 1000)
        group = self._any(self.zone.world.security_groups)
        number = group.id if group is not None else secgroups.DEFAULT
        again = self.chance.random() < 0.5
        rule = f"RULE=[PROTOCOL=TCP,RULE_TYPE=INBOUND,RANGE={port}]"
        changes: tuple[Callable[[Transaction], int], ...] = (
            lambda tx: secgroups.update(tx, caller, number, rule, 1),
            lambda tx: secgroups.commit(tx, caller, number, again),
            lambda tx: secgroups.allocate(tx, caller, f"NAME={name}\n{rule}"),
            lambda tx: secgroups.delete(tx, caller, number),
        )
        await self._ask(self.chance.choice(changes))

    async def _redirect(self) -> None:
        """A port of the front end leads to a VM, or does no more; most often its owner asks."""
        vm = self._any_vm()
        if vm is None:
            return
        caller = self._owner(vm) if self.chance.random() < 0.8 else self._somebody()
        await self._ask(changers.redirect(self.chance, self.zone.world, caller, vm))

    async def _router(self) -> None:
        """A virtual router is made with VMs, gets or loses a NIC, or goes; most often by an administrator."""
        caller = self.zone.admin if self.chance.random() < 0.8 else self._somebody()
        router, name = self._any(self.zone.world.table(VRouter)), self._name("router")
        number, nic = router.id if router is not None else 0, self.chance.randrange(3)
        wish = f"NIC=[NETWORK_ID={self.chance.randrange(NETWORKS)},FLOATING_IP=YES]"
        small = f"NAME={name}\nCPU=0.25\nMEMORY=128\nVROUTER=YES"

        def made(tx: Transaction) -> int:
            template = templates.allocate(tx, caller, small)
            router = vrouters.allocate(tx, caller, f"NAME={name}\n{wish}")
            return vrouters.instantiate(tx, caller, router, 2, template, "", False, "")

        changes: tuple[Callable[[Transaction], int], ...] = (
            made,
            made,
            lambda tx: vrouters.attach_nic(tx, caller, number, wish),
            lambda tx: vrouters.detach_nic(tx, caller, number, nic),
            lambda tx: vrouters.delete(tx, caller, number),
        )
        await self._ask(self.chance.choice(changes))


def _make_network(tx: Transaction, caller: Caller, number: int, size: int) -> int:
    ar = f"AR=[TYPE=IP4,IP=10.{number}.0.1,SIZE={size}]"
    made = networks.allocate(tx, caller, f"NAME=net-{number}\nVN_MAD=bridge\n{ar}", -1)
    tx.change(tx.world.networks[made], permissions=0o666)
    return made


def _make_image(tx: Transaction, caller: Caller, name: str, persistent: bool) -> int:
    kind = "PERSISTENT=YES" if persistent else "PERSISTENT=NO"
    made = images.allocate(tx, caller, f"NAME={name}\nSIZE=100\n{kind}", 1, False, ())
    tx.change(tx.world.images[made], permissions=0o664)
    return made
