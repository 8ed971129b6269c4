"""One place's link to its agent: opened, kept up, given up, and opened again.

Theory of operation
-------------------
A station is a task that opens a link, makes sure whose it is, says hello, asks what is there, tells its owner that the
place is up, and then pings until the link is lost, to begin again with growing pauses. Whatever an agent is asked here
has its time limit: a host that takes connections and says nothing is down too.

The place counts as down when no link has stood for its owner's `grace`. An attempt that has reached an agent and waits
for its hello (which may try out the accelerator) is let finish first. A host of which nothing is known yet is declared
down at once when the very first attempt fails, so that who adds it learns why.

Whatever comes again and again (pings, inventories, rounds of monitoring) has its turn in its period, each place at a
time of its own: hundreds of hosts whose links came up together must not be heard all in one instant ever after.

What agents say by themselves is held back while an inventory is asked for, and told behind it: else an inventory that
was written before an event would be taken for the newer of the two.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Protocol

from .link import AgentError, Link, LinkLost, OnEvent

log = logging.getLogger(__name__)

#: Seconds without a link after which a place counts as down, unless its owner has others.
GRACE = 30.0
#: Seconds that opening a link may take, and what is asked over a new one: a hello may try out the accelerator first.
OPENING, HELLO, OBSERVING = 60.0, 120.0, 60.0
#: Seconds that a look at a host may take while it is at work: what it says is as old as that, and shorter than what the
#: world allows for (`lifecycle.hosts.SETTLING`).
LOOKING = 25.0
#: Seconds that ending a link may take.
CLOSING = 15.0
#: Seconds between pings, and how long an answer may take.
HEARTBEAT = 10.0
#: Pauses between attempts to connect; they begin at the first again after a link that stood for the last.
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0
#: Seconds between comparisons of a host's inventory with the world.
INVENTORY_EVERY = 300.0
#: Requests on their way to one agent at once; their time limits begin when they are sent, so the others wait here.
WINDOW = 128

#: Seconds in which an agent has not measured anything yet.
SOONEST = 1.0

Message = dict[str, Any]


def turn(place: int) -> float:
    """A place's turn in any period, as a share of it, 0 to 1: any places with numbers in a row are spread evenly."""
    return place * 0.6180339887498949 % 1.0


class Garbled(Exception):
    """An agent's answer that cannot be used; the text names what was expected and what came."""


class Owner(Protocol):
    """Whom stations work for."""

    monitor_every: float
    grace: float

    def open_link(self, place: int, on_event: OnEvent) -> Awaitable[Link]:
        """Opens a link; raises OSError or LinkLost with the reason."""
        ...

    def greeting(self, place: int) -> Message:
        """The arguments of `hello`."""
        ...

    def recognise(self, place: int, root: str | None) -> None:
        """An agent tells by which folder it would be; raises Garbled when that is not the place's."""
        ...

    def came_up(self, place: int, facts: Message, inventory: Message) -> None:
        """A link stands (or its inventory was asked for again)."""
        ...

    def went_down(self, place: int, why: str) -> None:
        """The place counts as down now."""
        ...

    def said(self, place: int, message: Message) -> None:
        """The agent said something by itself."""
        ...


