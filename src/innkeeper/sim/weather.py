"""Weather: seeded faults of links, hosts and guests, switched on and off as the story goes."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from innkeeper.lifecycle.messages import Reply

from .faults import NEVER, Fault
from .machines import IMAGES, Machine
from .zone import Zone

#: Seconds that verbs take, before chance halves or doubles them.
TIMES = {
    "disk.ensure": 4.0,
    "domain.ensure": 2.0,
    "domain.shutdown": 6.0,
    "domain.save": 4.0,
    "domain.restore": 3.0,
    "migration.prepare": 1.0,
    "migration.send": 5.0,
    "vm.fetch": 4.0,
    "vm.remove": 1.0,
    "image.import": 8.0,
    "image.clone": 6.0,
}
OTHER = 0.3
#: Verbs whose answer is waited for a minute or two at most: only their replies are lost without their link.
PROMPT = frozenset(
    {
        "network.ensure", "network.release", "context.ensure", "domain.destroy", "domain.reboot", "vm.remove",
        "domain.ensure",
    }
)  # fmt: skip
#: Seconds after which the last straggler has come.
STRAGGLES = 40.0
CODES = ("failed", "failed", "refused", "timeout", "stale", "missing")


class Weather:
    """A plan: `roughness` is the share of requests that something befalls (0: fine weather)."""

    def __init__(self, chance: random.Random, roughness: float) -> None:
        self.chance = chance
        self.roughness = roughness
        self.befallen = 0
        self._kinds: tuple[Callable[[Machine, str], Fault], ...] = (
            self._error, self._error, self._false_claim, self._late, self._cut_before, self._cut_amidst,
            self._cut_after, self._reply_lost, self._request_lost, self._straggles,
        )  # fmt: skip

        #: What befalls identify, hello, observe, monitor and ping: an agent has no reason to refuse them.
        self._plain_kinds = (self._late, self._cut_before, self._cut_after)

    def seconds(self, verb: str) -> float:
        """How long a verb takes this time."""
        if "." not in verb:
            return 0.0
        return TIMES.get(verb, OTHER) * (0.5 + 1.5 * self.chance.random())

    def fault(self, machine: Machine, verb: str, args: dict[str, Any]) -> Fault | None:
        """What befalls a request, if anything does; images are few and get more than their share."""
        if not self.roughness:
            return None
        share = self.roughness * 4 if machine.name == IMAGES else self.roughness
        if self.chance.random() >= share:
            return None
        self.befallen += 1
        kinds = self._kinds if "." in verb else self._plain_kinds
        return self.chance.choice(kinds)(machine, verb)

    def repeats(self, reply: Reply) -> Sequence[float]:
        """A reply may be taken again: at once, or much later."""
        if not self.roughness or self.chance.random() >= self.roughness:
            return ()
        return (0.0, self.chance.uniform(0.1, 90.0))

    def _error(self, machine: Machine, verb: str) -> Fault:
        return Fault(error=(self.chance.choice(CODES), "bad weather"))

    def _false_claim(self, machine: Machine, verb: str) -> Fault:
        return Fault(claim=(self.chance.choice(CODES), "bad weather, though done"))

    def _late(self, machine: Machine, verb: str) -> Fault:
        return Fault(reply_time=self.chance.uniform(1.0, 100.0))

    def _cut_before(self, machine: Machine, verb: str) -> Fault:
        return Fault(lost=True, before=lambda: machine.lose_link("cut", agent_ends=True))

    def _cut_amidst(self, machine: Machine, verb: str) -> Fault:
        return Fault(extra_time=1.0, before=lambda: self._cut_soon(machine))

    def _cut_soon(self, machine: Machine) -> None:
        link = machine.link
        if link is not None:
            lose = self.chance.random() < 0.5
            link.lost.get_loop().call_later(0.5, _cut, machine, lose)

    def _cut_after(self, machine: Machine, verb: str) -> Fault:
        return Fault(
            after=lambda: machine.lose_link("cut", agent_ends=True),
            reply_time=NEVER,
        )

    def _straggles(self, machine: Machine, verb: str) -> Fault:
        """The agent of images is a child of the front end: nothing of it outlives its link."""
        if machine.name == IMAGES:
            return self._cut_before(machine, verb)
        return Fault(
            lost=True,
            straggles=self.chance.uniform(1.0, STRAGGLES),
            before=lambda: machine.lose_link("cut", agent_ends=True),
        )

    def _reply_lost(self, machine: Machine, verb: str) -> Fault:
        return Fault(reply_time=NEVER) if verb in PROMPT else self._cut_after(machine, verb)

    def _request_lost(self, machine: Machine, verb: str) -> Fault:
        return Fault(lost=True) if verb in PROMPT else self._cut_before(machine, verb)


def _cut(machine: Machine, agent_ends: bool) -> None:
    machine.lose_link("cut", agent_ends=agent_ends)


class Disasters:
    """What befalls machines and guests as a whole, one disaster at a time."""

    def __init__(self, zone: Zone, chance: random.Random) -> None:
        self.zone = zone
        self.chance = chance

    def strike(self) -> None:
        """One disaster somewhere."""
        machines = [m for m in self.zone.machines.values() if m.name != IMAGES and m.reachable]
        if not machines:
            return
        machine = self.chance.choice(machines)
        self.chance.choice(
            (
                self._power_fails, self._cut_off, self._cut_off, self._freezes, self._link_lost, self._guest_ends,
                self._guest_ends, self._guest_ends,
            )
        )(machine)  # fmt: skip

    def _returns(self, machine: Machine, shortest: float, longest: float) -> None:
        self.zone.loop.call_later(self.chance.uniform(shortest, longest), machine.come_back)

    def _power_fails(self, machine: Machine) -> None:
        machine.power_off()
        self._returns(machine, 10, 200)

    def _cut_off(self, machine: Machine) -> None:
        machine.cut_off(agent_ends=self.chance.random() < 0.5)
        self._returns(machine, 2, 150)

    def _freezes(self, machine: Machine) -> None:
        if not machine.frozen:
            machine.freeze()
            self._returns(machine, 3, 60)

    def _link_lost(self, machine: Machine) -> None:
        machine.lose_link("cut", agent_ends=self.chance.random() < 0.5)

    def _guest_ends(self, machine: Machine) -> None:
        if machine.guests and not machine.frozen:
            number = self.chance.choice(list(machine.guests))
            machine.end_guest(number, self.chance.choice(("crashed", "shutdown")))
