"""Attributes that only administrators may set (spec: templates.md section 3).

Whoever may change an object may say again what is there: only what differs counts. A restricted single attribute that
a replacement leaves out stays.
"""

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

NOTHING = Template()

#: Single attributes (None), and parts of vectors.
Restrictions = dict[str, frozenset[str] | None]

#: Of VMs and their templates.
RESTRICTED: Restrictions = {
    "CONTEXT": frozenset({"FILES"}),
    "NIC": frozenset({
        "MAC", "VLAN_ID", "BRIDGE", "FILTER", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING",
        "OPENNEBULA_MANAGED", "EXTERNAL", "VLAN_TAGGED_ID", *_BANDWIDTH,
    }),
    "NIC_ALIAS": frozenset({"MAC", "VLAN_ID", "BRIDGE", "OPENNEBULA_MANAGED", *_BANDWIDTH}),
    "NIC_DEFAULT": frozenset({"MAC", "VLAN_ID", "BRIDGE", "FILTER", "EXTERNAL"}),
    "DISK": frozenset({"SIZE_IOPS_SEC", "OPENNEBULA_MANAGED", "ORIGINAL_SIZE", "SIZE_PREV", *_THROTTLES}),
    # Files of the host, which the hypervisor opens with its own rights; OpenNebula lets everyone name them.
    "OS": frozenset({"KERNEL", "INITRD", "BOOTLOADER"}),
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

_OF_PORTS = ("VN_MAD", "PHYDEV", "BRIDGE", "FILTER", "FILTER_IP_SPOOFING", "FILTER_MAC_SPOOFING")
_OF_NETWORKS = (
    *_OF_PORTS, "QINQ_TYPE", "CONF", "BRIDGE_CONF", "OVS_BRIDGE_CONF", "IP_LINK_CONF", "CLUSTER_IDS", "EXTERNAL",
    # It makes hosts route, with an address of their own.
    "NAT",
    # Addresses that hosts send packets to.
    "VXLAN_PEERS", "VXLAN_MC",
)  # fmt: skip
_OPERATIONS = ("VM_USE_OPERATIONS", "VM_MANAGE_OPERATIONS", "VM_ADMIN_OPERATIONS")

#: By kind of object.
BY_KIND: dict[str, Restrictions] = {
    "vm": RESTRICTED,
    "template": RESTRICTED,
    "image": {"SOURCE": None},
    "network": {**dict.fromkeys(_OF_NETWORKS), "AR": frozenset(_OF_PORTS)},
    "vntemplate": {**dict.fromkeys(_OF_NETWORKS), "AR": frozenset(_OF_PORTS)},
    "user": dict.fromkeys(_OPERATIONS),
    "group": dict.fromkeys(_OPERATIONS),
    # The front end reads what lies there, with rights that its users do not have.
    "datastore": {"SAFE_DIRS": None, "RESTRICTED_DIRS": None},
}


def first_restricted(restrictions: Restrictions, new: Template, old: Template) -> str | None:
    """The first restricted attribute that a template has and another has not: `NAME` or `NAME/PART`."""
    for name, parts in restrictions.items():
        if name not in new or new.values(name) == old.values(name):
            continue
        if parts is None:
            return name
        # What takes a vector's place takes its restricted parts away.
        for vector in (*new.vectors(name), *old.vectors(name)):
            for part in vector:
                if part in parts:
                    return f"{name}/{part}"
    return None


def check_restricted(caller: Caller, kind: str, new: Template, old: Template = NOTHING) -> None:
    """Refuses a template in which a non-administrator sets what only administrators may."""
    if caller.admin:
        return
    found = first_restricted(BY_KIND.get(kind, {}), new, old)
    if found is not None:
        what = "VM Template" if kind in ("vm", "template") else f"{kind} template"
        raise Refusal(
            Code.AUTHORIZATION,
            f"User [{caller.uid}] : {what} includes a restricted attribute {found}.",
        )


def replacement(caller: Caller, kind: str, new: Template, old: Template) -> Template:
    """The template that replaces another: what only administrators may take away is put back."""
    if caller.admin:
        return new
    singles = [name for name, parts in BY_KIND.get(kind, {}).items() if parts is None]
    return old.only(singles).merged(new)
