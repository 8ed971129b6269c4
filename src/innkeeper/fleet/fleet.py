"""All hosts' agents: links kept up, instructions carried to them, what they say carried back.

Theory of operation
-------------------
Every host that is not offline has a *station*: a task that opens a link, says hello, asks what is there, reports the
host up, and waits until the link is lost, to begin again with growing pauses. A host counts as down when no link
stands for `GRACE` seconds (at once when the very first attempt fails). An instruction waits for its station's link,
is sent, sent again when the answer does not come in time or the link is lost (verbs are idempotent), and ends in
exactly one Reply: the agent's, `timeout`, or `unreachable` when the host is declared down. Before every sending it is
compared with the operation: what is not under way any more is dropped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from innkeeper.lifecycle.messages import (
    FRONT_END,
    SIMULATED,
    DomainSeen,
    Event,
    HostDown,
    HostUp,
    Instruction,
    Reply,
    Sampled,
)  # fmt: skip
from innkeeper.model.objects import Host
from innkeeper.model.states import HostState
from innkeeper.model.world import World

from .link import AgentError, Link, LinkLost, OnEvent

log = logging.getLogger(__name__)

#: Seconds without a link after which a host counts as down.
GRACE = 30.0
#: Seconds between pings, and how long an answer may take.
HEARTBEAT = 10.0
#: Pauses between attempts to connect.
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0
#: How often an instruction that is not answered in time is sent in all.
SENDINGS = 3
#: Seconds between comparisons of a host's inventory with the world.
INVENTORY_EVERY = 300.0


class Connector(Protocol):
    """How a link to a place is opened: local child, SSH, or simulated."""

    def __call__(self, place: int, host: Host | None, on_event: OnEvent) -> Awaitable[Link]:
        """Opens a link; raises OSError or LinkLost with the reason."""
        ...


class Station:
    """One place's link, and whether it counts as down."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.link: Link | None = None
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.why = ""
        self.task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()


