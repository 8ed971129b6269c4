"""The CPU that a guest is given when it starts, and what is remembered of it (`model/processors.py`)."""

from typing import Any

from innkeeper.model import processors
from innkeeper.model.objects import Vm
from innkeeper.model.world import World

_UNDER_QEMU = frozenset({"kvm", "qemu", "dummy"})


def described(world: World, vm: Vm, host_id: int) -> dict[str, Any]:
    """What takes the place of the CPU in the description of a guest that is to start on a host."""
    host = world.hosts.get(host_id)
    if host is None or not vm.history or vm.history[-1].vm_mad not in _UNDER_QEMU:
        return {}
    arch = (vm.template.vector("OS") or {}).get("ARCH") or host.facts.get("arch")
    if arch != host.facts.get("arch"):
        return {}
    wanted = processors.asked(vm.template)
    chosen = processors.instead(wanted, host, world.hosts, world.processors)
    if chosen is None:
        return {}
    return {"cpu_model": chosen.model, "cpu_features": sorted(chosen.extra)}


def noted(world: World, host_id: int, result: dict[str, Any]) -> dict[str, Any]:
    """The fields of the VM that tell which CPU its guest has, by its agent's answer."""
    host, cpu = world.hosts.get(host_id), result.get("cpu")
    if host is None or not isinstance(cpu, dict):
        return {}
    return {"processor": ",".join(sorted(processors.given(cpu, host)))}
