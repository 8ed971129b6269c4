"""Health and figures for machines: /healthz and /metrics (Prometheus text format 0.0.4)."""

from collections import Counter

from innkeeper.api.messages import Request, Response
from innkeeper.api.routing import Route
from innkeeper.commands.core import Core
from innkeeper.lifecycle.machine import phase
from innkeeper.model.world import World

from .access import answer

TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Answers whether the front end works, and how much it has."""

    def __init__(self, core: Core, version: str) -> None:
        self.core = core
        self.version = version

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("GET", "/healthz", self.healthz), Route("GET", "/metrics", self.metrics)]

    async def healthz(self, request: Request) -> Response:
        """200 while changes are possible, 503 when the store has failed."""
        failure = self.core.failure
        body = {
            "ok": not failure,
            "version": self.version,
            **({"failure": failure} if failure else {}),
        }
        return answer(body, 503 if failure else 200)

    async def metrics(self, request: Request) -> Response:
        """Counts of objects by state, capacity, open operations."""
        return Response("\n".join([*_lines(self.core.world), ""]).encode(), content_type=TEXT)


def _lines(world: World) -> list[str]:
    lines = []
    lines += _family("vms", "VMs by phase", Counter(phase(vm) for vm in world.vms), "phase")
    lines += _family("hosts", "Hosts by state", Counter(h.state.name for h in world.hosts), "state")
    shown = Counter(world.image_state(image).name for image in world.images)
    lines += _family("images", "Images by state", shown, "state")
    lines += _family(
        "operations", "Open operations", Counter(o.name for o in world.operations), "name"
    )
    lines += [
        "# HELP innkeeper_vms_waiting VMs that wait for placement",
        "# TYPE innkeeper_vms_waiting gauge",
        f"innkeeper_vms_waiting {len(world.pending.vms)}",
    ]
    for name, text, values in _capacity(world):
        lines += [f"# HELP innkeeper_{name} {text}", f"# TYPE innkeeper_{name} gauge"]
        lines += [f'innkeeper_{name}{{host="{host}"}} {value}' for host, value in values]
    return lines


def _family(name: str, text: str, counts: Counter[str], label: str) -> list[str]:
    head = [f"# HELP innkeeper_{name} {text}", f"# TYPE innkeeper_{name} gauge"]
    return head + [f'innkeeper_{name}{{{label}="{key}"}} {counts[key]}' for key in sorted(counts)]


def _capacity(world: World) -> list[tuple[str, str, list[tuple[str, float]]]]:
    hosts = list(world.hosts)
    return [
        ("host_cpu_cores", "CPU of a host in cores", [(h.name, h.total_cpu / 100) for h in hosts]),
        ("host_memory_bytes", "Memory of a host", [(h.name, h.total_memory * 1024) for h in hosts]),
        (
            "host_cpu_taken_cores",
            "CPU taken by VMs in cores",
            [(h.name, world.occupancy.of(h.id).cpu / 100) for h in hosts],
        ),
        (
            "host_memory_taken_bytes",
            "Memory taken by VMs",
            [(h.name, world.occupancy.of(h.id).memory * 1024) for h in hosts],
        ),
    ]
