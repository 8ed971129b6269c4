"""Logs, consoles and screens of guests, by way of their hosts' agents."""

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError
from innkeeper.model import addresses
from innkeeper.model.indexes import mac_number
from innkeeper.model.world import World

from .streams import FleetConnection, FleetConsole, Streams

#: Bytes of a log in one answer.
PIECE = 256 << 10
#: Addresses that a NIC is leased, in the order in which they are tried.
LEASED = ("IP", "IP6", "IP6_GLOBAL", "IP6_ULA")
#: Seconds that starting a command in a guest, and telling its end, may take beside the command.
EXEC_SLACK = 60.0


class FleetGuests:
    """What can be asked about a guest on its host."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self.world = world
        self.fleet = fleet
        self.streams = Streams(fleet)

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

    async def open_console(self, vm: int, kind: str) -> FleetConsole:
        """Its serial console, or its screen."""
        return await self.streams.console(self._place(vm), vm, kind)

    def connect(
        self, vm: int, nic_id: int, port: int
    ) -> AbstractAsyncContextManager[FleetConnection]:
        """A connection to a port behind one of its NICs, at the addresses that are leased to that."""
        found = self.world.vms.get(vm)
        nic = next((n for n in found.nics if n["NIC_ID"] == str(nic_id)), None) if found else None
        if found is None or nic is None or found.place is None:
            raise GuestUnreachable("it is on no host" if nic else "it has no such NIC")
        leased = [nic[name] for name in LEASED if nic.get(name)]
        # Guests that were given no IPv6 address have this one all the same, unless they make up another.
        own = addresses.eui64("fe80::", mac_number(nic["MAC"]))
        where = list(dict.fromkeys((*leased, own)))
        return self.streams.connection(found.place.host_id, nic.get("BRIDGE", ""), where, port)
