"""All objects in memory, the indexes derived from them, and transactions over them.

Theory of operation
-------------------
The world is changed on one thread only, by synchronous transactions: nothing awaits inside, so there
are no locks. A transaction applies each change at once (record and indexes), so that what follows in it
sees it, and remembers the old record; when anything raises, the old records are put back in reverse
order and the world is as before. A finished transaction carries what the journal must store (`writes`,
`counters`, `events`), what agents shall do once that is durable (`instructions`), and whether placement
has something new to look at (`wake`).
Records are frozen: an index or a rendered document may be kept for as long as the record is the same one.
"""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from . import objects, references
from .access import Access
from .errors import InvariantBroken, not_found
from .indexes import (
    Kept,
    Leases,
    Members,
    Names,
    Occupancy,
    OfTheLiving,
    Open,
    Pending,
    Redirects,
    Reservations,
    Users,
    images_of,
    ports_of,
    routers_of,
    security_groups_of,
    vm_groups_of,
)
from .jobs import BackupJob
from .kinds import KINDS
from .nouns import VRouter
from .objects import Image, Operation, Record, Vm
from .processors import Kinds
from .quotas import Usage
from .schedule import Timetable
from .states import ImageState

R = TypeVar("R", bound=Record)


#: One for each kind, made once: a zone's start reads every record.
DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}


class Table(Generic[R]):
    """The objects of one kind by number, in order of creation."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        self.rows: dict[int, R] = {}

    def __getitem__(self, object_id: int) -> R:
        try:
            return self.rows[object_id]
        except KeyError:
            raise not_found(self.kind.LABEL, object_id) from None

    def get(self, object_id: int) -> R | None:
        """The object, or None."""
        return self.rows.get(object_id)

    def __contains__(self, object_id: int) -> bool:
        return object_id in self.rows

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows.values())

    def __len__(self) -> int:
        return len(self.rows)


def shown_state(image: Image, *, used: bool) -> ImageState:
    """An image's own state, plus what it adds that VMs use it."""
    if used and image.state is ImageState.READY:
        return ImageState.USED_PERS if image.persistent else ImageState.USED
    if used and image.state is ImageState.LOCKED:
        return ImageState.LOCKED_USED_PERS if image.persistent else ImageState.LOCKED_USED
    return image.state


class World:
    """The model of one zone."""

    def __init__(self) -> None:
        #: By kind. Those that nothing but their own commands ask for have no name of their own.
        self.tables: dict[str, Table[Any]] = {name: Table(kind) for name, kind in KINDS.items()}
        self.users = self.table(objects.User)
        self.groups = self.table(objects.Group)
        self.default_quotas = self.table(objects.DefaultQuotas)
        self.acl = self.table(objects.AclRule)
        self.vdcs = self.table(objects.Vdc)
        self.clusters = self.table(objects.Cluster)
        self.hosts = self.table(objects.Host)
        self.datastores = self.table(objects.Datastore)
        self.images = self.table(Image)
        self.networks = self.table(objects.Network)
        self.security_groups = self.table(objects.SecurityGroup)
        self.templates = self.table(objects.VmTemplate)
        self.vms = self.table(Vm)
        self.operations = self.table(Operation)
        self.settings = self.table(objects.Setting)
        self.counters: dict[str, int] = {}
        self.names = Names()
        self.occupancy = Occupancy()
        self.kept = Kept()
        self.leases = Leases()
        self.image_users = Users(images_of, "DISK")
        self.group_users = Users(security_groups_of, "NIC")
        self.screens = Users(ports_of, "GRAPHICS")
        self.redirects = Redirects()
        self.router_vms = Users(routers_of, "VROUTER_ID")
        self.vm_group_users = Users(vm_groups_of, "VMGROUP")
        self.reservations = Reservations()
        self.members = Members()
        self.access = Access()
        self.usage = Usage()
        self.processors = Kinds()
        self.pending = Pending()
        self.timetable = Timetable()
        self.job_timetable = Timetable()
        self.open = Open()
        of_the_living = OfTheLiving(
            self.leases, self.image_users, self.group_users, self.screens, self.router_vms, self.vm_group_users
        )  # fmt: skip
        own: dict[str, tuple[Callable[[Any, Any], None], ...]] = {
            Vm.KIND: (
                self.occupancy.change,
                self.kept.change,
                of_the_living.change,
                self.redirects.change,
                self.pending.change,
                self.timetable.change,
                self.usage.change,
            ),
            Image.KIND: (self.usage.change,),
            objects.Network.KIND: (self.reservations.change, self.usage.change),
            objects.User.KIND: (self.members.change,),
            objects.AclRule.KIND: (self.access.change,),
            BackupJob.KIND: (self.job_timetable.change,),
            objects.Host.KIND: (self.processors.change,),
            Operation.KIND: (self.open.change,),
            VRouter.KIND: (self.leases.change,),
        }
        self._indexes = {
            name: (*own.get(name, ()), *((self.names.change,) if kind.UNIQUE else ()))
            for name, kind in KINDS.items()
        }

    def table(self, kind: type[R]) -> Table[R]:
        """The table of a kind."""
        return self.tables[kind.KIND]

    def replace(self, kind: str, object_id: int, new: Any) -> Any:
        """Puts `new` (None: nothing) in the place of an object; returns what was there."""
        rows = self.tables[kind].rows
        old = rows.get(object_id)
        for change in self._indexes[kind]:
            change(old, new)
        if new is None:
            rows.pop(object_id, None)
        else:
            rows[object_id] = new
        return old

    def load(self, kind: str, body: bytes | Any) -> None:
        """Takes one object from the journal."""
        record = DECODERS[kind].decode(body) if isinstance(body, bytes) else body
        self.replace(kind, record.id, record)

    def operation_on(self, target: Record) -> Operation | None:
        """The open operation on an object, if any."""
        number = self.open.of(target.KIND, target.id)
        return None if number is None else self.operations[number]

    def image_state(self, image: Image) -> ImageState:
        """The image's state as shown: its own, plus what its users add."""
        return shown_state(image, used=bool(self.image_users.of(image.id)))


