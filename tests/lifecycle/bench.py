"""A world without a front end: changes are made by hand, instructions are looked at and answered by hand."""

from collections.abc import Callable
from typing import Any, TypeVar

from innkeeper.commands import bootstrap, images, networks, vms
from innkeeper.commands import hosts as host_commands
from innkeeper.lifecycle import hosts
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.messages import (
    DomainSeen,
    Event,
    HostDown,
    HostUp,
    Instruction,
    Reply,
    Sampled,
)
from innkeeper.lifecycle.operations import deploy
from innkeeper.model.objects import Host, Operation, Vm
from innkeeper.model.permissions import Caller
from innkeeper.model.world import Transaction, World

T = TypeVar("T")

ADMIN = Caller(0, 0, "oneadmin", (0,))
FACTS: dict[str, Any] = {
    "cpus": 8,
    "memory_kib": 16 << 20,
    "hostname": "h",
    "hypervisor": "dummy",
    "peer_key": "ssh-ed25519 key",
}
MACHINE = """NAME=vm
CPU=1
MEMORY=128
NIC=[NETWORK=net]
DISK=[IMAGE=img]
CONTEXT=[NETWORK=YES]"""


class Bench:
    """One host, one network, one image; `sent` holds the instructions that were not answered yet."""

    def __init__(self) -> None:
        self.world = World()
        self.now = 1000.0
        self.sent: list[Instruction] = []
        self.last = Transaction(self.world, self.now)
        self.do(lambda tx: bootstrap.first_start(tx, "", "zone", "/ds", simulate=True))
        self.host_id = self.add_host("north")
        network = "NAME=net\nVN_MAD=bridge\nAR=[TYPE=IP4,IP=10.0.0.1,SIZE=9]"
        self.do(lambda tx: networks.allocate(tx, ADMIN, network, -1))
        self.image = self.do(
            lambda tx: images.allocate(tx, ADMIN, "NAME=img\nSIZE=9", 1, False, ())
        )
        self.answer(format="raw", virtual_mib=9)
        self.sent.clear()

    def do(self, change: Callable[[Transaction], T]) -> T:
        """Makes a change; what raises changes nothing."""
        tx = Transaction(self.world, self.now)
        try:
            result = change(tx)
        except BaseException:
            tx.rollback()
            raise
        self.last = tx
        self.sent += tx.instructions
        return result

    def take(self, event: Event) -> None:
        """An agent says something."""
        self.do(lambda tx: hosts.take(tx, event))

    def add_host(self, name: str) -> int:
        """A host that is up and has nothing."""
        number = self.do(lambda tx: host_commands.allocate(tx, ADMIN, name, "dummy", "dummy", -1))
        self.up(number)
        return number

    def up(self, host_id: int = 0, *vms: tuple[int, int, str]) -> None:
        """A host connects and has these: (vm, generation, state)."""
        entries = [{"vm": vm, "generation": g, "state": s, "folder": True} for vm, g, s in vms]
        self.take(HostUp(host_id, FACTS, {"vms": entries}))

    def down(self, host_id: int = 0) -> None:
        """A host is away."""
        self.take(HostDown(host_id, "no route"))

    def seen(self, state: str, generation: int, vm: int = 0, host_id: int = 0) -> None:
        """A host pushes an event."""
        self.take(DomainSeen(host_id, vm, generation, state))

    def sampled(self, *vms: tuple[int, int, str], host_id: int = 0) -> None:
        """A round of monitoring."""
        self.take(Sampled(host_id, vms))

    # -- operations

    def reply(self, instruction: Instruction, code: str = "", **result: Any) -> None:
        """Answers an instruction."""
        self.take(
            Reply(
                operation=instruction.operation,
                step=instruction.step,
                undoing=instruction.undoing,
                tries=instruction.tries,
                code=code,
                message=f"says {code}" if code else "",
                result=result,
            )
        )

    def answer(self, code: str = "", **result: Any) -> Instruction:
        """Answers the oldest instruction that waits; returns it."""
        instruction = self.sent.pop(0)
        self.reply(instruction, code, **result)
        return instruction

    def finish(self) -> list[str]:
        """Answers everything with success until nothing is asked any more; the verbs in their order."""
        verbs = []
        while self.sent:
            verbs.append(self.answer().verb)
        return verbs

    @property
    def verbs(self) -> list[str]:
        """What is asked and not answered."""
        return [instruction.verb for instruction in self.sent]

    # -- VMs

    def waiting(self) -> int:
        """A VM on hold."""
        return self.do(lambda tx: vms.allocate(tx, ADMIN, MACHINE, True))

    def deploying(self) -> int:
        """A VM whose deployment has begun."""
        number = self.waiting()
        self.do(lambda tx: deploy.begin(tx, self.vm(number), self.host, tx.world.datastores[0]))
        return number

    def running(self) -> int:
        """A VM that has run for a while."""
        number = self.deploying()
        self.finish()
        self.now += 100
        return number

    def act(self, action: str, vm: int = 0) -> None:
        """An administrator's action."""
        self.do(lambda tx: vms.act(tx, ADMIN, action, vm))

    def recover(self, how: int, vm: int = 0) -> None:
        """A recover operation."""
        self.do(lambda tx: vms.recover(tx, ADMIN, vm, how))

    def vm(self, number: int = 0) -> Vm:
        """The VM as it is now."""
        return self.world.vms[number]

    def phase(self, number: int = 0) -> str:
        """Its phase."""
        return phase(self.vm(number))

    @property
    def host(self) -> Host:
        """The first host as it is now."""
        return self.world.hosts[self.host_id]

    @property
    def operation(self) -> Operation:
        """The only operation that is open."""
        (only,) = self.world.operations
        return only

    def logged(self) -> list[str]:
        """What the last change wrote to the event log."""
        return [event.what for event in self.last.events]
