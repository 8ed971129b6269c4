"""The kinds of object that the API has, as data: how to list them and which columns they show.

Columns, widths and formats are OpenNebula's, since its users know them by heart.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from innkeeper.cli import formats, freshness, rules, states
from innkeeper.cli.document import Element, text_at
from innkeeper.cli.kinds import (
    CLUSTERS,
    GLOBAL,
    ID,
    LOCKABLE,
    NAME,
    OWNED,
    OWNER,
    REGTIME,
    Column,
    Kind,
    count,
    joined,
    short_of,
)
from innkeeper.cli.nouns import NOUNS


def _vm_state(row: Element) -> str:
    return states.of_vm(text_at(row, "STATE"), text_at(row, "LCM_STATE")).short


def _vm_name(row: Element) -> str:
    return ("*" if text_at(row, "RESCHED") == "1" else "") + text_at(row, "NAME")


# A VM has a host while it is ACTIVE, SUSPENDED or POWEROFF.
_STATES_ON_A_HOST = ("3", "5", "8")


def last_history(row: Element) -> Element | None:
    """The newest history record of a VM."""
    records = row.findall("HISTORY_RECORDS/HISTORY")
    return records[-1] if records else None


def vm_host(row: Element) -> str:
    """The name of the host that a VM is on, "" when it is on none."""
    record = last_history(row)
    if record is None or text_at(row, "STATE") not in _STATES_ON_A_HOST:
        return ""
    return text_at(record, "HOSTNAME")


def _vm_cluster(row: Element) -> str:
    record = last_history(row)
    return text_at(record, "CID") if record is not None else ""


def _vm_age(row: Element) -> str:
    started = float(text_at(row, "STIME") or 0)
    ended = float(text_at(row, "ETIME") or 0)
    return formats.age((ended if ended > 0 else time.time()) - started)


_ADDRESS_FIELDS = ("IP", "EXTERNAL_IP", "IP6_GLOBAL", "IP6_ULA", "IP6", "VROUTER_IP")


def addresses(row: Element) -> list[str]:
    """All IP addresses of a VM's interfaces, in order."""
    return [
        address
        for nic in row.iterfind("TEMPLATE/*")
        if nic.tag in ("NIC", "NIC_ALIAS")
        for field in _ADDRESS_FIELDS
        if (address := text_at(nic, field))
    ]


def _addresses_cell(row: Element) -> str:
    return ",".join(addresses(row)) or "--"


def _host_cpu(row: Element) -> str:
    return formats.share(text_at(row, "HOST_SHARE/CPU_USAGE"), text_at(row, "HOST_SHARE/MAX_CPU"))


def _host_memory(row: Element) -> str:
    return formats.share_of_kib(
        text_at(row, "HOST_SHARE/MEM_USAGE"), text_at(row, "HOST_SHARE/MAX_MEM")
    )


def _left_of(limit: str, used: str) -> Callable[[Element], str]:
    def cell(row: Element) -> str:
        return str(int(text_at(row, limit) or 0) - int(text_at(row, used) or 0))

    return cell


def _datastore_size(row: Element) -> str:
    return "" if text_at(row, "TEMPLATE/SHARED") == "NO" else text_at(row, "TOTAL_MB")


def _datastore_free(row: Element) -> str:
    total = float(text_at(row, "TOTAL_MB") or 0)
    if total <= 0:
        return ""
    return f"{float(text_at(row, 'FREE_MB') or 0) * 100 / total:.0f}%"


def _resources(tag: str, number: str) -> Callable[[Element], str]:
    """A cell that counts a VDC's resources; ALL when all of a zone's are in it."""

    def cell(row: Element) -> str:
        found = [text_at(each, number) for each in row.iterfind(f"{tag}/*")]
        return "ALL" if "-10" in found else str(len(found))

    return cell


def _quota(name: str, unit: Callable[[str], str]) -> Callable[[Element], str]:
    """A cell `used / limit` of the VM quota; administrators (id 0) have none."""

    def cell(row: Element) -> str:
        if text_at(row, "ID") == "0":
            return ""
        limit = text_at(row, f"VM_QUOTA/VM/{name}")
        used = text_at(row, f"VM_QUOTA/VM/{name}_USED") or "0"
        bounded = limit not in ("", "-1", "-2")
        return f"{unit(used)} / {unit(limit) if bounded else formats.MISSING}"

    return cell


_QUOTA_COLUMNS = (
    Column("VMS", 9, _quota("VMS", formats.number)),
    Column("MEMORY", 15, _quota("MEMORY", formats.size_of_mib)),
    Column("CPU", 10, _quota("CPU", formats.number)),
    Column("PCI", 9, _quota("PCI_DEV", formats.number)),
)

