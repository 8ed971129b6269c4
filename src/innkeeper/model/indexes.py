"""What follows from the objects, kept up to date as they change. Nothing of this is stored.

Each index has `change(old, new)`: the record as it was and as it will be (None: not there).
"""

from collections.abc import Callable, Collection, Mapping

from . import affinity
from .nouns import VRouter
from .objects import Network, Operation, Owned, Record, User, Vm
from .states import MIGRATIONS, VmState
from .template import as_int

NameKey = tuple[str, int, str]


def name_key(record: Record) -> NameKey | None:
    """What must be unique about an object's name; None when nothing must."""
    if not record.UNIQUE:
        return None
    owner = record.uid if isinstance(record, Owned) and record.UNIQUE == "owner" else -1
    return record.KIND, owner, record.name


class Names:
    """Names in use."""

    def __init__(self) -> None:
        self._ids: dict[NameKey, int] = {}

    def change(self, old: Record | None, new: Record | None) -> None:
        before, after = (None if r is None else name_key(r) for r in (old, new))
        if before == after:
            return
        if before is not None:
            self._ids.pop(before, None)
        if after is not None and new is not None:
            self._ids[after] = new.id

    def find(self, kind: str, name: str, owner: int = -1) -> int | None:
        """The number of the object with this name (and owner, where names belong to owners)."""
        return self._ids.get((kind, owner, name))


class Room:
    """What is taken on one host: CPU in 1/100 cores, memory in KiB, disk in MiB, and by which VMs."""

    __slots__ = ("cpu", "disk", "memory", "vms")

    def __init__(self) -> None:
        self.cpu = 0
        self.memory = 0
        self.disk = 0
        self.vms: dict[int, tuple[int, int, int]] = {}


NOTHING = Room()


def taken_on(vm: Vm | None) -> frozenset[int]:
    """The hosts on which a VM takes capacity: its place, and while it is on its way the host that it leaves.

    One that gave its place up takes none where it is kept.
    """
    place = None if vm is None else vm.place
    if vm is None or place is None:
        return NOWHERE
    leaving = vm.kept_on >= 0 and len(vm.history) > 1 and vm.history[-2].action in MIGRATIONS
    return frozenset((place.host_id, vm.kept_on) if leaving else (place.host_id,))


NOWHERE: frozenset[int] = frozenset()


def _capacity(vm: Vm) -> tuple[int, int, int]:
    """What a VM takes: CPU in 1/100 cores, memory in KiB, and the MiB that its disks may grow to."""
    disk = sum(as_int(disk.get("SIZE")) or 0 for disk in vm.disks)
    return round(vm.cpu * 100), vm.memory * 1024, disk


class Occupancy:
    """Capacity taken on each host: by VMs with an open history record, powered-off ones included."""

    def __init__(self) -> None:
        self._hosts: dict[int, Room] = {}

    def change(self, old: Vm | None, new: Vm | None) -> None:
        same_place = old and new and old.history is new.history and old.kept_on == new.kept_on
        if same_place and old and new and old.template is new.template:
            return
        before, after = taken_on(old), taken_on(new)
        if before == after and (not before or (old and new and old.template is new.template)):
            return
        for host in before:
            room = self._hosts[host]
            cpu, memory, disk = room.vms.pop(old.id if old else -1)
            room.cpu -= cpu
            room.memory -= memory
            room.disk -= disk
        if new is None or not after:
            return
        cpu, memory, disk = taken = _capacity(new)
        for host in after:
            room = self._hosts.setdefault(host, Room())
            room.vms[new.id] = taken
            room.cpu += cpu
            room.memory += memory
            room.disk += disk

    def of(self, host_id: int) -> Room:
        """What is taken on a host."""
        return self._hosts.get(host_id, NOTHING)


def mac_number(mac: str) -> int:
    """A MAC address as a number."""
    return int(mac.replace(":", ""), 16)


#: Who has a lease, where that is not a VM: numbers of virtual routers count down from this one.
FIRST_ROUTER = -(1 << 40)