class Event(msgspec.Struct, frozen=True):
    """One line of the event log: what happened to which object, and the details."""

    at: float
    kind: str
    id: int
    what: str
    detail: dict[str, Any]


class Transaction:
    """One change of the world, whole or not at all. `now` is the time it stands for."""

    def __init__(self, world: World, now: float) -> None:
        self.world = world
        self.now = now
        self.writes: dict[tuple[str, int], Record | None] = {}
        self.counters: dict[str, int] = {}
        self.events: list[Event] = []
        self.instructions: list[Any] = []
        self.wake = False
        self._before: list[tuple[str, int, Record | None]] = []
        self._counters_before: list[tuple[str, int | None]] = []

    @property
    def second(self) -> int:
        """The time in whole epoch seconds, as documents show it."""
        return int(self.now)

    def replaced(self) -> Iterator[tuple[Record | None, Record]]:
        """What was changed and is still there: each as it was before (None: not there), and as it is."""
        first: dict[tuple[str, int], Record | None] = {}
        for kind, number, old in self._before:
            first.setdefault((kind, number), old)
        for key, old in first.items():
            new = self.writes.get(key)
            if new is not None:
                yield old, new

    def put(self, record: R) -> R:
        """Creates or replaces an object."""
        kind = record.KIND
        self._before.append((kind, record.id, self.world.replace(kind, record.id, record)))
        self.writes[kind, record.id] = record
        return record

    def change(self, record: R, **fields: Any) -> R:
        """Replaces an object by a copy with these fields changed."""
        return self.put(msgspec.structs.replace(record, **fields))

    def delete(self, record: Record) -> None:
        """Removes an object, and what named it: rules, its place in VDCs."""
        kind = record.KIND
        old = self.world.replace(kind, record.id, None)
        if old is None:
            raise InvariantBroken(f"{kind} {record.id} is deleted twice")
        self._before.append((kind, record.id, old))
        self.writes[kind, record.id] = None
        references.forget(self, record)

    def new_id(self, kind: type[Record]) -> int:
        """The next number of a kind; numbers are never used again."""
        name = kind.KIND
        before = self.world.counters.get(name)
        number = before or 0
        self._counters_before.append((name, before))
        self.world.counters[name] = self.counters[name] = number + 1
        return number

    def start_ids_at(self, kind: type[Record], number: int) -> None:
        """Makes sure that the next number of a kind is at least this one."""
        name = kind.KIND
        before = self.world.counters.get(name)
        if (before or 0) < number:
            self._counters_before.append((name, before))
            self.world.counters[name] = self.counters[name] = number

    def log(self, record: Record, what: str, **detail: Any) -> None:
        """Adds a line to the event log."""
        self.events.append(Event(self.now, record.KIND, record.id, what, detail))

    def tell(self, instruction: Any) -> None:
        """Something that an agent shall do, sent once this transaction is durable."""
        self.instructions.append(instruction)

    def rollback(self) -> None:
        """Puts everything back."""
        for kind, object_id, old in reversed(self._before):
            self.world.replace(kind, object_id, old)
        for name, number in reversed(self._counters_before):
            if number is None:
                del self.world.counters[name]
            else:
                self.world.counters[name] = number
        self._before.clear()
        self._counters_before.clear()

    @property
    def empty(self) -> bool:
        """True when there is nothing to store."""
        return not (self.writes or self.events or self.counters)
