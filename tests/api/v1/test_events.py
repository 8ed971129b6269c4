"""Events: pages, waiting, streams; who sees what; nothing is lost when front ends come and go."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from innkeeper.api import direct
from innkeeper.api.server import Application
from innkeeper.api.v1.events import Events
from innkeeper.api.v1.waiting import MOST
from innkeeper.commands import templates, vms
from innkeeper.model.permissions import Caller
from innkeeper.sim.faults import NoFaults
from innkeeper.sim.loop import VirtualLoop, run
from innkeeper.sim.remote import ADMIN as SIMULATED
from innkeeper.sim.remote import _authorization
from innkeeper.sim.zone import Zone
from tests.api.v1.rest.conftest import ADMIN, ALICE, Door

BOB = "bob:secret"


class Watched(Door):
    """A cloud whose events are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = self.rest.desk.waiting
        self.events = Events(self.core, self.rpc.desk.authenticator, self.waiting)
        self.rest.described = [*self.events.routes()]
        routes = [*self.rest.routes(), *self.events.routes()]
        self.app = Application(None, routes, leave=self.leave)

    def leave(self) -> None:
        self.waiting.over = True
        self.core.ask_again()

    def seen(self, query: str = "", session: str = ADMIN) -> list[tuple[str, int, str]]:
        """Kind, number and what happened, of a page."""
        rows = self.get(f"/events?limit=1000{query}", session=session)["events"]
        return [(row["kind"], row["id"], row["what"]) for row in rows]


@pytest.fixture
def door() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


def test_callers_see_what_is_theirs(door: Watched) -> None:
    door.post("/templates", {"template": {"name": "of-alice"}}, session=ALICE)
    door.post("/templates", {"template": {"name": "of-bob"}}, session=BOB)
    door.ask("DELETE", "/templates/0", session=ALICE)
    made, gone, others = (
        ("template", 0, "created"),
        ("template", 0, "deleted"),
        ("template", 1, "created"),
    )
    assert {made, gone, others} <= set(door.seen())
    assert {made, gone} <= set(door.seen(session=ALICE)) and others not in door.seen(session=ALICE)
    assert others in door.seen(session=BOB) and gone not in door.seen(session=BOB)
    assert door.seen("&kind=template&id=1") == [others]
    assert ("user", 2, "created") in door.seen("&kind=user", ALICE)
    assert ("user", 3, "created") not in door.seen("&kind=user", ALICE)


def test_pages_go_on_where_the_last_ended(door: Watched) -> None:
    for number in range(5):
        door.post("/templates", {"template": {"name": f"t-{number}"}})
    whole, pieces, after = door.seen(), [], 0
    while page := door.get(f"/events?after={after}&limit=2")["events"]:
        pieces += [(row["kind"], row["id"], row["what"]) for row in page]
        after = page[-1]["seq"]
    assert pieces == whole
    page = door.get("/events?after=1&kind=image")
    assert (page["events"], page["next"], page["pruned"]) == ([], door.core.last_event, False)


def test_the_last_ones_are_had_without_those_before(door: Watched) -> None:
    for number in range(5):
        door.post("/templates", {"template": {"name": f"t-{number}"}})
    door.post("/templates", {"template": {"name": "of-alice"}}, session=ALICE)
    for _ in range(2500):
        door.core.transact(lambda tx: tx.log(tx.world.users[0], "noise"))
    page = door.get("/events?last=2&kind=template")
    assert [(row["id"], row["what"]) for row in page["events"]] == [(4, "created"), (5, "created")]
    assert page["next"] == door.core.last_event
    assert [row["id"] for row in door.get("/events?last=9&kind=template&id=3")["events"]] == [3]
    own = door.get("/events?last=1&kind=template", session=ALICE)["events"]
    assert [row["id"] for row in own] == [5]
    newest = [row["seq"] for row in door.get("/events?last=3")["events"]]
    assert newest == [door.core.last_event - back for back in (2, 1, 0)]
    everything = door.get("/events?limit=1000")["events"]
    assert door.get("/events?last=1000")["events"] != everything
    assert door.turned_down(400, "GET", "/events?last=1001")["field"] == "last"


def test_a_kind_that_there_is_not_is_refused(door: Watched) -> None:
    """Instead of waiting for its events for ever."""
    problem = door.turned_down(400, "GET", "/events?kind=vmm&follow=1")
    assert (problem["status"], problem["field"], problem["found"]) == (400, "kind", "'vmm'")
    assert "host" in problem["expected"] and " vm" in problem["expected"]


def test_what_is_ones_own_is_found_behind_much_that_is_not(door: Watched) -> None:
    for _ in range(2500):
        door.core.transact(lambda tx: tx.log(tx.world.users[0], "noise"))
    door.post("/templates", {"template": {"name": "t"}}, session=ALICE)
    first = door.get(f"/events?after={door.core.last_event - 2501}&limit=10", session=ALICE)
    assert [row["what"] for row in first["events"]] == ["created"]
    assert first["next"] == door.core.last_event


def test_the_description_of_the_api_tells_of_them(door: Watched) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    described = door.get("/openapi.json")
    whole = {"$ref": "#/components/schemas/EventPage", "components": described["components"]}
    jsonschema.validate(door.get("/events?limit=5"), whole)
    assert "/events" in described["paths"]


def test_what_was_pruned_is_said(door: Watched) -> None:
    door.post("/templates", {"template": {"name": "t"}})
    for _ in range(3):
        door.journal._events.popleft()
    assert door.get("/events?after=1")["pruned"] is True
    assert door.get("/events?after=0")["pruned"] is False