def _leases_of(holder: Vm | VRouter | None) -> tuple[int, dict[tuple[int, int], list[int]]]:
    """Who holds leases, and which: (network, range) -> MAC numbers."""
    found: dict[tuple[int, int], list[int]] = {}
    if holder is None:
        return -1, found
    router = isinstance(holder, VRouter)
    for nic in holder.nics if isinstance(holder, VRouter) else (*holder.nics, *holder.aliases):
        if "AR_ID" in nic and "NETWORK_ID" in nic:
            key = int(nic["NETWORK_ID"]), int(nic["AR_ID"])
            found.setdefault(key, []).append(mac_number(nic["MAC"]))
    return FIRST_ROUTER - holder.id if router else holder.id, found


class Leases:
    """Addresses in use: they belong to VMs and virtual routers and end with them, so that they cannot leak."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[int, int], dict[int, int]] = {}

    def change(self, old: Vm | VRouter | None, new: Vm | VRouter | None) -> None:
        if old and new and old.template.shares(new.template, ("NIC", "NIC_ALIAS")):
            return
        for key, macs in _leases_of(old)[1].items():
            for mac in macs:
                self._ranges[key].pop(mac, None)
        owner, leased = _leases_of(new)
        for key, macs in leased.items():
            self._ranges.setdefault(key, {}).update(dict.fromkeys(macs, owner))

    def of(self, network_id: int, range_id: int) -> Mapping[int, int]:
        """The leases of a range: MAC number -> VM (or virtual router, as `FIRST_ROUTER` says)."""
        return self._ranges.get((network_id, range_id), {})

    def _owners(self, network_id: int) -> set[int]:
        return {
            owner
            for (net, _), taken in self._ranges.items()
            if net == network_id
            for owner in taken.values()
        }

    def vms_of(self, network_id: int) -> set[int]:
        """The VMs that hold a lease of a network."""
        return {owner for owner in self._owners(network_id) if owner >= 0}

    def routers_of(self, network_id: int) -> set[int]:
        """The virtual routers that hold a lease of a network."""
        return {FIRST_ROUTER - owner for owner in self._owners(network_id) if owner < 0}


def routers_of(vm: Vm) -> set[int]:
    """The virtual router that a VM is part of."""
    number = as_int(vm.template.get("VROUTER_ID") or "")
    return set() if number is None else {number}


def images_of(vm: Vm) -> set[int]:
    """The images that a VM's disks are made from."""
    return {int(disk["IMAGE_ID"]) for disk in vm.disks if "IMAGE_ID" in disk}


def security_groups_of(vm: Vm) -> set[int]:
    """The security groups of a VM's NICs."""
    return {number for nic in vm.nics for number in numbers(nic.get("SECURITY_GROUPS", ""))}


def ports_of(vm: Vm) -> set[int]:
    """The port of a VM's screen: of no other VM in the zone, since a VM may go to any host."""
    port = as_int((vm.template.vector("GRAPHICS") or {}).get("PORT", ""))
    return set() if port is None else {port}


def numbers(text: str) -> list[int]:
    """The numbers of a list like "0,100"; what is no number is left out."""
    return [int(word) for word in text.replace(",", " ").split() if word.isdecimal()]


def vm_groups_of(vm: Vm) -> set[int]:
    """The VM group that a VM belongs to."""
    found = affinity.membership(vm.template)
    return set() if found is None else {found[0]}


class Users:
    """The VMs that use each object of a kind (or port).

    `of_vm` tells what a VM uses; it follows from these `attributes` of its template.
    """

    def __init__(self, of_vm: Callable[[Vm], set[int]], *attributes: str) -> None:
        self._of_vm = of_vm
        self._attributes = attributes
        self._vms: dict[int, dict[int, None]] = {}

    def change(self, old: Vm | None, new: Vm | None) -> None:
        if old and new and old.template.shares(new.template, self._attributes):
            return
        before = self._of_vm(old) if old else NOTHING_USED
        after = self._of_vm(new) if new else NOTHING_USED
        for used in before - after:
            self._vms[used].pop(old.id if old else -1, None)
        for used in after - before:
            self._vms.setdefault(used, {})[new.id if new else -1] = None

    def of(self, number: int) -> Collection[int]:
        """The VMs that use an object."""
        return self._vms.get(number, ())


NOTHING_USED: frozenset[int] = frozenset()


