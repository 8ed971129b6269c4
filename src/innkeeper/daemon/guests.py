"""Logs, consoles and screens of guests, by way of their hosts' agents."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from typing import Any

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError, Link
from innkeeper.model.world import World

#: Bytes of a log in one answer.
PIECE = 256 << 10
#: Bytes of a console that an agent sends before it is told that some were passed on (host/console.py).
WINDOW = 256 << 10

#: Seconds that starting a command in a guest, and telling its end, may take beside the command.
EXEC_SLACK = 60.0


class FleetGuests:
    """What can be asked about a guest on its host."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self.world = world
        self.fleet = fleet
        self._numbers = itertools.count(1)

    async def _ask(
        self, place: int, verb: str, args: dict[str, Any], timeout: float = 30.0
    ) -> dict[str, Any]:
        try:
            return await self.fleet.ask(place, verb, args, timeout)
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

    async def screenshot(self, vm: int) -> bytes:
        """What its screen shows, as PNG."""
        shown = await self._ask(self._place(vm), "screenshot", {"vm": vm})
        return base64.b64decode(shown["png"])

    async def execute(self, vm: int, command: str, stdin: bytes, seconds: float) -> dict[str, Any]:
        """Runs a command in the guest. It is asked for once: whoever gets no answer must look what became of it."""
        given = base64.b64encode(stdin).decode()
        args = {"vm": vm, "command": command, "stdin": given, "seconds": seconds}
        return await self._ask(self._place(vm), "guest.exec", args, seconds + EXEC_SLACK)

    async def open_console(self, vm: int, kind: str) -> "FleetConsole":
        """Its serial console, or its screen."""
        place = self._place(vm)
        try:
            link = self.fleet.link(place)
        except AgentError as error:
            raise GuestUnreachable(error.message) from None
        console = FleetConsole(self.fleet, place, link, next(self._numbers))
        try:
            args = {"vm": vm, "console": console.number, "kind": kind}
            await self._ask(place, "console.open", args)
        except BaseException:
            console.forget()
            raise
        return console


class FleetConsole:
    """A console whose output comes as events of the host's link.

    The agent sends no more than a window beyond what it was told is passed on, so that little is held here. One
    that does is not listened to any more.
    """

    def __init__(self, fleet: Fleet, place: int, link: Link, number: int) -> None:
        self.fleet = fleet
        self.place = place
        self.link = link
        self.number = number
        self.held = 0
        self._output: asyncio.Queue[bytes | None] = asyncio.Queue()
        fleet.listeners.append(self._take)
        link.lost.add_done_callback(self.end)

    def _take(self, place: int, message: dict[str, Any]) -> None:
        if (place, message.get("event"), message.get("console")) != (
            self.place, "console", self.number,
        ):  # fmt: skip
            return
        data = b"" if message.get("closed") else base64.b64decode(message["data"])
        self.held += len(data)
        if message.get("closed") or self.held > WINDOW:
            self.end()
        else:
            self._output.put_nowait(data)

    async def output(self) -> AsyncIterator[bytes]:
        """What the guest says. What was taken before the next is asked for has been passed on."""
        passed_on = 0
        while (data := await self._output.get()) is not None:
            yield data
            self.held -= len(data)
            passed_on += len(data)
            if passed_on >= WINDOW // 4 or not self.held:
                await self._ask("console.passed-on", bytes=passed_on)
                passed_on = 0

    async def write(self, data: bytes) -> None:
        """What the user types."""
        await self._ask("console.write", data=base64.b64encode(data).decode())

    async def _ask(self, verb: str, **args: Any) -> None:
        try:
            await self.fleet.ask(self.place, verb, {"console": self.number, **args})
        except AgentError:
            self.end()

    def forget(self) -> None:
        """Hears nothing any more."""
        self.link.lost.remove_done_callback(self.end)
        if self._take in self.fleet.listeners:
            self.fleet.listeners.remove(self._take)

    def end(self, _lost: object = None) -> None:
        """Nothing more comes: the guest or its host is gone."""
        self.forget()
        self._output.put_nowait(None)

    async def close(self) -> None:
        """Ends it; an agent that is gone has ended it already."""
        self.forget()
        await self._ask("console.close")
