"""The front end: every room wired to its neighbours. It runs under any event loop, clock and journal."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from innkeeper import __version__
from innkeeper.api.console.pages import Pages
from innkeeper.api.server import Application
from innkeeper.api.v1.backups import Backups
from innkeeper.api.v1.commands import Commands
from innkeeper.api.v1.consoles import Consoles
from innkeeper.api.v1.endpoints import Endpoints
from innkeeper.api.v1.events import Events
from innkeeper.api.v1.health import Health
from innkeeper.api.v1.images import ImageContents
from innkeeper.api.v1.profiles import Profiles
from innkeeper.api.v1.redirects import Redirects
from innkeeper.api.v1.rest.service import Rest
from innkeeper.api.v1.rest.table import Desk
from innkeeper.api.v1.waiting import Waiting
from innkeeper.api.xmlrpc.service import XmlRpc
from innkeeper.commands import bootstrap
from innkeeper.commands.auth import Authenticator, Passwords, keep_hash
from innkeeper.commands.backupjobs import JobKeeper
from innkeeper.commands.building.files import ENDPOINT
from innkeeper.commands.core import Core
from innkeeper.commands.monitoring import Monitoring
from innkeeper.commands.redirects import Limits
from innkeeper.commands.schedules import RESCHEDULING, Timekeeper
from innkeeper.commands.scheduling import Scheduler
from innkeeper.daemon.trust import trust
from innkeeper.fleet.fleet import Connector, Fleet
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle import stores
from innkeeper.lifecycle.messages import FRONT_END, StoreMeasured
from innkeeper.model import storage
from innkeeper.model.clock import Clock
from innkeeper.model.objects import Datastore, User
from innkeeper.model.states import DatastoreType
from innkeeper.model.world import Transaction, World
from innkeeper.placement.decide import Policy
from innkeeper.placement.stores import reaches
from innkeeper.store.journal import EventRow, Journal
from innkeeper.store.samples import Samples

from .connect import is_local
from .contents import Contents
from .executions import Executions
from .guests import FleetGuests
from .hooks import HookRunner
from .outgoing import Outgoing
from .redirects import OpenDoor, Redirector, SocketDoor
from .settings import Settings
from .tasks import begun
from .webhooks import Webhooks

#: Seconds between looks at how full datastores are.
STORES_EVERY, STORES_AGAIN = 60.0, 1.0


class MakeConnector(Protocol):
    """Makes what opens links, once the world is there."""

    def __call__(self, world: World) -> Connector:
        """The connector for this world."""
        ...


class FrontEnd:
    """One zone's front end. `start` takes up what is durable; `stop` ends links and the journal, never guests."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        journal: Journal,
        samples: Samples,
        clock: Clock,
        passwords: Passwords,
        make_connector: MakeConnector,
        blocking: Callable[..., Awaitable[Any]] | None = None,
        open_door: OpenDoor = SocketDoor,
    ) -> None:
        self.settings = settings
        self.data = data
        self.core = Core(journal, clock)
        self.world = self.core.world
        self.monitoring = Monitoring(self.world, samples, clock)
        self.scheduler = Scheduler(self.core, Policy(settings.placement.policy))
        self.timekeeper = Timekeeper(self.core, settings.schedule.zone())
        self.fleet = Fleet(
            self.world,
            make_connector(self.world),
            self.core.take,
            self._hello,
            self.monitoring.take,
            settings.monitoring.interval,
            settings.monitoring.grace,
        )
        self.authenticator = Authenticator(
            self.world, clock, passwords, blocking or self.core.blocking, trust(settings.auth)
        )
        self.jobs = JobKeeper(self.core)
        self.authenticator.keep = self._keep_hash
        self.hooks = HookRunner(self.core, self.fleet, data / "hooks")
        self.executions = Executions(self.core, self.fleet, settings.guests.longest_command)
        self.webhooks = Webhooks(self.core, Outgoing(settings.webhooks.networks()))
        self.contents = Contents(self.core, self.fleet, data / "transit")
        self.guests = FleetGuests(self.world, self.fleet)
        self.redirector = Redirector(self.core, self.guests.connect, open_door)
        self._measuring: asyncio.Task[None] | None = None
        self.core.dispatch = self.fleet.dispatch
        self.core.wake = self.scheduler.wake
        self.core.followers += [
            self._follow,
            self.contents.follow,
            self.redirector.follow,
            self.hooks.follow,
            self.executions.follow,
            self.jobs.follow,
            self.webhooks.follow,
        ]
        self.rpc = self._rpc()

    def _keep_hash(self, user: User, stored: str) -> None:
        self.core.transact(lambda tx: keep_hash(tx, user, stored))

    def _hello(self, place: int) -> dict[str, Any]:
        zone = next((s.value for s in self.world.settings if s.name == "zone"), "")
        role = "host" if place >= 0 else "store"
        return {"root": str(self._root(place)), "zone": zone, "host": place, "role": role}

    def _root(self, place: int) -> Path:
        """The agent's folder: below our data on this machine, at its standard place elsewhere."""
        host = self.world.hosts.get(place)
        if place < 0:
            return self.data / "front-end"
        return (
            self.data / "host" if host and is_local(host.name) else Path("/var/lib/innkeeper/host")
        )

    def _follow(self, events: tuple[EventRow, ...]) -> None:
        """What changed: stations follow hosts, samples what has ended, what is next the schedules."""
        self.monitoring.follow({(row.kind, row.id) for row in events})
        for host_id in {row.id for row in events if row.kind == "host"}:
            self.fleet.refresh(host_id)
        if any(row.what in RESCHEDULING for row in events):
            self.timekeeper.arm()

    @property
    def datastores(self) -> str:
        """Where datastores lie."""
        return str(self.data / "datastores")

    @property
    def image_folders(self) -> tuple[str, ...]:
        """Folders from which images may be imported."""
        return (str(self.data / "images"), str(self.data / "guest"), *self.settings.images.folders)

    async def prepare(self, password: str, zone: str, *, simulate: bool) -> bool:
        """Loads the world; a first start makes the first objects. True when it was the first."""
        self.core.load()
        if len(self.world.users):
            await self.core.run(bootstrap.complete)
            await self.core.run(self._note_endpoint)
            return False
        hashed = await self.authenticator.hashed(password)
        await self.core.run(
            lambda tx: bootstrap.first_start(tx, hashed, zone, self.datastores, simulate=simulate)
        )
        await self.core.run(self._note_endpoint)
        return True

    def _note_endpoint(self, tx: Transaction) -> None:
        bootstrap.keep(tx, ENDPOINT, self.settings.onegate.endpoint)

    def start(self) -> None:
        """Goes on with what was under way, and opens links to all hosts."""
        self.fleet.start()
        self.core.resume()
        self.contents.sweep()
        self.timekeeper.arm()
        self.redirector.start()
        self.hooks.start()
        self.executions.start()
        self.jobs.wake()
        self.webhooks.start()
        self._measuring = begun(self._measure_stores(), "measuring datastores")

    async def _measure_stores(self) -> None:
        """Looks how full the datastores on the front end are, again and again."""
        while True:
            measured = True
            for datastore in list(self.world.datastores):
                if not datastore.simulated and _is_counted(datastore):
                    measured = await self._measure_store(datastore) and measured
            await asyncio.sleep(STORES_EVERY if measured else STORES_AGAIN)

    async def _measure_store(self, datastore: Datastore) -> bool:
        """False when the agent is away (at the start, for one)."""
        place, args = self._counter(datastore)
        try:
            found = await self.fleet.ask(place, "store.stat", args)
        except AgentError:
            return False
        figures = (int(found[key]) for key in ("total_mib", "free_mib", "used_mib"))
        self.core.take(StoreMeasured(datastore.id, *figures))
        return True

    def _counter(self, datastore: Datastore) -> tuple[int, dict[str, Any]]:
        """Who sees how full a datastore is, and what it is asked."""
        if datastore.tm_mad == "fs_lvm" and datastore.type is DatastoreType.SYSTEM:
            able = (h.id for h in self.world.hosts if reaches(datastore, h) and not h.error)
            return next(able, FRONT_END), {"store": stores.store(datastore)}
        if "ceph" in (datastore.ds_mad, datastore.tm_mad):
            return FRONT_END, {"store": stores.store(datastore)}
        return FRONT_END, {"path": datastore.base_path}

    def _rpc(self) -> XmlRpc:
        return XmlRpc(
            self.core,
            self.authenticator,
            self.monitoring,
            datastore_root=self.datastores,
            image_folders=self.image_folders,
            image_networks=self.settings.images.allow_networks,
        )

    def application(self) -> Application:
        """The door to the outside."""
        guests = self.guests
        endpoints = Endpoints(self.core, self.authenticator, guests)
        consoles = Consoles(self.core, self.authenticator, guests)
        commands = Commands(self.core, self.authenticator, guests)
        health = Health(self.core, __version__, self.monitoring, self.rpc.latencies, self._figures)
        contents = ImageContents(self.core, self.authenticator, self.contents)
        backups = Backups(self.core, self.authenticator, self.contents)
        redirects = self._redirects()
        waiting = Waiting()
        desk = Desk(self.rpc.desk, waiting)
        rest = Rest(desk, self.rpc.latencies)
        events = Events(self.core, self.authenticator, waiting)
        profiles = Profiles(self.core, self.authenticator)
        parts = (
            events, endpoints, consoles, commands, redirects, contents, backups, profiles,
            health, Pages(),
        )  # fmt: skip
        rest.described = [route for part in parts for route in part.routes()]
        routes = [*rest.routes(), *rest.described]

        def leave() -> None:
            waiting.over = True
            self.core.ask_again()

        return Application(self.rpc, routes, refused=self.core.refused, leave=leave)

    def _redirects(self) -> Redirects:
        given = self.settings.redirects
        limits = Limits(
            addresses=given.addresses,
            first=given.ports[0],
            last=given.ports[1],
            longest=given.longest,
            who=given.who,
        )
        return Redirects(self.core, self.authenticator, self.redirector, limits, given.shown)

    def _figures(self) -> dict[str, int]:
        """What only the daemon knows, for /metrics."""
        journal = self.core.journal
        return {
            # A simulated disk counts nothing.
            "journal_commits_total": getattr(journal, "commits", 0),
            "journal_lost_asides_total": getattr(journal, "lost_asides", 0),
            "instructions": self.fleet.carried,
            "agents": self.fleet.linked,
            "redirects": self.redirector.open_ports,
        }

    async def stop(self) -> None:
        """Ends the links and closes the journal. Guests go on."""
        if self._measuring is not None:
            self._measuring.cancel()
        self.timekeeper.stop()
        self.redirector.stop()
        await self.hooks.stop()
        await self.executions.stop()
        await self.webhooks.stop()
        await self.fleet.close()
        self.core.journal.close()


def _is_counted(datastore: Datastore) -> bool:
    """Whether it is one place; a system datastore of files is one on each host."""
    return datastore.type is not DatastoreType.SYSTEM or datastore.tm_mad in storage.NEEDED
