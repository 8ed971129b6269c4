"""The VM's state machine: which phase may follow which. One table holds the truth.

A phase is the VM's state, or the LCM state while it is ACTIVE (spec: states.md sections 3 to 6).
"""

from typing import Any

from innkeeper.model.errors import InvariantBroken
from innkeeper.model.objects import Vm
from innkeeper.model.states import LcmState, VmState
from innkeeper.model.world import Transaction

_CLEANUP = "CLEANUP_DELETE CLEANUP_RESUBMIT DONE"
_REDEPLOYED = "PROLOG_RESUME PROLOG_UNDEPLOY"
#: Phases in which a VM is changed where it is: by the phase in which that begins, and to which it leads back.
_CHANGING = {
    "RUNNING": "HOTPLUG HOTPLUG_NIC HOTPLUG_RESIZE HOTPLUG_SNAPSHOT HOTPLUG_SAVEAS "
    "DISK_RESIZE DISK_SNAPSHOT DISK_SNAPSHOT_DELETE BACKUP",
    "POWEROFF": "HOTPLUG_PROLOG_POWEROFF HOTPLUG_EPILOG_POWEROFF HOTPLUG_SNAPSHOT DISK_RESIZE_POWEROFF "
    "DISK_SNAPSHOT_POWEROFF DISK_SNAPSHOT_REVERT_POWEROFF DISK_SNAPSHOT_DELETE_POWEROFF "
    "HOTPLUG_SAVEAS_POWEROFF BACKUP_POWEROFF RESTORE",
    "SUSPENDED": "DISK_SNAPSHOT_SUSPENDED DISK_SNAPSHOT_DELETE_SUSPENDED HOTPLUG_SAVEAS_SUSPENDED",
    "UNDEPLOYED": "DISK_RESIZE_UNDEPLOYED HOTPLUG_SAVEAS_UNDEPLOYED",
    "STOPPED": "HOTPLUG_SAVEAS_STOPPED",
}