def test_a_page_is_waited_for(door: Watched) -> None:
    after = door.core.last_event

    async def ask() -> Any:
        waiting = asyncio.create_task(_exchange(door, f"/events?after={after}&wait=30"))
        while not door.waiting._held[0]:
            await asyncio.sleep(0)
        door.core.transact(
            lambda tx: templates.allocate(tx, Caller(0, 0, "oneadmin", (0,)), "NAME=t")
        )
        return await waiting

    found = json.loads(door._runner.run(ask()).body)
    assert [row["what"] for row in found["events"]] == ["created"] and not door.waiting._held[0]
    door.waiting._held[2] = MOST
    answer = door.ask("GET", f"/events?after={after + 99}&wait=1", session=ALICE)
    assert answer.status == 429 and answer.headers["retry-after"]
    assert door.ask("GET", "/events?follow=1", session=ALICE).status == 429
    assert door.ask("GET", "/events?wait=99").status == 400


async def _exchange(door: Watched, path: str) -> Any:
    from innkeeper.api import direct

    return await direct.exchange(door.app, "GET", f"/api/v1{path}", headers=_authorization(ADMIN))


# ---- streams, and front ends that come and go


class Reader:
    """A client of the event stream: reconnects with the last number that it has."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.last = 0
        self.seen: list[int] = []
        self.ended = asyncio.Event()
        self._text = b""

    async def read(self) -> None:
        """Until the stream ends."""
        scope = {
            "type": "http", "method": "GET", "path": "/api/v1/events", "query_string": b"", "http_version": "1.1",
            "headers": [
                (b"accept", b"text/event-stream"), (b"last-event-id", b"%d" % self.last),
                *((name.encode(), value.encode()) for name, value in _authorization(SIMULATED)),
            ],
        }  # fmt: skip
        self._text = b""
        await self.zone.living.application()(scope, self._receive, self._send)

    async def _receive(self) -> Any:
        await asyncio.Event().wait()

    async def _send(self, message: Any) -> None:
        self._text += message.get("body", b"")
        while b"\n\n" in self._text:
            record, _, self._text = self._text.partition(b"\n\n")
            fields = dict(line.split(b": ", 1) for line in record.split(b"\n"))
            self.last = int(fields[b"id"])
            if b"data" in fields:
                self.seen.append(json.loads(fields[b"data"])["seq"])


def test_nothing_is_lost_over_deaths_of_front_ends() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults(), commit_time=0.02)
        await zone.start()
        reader = Reader(zone)
        for name in ("north", "south"):
            await zone.add_host(name)
        for turn in range(5):
            reading = loop.create_task(reader.read())
            for _ in range(10):
                await zone.do(lambda tx: vms.allocate(tx, zone.admin, "CPU=0.1\nMEMORY=1", False))
                await asyncio.sleep(loop.random.random())
            reading.cancel()
            zone.die(keep_some=True)
            await zone.restart(after=1.0)
            await zone.until(zone.all_up, 120, f"the hosts are back after {turn}")
        reading = loop.create_task(reader.read())
        await zone.until(zone.idle, 600, "all has come to rest")
        await asyncio.sleep(1)
        reading.cancel()
        told = [number for number, _ in zone.events()]
        assert reader.seen == told == list(range(1, len(told) + 1)) and len(told) > 200

    run(main, seed=3)


def test_a_quiet_stream_says_where_it_is_and_ends_with_its_user() -> None:
    async def main(loop: VirtualLoop) -> None:
        zone = Zone(loop, NoFaults(), monitor_every=100_000)
        await zone.start()
        reader = Reader(zone)
        reader.last = zone.living.core.last_event
        reading = loop.create_task(reader.read())
        await asyncio.sleep(60)
        assert not reading.done() and reader.last == zone.living.core.last_event
        await zone.do(lambda tx: tx.change(tx.world.users[0], password="plain:other"))
        await asyncio.sleep(60)
        assert reading.done()

    run(main, seed=3)


def test_a_cursor_says_whether_anything_before_it_was_lost(door: Watched) -> None:
    """Also of one object; and a number that this log never gave is of another log: a restored one, say."""
    for number in range(4):
        door.post("/templates", {"template": {"name": f"t{number}"}})
    last = door.core.last_event
    for query in ("", "&kind=template&id=3"):
        assert not door.get(f"/events?after={last - 2}{query}")["pruned"]
        ahead = door.get(f"/events?after={last + 5}{query}")
        assert (ahead["pruned"], ahead["next"], ahead["events"]) == (True, last, [])
    for _ in range(last - 2):
        door.journal._events.popleft()
    for query in ("", "&kind=template&id=3"):
        assert door.get(f"/events?after=1{query}")["pruned"]
        assert not door.get(f"/events?after={last - 1}{query}")["pruned"]


def test_nobody_waits_for_a_front_end_that_stops(door: Watched) -> None:
    """What there is is told at once: an empty page, or the operation as it is."""
    host = door.add_host()
    door.post("/vms", {"template": "CPU=1\nMEMORY=1"})
    begun = door.post("/vms/0/actions/deploy", {"host_id": host})["operation"]["id"]

    async def stopped() -> list[direct.Reply]:
        headers = _authorization(ADMIN)
        asked = (
            f"/api/v1/operations/{begun}?wait=60",
            f"/api/v1/events?after={door.core.last_event}&wait=60",
        )
        waiting = [
            asyncio.ensure_future(direct.exchange(door.app, "GET", path, headers=headers))
            for path in asked
        ]
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in waiting)
        door.app.end_streams()
        return await asyncio.wait_for(asyncio.gather(*waiting), 10)

    one, page = door._runner.run(stopped())
    assert (one.status, json.loads(one.body)["state"]) == (200, "running")
    assert (page.status, json.loads(page.body)["events"]) == (200, [])
