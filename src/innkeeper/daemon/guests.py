"""Logs and consoles of guests, by way of their hosts' agents."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError
from innkeeper.model.world import World

#: Bytes of a log in one answer.
PIECE = 256 << 10


class FleetGuests:
    """What can be asked about a guest on its host."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self.world = world
        self.fleet = fleet

    async def _ask(self, place: int, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.fleet.ask(place, verb, args)
        except AgentError as error:
            raise GuestUnreachable(error.message) from None

    def _place(self, vm: int) -> int:
        history = self.world.vms[vm].history
        if not history:
            raise GuestUnreachable("it has not been on a host yet")
        return history[-1].host_id

    async def read_log(self, vm: int, which: str, offset: int) -> dict[str, Any]:
        """A piece of a log."""
        args = {"vm": vm, "which": which, "offset": offset, "limit": PIECE}
        return await self._ask(self._place(vm), "log.read", args)

    async def open_console(self, vm: int) -> "FleetConsole":
        """The serial console."""
        place = self._place(vm)
        console = FleetConsole(self.fleet, place)
        try:
            opened = await self._ask(place, "console.open", {"vm": vm})
        except BaseException:
            console.forget()
            raise
        console.start(int(opened["console"]))
        return console


class FleetConsole:
    """A console whose output comes as events of the host's link."""

    def __init__(self, fleet: Fleet, place: int) -> None:
        self.fleet = fleet
        self.place = place
        self.number = -1
        self._early: list[dict[str, Any]] = []
        self._output: asyncio.Queue[bytes | None] = asyncio.Queue()
        fleet.listeners.append(self._take)

    def start(self, number: int) -> None:
        """The agent's number for this console; what came before we knew it is sorted now."""
        self.number = number
        early, self._early = self._early, []
        for message in early:
            self._take(self.place, message)

    def _take(self, place: int, message: dict[str, Any]) -> None:
        if place != self.place or message.get("event") != "console":
            return
        if self.number < 0:
            self._early.append(message)
        elif message.get("console") == self.number:
            if message.get("closed"):
                self._output.put_nowait(None)
            else:
                self._output.put_nowait(base64.b64decode(message["data"]))

    async def output(self) -> AsyncIterator[bytes]:
        """What the guest says."""
        while (data := await self._output.get()) is not None:
            yield data

    async def write(self, data: bytes) -> None:
        """What the user types."""
        text = base64.b64encode(data).decode()
        await self.fleet.ask(self.place, "console.write", {"console": self.number, "data": text})

    def forget(self) -> None:
        """Hears nothing any more."""
        if self._take in self.fleet.listeners:
            self.fleet.listeners.remove(self._take)

    async def close(self) -> None:
        """Ends it; an agent that is gone has ended it already."""
        self.forget()
        try:
            await self.fleet.ask(self.place, "console.close", {"console": self.number})
        except AgentError:
            return
