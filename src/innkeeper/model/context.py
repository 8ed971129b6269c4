"""What a guest is told at boot: the text of ``context.sh`` and the variables of its devices.

Formats: OpenNebula's contextualisation, which its guest packages read. Values that the user
gave win over generated ones; the caller merges, for example ``generated | given``.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from innkeeper.model.template import Vector

Attributes = Mapping[str, str]

_shell_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_V6_ADDRESSES = ("IP6", "IP6_GLOBAL", "IP6_ULA", "IP6_LINK")

# Variable, then the attributes that it is taken from: the first that is not empty.
_FROM_NIC = (
    ("IP", ("IP",)),
    ("MAC", ("MAC",)),
    ("VROUTER_IP", ("VROUTER_IP",)),
    ("VROUTER_IP6", ("VROUTER_IP6_GLOBAL", "VROUTER_IP6")),
    ("VROUTER_MANAGEMENT", ("VROUTER_MANAGEMENT",)),
    ("EXTERNAL", ("EXTERNAL",)),
)
_FROM_NIC_OR_NETWORK = (
    ("MASK", "NETWORK_MASK"),
    ("NETWORK", "NETWORK_ADDRESS"),
    ("GATEWAY", "GATEWAY"),
    ("DNS", "DNS"),
    ("SEARCH_DOMAIN", "SEARCH_DOMAIN"),
    ("METRIC", "METRIC"),
    ("METHOD", "METHOD"),
    ("VLAN_ID", "VLAN_ID"),
    ("ROUTES", "ROUTES"),
    ("MTU", "GUEST_MTU"),
)
_V6_FROM_NIC = (
    ("IP6", ("IP6_GLOBAL", "IP6")),
    ("IP6_ULA", ("IP6_ULA",)),
)
_V6_FROM_NIC_OR_NETWORK = (
    ("IP6_GATEWAY", "GATEWAY6"),
    ("IP6_METRIC", "IP6_METRIC"),
    ("IP6_METHOD", "IP6_METHOD"),
    ("IP6_PREFIX_LENGTH", "PREFIX_LENGTH"),
)


def context_sh(context: Vector) -> str:
    """The file ``context.sh``: shell assignments sorted by name, every value in single quotes.

    Raises ValueError for a name that a shell could not assign to.
    """
    lines = ["# Context variables, written by Innkeeper"]
    for name in sorted(context):
        if not _shell_name.fullmatch(name):
            raise ValueError(f"CONTEXT: {name!r} is not the name of a shell variable")
        quoted = context[name].replace("'", "'\\''")
        lines.append(f"{name}='{quoted}'")
    return "\n".join(lines) + "\n"


def network_context(
    nics: Sequence[Attributes],
    ar_of: Callable[[Attributes], Attributes],
    vnet_of: Callable[[Attributes], Attributes],
) -> Vector:
    """The ``ETHn_...`` variables of a VM's NICs, of which n is the NIC_ID.

    ``nics`` holds the VM's NIC, NIC_ALIAS and passed-through PCI vectors as they are stored; an
    alias is known by its PARENT_ID and ALIAS_ID and becomes ``ETHn_ALIASm_...`` of its parent.
    ``ar_of`` and ``vnet_of`` give the attributes of the address range that a NIC's lease is from
    and of its network's template (an empty mapping when there is none). An attribute of the NIC
    comes first, then the address range's, then the network's; what none has, or has empty, gives
    no variable.
    """
    variables: Vector = {}
    for position, nic in enumerate(nics):
        prefix = _prefix(nic, position)
        for name, value in _nic_values(nic, (nic, ar_of(nic), vnet_of(nic))).items():
            variables[f"{prefix}_{name}"] = value
    variables.update(pci_context([nic for nic in nics if "PCI_ID" in nic]))
    return variables


def with_nic(context: Vector, nic: Attributes, ar: Attributes, vnet: Attributes) -> Vector:
    """A context with the variables of one more NIC; what is there already stays."""
    return network_context([nic], lambda _: ar, lambda _: vnet) | context


def without_nic(context: Vector, nic: Attributes) -> Vector:
    """A context without the variables of a NIC and, with it, of its aliases."""
    prefix = _prefix(nic, 0) + "_"
    return {name: value for name, value in context.items() if not name.startswith(prefix)}


def _prefix(nic: Attributes, position: int) -> str:
    if "ALIAS_ID" in nic and "PARENT_ID" in nic:
        return f"ETH{nic['PARENT_ID']}_ALIAS{nic['ALIAS_ID']}"
    return f"ETH{nic.get('NIC_ID', position)}"


def _nic_values(nic: Attributes, sources: Sequence[Attributes]) -> Vector:
    """The variables of one NIC without their prefix."""
    own = [(variable, _first((nic,), names)) for variable, names in _FROM_NIC]
    shared = [(variable, _first(sources, (name,))) for variable, name in _FROM_NIC_OR_NETWORK]
    if any(nic.get(name) for name in _V6_ADDRESSES):
        own += [(variable, _first((nic,), names)) for variable, names in _V6_FROM_NIC]
        shared += [(var, _first(sources, (name,))) for var, name in _V6_FROM_NIC_OR_NETWORK]
    return {variable: value for variable, value in own + shared if value}


def _first(sources: Sequence[Attributes], names: Sequence[str]) -> str:
    """The first value that is not empty, by source, then by name."""
    for source in sources:
        for name in names:
            if value := source.get(name):
                return value
    return ""


def pci_context(devices: Sequence[Attributes]) -> Vector:
    """``PCI<id>_ADDRESS``: where in the guest each passed-through device stands."""
    return {
        f"PCI{device['PCI_ID']}_ADDRESS": device["VM_ADDRESS"]
        for device in devices
        if device.get("PCI_ID") and device.get("VM_ADDRESS")
    }
