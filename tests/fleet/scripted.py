"""A fleet under virtual time whose agents do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError, LinkLost, OnEvent
from innkeeper.lifecycle.messages import Event, Instruction, Reply
from innkeeper.model.objects import Host, Operation
from innkeeper.model.states import HostState
from innkeeper.model.world import World

Message = dict[str, Any]
#: What an agent never answers.
SILENCE = object()
#: What a station asks by itself.
OWN = frozenset({"identify", "hello", "observe", "monitor", "ping"})
FACTS = {"cpus": 4, "memory_kib": 1 << 20, "hostname": "there"}


class Place:
    """One host as the front end meets it.

    `answers` by verb: an object, seconds until an empty one, an exception, SILENCE, or a function (it may be a
    coroutine's) of the arguments that gives one of these. `entry` is the same for opening a link.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"hello": FACTS, "observe": {"vms": []}}
        self.entry: Any = None
        self.link: ScriptedLink | None = None
        self.links = 0
        self.asked: list[tuple[float, str, Message]] = []
        self.uploads: list[tuple[str, str]] = []
        self.shares_files = True
        self.busy = self.busiest = 0

    async def open(self, on_event: OnEvent) -> ScriptedLink:
        await _outcome(self.entry)
        self.links += 1
        self.link = ScriptedLink(self, on_event)
        return self.link

    def lose(self, why: str = "cut") -> None:
        """The link that stands is lost."""
        assert self.link is not None
        self.link.lose(why)

    def say(self, **message: Any) -> None:
        """The agent says something by itself."""
        assert self.link is not None
        self.link.on_event(message)

    def verbs(self) -> list[str]:
        """What was asked, without what a station asks by itself."""
        return [verb for _, verb, _ in self.asked if verb not in OWN]

    def times(self, verb: str) -> list[float]:
        """When a verb was asked for."""
        return [at for at, asked, _ in self.asked if asked == verb]


async def _outcome(said: Any, args: Message | None = None) -> Message:
    if callable(said):
        said = said(args)
    if asyncio.iscoroutine(said):
        said = await said
    if isinstance(said, Exception):
        raise said
    if said is SILENCE:
        await asyncio.get_running_loop().create_future()
    if isinstance(said, int | float):
        await asyncio.sleep(said)
        return {}
    return {} if said is None else said


class ScriptedLink:
    """A link to a place."""

    def __init__(self, place: Place, on_event: OnEvent) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.place = place
        self.on_event = on_event
        self.closed = False

    @property
    def shares_files(self) -> bool:
        return self.place.shares_files

    async def request(self, verb: str, args: Message) -> Message:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        self.place.asked.append((asyncio.get_running_loop().time(), verb, args))
        return await self._until_lost(_outcome(self.place.answers.get(verb), args))

    async def _until_lost(self, work: Any) -> Any:
        self.place.busy += 1
        self.place.busiest = max(self.place.busiest, self.place.busy)
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, self.lost}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise LinkLost(self.lost.result())
        finally:
            self.place.busy -= 1
            task.cancel()

    async def download(self, source: str, target: str, sha256: str) -> None:
        """As scripted."""
        await self._until_lost(_outcome(self.place.answers.get("download"), {"path": source}))

    async def upload(self, source: str, target: str, sha256: str) -> None:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        self.place.uploads.append((source, target))
        await self._until_lost(_outcome(self.place.answers.get("upload"), {"sha256": sha256}))

    def lose(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)

    async def close(self) -> None:
        self.closed = True
        self.lose("closed")


class Lab:
    """A fleet with hosts (0, 1, ...) and operations; `taken` is what it said, with the time."""

    def __init__(self, hosts: int = 1, state: HostState = HostState.MONITORED) -> None:
        self.loop = asyncio.get_running_loop()
        self.world = World()
        self.places: dict[int, Place] = {}
        self.taken: list[tuple[float, Event]] = []
        self.measured: list[tuple[int, Message]] = []
        self.defects: list[str] = []
        self.on_take: Callable[[Event], None] = lambda _: None
        self.loop.set_exception_handler(lambda _, c: self.defects.append(str(c.get("message"))))
        self.fleet = Fleet(self.world, self._connect, self._take, self._hello, self._measured, 30.0)
        for number in range(hosts):
            self.host(number, state)

    def host(self, number: int, state: HostState = HostState.MONITORED, name: str = "") -> None:
        """Adds or changes a host."""
        self.places.setdefault(number, Place())
        record = Host(id=number, name=name or f"h{number}", im_mad="kvm", vm_mad="kvm", state=state)
        self.world.replace("host", number, record)

    def operation(self, number: int, step: int = 0, undoing: bool = False, tries: int = 0) -> None:
        """Adds an operation, or moves it on."""
        record = Operation(
            id=number, name="deploy", target_kind="vm", target=number, step=step, undoing=undoing,
            tries=tries, started=0.0,
        )  # fmt: skip
        self.world.replace("operation", number, record)

    def end(self, number: int) -> None:
        """Ends an operation."""
        self.world.replace("operation", number, None)

    def send(self, *numbers: int, place: int = 0, verb: str = "work", **more: Any) -> None:
        """Dispatches the instruction that each of these operations waits for."""
        self.fleet.dispatch([self.instruction(n, place=place, verb=verb, **more) for n in numbers])

    def instruction(self, number: int, **more: Any) -> Instruction:
        """The instruction that an operation waits for; the operation is made if it is not there."""
        if number not in self.world.operations:
            self.operation(number)
        now = self.world.operations[number]
        told = {"args": {"vm": number}, **more}
        return Instruction(
            operation=number, step=now.step, undoing=now.undoing, tries=now.tries, **told
        )

    @property
    def place(self) -> Place:
        return self.places[0]

    def replies(self) -> list[tuple[float, int, str]]:
        """When, for which operation, and with which code there were replies."""
        return [(at, e.operation, e.code) for at, e in self.taken if isinstance(e, Reply)]

    def events(self, kind: type[Any]) -> list[tuple[float, Any]]:
        """The events of a kind, with their times."""
        return [(at, event) for at, event in self.taken if isinstance(event, kind)]

    def _connect(self, place: int, host: Host | None, on_event: OnEvent) -> Any:
        return self.places.setdefault(place, Place()).open(on_event)

    def _take(self, event: Event) -> None:
        self.on_take(event)
        self.taken.append((self.loop.time(), event))

    def _hello(self, place: int) -> Message:
        return {"host": place, "root": "/r", "zone": "z"}

    def _measured(self, place: int, message: Message) -> None:
        self.measured.append((place, message))


def refusal(code: str, **detail: Any) -> AgentError:
    """An agent's refusal."""
    return AgentError(code, f"the agent says {code}", {"code": code, **detail})
