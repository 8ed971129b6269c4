"""Machines: simulated hosts that live, die and return on their own, whatever the front end believes."""

import asyncio
from collections.abc import Callable
from typing import Any

from innkeeper.fleet.simulated import Guest, SimulatedHost, SimulatedLink

#: The machine on which images without bytes lie (the place SIMULATED).
IMAGES = "images"

Changed = Callable[["Machine", int, Guest], None]


class Machine(SimulatedHost):
    """One machine, known by its name: it may be added as a host, deleted, and added again."""

    def __init__(self, name: str, cpus: int, memory_kib: int, watch: Changed) -> None:
        super().__init__(name, cpus, memory_kib)
        self.reachable = True
        self.frozen = False
        self.thawed = asyncio.Event()
        self.held: list[Callable[[], None]] = []
        self._watch = watch

    def answers_hosts(self) -> bool:
        """Do other hosts reach it?"""
        return self.reachable and not self.frozen

    def changed(self, number: int, guest: Guest, reason: str) -> None:
        """A guest started or stopped."""
        self._watch(self, number, guest)
        super().changed(number, guest, reason)

    # -- what befalls it

    def cut_off(self, *, agent_ends: bool) -> None:
        """The network to it is gone; its guests do not notice.

        The agent may find its input closed at once, or get to what was asked before.
        """
        self.reachable = False
        self._lose("the network is gone", agent_ends=agent_ends)

    def power_off(self) -> None:
        """No power: its guests are gone, their disks and checkpoints stay."""
        self.reachable = False
        self.thaw()
        self._lose("no route to host", agent_ends=True)
        for number, guest in self.guests.items():
            if guest.state != "off":
                guest.state = "off"
                self._watch(self, number, guest)

    def come_back(self) -> None:
        """Power and network are back."""
        self.reachable = True
        self.thaw()

    def lose_link(self, why: str, *, agent_ends: bool) -> None:
        """Only the link breaks; another can be had at once."""
        self._lose(why, agent_ends=agent_ends)

    def _lose(self, why: str, *, agent_ends: bool) -> None:
        link = self.agent
        if agent_ends:
            self.agent = None
        if link is not None:
            link.cut(why)

    def freeze(self) -> None:
        """It answers nothing any more, and does nothing; connections stay."""
        self.frozen = True
        self.thawed.clear()

    def thaw(self) -> None:
        """It goes on, with what came meanwhile."""
        self.frozen = False
        self.thawed.set()
        held, self.held = self.held, []
        for work in held:
            work()

    def end_guest(self, number: int, reason: str) -> bool:
        """A guest stops by itself: "shutdown" or "crashed"."""
        guest = self.guests.get(number)
        if guest is None or guest.state != "running":
            return False
        guest.state = "off"
        self.changed(number, guest, reason)
        return True

    @property
    def link(self) -> SimulatedLink | None:
        """The link that stands."""
        return self.agent if self.agent is not None and not self.agent.lost.done() else None

    def left(self) -> list[str]:
        """What lies on it of VMs and images, for the check that nothing is left over."""
        found = [f"VM {number} ({describe(guest)})" for number, guest in self.guests.items()]
        return found + [f"file {path}" for path in sorted(self.files)]


def describe(guest: Guest) -> str:
    """A guest in a few words."""
    generation, state = guest.seen()
    extra: dict[str, Any] = {"folder": guest.folder, "networks": sorted(guest.networks)}
    shown = " ".join(f"{name}={value}" for name, value in extra.items() if value)
    return f"{state}, generation {generation} {shown}".strip()
