"""What must always hold, whatever happens: watched after every transaction, and checked from scratch at intervals.

Theory of operation
-------------------
The checker believes no index of the world. It keeps its own books from the records that transactions write: which
address is whose, what is taken where, which operation works on what. Each transaction is held against them at once
(`batch`), so that a violation comes with the transaction that made it. `full` rebuilds everything from the records:
the books, and a second world whose indexes must equal the first one's. `machines.py` tells it when a guest starts,
which must not be while the same VM runs elsewhere. `rest.py` compares the world with the machines once nothing is
under way any more.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from innkeeper.fleet.simulated import Guest
from innkeeper.lifecycle.machine import TRANSITIONS, phase
from innkeeper.lifecycle.operations.saving import saving
from innkeeper.model.acl import Rule
from innkeeper.model.implied import following
from innkeeper.model.objects import Image, Operation, Vm
from innkeeper.model.states import FAILURES, ImageState, VmState
from innkeeper.model.world import World
from innkeeper.placement.capacity import capacity
from innkeeper.store.journal import Batch

from .accounts import Accounts
from .machines import Machine

#: Phases in which a VM may rest; in all others an operation must be at work on it.
RESTING = frozenset(
    {
        "INIT", "PENDING", "HOLD", "CLONING", "CLONING_FAILURE", "PROLOG_FAILURE", "BOOT_FAILURE",
        "EPILOG_FAILURE", "RUNNING", "UNKNOWN", "POWEROFF", "SUSPENDED", "DONE", "STOPPED", "UNDEPLOYED",
        *(state.name for state in FAILURES),
    }
)  # fmt: skip
WORKING = frozenset(TRANSITIONS) - RESTING
#: Images that only an operation can have brought there.
IMAGE_AT_WORK = frozenset({ImageState.LOCKED, ImageState.DELETE})

Address = tuple[str, str]
Key = tuple[str, int]


class Violation(AssertionError):
    """An invariant is broken. `subject` is the object whose story tells how: (kind, number)."""

    def __init__(self, subject: Key, text: str) -> None:
        super().__init__(f"{subject[0]} {subject[1]}: {text}")
        self.subject = subject


class Checker:
    """The books of one zone. `found` keeps the first violation, also when whoever met it swallowed it."""

    def __init__(self) -> None:
        self.world = World()
        self.found: Violation | None = None
        self.transactions = 0
        self._running: dict[int, Machine] = {}
        self._forget()

    def _forget(self) -> None:
        self._vms: dict[int, Vm] = {}
        self._owners: dict[Address, int] = {}
        self._taken: dict[int, dict[int, tuple[int, int]]] = {}
        self._working: dict[Key, int] = {}
        self._targets: dict[int, Key] = {}
        self._accounts = Accounts()

    def _break(self, kind: str, number: int, text: str) -> None:
        violation = Violation((kind, number), text)
        self.found = self.found or violation
        raise violation

    # -- machines

    def guest_changed(self, machine: Machine, number: int, guest: Guest) -> None:
        """A guest started or stopped on a machine: no VM runs twice."""
        there = self._running.get(number)
        if guest.state == "running":
            if there is not None and there is not machine:
                self._break("vm", number, f"runs on {there.name} and on {machine.name}")
            self._running[number] = machine
        elif there is machine:
            del self._running[number]

    # -- transactions

    def take_over(self, world: World) -> None:
        """A front end begins with this world."""
        self.world = world
        self._forget()
        for operation in world.operations:
            self._operation(operation.id, operation)
        for vm in world.vms:
            self._vm(vm.id, vm)
        list(self._accounts.broken(world))  # what is over a lowered limit was so before
        for vm in world.vms:
            self._at_rest_or_at_work(Vm.KIND, vm.id)

    def batch(self, batch: Batch) -> None:
        """Holds one transaction against the books."""
        self.transactions += 1
        touched: dict[Key, None] = {}
        arrived: list[tuple[int, int]] = []
        writes = batch.writes
        if len(writes) > 1:
            writes = tuple(sorted(writes, key=_releases_first))
        for kind, number, record in writes:
            if kind == Vm.KIND:
                host = self._vm(number, record)
                if host is not None:
                    arrived.append((host, number))
                touched[kind, number] = None
            elif kind == Operation.KIND:
                target = self._operation(number, record)
                if target is not None:
                    touched[target] = None
            elif kind == Image.KIND:
                touched[kind, number] = None
        for text in self._accounts.broken(self.world):
            self._break("zone", 0, text)
        for host, number in arrived:
            self._fits(host, number)
        for kind, number in touched:
            self._at_rest_or_at_work(kind, number)

    def _vm(self, number: int, record: Any) -> int | None:
        """Books a VM; returns the host to which it came, if it did."""
        if record is None:
            self._break("vm", number, "its record was deleted")
        old, new = self._vms.get(number), record
        self._vms[number] = new
        if old is not None:
            if new.generation < old.generation:
                text = f"its generation fell from {old.generation} to {new.generation}"
                self._break("vm", number, text)
            if old.state is VmState.DONE and new.state is not VmState.DONE:
                self._break("vm", number, f"rose from DONE to {phase(new)}")
        self._addresses(number, old, new)
        self._accounts.vm(old, new)
        return self._placed(number, old, new)

    def _addresses(self, number: int, old: Vm | None, new: Vm) -> None:
        live = new.state is not VmState.DONE
        if old is not None and live and old.template.shares(new.template, ("NIC", "NIC_ALIAS")):
            return
        if old is not None:
            for address in addresses(old):
                if self._owners.get(address) == number:
                    del self._owners[address]
        if live:
            for address in addresses(new):
                owner = self._owners.setdefault(address, number)
                if owner != number or (old is None and self._twice(new, address)):
                    text = f"{address[1]} of network {address[0]} is VM {owner}'s already"
                    self._break("vm", number, text)

    @staticmethod
    def _twice(vm: Vm, address: Address) -> bool:
        return sum(1 for other in addresses(vm) if other == address) > 1

    def _placed(self, number: int, old: Vm | None, new: Vm) -> int | None:
        if old is not None and _stays(old, new):
            return None
        before = set() if old is None else hosts_of(old)
        after = hosts_of(new)
        for host in before:
            del self._taken[host][number]
        for host in after:
            taken = round(new.cpu * 100), new.memory * 1024
            self._taken.setdefault(host, {})[number] = taken
        return next(iter(after - before), None)

    def _fits(self, host_id: int, number: int) -> None:
        """No host is over-committed by a placement."""
        host = self.world.hosts.get(host_id)
        if host is None:
            self._break("vm", number, f"was placed on host {host_id}, which is not there")
            return
        most = capacity(host, self.world.clusters.get(host.cluster_id))
        vms = self._taken[host_id].values()
        for what, limit, taken in zip(
            ("CPU", "memory"), most, map(sum, zip(*vms, strict=True)), strict=True
        ):
            if taken > limit:
                text = f"host {host_id} is over-committed with it: {taken} of {limit} {what}"
                self._break("vm", number, text)

    def _operation(self, number: int, record: Any) -> Key | None:
        """Books an operation; returns its target."""
        if record is None:
            ended = self._targets.pop(number, None)
            if ended is not None:
                del self._working[ended]
            return ended
        target = self._targets[number] = record.target_kind, record.target
        if self._working.setdefault(target, number) != number:
            self._break(*target, f"two operations work on it: {self._working[target]} and {number}")
        return target

    def _at_rest_or_at_work(self, kind: str, number: int) -> None:
        """What is in a passing state has an operation that will lead it out of it."""
        at_work = (kind, number) in self._working or self._saved(kind, number)
        if kind == Vm.KIND:
            vm = self._vms.get(number)
            if vm is None:
                self._break(kind, number, "an operation works on it, and it is not there")
                return
            now = phase(vm)
            if now in WORKING and not at_work:
                self._break(kind, number, f"is in {now} and no operation works on it")
            if at_work and now in RESTING and now != "RUNNING":
                self._break(kind, number, f"is in {now} and an operation works on it")
            if len(vm.history) > 1 and not vm.history[-2].etime:
                self._break(kind, number, "has two open history records")
        elif kind == Image.KIND:
            image = self.world.images.get(number)
            if image is not None and (image.state in IMAGE_AT_WORK) is not at_work:
                with_or_without = "with" if at_work else "without"
                self._break(kind, number, f"is {image.state.name} {with_or_without} an operation")

    def _saved(self, kind: str, number: int) -> bool:
        """Is it an image that an operation on a VM makes?"""
        return kind == Image.KIND and saving(self.world, number)

    # -- from scratch

    def full(self) -> None:
        """Everything once more, from the records alone."""
        again = Checker()
        again.take_over(self.world)
        if again._owners != self._owners or again._taken_now() != self._taken_now():
            self._break("vm", -1, "the checker's own books are wrong")
        rebuilt = World()
        for kind, table in self.world.tables.items():
            for record in table:
                rebuilt.load(kind, record)
        said = Counter(Rule(r.user, r.resource, r.rights, r.zone) for r in self.world.acl)
        follows = set(following(self.world))
        for rule in self.world.acl:
            if (
                rule.implied
                and Rule(rule.user, rule.resource, rule.rights, rule.zone) not in follows
            ):
                self._break("acl", rule.id, "follows from nothing any more")
        if follows - set(said) or any(count > 1 for count in said.values()):
            self._break("zone", 0, f"rules are missing, or there twice: {said}, {follows}")
        expected = contents(rebuilt)
        for name, index in contents(self.world).items():
            if index != expected[name]:
                text = f"index {name} is {index}, the records say {expected[name]}"
                self._break("zone", 0, text)

    def _taken_now(self) -> dict[int, dict[int, tuple[int, int]]]:
        return {host: vms for host, vms in self._taken.items() if vms}


def _releases_first(write: tuple[str, int, Any]) -> bool:
    """Within a transaction, what ends comes before what begins: the order inside it is nobody's business."""
    kind, _, record = write
    if kind == Vm.KIND:
        return record is not None and record.state is not VmState.DONE
    return record is not None