class Station:
    """One place. `link` stands, or is None; `down` is whether the place counts as down.

    `name` is what the place was called when the station was opened. A `patient` station does not take a first
    failure for the host's being down.
    """

    def __init__(self, place: int, name: str, owner: Owner, *, patient: bool) -> None:
        self.place = place
        self.name = name
        self.link: Link | None = None
        self.down = False
        self.closed = False
        self.why = "it has not answered yet"
        self.window = asyncio.Semaphore(WINDOW)
        self._owner = owner
        self._patient = patient
        self._loop = asyncio.get_running_loop()
        self._decided = asyncio.Event()
        self._held: list[Message] | None = None
        self._greeting = False
        self._overdue = False
        self._told = ""
        self._grace: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        if patient:
            self._start_grace()
        self._task = asyncio.create_task(self._keep(), name=f"station {place}")

    async def linked(self) -> Link | None:
        """The link as soon as it stands; None when the station was closed. AgentError `unreachable` when down."""
        while not self.closed:
            if self.link is not None and self.link.lost.done():
                self._unlink(self.link.lost.result())
            if self.link is not None:
                return self.link
            if self.down:
                raise AgentError("unreachable", f"no agent on {self.name}: {self.why}")
            await self._decided.wait()
        return None

    async def close(self, why: str) -> None:
        """Ends the station and its link; who waits for the link looks for another station."""
        self.why, self.closed, self.link = why, True, None
        self._stop_grace()
        self._decided.set()
        self._task.cancel()
        await asyncio.wait({self._task})
        if self._ending is not None:
            await self._ending

    # -- up and down

    def _up(self, link: Link) -> None:
        self.link, self.down, self._patient = link, False, True
        self._stop_grace()
        self._decided.set()

    def _unlink(self, why: str) -> None:
        """No link stands (any more), for this reason."""
        if self.closed:
            return
        again, self.why = why == self.why, why
        if self.down:
            if again and why != self._told:
                self._tell_down()
            return
        if self.link is not None or self._patient:
            self._start_grace()
        self.link = None
        self._decided.clear()

    def _start_grace(self) -> None:
        if self._grace is None:
            self._grace = self._loop.call_later(self._owner.grace, self._grace_over)

    def _stop_grace(self) -> None:
        self._overdue = False
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _grace_over(self) -> None:
        if self._greeting:
            self._overdue = True
        else:
            self._declare_down()

    def _declare_down(self) -> None:
        self._stop_grace()
        self.down = True
        log.warning("place %d (%s) is down: %s", self.place, self.name, self.why)
        self._tell_down()
        self._decided.set()

    def _tell_down(self) -> None:
        self._told = self.why
        try:
            self._owner.went_down(self.place, self.why)
        except Exception as error:
            self._report("declaring a place down", error)

    # -- the links, one after the other

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = self._loop.time()
            try:
                link = await self._open()
                await self._live(link)
            except Exception as error:
                self._unlink(self._reason(error))
            if not self.down and (self._overdue or not self._patient):
                self._declare_down()
            if self._loop.time() - began > LAST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE)

    async def _open(self) -> Link:
        self._held = []
        opening = self._owner.open_link(self.place, self._hear)
        link: Link = await _within(OPENING, "opening a link", opening)
        return link

    async def _live(self, link: Link) -> None:
        """One life of a link, until it is lost."""
        try:
            await self._serve(link)
        except (
            Exception
        ) as error:  # told before the link is ended, whose own word would be "closed"
            self._unlink(self._reason(error))
        finally:
            self._greeting, self._held = False, None
            self._ending = asyncio.create_task(_end(link))
            await asyncio.shield(self._ending)

    async def _serve(self, link: Link) -> None:
        await self._recognise(link)
        self._greeting = True
        facts = checked_facts(await _ask(link, HELLO, "hello", self._owner.greeting(self.place)))
        await self._take_inventory(link, facts, OBSERVING)
        self._greeting = False
        if self.place >= 0:
            await self._start_monitoring(link)
        early = turn(self.place)
        looked, pause = self._loop.time() - early * INVENTORY_EVERY, (1 - early) * HEARTBEAT
        while True:
            await asyncio.wait({link.lost}, timeout=pause)
            pause = HEARTBEAT
            if link.lost.done():
                raise LinkLost(link.lost.result())
            await _ask(link, HEARTBEAT, "ping", {})
            if self.place >= 0 and self._loop.time() - looked >= INVENTORY_EVERY:
                looked = self._loop.time()
                await self._look_again(link, facts)

    async def _recognise(self, link: Link) -> None:
        """Before hello, which ends an older agent of the same folder: it may be another host's."""
        if self.place >= 0:
            root = self._owner.greeting(self.place).get("root")
            found = await _ask(link, HEARTBEAT, "identify", {"root": root})
            self._owner.recognise(self.place, _object("identify", found).get("root"))

    async def _take_inventory(self, link: Link, facts: Message, seconds: float) -> None:
        """What is there: told to the owner, and behind it what was said meanwhile."""
        self._held = [] if self._held is None else self._held
        try:
            if self.place >= 0:
                inventory = checked_inventory(await _ask(link, seconds, "observe", {}))
                self._owner.came_up(self.place, facts, inventory)
            self._up(link)
        finally:
            self._let_go()

    async def _start_monitoring(self, link: Link) -> None:
        """A host that cannot be monitored still works."""
        every = self._owner.monitor_every
        first = SOONEST + (turn(self.place) * every - self._loop.time() - SOONEST) % every
        try:
            await _ask(link, HEARTBEAT, "monitor", {"interval": every, "first": first})
        except (AgentError, LinkLost) as error:
            log.warning("place %d (%s) is not monitored: %s", self.place, self.name, error)

    async def _look_again(self, link: Link, facts: Message) -> None:
        """A host that cannot say what is there at the moment still works."""
        try:
            await self._take_inventory(link, facts, LOOKING)
        except (AgentError, LinkLost) as error:
            log.warning("place %d (%s) has no inventory: %s", self.place, self.name, error)

    def _reason(self, error: Exception) -> str:
        """Why a link was lost, or could not be had."""
        if isinstance(error, OSError | LinkLost | AgentError | Garbled):
            return str(error) or type(error).__name__
        self._report("keeping a link", error)
        return f"the front end failed: {error!r}"

    # -- what the agent says by itself

    def _hear(self, message: Message) -> None:
        if self._held is not None and message.get("event") != "console":
            self._held.append(message)
        else:
            self._tell(message)

    def _let_go(self) -> None:
        held, self._held = self._held or [], None
        for message in held:
            self._tell(message)

    def _tell(self, message: Message) -> None:
        if self.closed:
            return
        try:
            self._owner.said(self.place, message)
        except Garbled as error:
            log.warning("place %d (%s) is not understood: %s", self.place, self.name, error)
        except Exception as error:
            self._report("taking an event", error)

    def _report(self, doing: str, error: Exception) -> None:
        """Our own defect: the loop's handler shall hear of it, the station goes on."""
        message = f"{doing}, place {self.place} ({self.name})"
        self._loop.call_exception_handler({"message": message, "exception": error})


