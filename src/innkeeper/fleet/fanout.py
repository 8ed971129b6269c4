"""Base images from host to host: the front end sends each once, and hosts that have it pass it on.

A host that has a base opens a door for the key of the one that lacks it (docs/agent-protocol.md). Whatever goes wrong
between two hosts (no way from one to the other, for one), the front end's own file is there.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from innkeeper.lifecycle.operations.moving import address_of
from innkeeper.model.world import World

from .link import AgentError, Link, LinkLost, Result

log = logging.getLogger(__name__)

#: Seconds within which a host must say whether it gives, and that the bytes may take.
ASKING, FETCHING = 30.0, 6 * 3600.0
#: How many hosts of which nothing is known are asked whether they have a base.
ASKED = 4

LinkOf = Callable[[int], Link | None]


class FanOut:
    """Who has which base, as far as is known."""

    def __init__(self, world: World, link_of: LinkOf) -> None:
        self._world = world
        self._link_of = link_of
        self._holders: dict[str, dict[int, None]] = {}

    def has(self, place: int, digest: str) -> None:
        """A host has a base now."""
        self._holders.setdefault(digest, {})[place] = None

    async def bring(self, place: int, link: Link, digest: str) -> bool:
        """Has another host give the base to this one; False when none can."""
        key = self._key(place)
        if key is None:
            return False
        for giver in self._candidates(place, digest):
            try:
                if await self._from(giver, link, key, digest):
                    self.has(place, digest)
                    return True
            except (AgentError, LinkLost, TimeoutError) as error:
                log.info(
                    "host %d does not give base %.12s to host %d: %s", giver, digest, place, error
                )
                if link.lost.done():
                    raise LinkLost(link.lost.result()) from error
            self._holders.get(digest, {}).pop(giver, None)
        return False

    def _key(self, place: int) -> str | None:
        host = self._world.hosts.get(place)
        return None if host is None else host.facts.get("peer_key")

    def _candidates(self, place: int, digest: str) -> Iterator[int]:
        """Hosts that have it, those first that got it last (they have given it least); else a few that might."""
        known = [number for number in reversed(self._holders.get(digest, {})) if number != place]
        others = [host.id for host in self._world.hosts if host.id != place]
        yield from known or others[:ASKED]

    async def _from(self, giver: int, link: Link, key: str, digest: str) -> bool:
        theirs, host = self._link_of(giver), self._world.hosts.get(giver)
        if theirs is None or host is None or theirs.shares_files or self._key(giver) is None:
            return False
        given = await _ask(theirs, ASKING, "base.give", {"name": digest, "key": key})
        peer = {"address": address_of(host), "port": given.get("port"), "key": self._key(giver)}
        await _ask(link, FETCHING, "base.fetch", {"name": digest, "peer": peer})
        log.info("base %.12s has come from %s", digest, host.name)
        return True


async def _ask(link: Link, seconds: float, verb: str, args: Result) -> Result:
    async with asyncio.timeout(seconds):
        return await link.request(verb, args)
