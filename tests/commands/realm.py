"""Commands without a protocol: the core on a journal in memory; nothing happens that a test does not do."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from innkeeper.commands import bootstrap, hosts, images, networks, users, vms
from innkeeper.commands.auth import caller_of
from innkeeper.commands.core import Core
from innkeeper.lifecycle.messages import Event, HostUp, Instruction, Reply
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.objects import Image, Network, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction, World
from innkeeper.sim.invariants import contents
from innkeeper.store.memory import MemoryJournal

T = TypeVar("T")
Change = Callable[[Transaction], T]

ADMIN = Caller(0, 0, "oneadmin", (0,))
ALICE = Caller(2, 1, "alice", (1,))
BOB = Caller(3, 1, "bob", (1,))

NETWORK = "NAME=net\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=9]"
IMAGE = "NAME=img\nSIZE=9"
VM = "CPU=1\nMEMORY=128"
FACTS: dict[str, Any] = {"cpus": 8, "memory_kib": 16 << 20, "hostname": "h", "hypervisor": "qemu"}


class Clock:
    """Time that stands still until a test moves it."""

    now = 1_700_000_000.0

    def time(self) -> float:
        """Epoch seconds."""
        return self.now


class Realm:
    """A zone with users alice (2) and bob (3). `asked` holds what agents have not answered yet."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.core = Core(MemoryJournal(), self.clock)
        self.world: World = self.core.world
        self.asked: list[Instruction] = []
        self.core.dispatch = self.asked.extend
        self.do(lambda tx: bootstrap.first_start(tx, "", "zone", "/ds", simulate=True))
        for name in ("alice", "bob"):
            self.user(name)

    def do(self, change: Change[T]) -> T:
        """Makes a change."""
        result, _ = self.core.transact(change)
        return result

    def refused(self, code: Code, change: Change[Any]) -> str:
        """The text with which a change is refused; nothing has changed."""
        before = self.state()
        with pytest.raises(Refusal) as caught:
            self.do(change)
        assert caught.value.code is code, caught.value.text
        assert self.state() == before
        return caught.value.text

    def state(self) -> tuple[Any, ...]:
        """All objects, indexes and counters: equal states mean that nothing changed."""
        tables = {name: dict(table.rows) for name, table in self.world.tables.items()}
        counters = {name: count for name, count in self.world.counters.items() if count}
        return tables, counters, contents(self.world)

    # -- what is needed often

    def user(self, name: str, *gids: int) -> int:
        """A new user."""
        return self.do(lambda tx: users.allocate(tx, ADMIN, name, "", "core", list(gids) or [1]))

    def caller(self, uid: int) -> Caller:
        """A user as a caller."""
        return caller_of(self.world.users[uid])

    def image(self, text: str = IMAGE, caller: Caller = ADMIN, *, ready: bool = True) -> Image:
        """A new image."""
        number = self.do(lambda tx: images.allocate(tx, caller, text, 1, False, ("/images",)))
        if ready:
            self.finish()
        return self.world.images[number]

    def network(self, text: str = NETWORK) -> Network:
        """A new network."""
        number = self.do(lambda tx: networks.allocate(tx, ADMIN, text, -1))
        return self.world.networks[number]

    def vm(self, text: str = VM, caller: Caller = ADMIN, *, hold: bool = True) -> Vm:
        """A new VM."""
        return self.world.vms[self.do(lambda tx: vms.allocate(tx, caller, text, hold))]

    def host(self, name: str = "north", facts: dict[str, Any] | None = None) -> int:
        """A new host that is up and has nothing."""
        number = self.do(lambda tx: hosts.allocate(tx, ADMIN, name, "dummy", "dummy", -1))
        self.core.take(HostUp(number, facts or FACTS, {"vms": []}))
        return number

    def running(self, text: str = VM, caller: Caller = ADMIN) -> Vm:
        """A new VM on a new host, deployed."""
        vm = self.vm(text, caller)
        host = self.host(f"host-of-{vm.id}")
        self.do(lambda tx: vms.deploy_on(tx, ADMIN, vm.id, host, False, -1))
        self.finish()
        return self.world.vms[vm.id]

    def answer(self, code: str = "", **result: Any) -> Instruction:
        """Answers the oldest instruction that waits."""
        asked = self.asked.pop(0)
        if asked.operation >= 0:
            self.core.take(reply_to(asked, code, result))
        return asked

    def finish(self) -> None:
        """Answers everything with success until nothing is asked any more."""
        while self.asked:
            self.answer()

    def take(self, event: Event) -> None:
        """An agent says something."""
        self.core.take(event)


def reply_to(asked: Instruction, code: str, result: dict[str, Any]) -> Reply:
    return Reply(
        operation=asked.operation, step=asked.step, undoing=asked.undoing, tries=asked.tries,
        code=code, message=f"says {code}" if code else "", result=result,
    )  # fmt: skip
