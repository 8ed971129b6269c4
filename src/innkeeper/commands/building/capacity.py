"""CPU, memory and the machine: checked, normalized, defaults filled in."""

import uuid

from innkeeper.model.errors import must_be
from innkeeper.model.states import VmState
from innkeeper.model.template import Template, Vector, as_bool, as_float, as_int, number

from .draft import Draft, problem

_SWITCHES = (
    "PAE",
    "ACPI",
    "APIC",
    "HYPERV",
    "LOCALTIME",
    "GUEST_AGENT",
    "RAS",
    "MIGRATE_COMPRESSED",
)
_COSTS = ("CPU_COST", "MEMORY_COST", "DISK_COST")
#: Largest values that make sense (memory in KiB fits 63 bits; QEMU's machines have fewer CPUs).
MAX_MEMORY, MAX_CPU, MAX_VCPU = 2**40, 1e6, 4096
_WHOLE = {"VCPU": MAX_VCPU, "VCPU_MAX": MAX_VCPU, "MEMORY_MAX": MAX_MEMORY, "MEMORY_SLOTS": 256}


def fill(draft: Draft) -> None:
    """Checks and completes the draft's capacity and machine."""
    amounts(draft)
    template = draft.template
    for name in _COSTS:
        if name in template:
            cost = as_float(template.get(name))
            if cost is None or cost < 0:
                raise problem(must_be(name, "a number that is not negative", template.get(name)))
    template = template.with_("VMID", str(draft.number))
    draft.template = template.with_("OS", system(draft, template))
    machine(draft)


def amounts(draft: Draft) -> None:
    """Checks the draft's CPU and memory, and writes them in one way."""
    template = draft.template
    template = template.with_("CPU", number(_cpu(template)))
    template = template.with_("MEMORY", str(_positive(template, "MEMORY", MAX_MEMORY)))
    for name, limit in _WHOLE.items():
        if name in template:
            template = template.with_(name, str(_positive(template, name, limit)))
    draft.template = template


def machine(draft: Draft) -> None:
    """Checks the draft's switches, and writes them in one way."""
    template = draft.template
    if (features := template.vector("FEATURES")) is not None:
        template = template.with_("FEATURES", _normalized(features))
    draft.template = template


def _cpu(template: Template) -> float:
    text = template.get("CPU")
    value = as_float(text)
    if value is None or not 0 < value <= MAX_CPU or round(value * 100) < 1:
        raise problem(must_be("CPU", "a number of cores greater than 0 (0.01 at least)", text))
    return value


def _positive(template: Template, name: str, limit: int) -> int:
    text = template.get(name)
    value = as_int(text)
    if value is None or not 0 < value <= limit:
        raise problem(must_be(name, f"a whole number from 1 to {limit}", text))
    return value


def system(draft: Draft, template: Template) -> Vector:
    """OS with its UUID, which is nobody else's."""
    system = dict(template.vector("OS") or {})
    if "UUID" not in system:
        zone = next((s.value for s in draft.world.settings if s.name == "zone"), "")
        system["UUID"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"innkeeper:{zone}:vm:{draft.number}"))
    else:
        try:
            system["UUID"] = str(uuid.UUID(system["UUID"]))
        except ValueError:
            raise problem(f"UUID of OS is not a UUID: {system['UUID']!r}.") from None
        _check_own(draft, system["UUID"])
    return system


def _check_own(draft: Draft, identity: str) -> None:
    """A host refuses a second guest with the same UUID: its first one could not be started any more."""
    for vm in draft.world.vms:
        system = vm.template.vector("OS") or {}
        there = vm.state is not VmState.DONE and vm.id != draft.number
        if system.get("UUID") == identity and there:
            raise problem(f"UUID of OS {identity} is another VM's.")


def _normalized(features: Vector) -> Vector:
    return {
        name: ("YES" if as_bool(value) else "NO") if name in _SWITCHES else value
        for name, value in features.items()
    }
