"""Redirects at work: a listener for each one in the records, and connections carried to the guests.

Theory of operation
-------------------
The records say which listeners there are to be (`commands/redirects.py`), and are durable before one is opened.
Whatever becomes durable about a VM, its listeners are compared with its record; a front end that starts opens all of
them. So one ends with its VM, and nothing has to be cleaned up after a crash. The clock takes the records of those
whose time is over, or whose NIC is gone. A listener that cannot be opened (another program has the port) is tried again
and again.

Who connects gets a connection from the guest's host to the address leased to the NIC at that moment; without a host, or
when the guest does not answer, it is closed at once. What ends the redirect ends its connections.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.commands.core import Core
from innkeeper.commands.redirects import drop, outlived
from innkeeper.model.objects import Redirect
from innkeeper.store.journal import EventRow

from .streams import FleetConnection

log = logging.getLogger(__name__)

#: Seconds between looks at the clock, which somebody may have set, and at listeners that could not be opened.
LOOK_AGAIN = 60.0
#: Connections through one redirect at once.
MOST = 64
_PIECE = 32 << 10

Connect = Callable[[int, int, int], AbstractAsyncContextManager[FleetConnection]]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Door(Protocol):
    """An open listener."""

    def close(self) -> None:
        """Ends it, and all connections that came through it."""
        ...


#: Opens a listener on an address and port; raises OSError.
OpenDoor = Callable[[str, int, Serve], Door]


class Redirector:
    """Keeps the listeners as the records have them. `connect` leads to a port behind a NIC of a VM."""

    def __init__(self, core: Core, connect: Connect, open_door: OpenDoor) -> None:
        self.core = core
        self.connect = connect
        self.open_door = open_door
        self._doors: dict[int, dict[int, Door]] = {}
        self._problems: dict[int, str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Opens what the records have."""
        for vm_id in list(self.core.world.redirects.vms):
            self._settle(vm_id)
        self._arm()

    def stop(self) -> None:
        """Closes everything; the records stay."""
        if self._timer is not None:
            self._timer.cancel()
        for vm_id in list(self._doors):
            self._close(vm_id, set())

    def follow(self, events: tuple[EventRow, ...]) -> None:
        """What became durable."""
        redirected = self.core.world.redirects.vms
        vms = {row.id for row in events if row.kind == "vm"}
        changed = [vm for vm in sorted(vms) if vm in redirected or vm in self._doors]
        for vm_id in changed:
            self._settle(vm_id)
        if changed:
            self._arm()

    def problem(self, redirect_id: int) -> str:
        """Why a redirect's listener is not open; empty when it is."""
        return self._problems.get(redirect_id, "")

    @property
    def open_ports(self) -> int:
        """How many listeners there are."""
        return sum(map(len, self._doors.values()))

    def _settle(self, vm_id: int) -> None:
        """Makes a VM's listeners those of its record."""
        vm, now = self.core.world.vms[vm_id], self.core.clock.time()
        wanted = {each.id: each for each in vm.redirects if not outlived(vm, each, now)}
        self._close(vm_id, set(wanted))
        for number in wanted.keys() - self._doors.get(vm_id, {}).keys():
            self._open(vm_id, wanted[number])

    def _open(self, vm_id: int, redirect: Redirect) -> None:
        serve = self._server(vm_id, redirect)
        try:
            door = self.open_door(redirect.address, redirect.port, serve)
        except OSError as error:
            self._problems[redirect.id] = error.strerror or str(error)
            text = "port %d of %s, which leads to VM %d, cannot be opened: %s"
            log.warning(text, redirect.port, redirect.address, vm_id, error)
        else:
            self._problems.pop(redirect.id, None)
            self._doors.setdefault(vm_id, {})[redirect.id] = door

    def _close(self, vm_id: int, kept: set[int]) -> None:
        doors = self._doors.get(vm_id, {})
        for number in doors.keys() - kept:
            doors.pop(number).close()
        if not doors:
            self._doors.pop(vm_id, None)
        known = {each for each, _ in self._redirects()}
        self._problems = {each: why for each, why in self._problems.items() if each in known}

    def _redirects(self) -> Iterator[tuple[int, Redirect]]:
        world = self.core.world
        for vm_id in world.redirects.vms:
            for redirect in world.vms[vm_id].redirects:
                yield redirect.id, redirect

    # -- the clock

    def _arm(self) -> None:
        """Waits until the next redirect outlives its use."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        world, now = self.core.world, self.core.clock.time()
        ends = [
            now if outlived(vm, redirect, now) else redirect.until
            for vm in map(world.vms.__getitem__, world.redirects.vms)
            for redirect in vm.redirects
        ]
        if ends and not self.core.failure:
            wait = min(max(min(ends) - now, 0.0), LOOK_AGAIN)
            self._timer = asyncio.get_running_loop().call_later(wait, self._look)

    def _look(self) -> None:
        world, now = self.core.world, self.core.clock.time()
        for vm_id in list(world.redirects.vms):
            vm = world.vms[vm_id]
            for redirect in vm.redirects:
                why = outlived(vm, redirect, now)
                if why and not self.core.failure:
                    self._end(vm_id, redirect.id, why)
            if any(redirect.id in self._problems for redirect in vm.redirects):
                self._settle(vm_id)
        self._arm()

    def _end(self, vm_id: int, number: int, why: str) -> None:
        self.core.transact(lambda tx: drop(tx, vm_id, number, why))

    # -- connections

    def _server(self, vm_id: int, redirect: Redirect) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                async with self.connect(vm_id, redirect.nic, redirect.to) as connection:
                    await relay(reader, writer, connection)
            except GuestUnreachable as error:
                text = "port %d leads to port %d of VM %d, which cannot be reached: %s"
                log.info(text, redirect.port, redirect.to, vm_id, error)

        return serve


class _Over(Exception):
    """The guest has said all, and hears no more."""


async def relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: FleetConnection
) -> None:
    """Passes bytes both ways until both sides have ended, or either is gone."""

    async def to_guest() -> None:
        while data := await reader.read(_PIECE):
            await connection.write(data)
        await connection.finish()

    async def to_user() -> None:
        async for data in connection.output():
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        await connection.gone()
        raise _Over

    tasks = [asyncio.create_task(work()) for work in (to_guest, to_user)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class SocketDoor:
    """A TCP listener of this machine."""

    def __init__(self, address: str, port: int, serve: Serve) -> None:
        self._serve = serve
        self._socket = _listening(address, port)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._accepting = asyncio.create_task(self._accept())

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._socket)
            except OSError as error:  # too many open files, for one
                log.warning("a redirect takes no connection: %s", error)
                await asyncio.sleep(1.0)
                continue
            if len(self._tasks) >= MOST:
                client.close()
                continue
            task = asyncio.create_task(self._talk(client))
            self._tasks[task] = None
            task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _talk(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader, writer = await asyncio.open_connection(sock=client)
            try:
                await self._serve(reader, writer)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    def close(self) -> None:
        self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        self._socket.close()


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(MOST)
    except OSError:
        made.close()
        raise
    return made
