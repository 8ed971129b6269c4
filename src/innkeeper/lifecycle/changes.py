"""Changes of a VM where it is: in which phase each is accepted, and what it shows meanwhile (spec: states.md 4)."""

from innkeeper.model.errors import Code, Refusal
from innkeeper.model.objects import Vm
from innkeeper.model.world import World

from .machine import phase

#: Phases in which no guest runs, nor anything is done for one.
_OFF = "PENDING HOLD CLONING CLONING_FAILURE POWEROFF UNDEPLOYED"
#: Failures before a guest was started anew, or after it was shut down.
_FAILED = (
    "BOOT_FAILURE PROLOG_FAILURE EPILOG_FAILURE PROLOG_MIGRATE_POWEROFF_FAILURE BOOT_UNDEPLOY_FAILURE "
    "PROLOG_UNDEPLOY_FAILURE"
)


def _as_they_are(phases: str) -> dict[str, str]:
    return {phase: phase for phase in phases.split()}


def _each(shown: str, phases: str) -> dict[str, str]:
    """A phase of its own for each: that of RUNNING has the bare name."""
    return {phase: shown if phase == "RUNNING" else f"{shown}_{phase}" for phase in phases.split()}


#: Change -> phase in which it is accepted -> phase that the VM shows while it is made (the same one: made at once).
CHANGES: dict[str, dict[str, str]] = {
    "disk-attach": {"RUNNING": "HOTPLUG", "POWEROFF": "HOTPLUG_PROLOG_POWEROFF"},
    "disk-detach": {"RUNNING": "HOTPLUG", "POWEROFF": "HOTPLUG_EPILOG_POWEROFF"},
    "nic-attach": {"RUNNING": "HOTPLUG_NIC", "POWEROFF": "POWEROFF"},
    "nic-detach": {"RUNNING": "HOTPLUG_NIC", "POWEROFF": "POWEROFF"},
    "disk-resize": _each("DISK_RESIZE", "RUNNING POWEROFF UNDEPLOYED"),
    "disk-snapshot-create": _each("DISK_SNAPSHOT", "RUNNING POWEROFF SUSPENDED"),
    "disk-snapshot-delete": _each("DISK_SNAPSHOT_DELETE", "RUNNING POWEROFF SUSPENDED"),
    "disk-snapshot-revert": _each("DISK_SNAPSHOT_REVERT", "POWEROFF"),
    "disk-saveas": _each("HOTPLUG_SAVEAS", "RUNNING POWEROFF SUSPENDED UNDEPLOYED STOPPED"),
    "exec": {"RUNNING": "HOTPLUG"},
    "exec-cancel": {"RUNNING": "HOTPLUG"},
    "snapshot-create": {"RUNNING": "HOTPLUG_SNAPSHOT"},
    "snapshot-revert": {"RUNNING": "HOTPLUG_SNAPSHOT"},
    "snapshot-delete": {"RUNNING": "HOTPLUG_SNAPSHOT", "POWEROFF": "HOTPLUG_SNAPSHOT"},
    "resize": {"RUNNING": "HOTPLUG_RESIZE", **_as_they_are(_OFF)},
    "updateconf": {"RUNNING": "HOTPLUG", **_as_they_are(f"{_OFF} {_FAILED}")},
    "nic-update": {"RUNNING": "HOTPLUG_NIC", **_as_they_are(f"{_OFF} SUSPENDED STOPPED")},
    "sg-attach": {"RUNNING": "HOTPLUG_NIC", **_as_they_are(f"{_OFF} SUSPENDED STOPPED")},
    "sg-detach": {"RUNNING": "HOTPLUG_NIC", **_as_they_are(f"{_OFF} SUSPENDED STOPPED")},
}


#: Changes whose refusal for the VM's state has another code than the others' (OpenNebula's own choice).
_CODES = {"updateconf": Code.INTERNAL, "disk-saveas": Code.INTERNAL}


def shown_during(world: World, vm: Vm, change: str) -> str:
    """The phase that the VM shows while it is changed; refuses what its phase, or other work on it, does not allow."""
    now = phase(vm)
    shown = CHANGES[change].get(now)
    under_way = world.operation_on(vm)
    if shown is not None and under_way is None:
        return shown
    busy = f"VM is busy ({under_way.name})" if under_way is not None else ""
    why = busy if shown is not None else f"This action is not available for state {now}"
    code = _CODES.get(change, Code.ACTION)
    raise Refusal(code, f'Error performing action "{change}": {why}', vm.id)
