"""A host that lives inside the front end: the driver `dummy` (OpenNebula's users know it by that name).

It keeps the promises of a real agent (idempotent verbs, generations, what is left over after which verb) with guests
that do nothing. Operations take no time unless `times` says otherwise: seconds by verb.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from .link import AgentError, LinkLost, OnEvent, Result

CPUS = 8
MEMORY_KIB = 16 << 20


class Guest:
    """What the host knows about one VM."""

    __slots__ = ("cpu", "folder", "generation", "memory", "networks", "saved", "state")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.state = "off"
        self.folder = False
        self.saved = False
        self.networks: set[int] = set()
        self.cpu = 0.0
        self.memory = 0


class SimulatedHost:
    """The host itself: it goes on when a front end dies, and answers the next one."""

    def __init__(self, name: str, cpus: int = CPUS, memory_kib: int = MEMORY_KIB) -> None:
        self.name = name
        self.cpus = cpus
        self.memory_kib = memory_kib
        self.guests: dict[int, Guest] = {}
        self.gone: dict[int, int] = {}
        self.files: set[str] = set()
        self.listener: OnEvent | None = None

    @property
    def facts(self) -> Result:
        """What `hello` answers."""
        return {
            "protocol": 1,
            "hostname": self.name,
            "arch": "x86_64",
            "cpu_model": "Simulated",
            "cpus": self.cpus,
            "memory_kib": self.memory_kib,
            "hypervisor": "dummy",
            "accelerator": "none",
            "accelerator_reason": "guests of a simulated host do nothing",
        }

    def perform(self, verb: str, args: dict[str, Any]) -> Result:
        """Does what the verb says; raises AgentError."""
        method = getattr(self, "_" + verb.replace(".", "_"), None)
        if method is None:
            raise AgentError("unknown-verb", f"there is no verb {verb}")
        result: Result = method(args) or {}
        return result

    # -- the host as a whole

    def _hello(self, args: dict[str, Any]) -> Result:
        return self.facts

    def _ping(self, args: dict[str, Any]) -> None:
        """It is there."""

    def _monitor(self, args: dict[str, Any]) -> None:
        """Rounds of monitoring are asked for by the link."""

    def _observe(self, args: dict[str, Any]) -> Result:
        vms = [
            {
                "vm": number,
                "generation": guest.generation,
                "state": self._state(guest),
                "folder": guest.folder,
            }
            for number, guest in self.guests.items()
        ]
        return {"vms": vms, "networks": [], "strays": []}

    @staticmethod
    def _state(guest: Guest) -> str:
        return "saved" if guest.saved and guest.state == "off" else guest.state

    def metrics(self) -> Result:
        """One round of monitoring."""
        running = [(n, g) for n, g in self.guests.items() if g.state == "running"]
        memory = sum(guest.memory for _, guest in running) * 1024
        cpu = round(sum(guest.cpu for _, guest in running) * 100)
        return {
            "event": "metrics",
            "host": {
                "cpu_used": cpu,
                "cpu_free": self.cpus * 100 - cpu,
                "memory_used_kib": memory,
                "memory_free_kib": self.memory_kib - memory,
                "net_rx": 0,
                "net_tx": 0,
            },
            "vms": [
                {
                    "vm": number,
                    "generation": guest.generation,
                    "state": "running",
                    "cpu": guest.cpu * 100,
                    "memory_kib": guest.memory * 1024,
                }
                for number, guest in running
            ],
        }

    # -- one VM

    def _guest(self, args: dict[str, Any], *, make: bool = True) -> Guest:
        number, generation = int(args["vm"]), int(args["generation"])
        guest = self.guests.get(number)
        newest = guest.generation if guest else self.gone.get(number, 0)
        if generation < newest:
            text = f"VM {number} is at generation {newest}, the request says {generation}"
            raise AgentError("stale", text)
        if guest is None:
            guest = Guest(generation)
            if make:
                self.guests[number] = guest
        guest.generation = generation
        return guest

    def _network_ensure(self, args: dict[str, Any]) -> None:
        self._guest(args).networks.update(n["network"] for n in args["networks"])

    def _network_release(self, args: dict[str, Any]) -> None:
        guest = self._guest(args, make=False)
        guest.networks.clear()
        self._forget_empty(int(args["vm"]), guest)

    def _forget_empty(self, number: int, guest: Guest) -> None:
        if not guest.folder and not guest.networks and guest.state == "off":
            self.guests.pop(number, None)
            self.gone[number] = guest.generation

    def _disk_ensure(self, args: dict[str, Any]) -> None:
        self._guest(args).folder = True

    def _context_ensure(self, args: dict[str, Any]) -> None:
        self._guest(args).folder = True

    def _domain_ensure(self, args: dict[str, Any]) -> Result:
        guest = self._guest(args)
        guest.cpu = args["domain"]["cpu_shares"] / 1024
        guest.memory = args["domain"]["memory_mib"]
        guest.saved = False
        self._set_state(args, guest, "running", "booted")
        return {"domain": args["domain"]["name"]}

    def _domain_restore(self, args: dict[str, Any]) -> Result:
        guest = self._guest(args)
        if guest.state != "running" and not guest.saved:
            raise AgentError("refused", f"VM {args['vm']} has no checkpoint")
        guest.saved = False
        self._set_state(args, guest, "running", "restored")
        return {"domain": f"one-{args['vm']}"}

    def _domain_shutdown(self, args: dict[str, Any]) -> None:
        self._set_state(args, self._guest(args, make=False), "off", "shutdown")

    def _domain_destroy(self, args: dict[str, Any]) -> None:
        self._set_state(args, self._guest(args, make=False), "off", "destroyed")

    def _domain_save(self, args: dict[str, Any]) -> None:
        guest = self._guest(args)
        if guest.state != "running" and not guest.saved:
            raise AgentError("refused", f"VM {args['vm']} does not run")
        guest.saved = True
        self._set_state(args, guest, "off", "saved")

    def _domain_reboot(self, args: dict[str, Any]) -> None:
        if self._guest(args, make=False).state != "running":
            raise AgentError("refused", f"VM {args['vm']} does not run")

    def _vm_remove(self, args: dict[str, Any]) -> None:
        number = int(args["vm"])
        guest = self._guest(args, make=False)
        self._set_state(args, guest, "off", "destroyed")
        self.guests.pop(number, None)
        self.gone[number] = guest.generation

    def _set_state(self, args: dict[str, Any], guest: Guest, state: str, reason: str) -> None:
        if guest.state == state:
            return
        guest.state = state
        self.tell(int(args["vm"]), guest, reason)

    def tell(self, number: int, guest: Guest, reason: str) -> None:
        """Pushes a domain event to whoever listens."""
        if self.listener is not None:
            self.listener(
                {
                    "event": "domain",
                    "vm": number,
                    "generation": guest.generation,
                    "state": self._state(guest),
                    "reason": reason,
                }
            )

    # -- images without bytes

    def _image_import(self, args: dict[str, Any]) -> Result:
        self.files.add(args["into"])
        return {"format": args.get("format") or "raw", "virtual_mib": args.get("size_mib") or 1024}

    def _image_clone(self, args: dict[str, Any]) -> Result:
        self.files.add(args["into"])
        return {}

    def _image_remove(self, args: dict[str, Any]) -> None:
        self.files.discard(args["path"])

    def _log_read(self, args: dict[str, Any]) -> Result:
        return {"data": "", "offset": 0, "size": 0}


class SimulatedLink:
    """A link to a simulated host."""

    def __init__(self, host: SimulatedHost, on_event: OnEvent, times: Mapping[str, float]) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.host = host
        self._on_event = on_event
        self._times = times
        self._rounds: asyncio.Task[None] | None = None
        host.listener = on_event

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        seconds = self._times.get(verb, self._times.get("*", 0.0))
        if seconds:
            await asyncio.sleep(seconds)
        if verb == "monitor":
            self._monitor(float(args["interval"]))
        return self.host.perform(verb, args)

    def _monitor(self, interval: float) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None
        if interval:
            self._rounds = asyncio.create_task(self._monitor_every(interval))

    async def _monitor_every(self, interval: float) -> None:
        while not self.lost.done():
            self._on_event(self.host.metrics())
            await asyncio.sleep(interval)

    async def upload(self, source: str, target: str) -> None:
        """Simulated disks have no content."""

    async def close(self) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
        if not self.lost.done():
            self.lost.set_result("closed")
        if self.host.listener is self._on_event:
            self.host.listener = None
