"""A host that lives inside the front end: the driver `dummy` (OpenNebula's users know it by that name).

It keeps the promises of a real agent (docs/agent-protocol.md): idempotent verbs, generations, requests for one VM
in their order, one agent at a time, and what is left over after which verb. Its guests do nothing. Verbs take no
time unless `times` says otherwise: seconds by verb ("*": all others).
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from .link import AgentError, LinkLost, OnEvent, Result
from .simulated_commands import Commands
from .simulated_moves import Moves

CPUS = 8
MEMORY_KIB = 16 << 20


#: Arguments that name what requests wait behind one another for.
_QUEUES = ("vm", "into", "path")


class Guest:
    """What the host knows about one VM.

    `generation` is the highest that was seen, `started` the one that the domain was started with. `disks` are the
    numbers of its files, `plugged` the devices of its domain ("disks", "nics"), `networks` the bridges by network,
    `nics` what guards its interfaces, `commands` what runs in it (`simulated_commands.py`). `sending`: it was sent to
    another host.
    """

    __slots__ = (
        "checkpoints", "commands", "cpu", "disks", "features", "folder", "generation", "memory", "networks", "nics",
        "plugged", "saved", "sending", "started", "state", "told",
    )  # fmt: skip

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.started = 0
        self.sending = False
        self.state = "off"
        self.folder = False
        self.saved = False
        self.disks: set[int] = set()
        self.plugged: dict[str, set[int]] = {"disks": set(), "nics": set()}
        self.features: frozenset[str] = frozenset()
        self.checkpoints: set[str] = set()
        self.commands: dict[int, int] = {}
        self.networks: dict[int, str] = {}
        self.nics: list[dict[str, Any]] = []
        self.told = (0, 0)
        self.cpu = 0.0
        self.memory = 0

    def seen(self) -> tuple[int, str]:
        """Generation and state as the agent reports them."""
        if self.state == "off":
            return self.generation, "saved" if self.saved else "off"
        return self.started, self.state


class SimulatedHost(Moves, Commands):
    """The host itself: it goes on when a front end dies, and answers the next one."""

    def __init__(self, name: str, cpus: int = CPUS, memory_kib: int = MEMORY_KIB) -> None:
        self.name = name
        self.cpus = cpus
        self.memory_kib = memory_kib
        self.guests: dict[int, Guest] = {}
        self.gone: dict[int, int] = {}
        self.files: set[str] = set()
        self.agent: SimulatedLink | None = None
        #: Commands of hooks that it was asked to run.
        self.hooks: list[tuple[str, ...]] = []
        self.zone: str | None = None
        #: What its guests' CPUs can have, and the models that run there; it tells them when there are some.
        self.features: frozenset[str] = frozenset()
        self.cpu_sets: dict[str, list[str]] = {}
        #: What was declared, and where it is not so, as its agent would tell it.
        self.declared: dict[str, Any] = {}
        self.deviations: list[dict[str, Any]] = []
        self.neighbours: Mapping[str, SimulatedHost] = {}
        self._verbs: dict[str, Callable[[dict[str, Any]], Result | None]] = {}

    @property
    def facts(self) -> Result:
        """What `hello` answers."""
        return {
            "protocol": 1,
            "hostname": self.name,
            "peer_key": self.name,
            "arch": "x86_64",
            "cpu_model": "Simulated",
            "cpus": self.cpus,
            "memory_kib": self.memory_kib,
            "hypervisor": "dummy",
            "accelerator": "none",
            "accelerator_reason": "guests of a simulated host do nothing",
            **self._cpu_facts(),
        }

    def _cpu_facts(self) -> Result:
        if not self.features:
            return {}
        return {"features": sorted(self.features), "cpu_sets": self.cpu_sets}

    def _cpu_of(self, guest: Guest, domain: dict[str, Any]) -> Result:
        """The CPU that a guest gets: a named model with what it asks for besides, or all that the host has."""
        model, extra = str(domain.get("cpu_model")), domain.get("cpu_features", [])
        named = model in self.cpu_sets
        guest.features = self.features if not named else frozenset([*self.cpu_sets[model], *extra])
        return {"mode": "custom" if named else "maximum", "model": model, "require": extra}

    def check_cpu(self, guest: Guest) -> None:
        """A guest that goes on here must find all that its CPU had."""
        missing = sorted(guest.features - self.features) if self.features else []
        if missing:
            raise AgentError("refused", f"the guest's CPU: {', '.join(missing)} is missing here")

    def perform(self, verb: str, args: dict[str, Any]) -> Result:
        """Does what the verb says; raises AgentError."""
        method = self._verbs.get(verb)
        if method is None:
            method = getattr(self, "_" + verb.replace(".", "_"), None)
            if method is None:
                raise AgentError("unknown-verb", f"there is no verb {verb}")
            self._verbs[verb] = method
        try:
            return method(args) or {}
        except KeyError as absent:
            text = f"{absent.args[0]}: expected a value, got nothing"
            raise AgentError("bad-args", text) from None

    # -- the host as a whole

    def _hello(self, args: dict[str, Any]) -> Result:
        if self.zone not in (None, args["zone"]):
            raise AgentError("refused", f"{self.name} belongs to zone {self.zone!r}")
        self.zone = args["zone"]
        return self.facts

    def _identify(self, args: dict[str, Any]) -> Result:
        """It keeps no folder."""
        return {"root": None}

    def _ping(self, args: dict[str, Any]) -> None:
        """It is there."""

    def _monitor(self, args: dict[str, Any]) -> None:
        """Rounds of monitoring are asked for by the link."""

    def _observe(self, args: dict[str, Any]) -> Result:
        vms = []
        networks: dict[int, Result] = {}
        for number, guest in self.guests.items():
            generation, state = guest.seen()
            entry = {"vm": number, "generation": generation, "state": state, "folder": guest.folder}
            vms.append(entry | _devices_of(guest))
            for network, bridge in guest.networks.items():
                entry = {"network": network, "bridge": bridge, "vms": []}
                networks.setdefault(network, entry)["vms"].append(number)
        shown = [networks[network] for network in sorted(networks)]
        return {"vms": vms, "networks": shown, "strays": []}

    def metrics(self) -> Result:
        """One round of monitoring."""
        running = [guest for guest in self.guests.values() if guest.state == "running"]
        memory = sum(guest.memory for guest in running) * 1024
        cpu = round(sum(guest.cpu for guest in running) * 100)
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
            "vms": [_measured(number, guest) for number, guest in self.guests.items()],
            **({"drift": list(self.deviations)} if self.declared else {}),
        }

    def _profile_watch(self, args: dict[str, Any]) -> None:
        self.declared = dict(args["profile"])

    def _profile_repair(self, args: dict[str, Any]) -> Result:
        self.declared = dict(args["profile"])
        repaired = [each for each in self.deviations if each["mends"]]
        self.deviations = [each for each in self.deviations if not each["mends"]]
        return {"repaired": repaired, "drift": list(self.deviations)}

    # -- one VM

    def _admit(self, args: dict[str, Any]) -> Guest | None:
        """What there is of the VM; refuses a stale request."""
        number, generation = _whole(args, "vm"), _whole(args, "generation")
        guest = self.guests.get(number)
        newest = guest.generation if guest else self.gone.get(number, 0)
        if generation < newest:
            text = f"VM {number} is at generation {newest}, the request says {generation}"
            raise AgentError("stale", text)
        if guest is not None:
            guest.generation = generation
        return guest

    def _made(self, args: dict[str, Any]) -> Guest:
        """The VM's folder, made if it is missing."""
        guest = self._admit(args)
        if guest is None:
            guest = self.guests[int(args["vm"])] = Guest(int(args["generation"]))
        guest.folder = True
        return guest

    def _needed(self, args: dict[str, Any]) -> Guest:
        guest = self._admit(args)
        if guest is None or not guest.folder:
            raise AgentError("refused", f"VM {args['vm']} has no disks here")
        return guest

    def _there(self, args: dict[str, Any]) -> Guest | None:
        """The VM, whatever its generation."""
        return self.guests.get(_whole(args, "vm"))

    def _running(self, args: dict[str, Any]) -> Guest:
        """The VM with its domain; refused when there is none."""
        guest = self._admit(args)
        if guest is None or guest.state == "off":
            raise AgentError("refused", f"VM {args['vm']} is not running here")
        return guest

    def _network_ensure(self, args: dict[str, Any]) -> None:
        wanted = {network["network"]: network["bridge"] for network in args["networks"]}
        guest = self._made(args)
        guest.networks.update(wanted)
        if "nics" in args:
            guest.networks = wanted
            _guard(guest, args)

    def _network_guard(self, args: dict[str, Any]) -> None:
        guest = self._admit(args)
        if guest is not None and guest.networks:
            _guard(guest, args)

    def _network_release(self, args: dict[str, Any]) -> None:
        guest = self._admit(args)
        if guest is not None:
            for network in args.get("networks", list(guest.networks)):
                guest.networks.pop(network, None)
            guest.nics = [nic for nic in guest.nics if nic["network"] in guest.networks]

    def _disk_ensure(self, args: dict[str, Any]) -> None:
        wanted = [disk["disk"] for disk in args["disks"]]
        self._made(args).disks.update(wanted)

    def _disk_release(self, args: dict[str, Any]) -> None:
        guest, going = self._admit(args), set(args["disks"])
        if guest is None:
            return
        if guest.state != "off" and guest.plugged["disks"] & going:
            raise AgentError("refused", f"VM {args['vm']} has one of the disks {going} plugged in")
        guest.disks -= going

    def _disk_grow(self, args: dict[str, Any]) -> None:
        guest, number = self._admit(args), args["disk"]["disk"]
        if guest is None or number not in guest.disks:
            text = f"VM {args['vm']} has no disk {number} here"
            raise AgentError("missing", text, {"file": f"disk.{number}"})

    def _disk_snapshot(self, args: dict[str, Any]) -> None:
        self._disk_grow(args)

    def _disk_forget(self, args: dict[str, Any]) -> None:
        self._disk_grow(args)

    def _disk_revert(self, args: dict[str, Any]) -> None:
        self._disk_grow(args)
        if self.guests[args["vm"]].state != "off":
            raise AgentError("refused", f"the guest of VM {args['vm']} runs")

    def _disk_save(self, args: dict[str, Any]) -> Result:
        self._disk_grow(args)
        return {"path": f"saved.{args['number']}", "sha256": "0" * 64, "virtual_mib": 100}

    def _disk_unsave(self, args: dict[str, Any]) -> None:
        self._admit(args)

    def _context_ensure(self, args: dict[str, Any]) -> None:
        disk = args["disk"]
        self._made(args).disks.add(disk)

    def _domain_ensure(self, args: dict[str, Any]) -> Result:
        domain = args["domain"]
        guest, cpu = self._needed(args), {}
        self._check_disks(guest, domain)
        if guest.state != "off" and guest.started != guest.generation:
            self._set_state(args, guest, "off", "destroyed")
        if guest.state == "off":
            self._check_bridges(guest, domain)
            guest.cpu = domain["cpu_shares"] / 1024
            guest.memory = domain["memory_mib"]
            guest.saved = False
            guest.commands = {}
            guest.plugged = _devices(domain)
            cpu = {"cpu": self._cpu_of(guest, domain)} if self.features else {}
            self._start(args, guest, "booted")
        return {"domain": domain["name"], **cpu}

    def _domain_adjust(self, args: dict[str, Any]) -> None:
        domain = args["domain"]
        guest = self._admit(args)
        if guest is not None and guest.state != "off":
            self._check_disks(guest, domain)
            self._check_bridges(guest, domain)
            guest.plugged = _devices(domain)

    def _domain_resize(self, args: dict[str, Any]) -> None:
        guest = self._admit(args)
        if guest is not None and guest.state != "off":
            guest.cpu, guest.memory = args["cpu_shares"] / 1024, args["memory_mib"]

    def _domain_snapshot(self, args: dict[str, Any]) -> None:
        self._running(args)

    def _domain_revert(self, args: dict[str, Any]) -> None:
        self._running(args).commands = {}

    def _domain_forget(self, args: dict[str, Any]) -> None:
        self._admit(args)

    def _check_disks(self, guest: Guest, domain: dict[str, Any]) -> None:
        """A guest starts with the disks that it was given, or not at all."""
        for disk in domain["disks"]:
            if disk["disk"] not in guest.disks:
                text = f"{domain['name']} has no disk {disk['disk']} here"
                raise AgentError("missing", text, {"file": f"disk.{disk['disk']}"})

    def _check_bridges(self, guest: Guest, domain: dict[str, Any]) -> None:
        for nic in domain["nics"]:
            bridge = nic["bridge"]
            users = (guest, *self.guests.values())
            if not any(bridge in user.networks.values() for user in users):
                raise AgentError("failed", f"there is no bridge {bridge}")

    def _domain_restore(self, args: dict[str, Any]) -> Result:
        guest = self._admit(args)
        number = int(args["vm"])
        if guest is not None and guest.state != "off" and guest.started != guest.generation:
            raise AgentError("refused", f"VM {number} runs, with generation {guest.started}")
        if guest is None or (guest.state == "off" and not guest.saved):
            text = f"VM {number} has no checkpoint here"
            raise AgentError("missing", text, {"file": "checkpoint"})
        if guest.state == "off":
            self.check_cpu(guest)
            guest.saved = False
            self._start(args, guest, "restored")
            # the hypervisor starts it paused, so that its checkpoint can be removed before it runs
            self.tell(number, guest, "paused", "paused")
            self.tell(number, guest, "running", "resumed")
        return {"domain": f"one-{number}"}

    def _domain_shutdown(self, args: dict[str, Any]) -> None:
        self._stop(args, "shutdown")

    def _domain_destroy(self, args: dict[str, Any]) -> None:
        self._stop(args, "destroyed")

    def _stop(self, args: dict[str, Any], reason: str) -> None:
        guest = self._admit(args)
        if guest is not None:
            self._set_state(args, guest, "off", reason)

    def _domain_save(self, args: dict[str, Any]) -> None:
        guest = self._admit(args)
        if guest is not None and guest.state == "off" and guest.saved:
            return
        guest = self._running(args)
        if guest.state == "running":
            self.tell(int(args["vm"]), guest, "paused", "paused")
        guest.saved = True
        self._set_state(args, guest, "off", "saved")

    def _domain_reboot(self, args: dict[str, Any]) -> None:
        self._running(args).commands = {}

    def _domain_suspend(self, args: dict[str, Any]) -> None:
        self._set_state(args, self._running(args), "paused", "paused")

    def _domain_resume(self, args: dict[str, Any]) -> None:
        self._set_state(args, self._running(args), "running", "resumed")

    def _vm_remove(self, args: dict[str, Any]) -> None:
        guest = self._admit(args)
        number = int(args["vm"])
        if guest is not None:
            self._set_state(args, guest, "off", "destroyed")
            del self.guests[number]
        self.gone[number] = int(args["generation"])

    def _vm_adopt(self, args: dict[str, Any]) -> None:
        if self._admit(args) is None:
            self.gone[int(args["vm"])] = int(args["generation"])

    def _start(self, args: dict[str, Any], guest: Guest, reason: str) -> None:
        guest.started = guest.generation
        guest.sending = False
        self._set_state(args, guest, "running", reason)

    def _set_state(self, args: dict[str, Any], guest: Guest, state: str, reason: str) -> None:
        if guest.state != state:
            guest.state = state
            self.changed(int(args["vm"]), guest, reason)

    def changed(self, number: int, guest: Guest, reason: str) -> None:
        """A guest started or stopped: pushes a domain event to whoever listens."""
        state = "saved" if guest.state == "off" and guest.saved else guest.state
        self.tell(number, guest, state, reason)

    def tell(self, number: int, guest: Guest, state: str, reason: str) -> None:
        """Pushes a domain event."""
        if self.agent is not None:
            self.agent.tell(
                {
                    "event": "domain",
                    "vm": number,
                    "generation": guest.started,
                    "state": state,
                    "reason": reason,
                }
            )

    # -- images without bytes

    def _image_import(self, args: dict[str, Any]) -> Result:
        self.files.add(args["into"])
        return {"format": args.get("format") or "raw", "virtual_mib": args.get("size_mib") or 1024}

    def _image_clone(self, args: dict[str, Any]) -> Result:
        origin, into = args["from"], args["into"]
        if into not in self.files and origin not in self.files:
            raise AgentError("missing", f"there is no file {origin} on this host", {"file": origin})
        self.files.add(into)
        return {}

    def _image_remove(self, args: dict[str, Any]) -> None:
        self.files.discard(args["path"])

    # -- backups without bytes

    def _backup_make(self, args: dict[str, Any]) -> Result:
        guest, name = self._needed(args), args["checkpoint"]
        known = args.get("since") in guest.checkpoints
        guest.checkpoints.add(name)
        files = [
            {"disk": each["disk"], "path": f"/{name}/disk.{each['disk']}", "bytes": 0, "sha256": ""}
            for each in args["disks"]
        ]
        return {"type": "INCREMENT" if known else "FULL", "why": "", "files": files}

    def _backup_forget(self, args: dict[str, Any]) -> None:
        guest = self._admit(args)
        if guest is not None:
            guest.checkpoints &= {args.get("keep", "")}

    def _disk_restore(self, args: dict[str, Any]) -> None:
        wanted = [disk["disk"] for disk in args["disks"]]
        guest = self._needed(args)
        if guest.state != "off":
            raise AgentError("refused", f"VM {args['vm']} runs: its disks cannot be put back")
        if not guest.disks.issuperset(wanted):
            raise AgentError("missing", f"VM {args['vm']} has not all of the disks {wanted}")
        guest.checkpoints.clear()

    def _backup_take(self, args: dict[str, Any]) -> None:
        """What a link brought has no bytes."""

    def _backup_verify(self, args: dict[str, Any]) -> Result:
        return {"damaged": []}

    def _backup_compose(self, args: dict[str, Any]) -> Result:
        self.files.add(args["into"])
        return {"format": "qcow2", "virtual_mib": 1024, "bytes": 0, "sha256": ""}

    def _backup_merge(self, args: dict[str, Any]) -> Result:
        made = [{"into": disk["into"], "bytes": 0, "sha256": ""} for disk in args["disks"]]
        self.files.update(disk["into"] for disk in args["disks"])
        return {"disks": made}

    def _backup_remove(self, args: dict[str, Any]) -> None:
        paths = args.get("paths", [args["path"]])
        self.files = {
            file for file in self.files
            if not any(file == path or file.startswith(f"{path}/") for path in paths)
        }  # fmt: skip

    def _file_bring(self, args: dict[str, Any]) -> None:
        """Stands for the download of a file."""

    def _log_read(self, args: dict[str, Any]) -> Result:
        return {"data": "", "offset": 0, "size": 0}

    def _console_open(self, args: dict[str, Any]) -> None:
        raise AgentError("refused", f"VM {args['vm']} has no console: its host is simulated")

    def _screenshot(self, args: dict[str, Any]) -> None:
        raise AgentError("refused", f"VM {args['vm']} has no screen: its host is simulated")

    def _hook_run(self, args: dict[str, Any]) -> Result:
        """Nothing runs; what was asked for is remembered."""
        self.hooks.append((str(args["command"]), *map(str, args["arguments"])))
        return {"code": 0, "stdout": "", "stderr": ""}


