"""All hosts' agents: links kept up, instructions carried to them, what they say carried back.

Theory of operation
-------------------
Every host that is not offline has a station (`station.py`), which keeps a link to its agent. An instruction waits for
its station's link, is sent, sent again when the answer does not come in time or the link is lost (verbs are
idempotent), and ends in exactly one Reply: the agent's, `timeout`, `failed` when links are lost over it again and
again, or `unreachable` when the host is declared down, taken offline or deleted. Before every sending it is compared
with the operation: what is not under way any more is dropped, without a Reply. The same instruction again (a restarted
step) while one is on its way adds nothing.

Instructions leave in the order in which they came. At most `WINDOW` are with one agent at once, so that a time limit
tells about the agent and not about the length of our queue.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from innkeeper.lifecycle.hosts import mistaken
from innkeeper.lifecycle.messages import (
    BRING,
    FRONT_END,
    SIMULATED,
    DomainSeen,
    Event,
    HostDown,
    HostUp,
    Instruction,
    Reply,
    Sampled,
)
from innkeeper.model.objects import Host
from innkeeper.model.states import HostState
from innkeeper.model.world import World

from .bases import Bases
from .fanout import FanOut
from .link import AgentError, Link, LinkLost, OnEvent
from .station import GRACE, Garbled, Message, Station

log = logging.getLogger(__name__)

#: How often an instruction that is not answered in time is sent in all.
SENDINGS = 3
#: How many links may be lost over one instruction: it may be what kills the agent.
LOSSES = 10

Listener = Callable[[int, Message], None]
_Key = tuple[int, int, bool, int]


class Connector(Protocol):
    """How a link to a place is opened: local child, SSH, or simulated."""

    def __call__(self, place: int, host: Host | None, on_event: OnEvent) -> Awaitable[Link]:
        """Opens a link; raises OSError or LinkLost with the reason."""
        ...


class Fleet:
    """Every agent of the zone. What agents say goes to `take`; rounds of monitoring go to `measured` as well."""

    def __init__(
        self,
        world: World,
        connect: Connector,
        take: Callable[[Event], None],
        hello: Callable[[int], Message],
        measured: Callable[[int, Message], None],
        monitor_every: float = 30.0,
        grace: float = GRACE,
    ) -> None:
        self.world = world
        self.connect = connect
        self.take = take
        self.hello = hello
        self.measured = measured
        self.monitor_every = monitor_every
        self.grace = grace
        self.stations: dict[int, Station] = {}
        self.listeners: list[Listener] = []
        self._bases = Bases(FanOut(world, self._link_of))
        self._carried: set[_Key] = set()
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._ends: dict[asyncio.Task[None], None] = {}
        self._closing = False

    # -- stations

    def start(self) -> None:
        """Opens stations for all hosts."""
        for host in self.world.hosts:
            self.refresh(host.id)

    @property
    def busy(self) -> bool:
        """Is any instruction on its way, also one that nobody waits for?"""
        return bool(self._tasks)

    def refresh(self, host_id: int) -> None:
        """Looks at a host again: it may be new, gone, renamed, taken offline or brought back."""
        host = self.world.hosts.get(host_id)
        wanted = host is not None and host.state is not HostState.OFFLINE and not self._closing
        station = self.stations.get(host_id)
        if station is not None and not (wanted and host is not None and station.name == host.name):
            del self.stations[host_id]
            self._spawn(self._ends, station.close("the host was renamed" if wanted else "closed"))
            station = None
        if wanted and host is not None and station is None:
            self._open(host_id, host.name, patient=not _unknown(host))

    def _link_of(self, place: int) -> Link | None:
        """The link to a place that stands."""
        station = self.stations.get(place)
        return None if station is None else station.link

    def _open(self, place: int, name: str, *, patient: bool) -> Station:
        station = self.stations[place] = Station(place, name, self, patient=patient)
        return station

    async def close(self) -> None:
        """Ends all links. Guests go on."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        stations = list(self.stations.values())
        self.stations.clear()
        await asyncio.gather(*(station.close("closing") for station in stations))
        await asyncio.gather(*self._tasks, *self._ends, return_exceptions=True)
        await self._bases.close()

    # -- what stations ask and tell (station.Owner)

    def open_link(self, place: int, on_event: OnEvent) -> Awaitable[Link]:
        """Opens a link to a place."""
        return self.connect(place, self.world.hosts.get(place), on_event)

    def greeting(self, place: int) -> Message:
        """The arguments of `hello`."""
        return self.hello(place)

    def recognise(self, place: int, root: str | None) -> None:
        """Two hosts may be one machine, or a host another machine than before: its agent is left alone then."""
        host = self.world.hosts.get(place)
        wrong = mistaken(self.world, host, root) if host is not None else ""
        if wrong:
            raise Garbled(wrong)

    def came_up(self, place: int, facts: Message, inventory: Message) -> None:
        """A host's link stands."""
        self.take(HostUp(place, facts, inventory))

    def went_down(self, place: int, why: str) -> None:
        """A place counts as down."""
        if place >= 0:
            self.take(HostDown(place, f"no agent: {why}"))

    def said(self, place: int, message: Message) -> None:
        """An agent said something by itself. Raises Garbled."""
        kind = message.get("event")
        if kind == "domain":
            self.take(_domain_seen(place, message))
        elif kind == "metrics":
            sampled = _sampled(place, message)
            self.measured(place, message)
            self.take(sampled)
        for listener in list(self.listeners):
            listener(place, message)

    # -- instructions

    def dispatch(self, instructions: Sequence[Instruction]) -> None:
        """Carries instructions to their places."""
        for instruction in instructions:
            key = _key(instruction)
            if instruction.operation < 0 or key not in self._carried:
                self._carried.add(key)
                self._spawn(self._tasks, self._carry(instruction))

    def _spawn(
        self, group: dict[asyncio.Task[None], None], work: Coroutine[Any, Any, None]
    ) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.create_task(work)
        group[task] = None
        task.add_done_callback(lambda done: group.pop(done, None))

    async def _carry(self, instruction: Instruction) -> None:
        try:
            reply = await self._outcome(instruction)
        finally:
            self._carried.discard(_key(instruction))
        if reply is not None and instruction.operation >= 0:
            try:
                self.take(reply)
            except Exception as error:
                self._report("taking a reply", instruction, error)

    async def _outcome(self, instruction: Instruction) -> Reply | None:
        """What became of it; None when nobody waits for it any more."""
        if instruction.delay:
            await asyncio.sleep(instruction.delay)
        try:
            result = await self._send(instruction)
            return None if result is None else _reply(instruction, result=result)
        except AgentError as error:
            code, message = error.code, error.message
        except Exception as error:  # our defect must not leave the operation waiting for ever
            self._report("carrying", instruction, error)
            code, message = "failed", f"the front end failed: {error!r}"
        log.info("%s at %d: %s (%s)", instruction.verb, instruction.place, message, code)
        return _reply(instruction, code=code, message=message)

    def _report(self, doing: str, instruction: Instruction, error: Exception) -> None:
        """Our own defect: the loop's handler shall hear of it."""
        text = f"{doing} {instruction.verb} (operation {instruction.operation}), place {instruction.place}"
        context = {"message": text, "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)

    def _current(self, instruction: Instruction) -> bool:
        """Is this still what its operation waits for?"""
        if instruction.operation < 0:
            return True
        operation = self.world.operations.get(instruction.operation)
        return (
            operation is not None
            and operation.step == instruction.step
            and operation.undoing == instruction.undoing
            and operation.tries == instruction.tries
        )

    async def _send(self, instruction: Instruction) -> dict[str, Any] | None:
        """The agent's answer; None when nobody waits for it any more. Raises AgentError."""
        errand = _Errand(instruction)
        while self._current(instruction):
            station = self._station(instruction.place)
            link = await station.linked()
            if link is None or not self._current(instruction):
                continue
            try:
                args = await self._addressed(errand, link)
                async with station.window:
                    if station.link is link and self._current(instruction):
                        async with asyncio.timeout(instruction.timeout):
                            return await self._asked(instruction, link, args)
            except LinkLost as lost:
                errand.lost(lost)
            except TimeoutError:
                errand.late()
            except AgentError as error:
                await self._provide(errand, error, link)
        return None

    async def _asked(
        self, instruction: Instruction, link: Link, args: dict[str, Any]
    ) -> dict[str, Any]:
        """What the agent answers; bringing files from its host is the front end's own work."""
        if instruction.verb != BRING:
            return await link.request(instruction.verb, args)
        for file in args["files"]:
            if not self._current(instruction):  # nobody wants the rest any more
                break
            try:
                await link.download(file["from"], file["into"], file["sha256"])
            except OSError as error:
                if link.lost.done():
                    raise LinkLost(link.lost.result()) from error
                raise AgentError("failed", f"bringing {file['from']} here: {error}") from error
        return {}

    async def _addressed(self, errand: "_Errand", link: Link) -> dict[str, Any]:
        """The arguments, as they are for a host that does or does not see the front end's files."""
        if link.shares_files:
            return errand.instruction.args
        args, errand.origins = await self._bases.named(errand.instruction.args)
        return args

    async def _provide(self, errand: "_Errand", error: AgentError, link: Link) -> None:
        """Brings the base that the host says it misses. Any other answer is the end, and raised again."""
        target = str(error.detail.get("file", ""))
        digest = target.rpartition("/")[2]
        origin = errand.origins.pop(digest, None) if error.code == "missing" else None
        if origin is None or digest in errand.brought:
            raise error
        try:
            await self._bases.bring(errand.instruction.place, link, origin, target, digest)
            errand.brought.add(digest)
        except LinkLost as lost:
            errand.lost(lost)

    def _station(self, place: int) -> Station:
        """The place's station; AgentError `unreachable` when it has none and shall have none."""
        if place not in self.stations and not self._closing:
            if place in (FRONT_END, SIMULATED):
                return self._open(place, "front end", patient=True)
            self.refresh(place)
        station = self.stations.get(place)
        if station is None:
            gone = place not in self.world.hosts
            raise AgentError("unreachable", f"the host is {'deleted' if gone else 'offline'}")
        return station

    @property
    def carried(self) -> int:
        """Instructions on their way."""
        return len(self._carried)

    @property
    def linked(self) -> int:
        """Places whose link stands."""
        return sum(station.link is not None for station in self.stations.values())

    def link(self, place: int) -> Link:
        """The link to a place's agent that stands at the moment; raises AgentError."""
        link = self._station(place).link
        if link is None:
            raise AgentError("unreachable", "the host has no agent at the moment")
        return link

    async def ask(
        self, place: int, verb: str, args: dict[str, Any], timeout: float = 30.0
    ) -> dict[str, Any]:
        """A question to an agent that changes nothing (logs, consoles); raises AgentError."""
        link = self.link(place)
        try:
            async with asyncio.timeout(timeout):
                return await link.request(verb, args)
        except LinkLost as error:
            raise AgentError("unreachable", str(error)) from None
        except TimeoutError:
            raise AgentError("unreachable", f"no answer in {timeout:g} s") from None


class _Errand:
    """What has happened to an instruction on its way."""

    def __init__(self, instruction: Instruction) -> None:
        self.instruction = instruction
        self.origins: dict[str, str] = {}
        self.brought: set[str] = set()
        self._sendings = 0
        self._losses = 0

    def lost(self, lost: LinkLost) -> None:
        """A link was lost over it."""
        self._losses += 1
        if self._losses >= LOSSES:
            text = f"the link was lost {LOSSES} times before the answer came: {lost}"
            raise AgentError("failed", text)

    def late(self) -> None:
        """An answer did not come in time."""
        self._sendings += 1
        if self._sendings >= SENDINGS:
            text = f"no answer in {self.instruction.timeout:g} s, {SENDINGS} times"
            raise AgentError("timeout", text)


def _unknown(host: Host) -> bool:
    """Is it a host that nothing is known of, or only that it is down?"""
    return host.state in (HostState.INIT, HostState.ERROR)


def _key(instruction: Instruction) -> _Key:
    return (instruction.operation, instruction.step, instruction.undoing, instruction.tries)


def _reply(instruction: Instruction, **outcome: Any) -> Reply:
    operation, step, undoing, tries = _key(instruction)
    return Reply(operation=operation, step=step, undoing=undoing, tries=tries, **outcome)


def _domain_seen(place: int, message: Message) -> DomainSeen:
    vm, generation, state = _vm_state(message)
    return DomainSeen(place, vm, generation, state, str(message.get("reason", "")))


def _sampled(place: int, message: Message) -> Sampled:
    vms, host = message.get("vms"), message.get("host", {})
    if not isinstance(vms, list) or not isinstance(host, dict):
        raise Garbled(f"metrics must have host and vms, not {message!r:.200}")
    drift = message.get("drift")
    if drift is not None and not isinstance(drift, list):
        raise Garbled(f"drift must be a list, not {drift!r:.200}")
    attributes = message.get("attributes", {})
    if not isinstance(attributes, dict):
        raise Garbled(f"attributes must be an object, not {attributes!r:.200}")
    told = {str(name): str(value) for name, value in attributes.items()}
    return Sampled(place, tuple(_vm_state(vm) for vm in vms), drift, told)


def _vm_state(said: Any) -> tuple[int, int, str]:
    """VM, generation and state of what an agent said about a guest."""
    if isinstance(said, dict):
        vm, generation, state = said.get("vm"), said.get("generation"), said.get("state")
        if type(vm) is int and type(generation) is int and isinstance(state, str):
            return vm, generation, state
    raise Garbled(f"a guest must have vm, generation and state, not {said!r:.200}")