class OfTheLiving:
    """Indexes over the VMs that are not DONE, and over their templates alone."""

    def __init__(self, *indexes: Leases | Users) -> None:
        self._indexes = indexes

    def change(self, old: Vm | None, new: Vm | None) -> None:
        before = None if old and old.state is VmState.DONE else old
        after = None if new and new.state is VmState.DONE else new
        if before is after or (before and after and before.template is after.template):
            return
        for index in self._indexes:
            index.change(before, after)


class Redirects:
    """The ports of the front end that lead to VMs, and the VMs to which any leads."""

    def __init__(self) -> None:
        self.ports: dict[int, tuple[int, int]] = {}
        self.vms: dict[int, None] = {}

    def change(self, old: Vm | None, new: Vm | None) -> None:
        before, after = old.redirects if old else (), new.redirects if new else ()
        if before is after:
            return
        for redirect in before:
            del self.ports[redirect.port]
        if old is not None:
            self.vms.pop(old.id, None)
        for redirect in after if new is not None else ():
            self.ports[redirect.port] = new.id, redirect.id  # type: ignore[union-attr]
            self.vms[new.id] = None  # type: ignore[union-attr]


class Reservations:
    """The reservations that were made of each network."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, None]] = {}

    def change(self, old: Network | None, new: Network | None) -> None:
        before, after = (-1 if net is None else net.parent_id for net in (old, new))
        if before == after:
            return
        if old is not None and before >= 0:
            self._of[before].pop(old.id)
        if new is not None and after >= 0:
            self._of.setdefault(after, {})[new.id] = None

    def of(self, network_id: int) -> Collection[int]:
        """The numbers of a network's reservations."""
        return self._of.get(network_id, ())


class Members:
    """The users of each group, by primary and secondary membership."""

    def __init__(self) -> None:
        self._users: dict[int, set[int]] = {}

    def change(self, old: User | None, new: User | None) -> None:
        for gid in old.all_groups if old else ():
            self._users[gid].discard(old.id if old else -1)
        for gid in new.all_groups if new else ():
            self._users.setdefault(gid, set()).add(new.id if new else -1)

    def of(self, group_id: int) -> set[int]:
        """The users of a group."""
        return self._users.get(group_id, set())


class Kept:
    """The VMs whose files lie on a host that is not, or not only, their place."""

    def __init__(self) -> None:
        self._vms: dict[int, set[int]] = {}

    def change(self, old: Vm | None, new: Vm | None) -> None:
        before = old.kept_on if old else -1
        after = new.kept_on if new else -1
        if before == after:
            return
        if old and before >= 0:
            self._vms[before].discard(old.id)
        if new and after >= 0:
            self._vms.setdefault(after, set()).add(new.id)

    def of(self, host_id: int) -> Collection[int]:
        """The VMs of which a host keeps files."""
        return self._vms.get(host_id, ())


class Pending:
    """VMs that wait for placement, for another place, and for images, in the order in which they came."""

    def __init__(self) -> None:
        self.vms: dict[int, None] = {}
        self.moving: dict[int, None] = {}
        self.cloning: dict[int, None] = {}

    def change(self, old: Vm | None, new: Vm | None) -> None:
        vm = new or old
        if vm is None:
            return
        number = vm.id
        if new is not None and new.resched:
            self.moving[number] = None
        elif old is not None and old.resched:
            self.moving.pop(number, None)
        before, after = old.state if old else None, new.state if new else None
        if before is after:
            return
        for state, waiting in ((VmState.PENDING, self.vms), (VmState.CLONING, self.cloning)):
            if before is state:
                waiting.pop(number, None)
            if after is state:
                waiting[number] = None


class Open:
    """The open operation of each object that has one."""

    def __init__(self) -> None:
        self._operations: dict[tuple[str, int], int] = {}

    def change(self, old: Operation | None, new: Operation | None) -> None:
        if old is not None:
            self._operations.pop((old.target_kind, old.target), None)
        if new is not None:
            self._operations[new.target_kind, new.target] = new.id

    def of(self, kind: str, number: int) -> int | None:
        """The open operation on an object."""
        return self._operations.get((kind, number))