def _guard(guest: Guest, args: dict[str, Any]) -> None:
    """What guards the NICs, unless later rules are there already."""
    nics, generation = args["nics"], _whole(args, "generation")
    told = (generation, sum(nic.get("revision", 0) for nic in nics))
    if not nics or told >= guest.told:
        guest.nics, guest.told = nics, told


def _whole(args: dict[str, Any], name: str) -> int:
    value = args[name]
    if type(value) is not int:
        raise AgentError("bad-args", f"{name}: expected a whole number, got {value!r:.80}")
    return value


def _devices(domain: dict[str, Any]) -> dict[str, set[int]]:
    """The numbers of a domain's devices."""
    return {
        "disks": {disk["disk"] for disk in domain["disks"]},
        "nics": {nic["nic"] for nic in domain["nics"]},
    }


def _devices_of(guest: Guest) -> Result:
    """The disks that lie here and, of a domain, what is plugged in, as the agent lists them."""
    found: Result = {"disks": sorted(guest.disks)}
    if guest.state != "off":
        found["plugged"] = {what: sorted(numbers) for what, numbers in guest.plugged.items()}
    return found


def _measured(number: int, guest: Guest) -> Result:
    generation, state = guest.seen()
    found: Result = {"vm": number, "generation": generation, "state": state}
    if state == "running":
        found |= {"cpu": guest.cpu * 100, "memory_kib": guest.memory * 1024}
    return found


