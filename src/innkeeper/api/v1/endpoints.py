"""The endpoints themselves."""

import msgspec

from innkeeper import __version__
from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.api.problems import Problem, malformed
from innkeeper.api.routing import Route
from innkeeper.api.xmlrpc.nouns import system
from innkeeper.commands import acl, doctor
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.common import need
from innkeeper.commands.core import Core
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.placement.decide import explain

from .access import answer, caller_of, number, option
from .ports import Guests, GuestUnreachable

#: Events in a story at most.
PAGE = 1000


class Endpoints:
    """Why, log, story, doctor."""

    def __init__(self, core: Core, authenticator: Authenticator, guests: Guests) -> None:
        self.core = core
        self.authenticator = authenticator
        self.guests = guests

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("GET", "/api/v1/vms/{vm}/why", self.why),
            Route("GET", "/api/v1/vms/{vm}/log", self.log, {"which": str, "offset": int}),
            Route("GET", "/api/v1/vms/{vm}/story", self.story),
            Route("GET", "/api/v1/acl/why", self.may, {"user": str, "right": str, "object": str}),
            Route("GET", "/api/v1/version", self.version),
            Route("GET", "/api/v1/doctor", self.examine),
            Route("GET", "/api/v1/audit", self.audit, {"after": int, "limit": int}),
        ]

    async def _vm(self, request: Request, right: Right) -> Vm:
        caller = await caller_of(request, self.authenticator)
        return need(self.core.world, Vm, number(request, "vm"), caller, right)

    async def _admin(self, request: Request) -> Caller:
        caller = await caller_of(request, self.authenticator)
        if not caller.admin:
            raise HttpError(403, "this is for administrators")
        return caller

    async def why(self, request: Request) -> Response:
        """Why is the VM where it is, or nowhere?"""
        vm = await self._vm(request, Right.USE)
        explained = explain(self.core.world, vm, self.core.clock.time())
        await self.core.settled()
        return answer(explained)

    async def may(self, request: Request) -> Response:
        """May a user do something to an object, and what says so?"""
        caller = await caller_of(request, self.authenticator)
        query = dict(request.query)
        missing = [name for name in ("user", "right", "object") if not query.get(name)]
        if missing:
            wanted = "user, right and object"
            text = f"{missing[0]} is missing: {wanted} are expected"
            raise Problem(400, text, field=missing[0], expected=wanted, found="nothing")
        told = acl.why(self.core.world, caller, query["user"], query["right"], query["object"])
        await self.core.settled()
        return answer(told)

    async def log(self, request: Request) -> Response:
        """What the guest wrote on its serial port, or its hypervisor in its log."""
        vm = await self._vm(request, Right.MANAGE)
        which = dict(request.query).get("which", "serial")
        if which not in ("serial", "qemu"):
            raise malformed("which", "serial or qemu", repr(which[:40]))
        try:
            return answer(await self.guests.read_log(vm.id, which, option(request, "offset", 0)))
        except GuestUnreachable as error:
            raise HttpError(409, f"the log of VM {vm.id} cannot be read: {error}") from None

    async def story(self, request: Request) -> Response:
        """What happened to the VM."""
        vm = await self._vm(request, Right.USE)
        rows = self.core.journal.events(0, PAGE, (Vm.KIND, vm.id))
        return answer(
            {"events": [{"seq": seq, **msgspec.structs.asdict(row)} for seq, row in rows]}
        )

    async def examine(self, request: Request) -> Response:
        """Is everything as it should be?"""
        await self._admin(request)
        findings = doctor.examine(self.core.world, self.core.clock.time())
        await self.core.settled()
        return answer({"ok": not findings, "findings": findings})

    async def version(self, request: Request) -> Response:
        """The release of this front end, and that of OpenNebula whose API it keeps."""
        await caller_of(request, self.authenticator)
        return answer({"innkeeper": __version__, "opennebula": system.VERSION})

    async def audit(self, request: Request) -> Response:
        """The audit log from a line on, as it is stored: `rows`, and the number of the `last` one there is."""
        await self._admin(request)
        after, limit = option(request, "after", 0), option(request, "limit", 100, PAGE) or 1
        await self.core.settled()
        rows = self.core.journal.audit(after, limit)
        return answer({"rows": rows, "last": self.core.trail.last.seq})
