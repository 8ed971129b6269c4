"""Serial consoles and screens over WebSockets, for programs that log in and for pages that have a token.

Theory of operation. A page cannot send credentials with a WebSocket, and what it can send must not be worth
stealing. So whoever may manage a VM gets a token for one console of it: a random word, kept here as its digest, good
for one use within a minute. The rights are looked at again when it is used. The bytes of the guest are passed on as
they come; a client that does not read keeps its console from sending more (see `Console.output`).
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress

import msgspec

from innkeeper.api.messages import ClientGone, HttpError, Request, Response, WebSocket
from innkeeper.api.problems import malformed
from innkeeper.api.routing import Route, SocketRoute
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.common import need
from innkeeper.commands.core import Core
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller, Right

from .access import answer, caller_of, number
from .ports import Console, Guests, GuestUnreachable

KINDS = ("serial", "vnc")
#: Seconds for which a token can be used, and how many of one user wait to be used at most.
LIFE, MOST = 60.0, 20
#: The subprotocol that noVNC asks for.
BINARY = "binary"


class Grant(msgspec.Struct, frozen=True):
    """What a token is good for."""

    caller: Caller
    vm: int
    kind: str
    until: float


class Tokens:
    """The tokens that wait to be used, by digest, oldest first. They end with the front end."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._grants: dict[str, Grant] = {}

    def make(self, caller: Caller, vm: int, kind: str) -> tuple[str, float]:
        """A new token and when it expires; the user's oldest one gives way when he has too many."""
        now = self._now()
        self._grants = {key: kept for key, kept in self._grants.items() if kept.until > now}
        own = [key for key, grant in self._grants.items() if grant.caller.uid == caller.uid]
        for key in own[: max(0, len(own) - MOST + 1)]:
            del self._grants[key]
        token = secrets.token_urlsafe(24)
        self._grants[_digest(token)] = Grant(caller, vm, kind, now + LIFE)
        return token, now + LIFE

    def use(self, token: str) -> Grant | None:
        """What a token is good for, once; None when it is none, was used or has expired."""
        grant = self._grants.pop(_digest(token), None)
        return grant if grant is not None and grant.until > self._now() else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Consoles:
    """The endpoints."""

    def __init__(self, core: Core, authenticator: Authenticator, guests: Guests) -> None:
        self.core = core
        self.authenticator = authenticator
        self.guests = guests
        self.tokens = Tokens(core.clock.time)

    def routes(self) -> list[Route | SocketRoute]:
        """Where they are."""
        return [
            Route("POST", "/api/v1/vms/{vm}/console-token", self.grant, {"kind": str}),
            Route("GET", "/api/v1/vms/{vm}/screenshot", self.screenshot, answers="image/png"),
            SocketRoute("/api/v1/vms/{vm}/console", self.by_login, {"kind": str}),
            SocketRoute("/api/v1/console", self.by_token, {"token": str}),
        ]

    async def _vm(self, request: Request) -> tuple[Caller, Vm]:
        caller = await caller_of(request, self.authenticator)
        return caller, self._managed(caller, number(request, "vm"))

    def _managed(self, caller: Caller, vm: int) -> Vm:
        return need(self.core.world, Vm, vm, caller, Right.MANAGE)

    async def grant(self, request: Request) -> Response:
        """A token for one console of a VM, and the page that shows it."""
        caller, vm = await self._vm(request)
        kind = _kind(request)
        token, until = self.tokens.make(caller, vm.id, kind)
        return answer({"token": token, "page": f"/console/#{kind}={token}", "expires": until}, 201)

    async def screenshot(self, request: Request) -> Response:
        """What the guest's screen shows."""
        _, vm = await self._vm(request)
        try:
            return Response(await self.guests.screenshot(vm.id), content_type="image/png")
        except GuestUnreachable as error:
            raise HttpError(409, f"the screen of VM {vm.id} cannot be seen: {error}") from None

    async def by_login(self, socket: WebSocket) -> None:
        """A console for a program that sends its credentials."""
        _, vm = await self._vm(socket.request)
        await self._connect(socket, vm, _kind(socket.request))

    async def by_token(self, socket: WebSocket) -> None:
        """A console for whoever has a token."""
        grant = self.tokens.use(dict(socket.request.query).get("token", ""))
        user = self.core.world.users.get(grant.caller.uid) if grant is not None else None
        if grant is None or user is None or not user.enabled:
            raise HttpError(401, "the token is wrong, was used before, or has expired")
        await self._connect(socket, self._managed(grant.caller, grant.vm), grant.kind)

    async def _connect(self, socket: WebSocket, vm: Vm, kind: str) -> None:
        try:
            console = await self.guests.open_console(vm.id, kind)
        except GuestUnreachable as error:
            raise HttpError(409, str(error)) from None
        try:
            await socket.accept(BINARY if BINARY in socket.protocols else None)
            await _talk(socket, console)
        finally:
            await console.close()


def _kind(request: Request) -> str:
    kind = dict(request.query).get("kind", "serial")
    if kind not in KINDS:
        raise malformed("kind", "serial or vnc", repr(kind[:40]))
    return kind


async def _talk(socket: WebSocket, console: Console) -> None:
    """Passes bytes both ways until either side ends."""

    async def to_guest() -> None:
        async for data in socket:
            await console.write(data if isinstance(data, bytes) else data.encode())

    async def to_user() -> None:
        async for data in console.output():
            await socket.send(data)

    tasks = [asyncio.create_task(work()) for work in (to_guest, to_user)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(ClientGone):
            await socket.close()