def hosts_of(vm: Vm) -> set[int]:
    """The hosts that hold capacity for a VM: where it is, and where it came from as long as it is on its way."""
    if not vm.history or vm.history[-1].etime:
        return set()
    migrates = len(vm.history) > 1 and vm.history[-2].action in (1, 2, 48, 49)
    return {vm.history[-1].host_id, vm.kept_on if migrates else -1} - {-1}


def _stays(old: Vm, new: Vm) -> bool:
    """Can nothing have changed about where it takes capacity, and how much?"""
    there = old.history is new.history and old.kept_on == new.kept_on
    return there and old.template.shares(new.template, ("CPU", "MEMORY"))


def addresses(vm: Vm) -> Iterator[Address]:
    """What nobody else may have, of a VM's NICs: (network, address)."""
    for nic in (*vm.nics, *vm.aliases):
        network = nic.get("PARENT_NETWORK_ID") or nic.get("NETWORK_ID", "")
        for name in ("MAC", "IP", "IP6", "IP6_GLOBAL"):
            if name in nic:
                yield network, nic[name]


def contents(world: World) -> dict[str, Any]:
    """What the world's indexes hold, without what is empty."""
    return {
        "names": world.names._ids,
        "occupancy": {
            host: (room.cpu, room.memory, room.disk, room.vms)
            for host, room in world.occupancy._hosts.items()
            if room.vms or room.cpu or room.memory
        },
        "kept": {host: set(vms) for host, vms in _filled(world.kept._vms).items()},
        "leases": _filled(world.leases._ranges),
        "image users": {image: set(vms) for image, vms in _filled(world.image_users._vms).items()},
        "group users": {group: set(vms) for group, vms in _filled(world.group_users._vms).items()},
        "vm groups": {g: set(vms) for g, vms in _filled(world.vm_group_users._vms).items()},
        "timetable": world.timetable.times,
        "job timetable": world.job_timetable.times,
        "screens": {port: set(vms) for port, vms in _filled(world.screens._vms).items()},
        "redirects": (world.redirects.ports, set(world.redirects.vms)),
        "reservations": {
            number: set(made) for number, made in _filled(world.reservations._of).items()
        },
        "usage": _filled(world.usage._used),
        "access": _filled(world.access._of),
        "members": _filled(world.members._users),
        "pending": set(world.pending.vms),
        "moving": set(world.pending.moving),
        "cloning": set(world.pending.cloning),
        "open": world.open._operations,
    }


def _filled(index: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in index.items() if value}


def same_after_a_journey(world: World) -> None:
    """Every record is the same after it was written as JSON and read back: Violation for the first that is not."""
    for kind, table in world.tables.items():
        for record in table:
            back = msgspec.json.decode(msgspec.json.encode(record), type=type(record))
            if back != record:
                raise Violation(
                    (kind, record.id), f"{record} comes back from its journal as {back}"
                )


def same_after_a_restart(before: World, loaded: World) -> None:
    """What was in memory when all was durable is what a new front end has loaded: Violation where it is not."""
    for kind, table in before.tables.items():
        rows = loaded.tables[kind].rows
        for number in sorted(table.rows.keys() | rows.keys()):
            old, new = table.rows.get(number), rows.get(number)
            if old != new:
                raise Violation((kind, number), f"was {old} in memory and is {new} after a restart")
    if loaded.counters != before.counters:
        text = f"counters were {before.counters} and are {loaded.counters} after a restart"
        raise Violation(("zone", 0), text)
