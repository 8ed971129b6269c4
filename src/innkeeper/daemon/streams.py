"""Streams of bytes between the front end and guests, carried by the links to their hosts.

Theory of operation
-------------------
What an agent reads for a stream comes as events of its link. It sends no more than a window beyond what it was told is
passed on, so that little is held here; one that does is not listened to any more. What goes to a guest is kept in
bounds by whoever writes: a console waits for each answer, a connection has a window of its own, which grows again by
what the guest has taken. So a side that does not read costs a window, and holds up nobody else on the link.
"""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError, Link

from .tasks import begun

#: Bytes of a stream that an agent sends before it is told that some were passed on (host/console.py).
WINDOW = 256 << 10
#: Seconds in which a connection must be open: as many as all of a guest's addresses may take.
PATIENCE = 25.0


class FleetStream:
    """A stream of one kind, which is what its verbs and events begin with."""

    KIND: ClassVar[str]

    def __init__(self, fleet: Fleet, place: int, link: Link, number: int) -> None:
        self.fleet = fleet
        self.place = place
        self.link = link
        self.number = number
        self.held = 0
        self._output: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._given_up: asyncio.Task[None] | None = None
        fleet.listeners.append(self._take)
        link.lost.add_done_callback(self.end)

    def _take(self, place: int, message: dict[str, Any]) -> None:
        if (place, message.get("event"), message.get(self.KIND)) != (
            self.place, self.KIND, self.number,
        ):  # fmt: skip
            return
        self._heard(message)

    def _heard(self, message: dict[str, Any]) -> None:
        data = b"" if message.get("closed") else base64.b64decode(message.get("data", ""))
        self.held += len(data)
        if message.get("closed") or self.held > WINDOW:
            self.end()
        elif data:
            self._output.put_nowait(data)

    async def output(self) -> AsyncIterator[bytes]:
        """What the guest says. What was taken before the next is asked for has been passed on."""
        passed_on = 0
        while (data := await self._output.get()) is not None:
            yield data
            self.held -= len(data)
            passed_on += len(data)
            if passed_on >= WINDOW // 4 or not self.held:
                await self._ask("passed-on", bytes=passed_on)
                passed_on = 0

    async def open(self, **args: Any) -> None:
        """Asks the agent to open it. Raises GuestUnreachable, and listens no more then."""
        try:
            await self.fleet.ask(self.place, f"{self.KIND}.open", {self.KIND: self.number, **args})
        except BaseException as problem:
            self.forget()
            # The agent may have opened it all the same, or be about to: its answer is late, or nobody waits for it.
            self._given_up = begun(self._ask("close"), f"giving up {self.KIND} {self.number}")
            if isinstance(problem, AgentError):
                raise GuestUnreachable(problem.message) from None
            raise

    async def _ask(self, verb: str, **args: Any) -> None:
        try:
            await self.fleet.ask(
                self.place, f"{self.KIND}.{verb}", {self.KIND: self.number, **args}
            )
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
        await self._ask("close")


class FleetConsole(FleetStream):
    """A guest's serial console, or its screen."""

    KIND = "console"

    async def write(self, data: bytes) -> None:
        """What the user types."""
        await self._ask("write", data=base64.b64encode(data).decode())


class FleetConnection(FleetStream):
    """A TCP connection to a guest. `why` tells how it ended, when that was not the guest's own doing."""

    KIND = "connection"

    def __init__(self, fleet: Fleet, place: int, link: Link, number: int) -> None:
        super().__init__(fleet, place, link, number)
        self.why = ""
        self.room = WINDOW
        self.over = False
        self._news = asyncio.Event()
        self._opened = False

    def _heard(self, message: dict[str, Any]) -> None:
        self.room += int(message.get("took", 0))
        self._opened |= bool(message.get("open"))
        self.why = str(message.get("why", self.why))
        if message.get("ended"):
            self._output.put_nowait(None)
        super()._heard(message)
        self._news.set()

    async def opened(self) -> None:
        """Waits until the guest has accepted it; raises GuestUnreachable."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._opened and not self.over:
                    await self._change()
        except TimeoutError:
            self.why = f"nothing answers within {PATIENCE:g} s"
        if not self._opened:
            raise GuestUnreachable(self.why or "its host is gone")

    async def write(self, data: bytes) -> None:
        """Sends bytes, as soon as the guest has taken enough of what came before."""
        while self.room < len(data) and not self.over:
            await self._change()
        if not self.over:
            self.room -= len(data)
            await self._ask("send", data=base64.b64encode(data).decode())

    async def _change(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def gone(self) -> None:
        """Waits until it is closed altogether."""
        while not self.over:
            await self._change()

    async def finish(self) -> None:
        """Nothing more will be written; the guest may say more."""
        if not self.over:
            await self._ask("end")

    def end(self, _lost: object = None) -> None:
        self.over = True
        super().end()
        self._news.set()


class Streams:
    """Opens streams; each has a number of its own."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._numbers = itertools.count(1)

    def _link(self, place: int) -> Link:
        try:
            return self.fleet.link(place)
        except AgentError as error:
            raise GuestUnreachable(error.message) from None

    async def console(self, place: int, vm: int, kind: str) -> FleetConsole:
        """A console of a guest. Raises GuestUnreachable."""
        console = FleetConsole(self.fleet, place, self._link(place), next(self._numbers))
        await console.open(vm=vm, kind=kind)
        return console

    @asynccontextmanager
    async def connection(
        self, place: int, bridge: str, addresses: list[str], port: int
    ) -> AsyncIterator[FleetConnection]:
        """A connection by way of a host's bridge, to the first of these addresses that accepts it.

        Raises GuestUnreachable.
        """
        made = FleetConnection(self.fleet, place, self._link(place), next(self._numbers))
        await made.open(bridge=bridge, addresses=addresses, port=port)
        try:
            await made.opened()
            yield made
        finally:
            await made.close()