async def _ask(link: Link, seconds: float, verb: str, args: Message) -> Any:
    return await _within(seconds, f"an answer to {verb}", link.request(verb, args))


async def _within(seconds: float, what: str, work: Awaitable[Any]) -> Any:
    """The work's result; LinkLost when it takes longer."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise LinkLost(f"{what} took longer than {seconds:g} s") from error


async def _end(link: Link) -> None:
    """Ends a link; one whose other end is dead must not hold us up."""
    try:
        async with asyncio.timeout(CLOSING):
            await link.close()
    except TimeoutError:
        log.warning("a link could not be ended in %g s", CLOSING)
    except Exception:
        log.exception("ending a link")


def checked_facts(answer: Any) -> Message:
    """The answer to `hello`, if it has what the front end builds on."""
    facts = _object("hello", answer)
    for name in ("cpus", "memory_kib"):
        if type(facts.get(name)) is not int or facts[name] < 0:
            raise Garbled(f"hello: {name} must be a whole number, not {facts.get(name)!r}")
    return facts


def checked_inventory(answer: Any) -> Message:
    """The answer to `observe`, if its list of VMs can be read."""
    inventory = _object("observe", answer)
    vms = inventory.get("vms")
    if not isinstance(vms, list):
        raise Garbled(f"observe: vms must be a list, not {vms!r:.100}")
    for entry in vms:
        whole = isinstance(entry, dict) and all(
            type(entry.get(name)) is int for name in ("vm", "generation")
        )
        if not whole or not isinstance(entry.get("state"), str):
            raise Garbled(f"observe: vms must have vm, generation and state, not {entry!r:.100}")
        if not _has_devices(entry):
            raise Garbled(f"observe: disks and plugged must be numbers, not {entry!r:.100}")
    return inventory


def _has_devices(entry: Message) -> bool:
    """Can be read which disks lie there and, of a guest that runs, what is plugged in? Both may be left out."""
    plugged = entry.get("plugged")
    if plugged is not None and not isinstance(plugged, dict):
        return False
    named = [plugged.get(name) for name in ("disks", "nics")] if plugged is not None else []
    lists = [*named, entry.get("disks", [])]
    return all(isinstance(of, list) and all(type(n) is int for n in of) for of in lists)


def _object(verb: str, answer: Any) -> Message:
    if not isinstance(answer, dict):
        raise Garbled(f"{verb}: the answer must be an object, not {answer!r:.100}")
    return answer
