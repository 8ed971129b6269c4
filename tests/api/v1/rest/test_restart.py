"""What a request named, and how operations ended, is known to the next front end."""

import asyncio
import json
from typing import Any

from innkeeper.api import direct
from innkeeper.model.replays import Replay
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.remote import ADMIN, _authorization
from innkeeper.sim.zone import Zone

BODY = json.dumps({"template": {"name": "one", "cpu": 0.1, "memory": 16}}).encode()


async def ask(
    zone: Zone, verb: str, path: str, body: bytes = b"", key: str = ""
) -> tuple[int, Any]:
    headers = [
        *_authorization(ADMIN),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ]
    reply = await direct.exchange(zone.living.application(), verb, f"/api/v1{path}", body, headers)
    return reply.status, json.loads(reply.body)


def test_a_request_that_was_answered_is_answered_alike_after_a_death() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults(), commit_time=0.02)
        await zone.start()
        first = await ask(zone, "POST", "/vms", BODY, "once")
        assert first[0] == 201
        zone.die()
        await zone.start()
        assert await ask(zone, "POST", "/vms", BODY, "once") == first
        assert len(zone.world.vms) == 1
        again = await ask(zone, "POST", "/vms", BODY.replace(b"one", b"two"), "once")
        assert again[0] == 409 and len(zone.world.vms) == 1

    run(main, seed=1)


def test_neither_or_both_of_a_change_and_its_answer_are_there() -> None:
    async def main(loop: VirtualLoop) -> None:
        for turn in range(12):
            zone = Zone(loop, NoFaults(), commit_time=0.02)
            await zone.start()
            asked = loop.create_task(ask(zone, "POST", "/vms", BODY, "once"))
            await asyncio.sleep(turn * 0.003)
            zone.die(keep_some=True)
            asked.cancel()
            await zone.start()
            assert len(zone.world.vms) == len(zone.world.table(Replay))
            assert (await ask(zone, "POST", "/vms", BODY, "once"))[0] == 201
            assert len(zone.world.vms) == 1

    run(main, seed=1)


def test_how_an_operation_ended_is_known_after_a_death() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults(), commit_time=0.02)
        await zone.start()
        await zone.add_host("node")
        await zone.until(zone.all_up, 60, "the host is up")
        await ask(zone, "POST", "/vms", BODY)
        await zone.until(lambda: bool(len(zone.world.operations)), 10, "it is deployed")
        number = next(iter(zone.world.operations)).id
        assert (await ask(zone, "GET", f"/operations/{number}?wait=60"))[1]["state"] == "finished"
        zone.die()
        await zone.start()
        assert (await ask(zone, "GET", f"/operations/{number}"))[1]["state"] == "finished"

    run(main, seed=1)