class Fleet:
    """Every agent of the zone."""

    def __init__(
        self,
        world: World,
        connect: Connector,
        take: Callable[[Event], None],
        hello: Callable[[int], dict[str, Any]],
        measured: Callable[[int, dict[str, Any]], None],
        monitor_every: float = 30.0,
    ) -> None:
        self.world = world
        self.connect = connect
        self.take = take
        self.hello = hello
        self.measured = measured
        self.monitor_every = monitor_every
        self.stations: dict[int, Station] = {}
        self.listeners: list[Callable[[int, dict[str, Any]], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    # -- stations

    def start(self) -> None:
        """Opens stations for all hosts."""
        for host in self.world.hosts:
            self.refresh(host.id)

    def refresh(self, host_id: int) -> None:
        """Looks at a host again: it may be new, gone, taken offline or brought back."""
        host = self.world.hosts.get(host_id)
        wanted = host is not None and host.state is not HostState.OFFLINE
        station = self.stations.get(host_id)
        if wanted and station is None:
            self._open(host_id)
        elif not wanted and station is not None:
            self._spawn(
                self._close(station, "the host is offline" if host else "the host is deleted")
            )

    def _open(self, place: int) -> Station:
        station = self.stations[place] = Station(place)
        station.task = asyncio.create_task(self._keep(station))
        return station

    async def _close(self, station: Station, why: str) -> None:
        self.stations.pop(station.place, None)
        station.why = why
        station.down.set()
        if station.task is not None:
            station.task.cancel()
        if station.link is not None:
            await station.link.close()

    async def close(self) -> None:
        """Ends all links. Guests go on."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(self._close(s, "closing") for s in list(self.stations.values())))

    async def _keep(self, station: Station) -> None:
        """Keeps a station's link up for as long as the station is there."""
        pause = FIRST_PAUSE
        lost_at: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._serve(station)
                pause, lost_at = FIRST_PAUSE, None
            except (OSError, LinkLost, AgentError, TimeoutError, ValueError, KeyError) as error:
                station.why = str(error) or type(error).__name__
            finally:
                await self._drop(station)
            first = lost_at is None and not station.ready.is_set()
            lost_at = loop.time() if lost_at is None else lost_at
            if not station.down.is_set() and (first or loop.time() - lost_at >= GRACE):
                self._declare_down(station)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE)

    async def _drop(self, station: Station) -> None:
        station.up.clear()
        link, station.link = station.link, None
        if link is not None:
            await link.close()

    def _declare_down(self, station: Station) -> None:
        log.warning("place %d is down: %s", station.place, station.why)
        station.down.set()
        if station.place >= 0:
            self.take(HostDown(station.place, f"no agent: {station.why}"))

    async def _serve(self, station: Station) -> None:
        """One life of a link: hello, what is there, then heartbeats until it is lost."""

        def on_event(message: dict[str, Any]) -> None:
            self._event(station.place, message)

        link = await self.connect(station.place, self.world.hosts.get(station.place), on_event)
        station.link = link
        facts = await link.request("hello", self.hello(station.place))
        inventory = await link.request("observe", {}) if station.place >= 0 else {}
        station.down.clear()
        station.up.set()
        station.ready.set()
        if station.place >= 0:
            self.take(HostUp(station.place, facts, inventory))
            await link.request("monitor", {"interval": self.monitor_every})
        await self._heartbeats(station, link, facts)
        station.why = link.lost.result() if link.lost.done() else "no answer to a ping"

    async def _heartbeats(self, station: Station, link: Link, facts: dict[str, Any]) -> None:
        rounds = 0
        while not link.lost.done():
            await asyncio.wait({link.lost}, timeout=HEARTBEAT)
            if link.lost.done():
                return
            try:
                await asyncio.wait_for(link.request("ping", {}), HEARTBEAT)
            except (TimeoutError, LinkLost):
                return
            rounds += 1
            if station.place >= 0 and rounds % int(INVENTORY_EVERY / HEARTBEAT) == 0:
                inventory = await link.request("observe", {})
                self.take(HostUp(station.place, facts, inventory))

    # -- instructions

    def dispatch(self, instructions: Sequence[Instruction]) -> None:
        """Carries instructions to their places."""
        for instruction in instructions:
            self._spawn(self._carry(instruction))

    def _spawn(self, work: Any) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _station(self, place: int) -> Station | None:
        station = self.stations.get(place)
        if station is None and place in (FRONT_END, SIMULATED):
            station = self._open(place)
        return station

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

    async def _carry(self, instruction: Instruction) -> None:
        if instruction.delay:
            await asyncio.sleep(instruction.delay)
        code, message, result = "", "", {}
        try:
            outcome = await self._send(instruction)
            if outcome is None:
                return
            result = outcome
        except AgentError as error:
            code, message = error.code, error.message
        if code:
            log.info("%s at %d: %s (%s)", instruction.verb, instruction.place, message, code)
        if instruction.operation >= 0:
            self.take(
                Reply(
                    operation=instruction.operation,
                    step=instruction.step,
                    undoing=instruction.undoing,
                    tries=instruction.tries,
                    code=code,
                    message=message,
                    result=result,
                )
            )

    async def _send(self, instruction: Instruction) -> dict[str, Any] | None:
        """The agent's answer; None when nobody waits for it any more. Raises AgentError."""
        sendings = 0
        while self._current(instruction):
            station = self._station(instruction.place)
            if station is None:
                raise AgentError("unreachable", "the host is gone or offline")
            link = await self._link(station)
            if not self._current(instruction):
                break
            try:
                return await asyncio.wait_for(
                    self._request(link, instruction.verb, instruction.args), instruction.timeout
                )
            except LinkLost:
                await asyncio.sleep(0)
            except TimeoutError:
                sendings += 1
                if sendings >= SENDINGS:
                    text = f"no answer in {instruction.timeout:g} s, {SENDINGS} times"
                    raise AgentError("timeout", text) from None
        return None

    async def _link(self, station: Station) -> Link:
        """The station's link, as soon as it stands; unreachable when the place is declared down."""
        while station.link is None or not station.up.is_set():
            if station.down.is_set():
                raise AgentError("unreachable", f"no agent there: {station.why}")
            waits = [asyncio.ensure_future(event.wait()) for event in (station.up, station.down)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return station.link

    async def _request(self, link: Link, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        """Asks; brings the files that the host says it misses, and asks again."""
        try:
            return await link.request(verb, args)
        except AgentError as error:
            origins = {disk.get("base"): disk.get("origin") for disk in args.get("disks", ())}
            missing = str(error.detail.get("file", ""))
            origin = next((o for b, o in origins.items() if b and o and missing.endswith(b)), None)
            if error.code != "missing" or origin is None:
                raise
            await link.upload(origin, missing)
        return await link.request(verb, args)

    async def ask(
        self, place: int, verb: str, args: dict[str, Any], timeout: float = 30.0
    ) -> dict[str, Any]:
        """A question to an agent that changes nothing (logs, consoles); raises AgentError."""
        station = self._station(place)
        if station is None or station.link is None:
            raise AgentError("unreachable", "the host has no agent at the moment")
        try:
            return await asyncio.wait_for(station.link.request(verb, args), timeout)
        except (LinkLost, TimeoutError) as error:
            raise AgentError("unreachable", str(error) or "no answer in time") from None

    # -- what agents say by themselves

    def _event(self, place: int, message: dict[str, Any]) -> None:
        kind = message.get("event")
        if kind == "domain":
            self.take(
                DomainSeen(
                    place, int(message["vm"]), int(message["generation"]), str(message["state"]),
                    str(message.get("reason", "")),
                )
            )  # fmt: skip
        elif kind == "metrics":
            vms = tuple(
                (int(vm["vm"]), int(vm["generation"]), str(vm["state"])) for vm in message["vms"]
            )
            self.measured(place, message)
            self.take(Sampled(place, vms))
        for listener in self.listeners:
            listener(place, message)