class SimulatedLink:
    """A link to a simulated host.

    The host does what it was asked although nobody waits any more: only the answer is lost with the link. A new
    link takes the host over: what an older one had asked for and what is not done by then is not done any more.
    """

    shares_files = True

    def __init__(self, host: SimulatedHost, on_event: OnEvent, times: Mapping[str, float]) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.host = host
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._times = times
        self._rounds: asyncio.TimerHandle | None = None
        self._busy_until: dict[object, float] = {}
        self._waiting: dict[asyncio.Future[Result], None] = {}
        self._greeted = False
        older, host.agent = host.agent, self
        if older is not None:
            older.cut("another agent took the host over")

    async def request(self, verb: str, args: dict[str, Any]) -> Result:
        if self.lost.done():
            raise LinkLost(self.lost.result())
        delay = self._delay(verb, args)
        if not delay:
            return self._perform(verb, args)
        return await self._answer(delay, verb, args)

    def _seconds(self, verb: str) -> float:
        return self._times.get(verb, self._times.get("*", 0.0))

    def _delay(self, verb: str, args: dict[str, Any]) -> float:
        """Seconds until it is done: its own, behind what was asked before for the same VM or file."""
        seconds = self._seconds(verb)
        if not (seconds or self._busy_until):
            return 0.0
        queue = next((args[name] for name in _QUEUES if name in args), None)
        if queue is None:
            return seconds
        now = self._loop.time()
        done = max(now, self._busy_until.pop(queue, now)) + seconds
        while self._busy_until and next(iter(self._busy_until.values())) <= now:
            del self._busy_until[next(iter(self._busy_until))]
        if done > now:
            self._busy_until[queue] = done
        return done - now

    async def _answer(self, delay: float, verb: str, args: dict[str, Any]) -> Result:
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._waiting[answer] = None
        self._loop.call_later(delay, self._work, answer, verb, args)
        try:
            return await answer
        finally:
            self._waiting.pop(answer, None)

    def _work(self, answer: "asyncio.Future[Result]", verb: str, args: dict[str, Any]) -> None:
        if self.host.agent is not self:
            return
        try:
            result = self._perform(verb, args)
        except AgentError as error:
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(result)

    def _perform(self, verb: str, args: dict[str, Any]) -> Result:
        if not self._greeted and verb not in ("identify", "hello", "ping"):
            raise AgentError("refused", "hello must come first")
        result = self.host.perform(verb, args)
        if verb == "hello":
            self._greeted = True
        elif verb == "monitor":
            interval = float(args["interval"])
            self._monitor(interval, float(args.get("first", interval)))
        return result

    def tell(self, message: Result) -> None:
        """An event of the host."""
        if not self.lost.done():
            self._on_event(message)

    def _monitor(self, interval: float, first: float) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None
        if interval and not self.lost.done():
            self._rounds = self._loop.call_later(first, self._round, interval)

    def _round(self, interval: float) -> None:
        self._rounds = self._loop.call_later(interval, self._round, interval)
        self.tell(self.host.metrics())

    async def upload(self, source: str, target: str, sha256: str) -> None:
        """Simulated disks have no content."""

    async def download(self, source: str, target: str, sha256: str) -> None:
        """Nothing comes; but it takes its time, and may fail like any request."""
        await self.request("file.bring", {"path": source})

    def cut(self, why: str) -> None:
        """The link is lost."""
        if self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None
        if not self.lost.done():
            self.lost.set_result(why)
        for answer in list(self._waiting):
            if not answer.done():
                answer.set_exception(LinkLost(why))
                answer.exception()  # whoever waited may be gone

    async def close(self) -> None:
        self.cut("closed")