VM = Kind(
    "vm", "VM", "VMs", "vms", "VM",
    columns=(
        ID, *OWNER,
        Column("NAME", 15, _vm_name, left=True),
        Column("STAT", 4, _vm_state),
        Column("CPU", 4, "TEMPLATE/CPU", formats.number),
        Column("MEM", 7, "TEMPLATE/MEMORY", formats.size_of_mib),
        Column("HOST", 10, vm_host, left=True),
        Column("TIME", 10, _vm_age),
        Column("CLUSTER", 7, _vm_cluster),
        Column("IP", 15, _addresses_cell, left=True),
    ),
    default=("ID", "USER", "GROUP", "NAME", "STAT", "CPU", "MEM", "HOST", "TIME"),
    verbs=tuple(verb for verb in LOCKABLE if verb != "delete"),
    user_template="USER_TEMPLATE",
)  # fmt: skip

HOST = Kind(
    "host", "host", "hosts", "hosts", "HOST",
    columns=(
        ID, NAME,
        Column("CLUSTER", 10, "CLUSTER", left=True),
        Column("TVM", 3, "HOST_SHARE/RUNNING_VMS"),
        Column("ALLOCATED_CPU", 18, _host_cpu),
        Column("ALLOCATED_MEM", 18, _host_memory),
        Column("STAT", 4, short_of(states.HOST), left=True),
        Column("TCPU", 4, "HOST_SHARE/MAX_CPU"),
        Column("FCPU", 4, "MONITORING/CAPACITY/FREE_CPU"),
        Column("ACPU", 4, _left_of("HOST_SHARE/MAX_CPU", "HOST_SHARE/CPU_USAGE")),
        Column("TMEM", 7, "HOST_SHARE/MAX_MEM", formats.size_of_kib),
        Column("FMEM", 7, "MONITORING/CAPACITY/FREE_MEMORY", formats.size_of_kib),
        Column("AMEM", 7, _left_of("HOST_SHARE/MAX_MEM", "HOST_SHARE/MEM_USAGE"),
               formats.size_of_kib),
        Column("REAL_CPU", 8, "MONITORING/CAPACITY/USED_CPU"),
        Column("REAL_MEM", 8, "MONITORING/CAPACITY/USED_MEMORY", formats.size_of_kib),
        Column("AGE", 4, freshness.age_of_host),
    ),
    default=("ID", "NAME", "CLUSTER", "TVM", "ALLOCATED_CPU", "ALLOCATED_MEM", "STAT", "AGE"),
    verbs=GLOBAL,
    filtered=False,
)  # fmt: skip

IMAGE = Kind(
    "image", "image", "images", "images", "IMAGE",
    columns=(
        ID, *OWNER, NAME,
        Column("DATASTORE", 10, "DATASTORE", left=True),
        Column("SIZE", 7, "SIZE", formats.size_of_mib),
        Column("TYPE", 4, short_of(states.IMAGE_TYPES, "TYPE"), left=True),
        Column("PERSISTENT", 3, "PERSISTENT", formats.yes_no, header="PER"),
        Column("STAT", 4, short_of(states.IMAGE), left=True),
        Column("RVMS", 4, "RUNNING_VMS"),
        REGTIME,
        Column("MODTIME", 15, "MODTIME", formats.moment),
    ),
    default=("ID", "USER", "GROUP", "NAME", "DATASTORE", "SIZE", "TYPE", "PERSISTENT", "STAT",
             "RVMS"),
    verbs=tuple(verb for verb in LOCKABLE if verb != "delete"),
)  # fmt: skip

NETWORK = Kind(
    "network", "virtual network", "virtual networks", "networks", "VNET",
    columns=(
        ID, *OWNER, NAME, CLUSTERS,
        Column("BRIDGE", 8, "BRIDGE", left=True),
        Column("STATE", 6, short_of(states.NETWORK), left=True),
        Column("LEASES", 6, "USED_LEASES"),
        Column("OUTDATED", 4, count("OUTDATED_VMS"), header="OUTD"),
        Column("ERROR", 4, count("ERROR_VMS"), header="ERRO"),
        Column("UPDATED", 4, count("UPDATED_VMS"), header="UPDA"),
    ),
    default=("ID", "USER", "GROUP", "NAME", "CLUSTERS", "BRIDGE", "STATE", "LEASES", "OUTDATED",
             "ERROR"),
    verbs=LOCKABLE,
)  # fmt: skip