#: phase -> phases that may follow it.
TRANSITIONS: dict[str, frozenset[str]] = {
    phase: frozenset(following.split())
    for phase, following in {
        "INIT": "PENDING HOLD CLONING",
        "PENDING": f"HOLD PROLOG {_REDEPLOYED} DONE",
        "HOLD": f"PENDING PROLOG {_REDEPLOYED} DONE",
        "CLONING": "PENDING HOLD CLONING_FAILURE DONE",
        "CLONING_FAILURE": "CLONING PENDING HOLD DONE",
        "PROLOG": f"BOOT PROLOG_FAILURE BOOT_FAILURE {_CLEANUP}",
        "BOOT": f"RUNNING POWEROFF SUSPENDED BOOT_FAILURE {_CLEANUP}",
        "PROLOG_FAILURE": f"PROLOG {_CLEANUP}",
        "BOOT_FAILURE": f"PROLOG PROLOG_MIGRATE PROLOG_MIGRATE_UNKNOWN POWEROFF SUSPENDED RUNNING {_CLEANUP}",
        "RUNNING": "SHUTDOWN SHUTDOWN_POWEROFF SAVE_SUSPEND POWEROFF SUSPENDED UNKNOWN "
        f"MIGRATE SAVE_MIGRATE SAVE_STOP SHUTDOWN_UNDEPLOY {_CLEANUP}",
        "UNKNOWN": "RUNNING POWEROFF SUSPENDED SHUTDOWN SHUTDOWN_POWEROFF BOOT_UNKNOWN "
        f"PROLOG_MIGRATE_UNKNOWN SHUTDOWN_UNDEPLOY {_CLEANUP}",
        "SHUTDOWN": f"EPILOG RUNNING UNKNOWN POWEROFF SUSPENDED SHUTDOWN {_CLEANUP}",
        "EPILOG": f"DONE EPILOG_FAILURE {_CLEANUP}",
        "EPILOG_FAILURE": f"EPILOG {_CLEANUP}",
        "SHUTDOWN_POWEROFF": f"POWEROFF RUNNING UNKNOWN SUSPENDED SHUTDOWN_POWEROFF {_CLEANUP}",
        "POWEROFF": f"BOOT_POWEROFF RUNNING EPILOG PROLOG_MIGRATE_POWEROFF EPILOG_UNDEPLOY {_CLEANUP}",
        "BOOT_POWEROFF": f"RUNNING POWEROFF SUSPENDED {_CLEANUP}",
        "SAVE_SUSPEND": f"SUSPENDED RUNNING UNKNOWN POWEROFF {_CLEANUP}",
        "SUSPENDED": f"BOOT_SUSPENDED RUNNING POWEROFF EPILOG PROLOG_MIGRATE_SUSPEND EPILOG_STOP {_CLEANUP}",
        "BOOT_SUSPENDED": f"RUNNING SUSPENDED POWEROFF {_CLEANUP}",
        "BOOT_UNKNOWN": f"RUNNING UNKNOWN POWEROFF SUSPENDED {_CLEANUP}",
        "MIGRATE": f"RUNNING UNKNOWN POWEROFF SUSPENDED {_CLEANUP}",
        "SAVE_MIGRATE": f"PROLOG_MIGRATE RUNNING UNKNOWN POWEROFF SUSPENDED {_CLEANUP}",
        "PROLOG_MIGRATE": f"BOOT_MIGRATE BOOT PROLOG_MIGRATE_FAILURE {_CLEANUP}",
        "PROLOG_MIGRATE_FAILURE": f"PROLOG_MIGRATE POWEROFF SUSPENDED {_CLEANUP}",
        "BOOT_MIGRATE": f"RUNNING POWEROFF SUSPENDED BOOT_MIGRATE_FAILURE {_CLEANUP}",
        "BOOT_MIGRATE_FAILURE": f"PROLOG_MIGRATE RUNNING POWEROFF SUSPENDED {_CLEANUP}",
        "PROLOG_MIGRATE_POWEROFF": f"POWEROFF SUSPENDED PROLOG_MIGRATE_POWEROFF_FAILURE {_CLEANUP}",
        "PROLOG_MIGRATE_POWEROFF_FAILURE": f"PROLOG_MIGRATE_POWEROFF POWEROFF {_CLEANUP}",
        "PROLOG_MIGRATE_SUSPEND": f"SUSPENDED POWEROFF PROLOG_MIGRATE_SUSPEND_FAILURE {_CLEANUP}",
        "PROLOG_MIGRATE_SUSPEND_FAILURE": f"PROLOG_MIGRATE_SUSPEND SUSPENDED {_CLEANUP}",
        "PROLOG_MIGRATE_UNKNOWN": f"BOOT UNKNOWN POWEROFF SUSPENDED PROLOG_MIGRATE_UNKNOWN_FAILURE {_CLEANUP}",
        "PROLOG_MIGRATE_UNKNOWN_FAILURE": f"PROLOG_MIGRATE_UNKNOWN POWEROFF {_CLEANUP}",
        "SAVE_STOP": f"EPILOG_STOP RUNNING UNKNOWN POWEROFF SUSPENDED {_CLEANUP}",
        "EPILOG_STOP": f"STOPPED SUSPENDED POWEROFF {_CLEANUP}",
        "STOPPED": f"PENDING EPILOG {_REDEPLOYED} DONE",
        "SHUTDOWN_UNDEPLOY": f"EPILOG_UNDEPLOY RUNNING UNKNOWN POWEROFF SUSPENDED SHUTDOWN_UNDEPLOY {_CLEANUP}",
        "EPILOG_UNDEPLOY": f"UNDEPLOYED POWEROFF SUSPENDED {_CLEANUP}",
        "UNDEPLOYED": f"PENDING EPILOG {_REDEPLOYED} DONE",
        "PROLOG_RESUME": f"BOOT_STOPPED PROLOG_RESUME_FAILURE {_CLEANUP}",
        "PROLOG_RESUME_FAILURE": f"PROLOG_RESUME {_CLEANUP}",
        "BOOT_STOPPED": f"RUNNING POWEROFF SUSPENDED BOOT_STOPPED_FAILURE {_CLEANUP}",
        "BOOT_STOPPED_FAILURE": f"PROLOG_RESUME RUNNING {_CLEANUP}",
        "PROLOG_UNDEPLOY": f"BOOT_UNDEPLOY PROLOG_UNDEPLOY_FAILURE {_CLEANUP}",
        "PROLOG_UNDEPLOY_FAILURE": f"PROLOG_UNDEPLOY {_CLEANUP}",
        "BOOT_UNDEPLOY": f"RUNNING POWEROFF SUSPENDED BOOT_UNDEPLOY_FAILURE {_CLEANUP}",
        "BOOT_UNDEPLOY_FAILURE": f"PROLOG_UNDEPLOY RUNNING {_CLEANUP}",
        "CLEANUP_DELETE": "DONE EPILOG_FAILURE",
        "CLEANUP_RESUBMIT": "PENDING PROLOG_FAILURE CLEANUP_DELETE DONE",
        "DONE": "",
    }.items()
}
for _phase, _changing in _CHANGING.items():
    TRANSITIONS[_phase] |= frozenset(_changing.split())
    _placed = f"RUNNING UNKNOWN POWEROFF SUSPENDED {_CLEANUP}"
    _back = frozenset([_phase, "DONE"] if _phase in ("UNDEPLOYED", "STOPPED") else _placed.split())
    TRANSITIONS |= dict.fromkeys(_changing.split(), _back)


#: Looked up, because the name of an enumeration's member costs more than all the rest of a step.
_STATE_NAMES = {state: state.name for state in VmState}
_LCM_NAMES = {state: state.name for state in LcmState}


def phase(vm: Vm) -> str:
    """The VM's state, or its LCM state while ACTIVE."""
    return _LCM_NAMES[vm.lcm_state] if vm.state is VmState.ACTIVE else _STATE_NAMES[vm.state]


def _parse(name: str) -> tuple[VmState, LcmState]:
    if name in LcmState.__members__:
        return VmState.ACTIVE, LcmState[name]
    return VmState[name], LcmState.LCM_INIT


PHASES = {name: _parse(name) for name in TRANSITIONS}


def move(tx: Transaction, vm: Vm, to: str, **fields: Any) -> Vm:
    """Brings the VM into a phase, with other fields changed along. An illegal step is our defect.

    Staying in the same phase is no step (only the fields change).
    """
    now = phase(vm)
    if to == now:
        return tx.change(vm, **fields) if fields else vm
    if to not in TRANSITIONS[now]:
        raise InvariantBroken(f"VM {vm.id} ({vm.name}) cannot go from {now} to {to}")
    state, lcm_state = PHASES[to]
    moved = tx.change(
        vm,
        state=state,
        lcm_state=lcm_state,
        prev_state=vm.state,
        prev_lcm_state=vm.lcm_state,
        **fields,
    )
    tx.log(moved, "state", was=now, now=to)
    return moved
