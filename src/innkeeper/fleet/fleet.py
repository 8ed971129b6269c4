"""All hosts' agents: links kept up, instructions carried to them, what they say carried back.

Theory of operation
-------------------
Every host that is not offline has a *station*: a task that opens a link, says hello, asks what is there, reports the
host up, and waits until the link is lost, to begin again with growing pauses. A host counts as down when no link
stands for `GRACE` seconds (at once when the very first attempt fails). Whatever an agent is asked while the link is
opened has its time limit: a host that takes connections and says nothing is down too. An instruction waits for its
station's link, is sent, sent again when the answer does not come in time or the link is lost (verbs are idempotent),
and ends in exactly one Reply: the agent's, `timeout`, `failed` when links are lost over it again and again, or
`unreachable` when the host is declared down. Before every sending it is compared with the operation: what is not
under way any more is dropped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
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
#: Seconds that opening a link may take; a hello may try out the accelerator first.
OPENING = 120.0
#: Seconds that ending a link may take.
CLOSING = 15.0
#: Seconds between pings, and how long an answer may take.
HEARTBEAT = 10.0
#: Pauses between attempts to connect.
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0
#: How often an instruction that is not answered in time is sent in all.
SENDINGS = 3
#: How many links may be lost over one instruction: it may be what kills the agent.
LOSSES = 10
#: Seconds between comparisons of a host's inventory with the world.
INVENTORY_EVERY = 300.0


class Connector(Protocol):
    """How a link to a place is opened: local child, SSH, or simulated."""

    def __call__(self, place: int, host: Host | None, on_event: OnEvent) -> Awaitable[Link]:
        """Opens a link; raises OSError or LinkLost with the reason."""
        ...


class Station:
    """One place's link, and whether it counts as down.

    `settled` is set while a link stands or the place counts as down: then an instruction knows where it is.
    """

    def __init__(self, place: int) -> None:
        self.place = place
        self.link: Link | None = None
        self.up = False
        self.down = False
        self.settled = asyncio.Event()
        self.was_up = False
        self.why = ""
        self.task: asyncio.Task[None] | None = None

    def set_up(self) -> None:
        """A link stands."""
        self.up = self.was_up = True
        self.down = False
        self.settled.set()

    def set_lost(self) -> None:
        """No link stands (any more)."""
        self.up = False
        if not self.down:
            self.settled.clear()

    def set_down(self) -> None:
        """It counts as down."""
        self.down = True
        self.settled.set()


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
        if wanted and station is None and not self._closing:
            self._open(host_id)
        elif not wanted and station is not None:
            del self.stations[host_id]
            self._spawn(
                self._end(station, "the host is offline" if host else "the host is deleted")
            )

    def _open(self, place: int) -> Station:
        station = self.stations[place] = Station(place)
        station.task = asyncio.create_task(self._keep(station))
        station.task.add_done_callback(_report)
        return station

    async def _end(self, station: Station, why: str) -> None:
        """Ends a station for good."""
        station.why = why
        station.set_down()
        if station.task is not None:
            station.task.cancel()
        await _close(station.link)

    async def close(self) -> None:
        """Ends all links. Guests go on."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        stations = list(self.stations.values())
        self.stations.clear()
        await asyncio.gather(*(self._end(station, "closing") for station in stations))

    async def _keep(self, station: Station) -> None:
        """Keeps a station's link up for as long as the station is there."""
        pause = FIRST_PAUSE
        lost_at: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._serve(station)
                pause, lost_at = FIRST_PAUSE, None
            except TimeoutError:
                station.why = f"its agent does not answer within {OPENING:g} s"
            except (OSError, LinkLost, AgentError, ValueError, KeyError) as error:
                station.why = str(error) or type(error).__name__
            finally:
                await self._drop(station)
            first = lost_at is None and not station.was_up
            lost_at = loop.time() if lost_at is None else lost_at
            if not station.down and (first or loop.time() - lost_at >= GRACE):
                self._declare_down(station)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE)

    async def _drop(self, station: Station) -> None:
        station.set_lost()
        link, station.link = station.link, None
        await _close(link)

    def _declare_down(self, station: Station) -> None:
        log.warning("place %d is down: %s", station.place, station.why)
        station.set_down()
        if station.place >= 0:
            self.take(HostDown(station.place, f"no agent: {station.why}"))

    async def _serve(self, station: Station) -> None:
        """One life of a link: hello, what is there, then heartbeats until it is lost."""

        def on_event(message: dict[str, Any]) -> None:
            self._event(station.place, message)

        async with asyncio.timeout(OPENING):
            link = await self.connect(station.place, self.world.hosts.get(station.place), on_event)
            station.link = link
            facts = await link.request("hello", self.hello(station.place))
            inventory = await link.request("observe", {}) if station.place >= 0 else {}
        station.set_up()
        if station.place >= 0:
            self.take(HostUp(station.place, facts, inventory))
            async with asyncio.timeout(OPENING):
                await link.request("monitor", {"interval": self.monitor_every})
        await self._heartbeats(station, link, facts)
        station.why = link.lost.result() if link.lost.done() else "no answer to a ping"

    async def _heartbeats(self, station: Station, link: Link, facts: dict[str, Any]) -> None:
        rounds = 0
        while not link.lost.done():
            await asyncio.wait({link.lost}, timeout=HEARTBEAT)
            if link.lost.done():
                return
            rounds += 1
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await link.request("ping", {})
                if station.place >= 0 and rounds % int(INVENTORY_EVERY / HEARTBEAT) == 0:
                    async with asyncio.timeout(OPENING):
                        inventory = await link.request("observe", {})
                    self.take(HostUp(station.place, facts, inventory))
            except (TimeoutError, LinkLost):
                return

    # -- instructions

    def dispatch(self, instructions: Sequence[Instruction]) -> None:
        """Carries instructions to their places."""
        for instruction in instructions:
            self._spawn(self._carry(instruction))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closing:
            work.close()
            return
        task = asyncio.create_task(work)
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
        except Exception as error:  # our defect must not leave the operation waiting for ever
            log.exception("carrying %s to place %d", instruction.verb, instruction.place)
            code, message = "failed", f"the front end failed: {error!r}"
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
        sendings = losses = 0
        while self._current(instruction):
            station = self._station(instruction.place)
            if station is None:
                raise AgentError("unreachable", "the host is gone or offline")
            link = await self._link(station)
            if not self._current(instruction):
                break
            try:
                async with asyncio.timeout(instruction.timeout):
                    return await self._request(link, instruction)
            except LinkLost as lost:
                losses += 1
                if losses >= LOSSES:
                    text = f"the link was lost {LOSSES} times before the answer came: {lost}"
                    raise AgentError("failed", text) from None
                await asyncio.sleep(0)
            except TimeoutError:
                sendings += 1
                if sendings >= SENDINGS:
                    text = f"no answer in {instruction.timeout:g} s, {SENDINGS} times"
                    raise AgentError("timeout", text) from None
        return None

    async def _link(self, station: Station) -> Link:
        """The station's link, as soon as it stands; unreachable when the place is declared down."""
        while station.link is None or not station.up:
            if station.down:
                raise AgentError("unreachable", f"no agent there: {station.why}")
            await station.settled.wait()
        return station.link

    async def _request(self, link: Link, instruction: Instruction) -> dict[str, Any] | None:
        """Asks; brings the files that the host says it misses, and asks again, if it is still to be done."""
        verb, args = instruction.verb, instruction.args
        try:
            return await link.request(verb, args)
        except AgentError as error:
            origins = {disk.get("base"): disk.get("origin") for disk in args.get("disks", ())}
            missing = str(error.detail.get("file", ""))
            origin = next((o for b, o in origins.items() if b and o and missing.endswith(b)), None)
            if error.code != "missing" or origin is None:
                raise
        await _upload(link, origin, missing)
        return await link.request(verb, args) if self._current(instruction) else None

    async def ask(
        self, place: int, verb: str, args: dict[str, Any], timeout: float = 30.0
    ) -> dict[str, Any]:
        """A question to an agent that changes nothing (logs, consoles); raises AgentError."""
        station = self._station(place)
        if station is None or station.link is None:
            raise AgentError("unreachable", "the host has no agent at the moment")
        try:
            async with asyncio.timeout(timeout):
                return await station.link.request(verb, args)
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


async def _close(link: Link | None) -> None:
    """Ends a link; one whose other end is dead must not hold us up."""
    if link is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await link.close()


async def _upload(link: Link, origin: str, missing: str) -> None:
    try:
        await link.upload(origin, missing)
    except (LinkLost, AgentError):
        raise
    except Exception as error:  # of whatever carries the link: a full disk there, a file gone here
        text = f"bringing {origin} failed: {error or type(error).__name__}"
        raise AgentError("failed", text) from error


def _report(task: "asyncio.Task[None]") -> None:
    """A station that ends by itself is a defect: the loop's handler shall hear of it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "a station ended", "exception": error, "task": task}
        task.get_loop().call_exception_handler(context)
