"""How links are opened: simulated hosts in the process, this machine's agents locally, others by SSH."""

import asyncio
import contextlib
import functools
import os
import socket
from pathlib import Path

from innkeeper.fleet.keys import KnownHosts, ensure_key
from innkeeper.fleet.link import Link, OnEvent
from innkeeper.fleet.local import open_local, open_service
from innkeeper.fleet.simulated import Guest, SimulatedHost, SimulatedLink
from innkeeper.fleet.ssh import Door, open_ssh
from innkeeper.host import pack
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.messages import FRONT_END, SIMULATED
from innkeeper.model.objects import Host, Vm
from innkeeper.model.world import World

from .settings import Settings

#: Names by which this machine may be added as a host.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_OFF = frozenset(
    {
        "POWEROFF", "BOOT_POWEROFF", "PROLOG", "PROLOG_FAILURE", "BOOT", "BOOT_FAILURE", "EPILOG",
        "UNDEPLOYED", "EPILOG_UNDEPLOY", "PENDING",
    }
)  # fmt: skip
_SAVED = frozenset({"SUSPENDED", "BOOT_SUSPENDED", "STOPPED", "EPILOG_STOP"})


class Links:
    """Opens the link to a place."""

    def __init__(self, world: World, data: Path, settings: Settings) -> None:
        self.world = world
        self.data = data
        self.simulated: dict[int, SimulatedHost] = {}
        self._by_name: dict[str, SimulatedHost] = {}
        self._times = settings.simulation.times
        self._key = data / settings.ssh.key
        self._known = KnownHosts(data / settings.ssh.known_hosts)
        self._agent: Path | None = None
        # An administrator may want to hand out its public half before there are hosts.
        with contextlib.suppress(OSError):
            ensure_key(self._key)

    async def __call__(self, place: int, host: Host | None, on_event: OnEvent) -> Link:
        link: Link
        if place == SIMULATED or (host is not None and host.simulated):
            link = SimulatedLink(self._simulated(place, host), on_event, self._times)
        elif place == FRONT_END:
            link = await self._child(on_event)
        elif host is not None and is_local(host.name):
            link = await self._local(on_event)
        elif host is None:
            raise OSError("there is no such host")
        else:
            ensure_key(self._key)
            door = Door(host.name, self._key, self._known)
            log = self._log(f"agent-{host.name}.log")
            link = await open_ssh(door, await self._packed(), log, on_event)
        return link

    async def _local(self, on_event: OnEvent) -> Link:
        """This machine's agent works as root: only root can start it."""
        if os.geteuid() == 0:
            return await self._child(on_event)
        return await open_service(self.data / "host" / "agent.sock", on_event)

    async def _child(self, on_event: OnEvent) -> Link:
        return await open_local(await self._packed(), self._log("agent.log"), on_event)

    def _log(self, name: str) -> Path:
        return self.data / "log" / name

    async def _packed(self) -> Path:
        """The agent as one file, packed once a start."""
        if self._agent is None:
            path = self.data / "run" / "agent.pyz"
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(pack.build, path)
            self._agent = path
        return self._agent

    def _simulated(self, place: int, host: Host | None) -> SimulatedHost:
        """The simulated host; one that we do not remember (a new start) has what the world says."""
        found = self.simulated.get(place)
        if found is None:
            found = self.simulated[place] = SimulatedHost(host.name if host else "nowhere")
            found.neighbours = self._by_name
            self._by_name[found.name] = found
            for number in self.world.occupancy.of(place).vms.keys() | set(
                self.world.kept.of(place)
            ):
                found.guests[number] = as_guest(self.world.vms[number])
        return found


def as_guest(vm: Vm) -> Guest:
    """A VM as the simulated host should have it."""
    guest = Guest(vm.generation)
    guest.started = vm.guest_generation
    now = phase(vm)
    guest.folder = True
    guest.saved = now in _SAVED
    guest.state = "off" if now in _OFF or guest.saved else "running"
    guest.cpu, guest.memory = vm.cpu, vm.memory
    context = vm.template.vector("CONTEXT")
    guest.disks = {int(each["DISK_ID"]) for each in (*vm.disks, *([context] if context else []))}
    guest.plugged = {"disks": {*guest.disks}, "nics": {int(nic["NIC_ID"]) for nic in vm.nics}}
    guest.networks = {int(nic["NETWORK_ID"]): nic["BRIDGE"] for nic in vm.nics}
    return guest


def is_local(name: str) -> bool:
    """Is this the machine that the front end runs on?"""
    own = socket.gethostname()
    if name in LOCAL_NAMES or name == own:
        return True
    # Asking for the full name may ask a name server: only for a name that may be it.
    return name.partition(".")[0] == own.partition(".")[0] and name == _full_name(own)


@functools.cache
def _full_name(own: str) -> str:
    return socket.getfqdn(own)
