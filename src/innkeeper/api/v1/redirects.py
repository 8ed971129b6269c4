"""Redirects of VMs: asked for, listed, ended."""

from typing import Any

from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.api.routing import Route
from innkeeper.commands import redirects
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.common import need
from innkeeper.commands.core import Core
from innkeeper.commands.redirects import Limits, Wish
from innkeeper.model.objects import Redirect, Vm
from innkeeper.model.permissions import Caller, Right

from .access import answer, caller_of, number
from .ports import Doors
from .rest.bodies import read

#: Bytes of a request, and ports that are tried when other programs have them.
LONGEST, TRIES = 4096, 16


class Redirects:
    """The endpoints. `shown` is what users are told instead of the address that is listened on."""

    def __init__(
        self, core: Core, authenticator: Authenticator, doors: Doors, limits: Limits, shown: str
    ) -> None:
        self.core = core
        self.authenticator = authenticator
        self.doors = doors
        self.limits = limits
        self.shown = shown

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("GET", "/api/v1/vms/{vm}/redirects", self.all),
            Route("POST", "/api/v1/vms/{vm}/redirects", self.add, body=Wish),
            Route("DELETE", "/api/v1/vms/{vm}/redirects/{redirect}", self.remove),
        ]

    async def all(self, request: Request) -> Response:
        """The redirects of a VM."""
        caller = await caller_of(request, self.authenticator)
        vm = need(self.core.world, Vm, number(request, "vm"), caller, Right.USE)
        await self.core.settled()
        return answer({"redirects": [self._described(each) for each in vm.redirects]})

    def _described(self, redirect: Redirect) -> dict[str, Any]:
        why = self.doors.problem(redirect.id)
        described = {name: getattr(redirect, name) for name in redirect.__struct_fields__}
        del described["name"]
        state = "failed" if why else "open"
        return {**described, "host": self.shown or redirect.address, "state": state, "why": why}

    async def add(self, request: Request) -> Response:
        """A new redirect, which listens when it is answered."""
        caller = await caller_of(request, self.authenticator)
        vm_id, wish = number(request, "vm"), read(await request.body(LONGEST), Wish)
        made = await self._opened(caller, vm_id, wish)
        return answer(self._described(made), 201)

    async def _opened(self, caller: Caller, vm_id: int, wish: Wish) -> Redirect:
        """One that listens: another port is chosen where another program has the first, unless that was asked for."""
        tried: set[int] = set()
        while True:
            avoid = frozenset(tried)
            made = await self.core.run(
                lambda tx, avoid=avoid: redirects.add(  # type: ignore[misc]
                    tx, caller, vm_id, wish, self.limits, avoid
                ),
                caller.uid,
            )
            why = self.doors.problem(made.id)
            if not why:
                return made
            number = made.id
            await self.core.run(
                lambda tx, number=number, why=why: redirects.drop(tx, vm_id, number, why)  # type: ignore[misc]
            )
            tried.add(made.port)
            if wish.port or len(tried) >= TRIES:
                raise HttpError(409, f"port {made.port} of {made.address} cannot be opened: {why}")

    async def remove(self, request: Request) -> Response:
        """Ends a redirect."""
        caller = await caller_of(request, self.authenticator)
        vm_id, redirect = number(request, "vm"), number(request, "redirect")
        await self.core.run(lambda tx: redirects.remove(tx, caller, vm_id, redirect), caller.uid)
        return answer({})
