"""Changes of a VM where it is: in which phase each is accepted, and what it shows meanwhile (spec: states.md 4)."""

from innkeeper.model.errors import wrong_state
from innkeeper.model.objects import Vm
from innkeeper.model.world import World

from .machine import phase

#: Phases in which no guest runs, nor anything is done for one.
_OFF = "PENDING HOLD CLONING CLONING_FAILURE POWEROFF SUSPENDED"


def _as_they_are(phases: str) -> dict[str, str]:
    return {phase: phase for phase in phases.split()}


#: Change -> phase in which it is accepted -> phase that the VM shows while it is made (the same one: made at once).
CHANGES: dict[str, dict[str, str]] = {
    "disk-attach": {"RUNNING": "HOTPLUG", "POWEROFF": "HOTPLUG_PROLOG_POWEROFF"},
    "disk-detach": {"RUNNING": "HOTPLUG", "POWEROFF": "HOTPLUG_EPILOG_POWEROFF"},
    "nic-attach": {"RUNNING": "HOTPLUG_NIC", "POWEROFF": "POWEROFF"},
    "nic-detach": {"RUNNING": "HOTPLUG_NIC", "POWEROFF": "POWEROFF"},
    "nic-update": {"RUNNING": "HOTPLUG_NIC", **_as_they_are(_OFF)},
}


def shown_during(world: World, vm: Vm, change: str) -> str:
    """The phase that the VM shows while it is changed; refuses what its phase, or other work on it, does not allow."""
    now = phase(vm)
    shown = CHANGES[change].get(now)
    if shown is None:
        text = f"This action is not available for state {now}"
        raise wrong_state(f'Error performing action "{change}": {text}', vm.id)
    under_way = world.operation_on(vm)
    if under_way is not None:
        text = f"VM is busy ({under_way.name})"
        raise wrong_state(f'Error performing action "{change}": {text}', vm.id)
    return shown
