"""Health and figures for machines: /healthz and /metrics (Prometheus text format)."""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain

from innkeeper.api.latencies import Latencies
from innkeeper.api.messages import Request, Response
from innkeeper.api.routing import Route
from innkeeper.commands.core import Core
from innkeeper.model.samples import Figures

from .access import answer
from .exposition import TEXT, exposition, gauge, histogram
from .metrics import Measured, families


class Health:
    """Answers whether the front end works, how much it has, and how fast it is."""

    def __init__(
        self,
        core: Core,
        version: str,
        monitoring: Measured,
        latencies: Latencies,
        backstage: Callable[[], Figures],
    ) -> None:
        self.core = core
        self.version = version
        self.monitoring = monitoring
        self.latencies = latencies
        self.backstage = backstage

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("GET", "/healthz", self.healthz), Route("GET", "/metrics", self.metrics)]

    async def healthz(self, request: Request) -> Response:
        """200 while changes are possible, 503 when the store has failed."""
        failure = self.core.failure
        body = {
            "ok": not failure,
            "version": self.version,
            **({"failure": failure} if failure else {}),
        }
        return answer(body, 503 if failure else 200)

    async def metrics(self, request: Request) -> Response:
        """All figures."""
        version = gauge("info", "The release that runs", [({"version": self.version}, 1)])
        text = "How long calls took, from their authentication to their answer"
        calls = histogram("call_seconds", text, "method", self.latencies.histograms())
        found = families(self.core, self.monitoring, self.backstage)
        pieces = exposition(chain((version, calls), found))
        return Response(_one_by_one(pieces), content_type=TEXT)


async def _one_by_one(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What is made while it is sent."""
    for piece in pieces:
        yield piece
