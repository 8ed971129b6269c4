"""The same history through XML-RPC and through REST ends in the same state, down to the last stored record."""

import asyncio
import base64
import hashlib
import json
import os
import random
import xmlrpc.client
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from innkeeper.api import direct
from innkeeper.api.problems import STATUS
from innkeeper.api.v1.rest.shapes import seen
from innkeeper.model.errors import Code
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.remote import RemotePeople
from innkeeper.sim.zone import Zone
from tests.api.v1.rest.histories import Historian, Said, records

#: Operations of a history, and after how many of them the states are compared.
LENGTH, STRETCH = int(os.environ.get("INN_OPERATIONS", "2000")), 25
#: Whether it was done, or the HTTP status of its refusal.
Answer = int
Carrier = Callable[[Any, Said], Awaitable[Answer]]


async def by_xmlrpc(app: Any, said: Said) -> Answer:
    body = xmlrpc.client.dumps((said.session, *said.args), said.method).encode()
    reply = await direct.exchange(app, "POST", "/RPC2", body, [("content-type", "text/xml")])
    done, text, code, *_ = xmlrpc.client.loads(reply.body)[0][0]  # type: ignore[misc]
    assert "internal error" not in str(text), (said, text)
    return 200 if done else STATUS[Code(code)]


async def by_rest(app: Any, said: Said) -> Answer:
    word = base64.b64encode(said.session.encode()).decode()
    headers = [("authorization", f"Basic {word}"), ("content-type", "application/json")]
    body = b"" if said.body is None else json.dumps(said.body).encode()
    reply = await direct.exchange(app, said.verb, f"/api/v1{said.path}", body, headers)
    assert reply.status < 500, (said, reply.body)
    return 200 if reply.status < 300 else reply.status


def state(zone: Zone) -> str:
    """A digest of all stored records, of the numbers that were given, and of everything that has happened."""
    encode = msgspec.json.Encoder(order="sorted").encode
    whole = hashlib.sha256()
    for record in records(zone.world):
        whole.update(encode([record.KIND, seen(type(record)).convert(record)]))
    whole.update(
        encode({name: n for name, n in zone.world.counters.items() if name != "replay" and n})
    )
    for number, row in zone.events():
        whole.update(encode([number, row]))
    return whole.hexdigest()


async def live(
    loop: VirtualLoop, carry: Carrier, length: int
) -> tuple[list[str], list[Answer], list[Said]]:
    """A history in a zone of its own: its states on the way, the answers, and what was said."""
    zone = Zone(loop, NoFaults(), monitor_every=600.0)
    await zone.start()
    people = RemotePeople(zone, loop.random, 60)
    await people.settle_in()
    for number in range(6):
        await people.add_host(f"node-{number}")
    await zone.until(zone.all_up, 60, "the hosts are up")
    app = zone.living.application()
    historian = Historian(random.Random(f"history of {length}"), zone.world)
    states, answers, told = [], [], []
    for number in range(length):
        said = historian.draw()
        told.append(said)
        answers.append(await carry(app, said))
        await asyncio.sleep(historian.chance.choice((0.0, 0.1, 1.0, 5.0)))
        zone.check_alive()
        if number % STRETCH == STRETCH - 1:
            states.append(state(zone))
    await zone.until(zone.idle, 7200, "everything has come to rest")
    return [*states, state(zone)], answers, told


def history(carry: Carrier, length: int) -> tuple[list[str], list[Answer], list[Said]]:
    async def main(loop: VirtualLoop) -> tuple[list[str], list[Answer], list[Said]]:
        return await live(loop, carry, length)

    return run(main, seed=1)


@pytest.mark.slow
def test_both_ways_lead_to_the_same_state() -> None:
    one, other = history(by_xmlrpc, LENGTH), history(by_rest, LENGTH)
    parted = [place for place, (a, b) in enumerate(zip(one[1], other[1], strict=True)) if a != b]
    parted = [place for place in parted if not unknown_action(one[2][place])]
    assert not parted, (one[2][parted[0]], one[1][parted[0]], other[1][parted[0]])
    same = [a == b for a, b in zip(one[0], other[0], strict=True)]
    assert all(same), (
        f"the states part between operations {same.index(False) * STRETCH} and the next {STRETCH}"
    )
    answers = Counter(one[1])
    asked = {(said.method, answer == 200) for said, answer in zip(one[2], one[1], strict=True)}
    done = {method for method, well in asked if well}
    print(
        f"{LENGTH} operations, {dict(answers)}, {len(done)} methods done, {len({m for m, _ in asked})} asked for"
    )
    assert answers[200] > LENGTH / 4 and len(done) > 30


def test_a_history_that_differs_is_seen() -> None:
    async def forgetful(app: Any, said: Said) -> Answer:
        return await by_rest(
            app, said._replace(body={**said.body, "hold": True}) if said.path == "/vms" else said
        )

    one, other = history(by_rest, 50), history(forgetful, 50)
    assert one[0] != other[0]
    assert history(by_rest, 50)[0] == one[0]


def unknown_action(said: Said) -> bool:
    """There is no such address: 404, where XML-RPC says that the action is not supported."""
    return said.method == "one.vm.action" and said.args[0] == "fly"
