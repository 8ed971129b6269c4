"""Attributes of VM templates that only administrators may set (spec: templates.md section 3)."""

from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller
from innkeeper.model.template import Template

_BANDWIDTH = (
    "INBOUND_AVG_BW", "INBOUND_PEAK_BW", "INBOUND_PEAK_KB",
    "OUTBOUND_AVG_BW", "OUTBOUND_PEAK_BW", "OUTBOUND_PEAK_KB",
)  # fmt: skip
_THROTTLES = tuple(
    f"{kind}_{unit}_SEC{suffix}"
    for kind in ("TOTAL", "READ", "WRITE")
    for unit in ("BYTES", "IOPS")
    for suffix in ("", "_MAX", "_MAX_LENGTH")
)

#: Single attributes (no parts named), and parts of vectors.
RESTRICTED: dict[str, frozenset[str] | None] = {
    "CONTEXT": frozenset({"FILES"}),
    "NIC": frozenset({
        "MAC", "VLAN_ID", "BRIDGE", "FILTER", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING",
        "OPENNEBULA_MANAGED", "EXTERNAL", "VLAN_TAGGED_ID", *_BANDWIDTH,
    }),
    "NIC_ALIAS": frozenset({"MAC", "VLAN_ID", "BRIDGE", "OPENNEBULA_MANAGED", *_BANDWIDTH}),
    "NIC_DEFAULT": frozenset({"MAC", "VLAN_ID", "BRIDGE", "FILTER", "EXTERNAL"}),
    "DISK": frozenset({"SIZE_IOPS_SEC", "OPENNEBULA_MANAGED", "ORIGINAL_SIZE", "SIZE_PREV", *_THROTTLES}),
    "DEPLOY_ID": None,
    "CPU_COST": None,
    "MEMORY_COST": None,
    "DISK_COST": None,
    "PCI": None,
    "EMULATOR": None,
    "RAW": frozenset({"DATA"}),
    "USER_PRIORITY": None,
    "USER_INPUTS": frozenset({"CPU", "MEMORY", "VCPU"}),
    "TOPOLOGY": frozenset({"PIN_POLICY", "HUGEPAGE_SIZE"}),
}  # fmt: skip


def first_restricted(template: Template) -> str | None:
    """The first restricted attribute in a template, as `NAME` or `NAME/PART`."""
    for name, parts in RESTRICTED.items():
        if name not in template:
            continue
        if parts is None:
            return name
        for vector in template.vectors(name):
            for part in vector:
                if part in parts:
                    return f"{name}/{part}"
    return None


def check_restricted(caller: Caller, template: Template) -> None:
    """Refuses a template in which a non-administrator sets what only administrators may."""
    if caller.admin:
        return
    found = first_restricted(template)
    if found is not None:
        raise Refusal(
            Code.AUTHORIZATION,
            f"User [{caller.uid}] : VM Template includes a restricted attribute {found}.",
        )