SECURITY_GROUP = Kind(
    "secgroup", "security group", "security groups", "security_groups", "SECURITY_GROUP",
    columns=(
        ID, *OWNER, NAME,
        Column("UPDATED", 8, count("UPDATED_VMS")),
        Column("OUTDATED", 8, count("OUTDATED_VMS")),
        Column("ERROR", 8, count("ERROR_VMS")),
    ),
    verbs=OWNED,
)  # fmt: skip

DATASTORE = Kind(
    "datastore", "datastore", "datastores", "datastores", "DATASTORE",
    columns=(
        ID,
        Column("NAME", 10, "NAME", left=True),
        Column("SIZE", 6, _datastore_size, formats.size_of_mib),
        Column("AVAIL", 5, _datastore_free, left=True),
        Column("CLUSTERS", 8, joined("CLUSTERS/ID"), left=True),
        Column("IMAGES", 6, count("IMAGES")),
        Column("TYPE", 4, short_of(states.DATASTORE_TYPES, "TYPE"), left=True),
        Column("DS", 7, "DS_MAD", left=True),
        Column("TM", 7, "TM_MAD", left=True),
        Column("STAT", 4, short_of(states.DATASTORE), left=True),
        *OWNER,
    ),
    default=("ID", "NAME", "SIZE", "AVAIL", "CLUSTERS", "IMAGES", "TYPE", "DS", "TM", "STAT"),
    verbs=OWNED,
    filtered=False,
)  # fmt: skip

TEMPLATE = Kind(
    "template", "template", "templates", "templates", "VMTEMPLATE",
    columns=(ID, *OWNER, NAME, REGTIME),
    verbs=tuple(verb for verb in LOCKABLE if verb != "delete"),
)  # fmt: skip

CLUSTER = Kind(
    "cluster", "cluster", "clusters", "clusters", "CLUSTER",
    columns=(
        ID, NAME,
        Column("HOSTS", 10, count("HOSTS")),
        Column("VNETS", 10, count("VNETS")),
        Column("DATASTORES", 10, count("DATASTORES")),
    ),
    verbs=GLOBAL,
    filtered=False,
)  # fmt: skip

USER = Kind(
    "user", "user", "users", "users", "USER",
    columns=(
        ID,
        Column("NAME", 10, "NAME", left=True),
        Column("ENABLED", 4, "ENABLED", lambda text: formats.yes_no(text).lower(), left=True,
               header="ENAB"),
        Column("GROUP", 8, "GNAME", left=True),
        Column("AUTH", 8, "AUTH_DRIVER", left=True),
        *_QUOTA_COLUMNS,
    ),
    verbs=("list", "show", "delete", "update"),
    filtered=False,
)  # fmt: skip

GROUP = Kind(
    "group", "group", "groups", "groups", "GROUP",
    columns=(ID, NAME, Column("USERS", 5, count("USERS")), *_QUOTA_COLUMNS),
    verbs=("list", "show", "delete", "update"),
    filtered=False,
)  # fmt: skip

VDC = Kind(
    "vdc", "VDC", "VDCs", "vdcs", "VDC",
    columns=(
        ID, NAME,
        Column("GROUPS", 6, count("GROUPS")),
        Column("CLUSTERS", 8, _resources("CLUSTERS", "CLUSTER_ID")),
        Column("HOSTS", 5, _resources("HOSTS", "HOST_ID")),
        Column("VNETS", 5, _resources("VNETS", "VNET_ID")),
        Column("DATASTORES", 10, _resources("DATASTORES", "DATASTORE_ID")),
    ),
    verbs=GLOBAL,
    filtered=False,
)  # fmt: skip

ACL = Kind(
    "acl", "ACL rule", "ACL rules", "acl", "ACL",
    columns=(
        ID,
        Column("USER", 8, rules.who),
        Column("RESOURCES", 23, rules.kinds, header=f"RES_{rules.LETTERS}"),
        Column("RID", 5, rules.which),
        Column("RIGHTS", 8, rules.rights, header="OPE_UMAC"),
        Column("ZONE", 5, rules.zone),
        Column("STRING", 30, "STRING", left=True),
    ),
    default=("ID", "USER", "RESOURCES", "RID", "RIGHTS", "ZONE"),
    verbs=("list",),
    filtered=False,
)  # fmt: skip

KINDS = {
    kind.name: kind
    for kind in (
        VM, HOST, IMAGE, NETWORK, SECURITY_GROUP, DATASTORE, TEMPLATE, CLUSTER, USER, GROUP, VDC, ACL,
        *NOUNS,
    )
}  # fmt: skip
