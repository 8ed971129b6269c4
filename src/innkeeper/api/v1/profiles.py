"""Declared profiles of hosts and clusters, drift, and repair."""

from typing import Any

import msgspec

from innkeeper.api.messages import HttpError, Request, Response
from innkeeper.api.routing import Route
from innkeeper.commands import profiles
from innkeeper.commands.auth import Authenticator
from innkeeper.commands.common import need
from innkeeper.commands.core import Core
from innkeeper.model.objects import Cluster, Host
from innkeeper.model.permissions import Right
from innkeeper.model.profiles import told

from .access import answer, caller_of, number

#: Bytes of a profile at most.
LONGEST = 1 << 18


class Profiles:
    """The endpoints."""

    def __init__(self, core: Core, authenticator: Authenticator) -> None:
        self.core = core
        self.authenticator = authenticator

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("GET", "/api/v1/hosts/{host}/profile", self.of_host),
            Route(
                "POST", "/api/v1/hosts/{host}/profile", self.declare_host, body="application/json"
            ),
            Route("DELETE", "/api/v1/hosts/{host}/profile", self.withdraw_host),
            Route("POST", "/api/v1/hosts/{host}/repair", self.repair),
            Route("GET", "/api/v1/clusters/{cluster}/profile", self.of_cluster),
            Route(
                "POST",
                "/api/v1/clusters/{cluster}/profile",
                self.declare_cluster,
                body="application/json",
            ),
            Route("DELETE", "/api/v1/clusters/{cluster}/profile", self.withdraw_cluster),
        ]

    async def of_host(self, request: Request) -> Response:
        """What a host is to be like, with its cluster's part, and where it is not."""
        caller = await caller_of(request, self.authenticator)
        host = need(self.core.world, Host, number(request, "host"), caller, Right.MANAGE)
        found = profiles.shown(self.core.world, host)
        await self.core.settled()
        return answer(found)

    async def of_cluster(self, request: Request) -> Response:
        """What is declared for a cluster's hosts."""
        caller = await caller_of(request, self.authenticator)
        cluster = need(self.core.world, Cluster, number(request, "cluster"), caller, Right.USE)
        found = told(cluster.profile) if cluster.profile is not None else None
        await self.core.settled()
        return answer({"declared": found})

    async def declare_host(self, request: Request) -> Response:
        """Declares what a host is to be like; null takes it back."""
        return await self._declare(request, Host, "host", _json(await request.body(LONGEST)))

    async def withdraw_host(self, request: Request) -> Response:
        """Declares nothing of a host any more."""
        return await self._declare(request, Host, "host", None)

    async def declare_cluster(self, request: Request) -> Response:
        """Declares what each host of a cluster is to be like; null takes it back."""
        return await self._declare(request, Cluster, "cluster", _json(await request.body(LONGEST)))

    async def withdraw_cluster(self, request: Request) -> Response:
        """Declares nothing of a cluster's hosts any more."""
        return await self._declare(request, Cluster, "cluster", None)

    async def _declare(
        self, request: Request, kind: type[Host] | type[Cluster], name: str, said: Any
    ) -> Response:
        caller, which = await caller_of(request, self.authenticator), number(request, name)
        await self.core.run(lambda tx: profiles.declare(tx, caller, kind, which, said), caller.uid)
        return answer({"id": which})

    async def repair(self, request: Request) -> Response:
        """Lets a host put right what is not as declared."""
        caller, which = await caller_of(request, self.authenticator), number(request, "host")
        await self.core.run(lambda tx: profiles.start_repair(tx, caller, which), caller.uid)
        return answer({"id": which}, 202)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as wrong:
        raise HttpError(400, f"a profile in JSON is expected: {wrong}") from None
