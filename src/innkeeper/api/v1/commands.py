"""Commands inside guests (`inn vm exec`): asked for once, answered when they have ended."""

import msgspec

from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.api.problems import malformed
from innkeeper.api.routing import Route
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.common import need
from innkeeper.commands.core import Core
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Right

from .access import answer, caller_of, number
from .ports import Guests, GuestUnreachable
from .rest.bodies import read

#: Seconds that a command may take at most, and half the bytes of a request.
LONGEST_TIME, LONGEST = 3600.0, 1 << 20


class Command(msgspec.Struct, forbid_unknown_fields=True):
    """What a caller sends: a line for the guest's shell, its standard input in base64, and how long it may take."""

    command: str
    stdin: bytes = b""
    seconds: float = 60.0


class Commands:
    """The endpoint."""

    def __init__(self, core: Core, authenticator: Authenticator, guests: Guests) -> None:
        self.core = core
        self.authenticator = authenticator
        self.guests = guests

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("POST", "/api/v1/vms/{vm}/exec", self.execute, body=Command)]

    async def execute(self, request: Request) -> Response:
        """Runs a command in the guest, with all that its agent may do."""
        caller = await caller_of(request, self.authenticator)
        vm = need(self.core.world, Vm, number(request, "vm"), caller, Right.MANAGE)
        asked = _command(await request.body(2 * LONGEST))
        # Not what it is: commands have secrets.
        await self.core.run(lambda tx: tx.log(vm, "command run", by=caller.uid))
        try:
            found = await self.guests.execute(vm.id, asked.command, asked.stdin, asked.seconds)
        except GuestUnreachable as error:
            raise HttpError(409, f"no command runs in VM {vm.id}: {error}") from None
        return answer(found)


def _command(body: bytes) -> Command:
    asked = read(body, Command)
    if not asked.command or "\0" in asked.command:
        raise HttpError(400, "command must be a text without NUL characters")
    if not 0 < asked.seconds <= LONGEST_TIME:
        raise malformed("seconds", f"up to {LONGEST_TIME:g}", f"{asked.seconds:g}")
    return asked
