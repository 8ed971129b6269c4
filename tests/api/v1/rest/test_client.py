"""The Python client: made of the table as it is, and working against it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from innkeeper.api.listener import serve
from innkeeper.api.v1.rest.client_source import FILES, FOLDER
from innkeeper.client import Api, Refused, connect
from tests.api.v1.rest.conftest import Door
from tests.api.v1.rest.test_resources import GUEST


@pytest.mark.parametrize("name", FILES)
def test_it_is_what_the_table_says_now(name: str) -> None:
    """`python -m innkeeper.api.v1.rest.client_source` makes it so."""
    current = (FOLDER / name).read_text() == FILES[name]()
    assert current, "the table has changed: python -m innkeeper.api.v1.rest.client_source"


class Through:
    """The transport that needs no socket."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def request(self, verb: str, path: str, query: Any, body: Any, headers: Any) -> Any:
        asked = "&".join(
            f"{n}={str(v).lower() if v is True else v}" for n, v in query.items() if v is not None
        )
        sent = b"" if body is None else json.dumps(body).encode()
        own = {name.lower().replace("-", "_"): value for name, value in headers.items()}
        reply = self.door.raw(verb, f"{path.removeprefix('/api/v1')}?{asked}", sent, **own)
        if reply.status >= 400:
            raise Refused(reply.status, json.loads(reply.body))
        return json.loads(reply.body)


@pytest.fixture
def api(door: Door) -> Api:
    return Api(Through(door))


def test_objects_are_made_changed_listed_and_ended(door: Door, api: Api) -> None:
    made = api.vms.create(template=GUEST, hold=True, key="once")
    assert api.vms.create(template=GUEST, hold=True, key="once") == made
    assert api.vms.get(made["id"])["phase"] == "HOLD"
    api.vms.update(made["id"], name="renamed", template={"note": 1})
    for number in range(5):
        api.templates.create(template={"name": f"t-{number}"})
    assert [each["name"] for each in api.templates.all(limit=2)] == [f"t-{n}" for n in range(5)]
    assert [vm["name"] for vm in api.vms.all(state="hold", owner="oneadmin")] == ["renamed"]
    with pytest.raises(Refused, match="not available for state HOLD") as refused:
        api.vms.resume(made["id"])
    assert refused.value.status == 409
    begun = api.vms.deploy(made["id"], host_id=door.add_host())["operation"]
    assert begun is not None and api.operations.get(begun["id"])["state"] == "running"
    door.settle()
    assert api.operations.wait(begun["id"], wait=5)["state"] == "finished"
    api.vms.delete(made["id"], hard=True)
    door.settle()
    assert api.vms.get(made["id"])["state"] == "DONE"


def test_events_are_read_page_by_page() -> None:
    asked: list[object] = []

    class Canned:
        def request(
            self, verb: str, path: str, query: object, body: object, headers: object
        ) -> Any:
            asked.append((verb, path, query, body))
            return {"events": [], "next": 7, "pruned": False}

    assert Api(Canned()).events.page(after=5, wait=30)["next"] == 7
    query = {"after": 5, "limit": None, "wait": 30, "last": None, "kind": None, "id": None}
    assert asked == [("GET", "/api/v1/events", query, None)]


@pytest.fixture
def address(door: Door) -> Iterator[str]:
    """The door behind a real socket, in a thread of its own."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    where: list[Any] = []

    async def listen() -> None:
        where.append(await serve(door.app))
        started.set()

    def work() -> None:
        loop.run_until_complete(listen())
        loop.run_forever()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(30)
    yield "http://{}:{}".format(*where[0].address)
    asyncio.run_coroutine_threadsafe(where[0].stop(grace=0.1), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


def test_over_the_network(address: str) -> None:
    with closing(connect(address, "alice", "secret")) as api:
        made = api.vms.create(template=GUEST)
        assert api.vms.get(made["id"])["name"] == "guest"
        with pytest.raises(Refused) as refused:
            api.vms.get(77)
        assert refused.value.problem["code"] == "NO_EXISTS"
    with closing(connect(address, "alice", "wrong")) as stranger, pytest.raises(Refused):
        stranger.vms.get(0)
    with pytest.raises(ValueError, match="url must be like"):
        connect("front-end", "alice", "secret")
