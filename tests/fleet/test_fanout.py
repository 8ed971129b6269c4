"""Base images from host to host: who is asked, with what, and what happens when that does not work."""

from __future__ import annotations

import asyncio
from typing import Any

from innkeeper.fleet.fanout import FanOut
from innkeeper.fleet.link import AgentError
from innkeeper.model.objects import Host
from innkeeper.model.world import Transaction, World

DIGEST = "d" * 64


class ScriptedLink:
    """A link whose agent answers what it was told to."""

    shares_files = False

    def __init__(self, **answers: Any) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def request(self, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((verb, args))
        answer = self.answers.get(verb.replace(".", "_"), {})
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def upload(self, source: str, target: str, sha256: str) -> None:
        raise AssertionError("nothing is uploaded here")

    async def close(self) -> None:
        """Nothing to end."""


def three_hosts(**facts: Any) -> World:
    world = World()
    tx = Transaction(world, 1.0)
    for number in range(3):
        told = {"peer_key": f"key-{number}", **facts}
        tx.put(Host(id=number, name=f"h{number}", im_mad="kvm", vm_mad="kvm", facts=told))
    return world


MISSING = AgentError("missing", "it is not here")


def test_a_host_that_has_it_gives_it_by_its_door() -> None:
    async def main() -> None:
        links = [ScriptedLink(base_give={"port": 49152}) for _ in range(3)]
        fanout = FanOut(three_hosts(), links.__getitem__)
        fanout.has(1, DIGEST)
        assert await fanout.bring(2, links[2], DIGEST)
        assert links[0].asked == []
        assert links[1].asked == [("base.give", {"name": DIGEST, "key": "key-2"})]
        peer = {"address": "h1", "port": 49152, "key": "key-1"}
        assert links[2].asked == [("base.fetch", {"name": DIGEST, "peer": peer})]

    asyncio.run(main())


def test_who_got_it_last_is_asked_first() -> None:
    async def main() -> None:
        links = [ScriptedLink(base_give={"port": 1}) for _ in range(3)]
        fanout = FanOut(three_hosts(), links.__getitem__)
        fanout.has(0, DIGEST)
        fanout.has(1, DIGEST)
        assert await fanout.bring(2, links[2], DIGEST)
        assert not links[0].asked and links[1].asked

    asyncio.run(main())


def test_after_a_restart_hosts_are_asked_whether_they_have_it() -> None:
    async def main() -> None:
        links = [
            ScriptedLink(base_give=MISSING),
            ScriptedLink(base_give={"port": 2}),
            ScriptedLink(),
        ]
        fanout = FanOut(three_hosts(), links.__getitem__)
        assert await fanout.bring(2, links[2], DIGEST)
        assert [verb for verb, _ in links[0].asked] == ["base.give"]

    asyncio.run(main())


def test_hosts_that_do_not_reach_each_other_leave_it_to_the_front_end() -> None:
    async def main() -> None:
        away = AgentError("failed", "cannot reach the host")
        links = [
            ScriptedLink(base_give={"port": 1}),
            ScriptedLink(base_give={"port": 1}),
            ScriptedLink(base_fetch=away),
        ]
        fanout = FanOut(three_hosts(), links.__getitem__)
        assert not await fanout.bring(2, links[2], DIGEST)

    asyncio.run(main())


def test_a_holder_that_is_gone_keeps_nobody_from_being_asked() -> None:
    async def main() -> None:
        links = [ScriptedLink(base_give={"port": 1}), None, ScriptedLink()]
        fanout = FanOut(three_hosts(), links.__getitem__)
        fanout.has(1, DIGEST)
        assert not await fanout.bring(2, links[2], DIGEST)  # type: ignore[arg-type]
        assert await fanout.bring(2, links[2], DIGEST)  # type: ignore[arg-type]

    asyncio.run(main())


def test_hosts_without_keys_are_left_alone() -> None:
    async def main() -> None:
        links = [ScriptedLink() for _ in range(3)]
        fanout = FanOut(three_hosts(peer_key=None), links.__getitem__)
        fanout.has(0, DIGEST)
        assert not await fanout.bring(2, links[2], DIGEST)
        assert not any(link.asked for link in links)

    asyncio.run(main())
