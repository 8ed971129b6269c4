"""What `show` prints of each kind of object: its facts, its sections, its template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from innkeeper.cli import formats, freshness, render, states, template_text
from innkeeper.cli.document import Element, object_data, state_name, text_at
from innkeeper.cli.kinds import Cell, Column, Kind, joined
from innkeeper.cli.objects import vm_host
from innkeeper.cli.session import current


@dataclass(frozen=True)
class Fact:
    """A line `LABEL : value`; left out when `optional` and empty."""

    label: str
    value: Cell
    format: Callable[[str], str] = formats.as_is
    optional: bool = False

    def text(self, element: Element) -> str:
        """The value for an object."""
        found = text_at(element, self.value) if isinstance(self.value, str) else self.value(element)
        return self.format(found)


@dataclass(frozen=True)
class Section:
    """A table of parts of an object, one line for each element at `path`."""

    title: str
    path: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Layout:
    """All that `show` prints of a kind."""

    title: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...] = ()
    templates: tuple[tuple[str, str], ...] = (("TEMPLATE", "TEMPLATE"),)


def _column(name: str, path: Cell | None = None, width: int = 4, left: bool = True) -> Column:
    return Column(name, width, path or name, left=left)


def _lock(element: Element) -> str:
    level = text_at(element, "LOCK/LOCKED")
    return states.look_up(states.LOCKS, level).name if level else "None"


def _ids(path: str) -> Callable[[Element], str]:
    return joined(f"{path}/ID")


def action_name(element: Element) -> str:
    """What a history record says was done last."""
    number = int(text_at(element, "ACTION") or 0)
    return states.ACTIONS[number] if 0 <= number < len(states.ACTIONS) else str(number)


def _history_time(element: Element) -> str:
    import time

    start = float(text_at(element, "STIME") or 0)
    end = float(text_at(element, "ETIME") or 0) or time.time()
    return formats.age(end - start) if start else formats.MISSING


def _nic_address(element: Element) -> str:
    fields = ("IP", "IP6", "IP6_GLOBAL", "IP6_ULA", "EXTERNAL_IP")
    return ",".join(found for name in fields if (found := text_at(element, name)))


def _lease_owner(element: Element) -> str:
    for tag, noun in (("VM", "VM"), ("VNET", "network"), ("VROUTER", "router")):
        number = text_at(element, tag)
        if number:
            return "held" if number == "-1" else f"{noun} {number}"
    return ""


def _used_of(name: str) -> Callable[[Element], str]:
    return lambda row: f"{text_at(row, name + '_USED')}/{text_at(row, name)}"


_STATE = Fact("STATE", state_name)
_OWNED = (
    Fact("ID", "ID"),
    Fact("NAME", "NAME"),
    Fact("USER", "UNAME"),
    Fact("GROUP", "GNAME"),
    Fact("LOCK", _lock),
)
_GLOBAL = (Fact("ID", "ID"), Fact("NAME", "NAME"))

_SCHEDULED = Section("SCHEDULED ACTIONS", "TEMPLATE/SCHED_ACTION", (
    _column("ID"), _column("ACTION", width=12), _column("ARGS"),
    Column("TIME", 15, "TIME", formats.moment, left=True),
    Column("DONE", 15, "DONE", formats.moment, left=True), _column("MESSAGE"),
))  # fmt: skip

_LAYOUTS = {
    "vm": Layout(
        "VIRTUAL MACHINE",
        (
            *_OWNED,
            Fact("STATE", lambda vm: states.look_up(states.VM, text_at(vm, "STATE")).name),
            Fact("LCM_STATE", lambda vm: states.look_up(states.LCM, text_at(vm, "LCM_STATE")).name),
            Fact("RESCHED", "RESCHED", formats.yes_no),
            Fact("HOST", vm_host),
            Fact("CPU", "TEMPLATE/CPU", formats.number),
            Fact("VCPU", "TEMPLATE/VCPU", formats.number, optional=True),
            Fact("MEMORY", "TEMPLATE/MEMORY", formats.size_of_mib),
            Fact("START TIME", "STIME", formats.moment_with_year),
            Fact("END TIME", "ETIME", formats.moment_with_year),
            Fact("DEPLOY ID", "DEPLOY_ID"),
            Fact("LAST MONITORED", freshness.of_vm, optional=True),
            Fact("ERROR", "USER_TEMPLATE/ERROR", optional=True),
            Fact("SCHEDULER SAYS", "USER_TEMPLATE/SCHED_MESSAGE", optional=True),
        ),
        (
            Section("VM DISKS", "TEMPLATE/DISK", (
                _column("ID", "DISK_ID"), _column("DATASTORE"), _column("TARGET"),
                _column("IMAGE"), Column("SIZE", 6, "SIZE", formats.size_of_mib),
                _column("TYPE"), _column("R/O", "READONLY"), _column("SAVE"), _column("CLONE"),
            )),
            Section("DISK SNAPSHOTS", "SNAPSHOTS/SNAPSHOT", (
                _column("AC", "ACTIVE"), _column("ID"), _column("PARENT"),
                Column("DATE", 15, "DATE", formats.moment, left=True),
                Column("SIZE", 6, "SIZE", formats.size_of_mib), _column("NAME"),
            )),
            Section("VM NICS", "TEMPLATE/NIC", (
                _column("ID", "NIC_ID"), _column("NETWORK"), _column("BRIDGE"),
                _column("IP", _nic_address, 15), _column("MAC", width=17),
            )),
            Section("VM ALIASES", "TEMPLATE/NIC_ALIAS", (
                _column("ID", "NIC_ID"), _column("PARENT"), _column("NETWORK"),
                _column("IP", _nic_address, 15), _column("MAC", width=17),
            )),
            Section("SNAPSHOTS", "TEMPLATE/SNAPSHOT", (
                _column("ID", "SNAPSHOT_ID"),
                Column("TIME", 15, "TIME", formats.moment, left=True), _column("NAME"),
                _column("HYPERVISOR_ID"),
            )),
            Section("HISTORY", "HISTORY_RECORDS/HISTORY", (
                _column("SEQ", left=False), _column("HOST", "HOSTNAME", 10),
                _column("ACTION", action_name, 12), _column("DS", "DS_ID", left=False),
                Column("START", 15, "STIME", formats.moment, left=True),
                _column("TIME", _history_time, 12),
            )),
            _SCHEDULED,
        ),
        (("USER TEMPLATE", "USER_TEMPLATE"), ("TEMPLATE", "TEMPLATE")),
    ),
    "host": Layout(
        "HOST",
        (
            *_GLOBAL,
            Fact("CLUSTER", "CLUSTER"),
            _STATE,
            Fact("IM_MAD", "IM_MAD"),
            Fact("VM_MAD", "VM_MAD"),
            Fact("LAST MONITORED", freshness.of_host),
            Fact("RUNNING VMS", "HOST_SHARE/RUNNING_VMS"),
            Fact("TOTAL CPU", "HOST_SHARE/TOTAL_CPU"),
            Fact("MAX CPU", "HOST_SHARE/MAX_CPU"),
            Fact("ALLOCATED CPU", "HOST_SHARE/CPU_USAGE"),
            Fact("USED CPU", "MONITORING/CAPACITY/USED_CPU"),
            Fact("TOTAL MEMORY", "HOST_SHARE/TOTAL_MEM", formats.size_of_kib),
            Fact("MAX MEMORY", "HOST_SHARE/MAX_MEM", formats.size_of_kib),
            Fact("ALLOCATED MEMORY", "HOST_SHARE/MEM_USAGE", formats.size_of_kib),
            Fact("USED MEMORY", "MONITORING/CAPACITY/USED_MEMORY", formats.size_of_kib),
            Fact("ERROR", "TEMPLATE/ERROR", optional=True),
            Fact("VMS", _ids("VMS")),
        ),
    ),
    "image": Layout(
        "IMAGE",
        (
            *_OWNED,
            Fact("DATASTORE", "DATASTORE"),
            Fact("TYPE", lambda image: states.look_up(
                states.IMAGE_TYPES, text_at(image, "TYPE")).name),
            Fact("REGISTER TIME", "REGTIME", formats.moment_with_year),
            Fact("PERSISTENT", "PERSISTENT", formats.yes_no),
            Fact("SOURCE", "SOURCE"),
            Fact("PATH", "PATH"),
            Fact("FORMAT", "FORMAT"),
            Fact("SIZE", "SIZE", formats.size_of_mib),
            _STATE,
            Fact("RUNNING_VMS", "RUNNING_VMS"),
            Fact("ERROR", "TEMPLATE/ERROR", optional=True),
            Fact("VMS", _ids("VMS")),
        ),
        (
            Section("BACKUP INCREMENTS", "BACKUP_INCREMENTS/INCREMENT", (
                _column("ID", left=False), _column("PID", "PARENT_ID", left=False),
                _column("T", "TYPE", 9), Column("SIZE", 6, "SIZE", formats.size_of_mib),
                Column("DATE", 15, "DATE", formats.moment, left=True), _column("SOURCE", width=40),
            )),
        ),
    ),
    "network": Layout(
        "VIRTUAL NETWORK",
        (
            *_OWNED,
            Fact("CLUSTERS", _ids("CLUSTERS")),
            Fact("BRIDGE", "BRIDGE"),
            _STATE,
            Fact("VN_MAD", "VN_MAD"),
            Fact("PHYSICAL DEVICE", "PHYDEV", optional=True),
            Fact("VLAN ID", "VLAN_ID", optional=True),
            Fact("AUTOMATIC VLAN ID", "VLAN_ID_AUTOMATIC", formats.yes_no),
            Fact("PARENT NETWORK", "PARENT_NETWORK_ID", optional=True),
            Fact("USED LEASES", "USED_LEASES"),
        ),
        (
            Section("ADDRESS RANGES", "AR_POOL/AR", (
                _column("AR", "AR_ID"), _column("TYPE"), _column("SIZE", left=False),
                _column("LEASES", "USED_LEASES", left=False), _column("MAC", width=17),
                _column("IP", _nic_address, 15), _column("LAST IP", "IP_END", 15),
            )),
            Section("LEASES", "AR_POOL/AR/LEASES/LEASE", (
                _column("OWNER", _lease_owner, 10), _column("MAC", width=17),
                _column("IP", _nic_address, 15),
            )),
        ),
    ),
    "secgroup": Layout(
        "SECURITY GROUP",
        _OWNED[:-1],
        (
            Section("RULES", "TEMPLATE/RULE", (
                _column("TYPE", "RULE_TYPE"), _column("PROTOCOL"), _column("ICMP_TYPE"),
                _column("NETWORK", "NETWORK_ID"), _column("RANGE", width=20),
                _column("START", "IP", 15), _column("SIZE"),
            )),
            *(
                Section(f"{words} VMS", f"{tag}_VMS/ID", (Column("ID", 6, lambda vm: vm.text or ""),))
                for words, tag in (("OUTDATED", "OUTDATED"), ("UPDATING", "UPDATING"), ("ERROR", "ERROR"))
            ),
        ),
    ),
    "datastore": Layout(
        "DATASTORE",
        (
            *_OWNED[:-1],
            Fact("CLUSTERS", _ids("CLUSTERS")),
            Fact("TYPE", lambda store: states.look_up(
                states.DATASTORE_TYPES, text_at(store, "TYPE")).name),
            Fact("DS_MAD", "DS_MAD"),
            Fact("TM_MAD", "TM_MAD"),
            Fact("BASE PATH", "BASE_PATH"),
            _STATE,
            Fact("TOTAL", "TOTAL_MB", formats.size_of_mib),
            Fact("FREE", "FREE_MB", formats.size_of_mib),
            Fact("USED", "USED_MB", formats.size_of_mib),
            Fact("IMAGES", _ids("IMAGES")),
        ),
    ),
    "template": Layout(
        "TEMPLATE", (*_OWNED, Fact("REGISTER TIME", "REGTIME", formats.moment_with_year))
    ),
    "vntemplate": Layout(
        "NETWORK TEMPLATE", (*_OWNED, Fact("REGISTER TIME", "REGTIME", formats.moment_with_year))
    ),
    "vmgroup": Layout(
        "VM GROUP",
        _OWNED,
        (
            Section("ROLES", "ROLES/ROLE", (
                _column("ID"), _column("NAME", width=12), _column("POLICY", width=12),
                _column("HOSTS", "HOST_AFFINED", 8), _column("AVOIDED", "HOST_ANTI_AFFINED", 8),
                _column("VMS", width=16),
            )),
        ),
    ),
    "vrouter": Layout(
        "VIRTUAL ROUTER",
        (*_OWNED, Fact("VMS", _ids("VMS"))),
        (
            Section("NICS", "TEMPLATE/NIC", (
                _column("ID", "NIC_ID"), _column("NETWORK", width=16), _column("FLOATING", "FLOATING_IP", 8),
                _column("IP", width=15), _column("MAC", width=17),
            )),
        ),
    ),
    "hook": Layout(
        "HOOK",
        (*_GLOBAL, Fact("TYPE", "TYPE"), Fact("LOCK", _lock)),
        (
            Section("EXECUTIONS", "HOOKLOG/HOOK_EXECUTION_RECORD", (
                _column("ID", "EXECUTION_ID"), Column("TIME", 15, "TIMESTAMP", formats.moment, left=True),
                _column("CODE", "EXECUTION_RESULT/CODE", 6), _column("HOST", "REMOTE_HOST", 6),
                _column("RETRY", width=6),
            )),
        ),
    ),
    "zone": Layout(
        "ZONE", (*_GLOBAL, Fact("STATE", lambda z: states.look_up(states.ENABLED, text_at(z, "STATE")).name))
    ),
    "market": Layout(
        "MARKETPLACE",
        (
            *_OWNED[:-1],
            Fact("STATE", lambda m: states.look_up(states.ENABLED, text_at(m, "STATE")).name),
            Fact("MARKET_MAD", "MARKET_MAD"),
            Fact("APPS", _ids("MARKETPLACEAPPS")),
        ),
    ),
    "marketapp": Layout(
        "MARKETPLACE APP",
        (
            *_OWNED,
            Fact("STATE", lambda a: states.look_up(states.APP, text_at(a, "STATE")).name),
            Fact("TYPE", lambda a: states.look_up(states.APP_TYPES, text_at(a, "TYPE")).name),
            Fact("MARKETPLACE", "MARKETPLACE"),
            Fact("VERSION", "VERSION"),
            Fact("SIZE", "SIZE", formats.size_of_mib),
            Fact("ORIGIN", "ORIGIN_ID"),
            Fact("DESCRIPTION", "DESCRIPTION", optional=True),
            Fact("ERROR", "TEMPLATE/ERROR", optional=True),
        ),
    ),
    "backupjob": Layout(
        "BACKUP JOB",
        (
            *_OWNED,
            Fact("PRIORITY", "PRIORITY"),
            Fact("LAST RUN", "LAST_BACKUP_TIME", formats.moment_with_year),
            Fact("SECONDS", "LAST_BACKUP_DURATION"),
            Fact("WAITING", _ids("OUTDATED_VMS")),
            Fact("BACKING UP", _ids("BACKING_UP_VMS")),
            Fact("DONE", _ids("UPDATED_VMS")),
            Fact("FAILED", _ids("ERROR_VMS")),
            Fact("ERROR", "TEMPLATE/ERROR", optional=True),
        ),
        (_SCHEDULED,),
    ),
    "document": Layout("DOCUMENT", (*_OWNED, Fact("TYPE", "TYPE"))),
    "cluster": Layout(
        "CLUSTER",
        (
            *_GLOBAL,
            Fact("HOSTS", _ids("HOSTS")),
            Fact("VNETS", _ids("VNETS")),
            Fact("DATASTORES", _ids("DATASTORES")),
        ),
    ),
    "user": Layout(
        "USER",
        (
            *_GLOBAL,
            Fact("GROUP", "GNAME"),
            Fact("SECONDARY GROUPS", joined("GROUPS/ID")),
            Fact("AUTH_DRIVER", "AUTH_DRIVER"),
            Fact("ENABLED", "ENABLED", formats.yes_no),
        ),
        (
            Section("TOKENS", "LOGIN_TOKEN", (
                _column("TOKEN", lambda token: text_at(token, "TOKEN")[:10], 10),
                _column("GROUP", "EGID"),
                Column("EXPIRES", 15, "EXPIRATION_TIME", formats.moment, left=True),
            )),
        ),
    ),
    "vdc": Layout(
        "VDC",
        (
            *_GLOBAL,
            Fact("GROUPS", _ids("GROUPS")),
            Fact("CLUSTERS", joined("CLUSTERS/CLUSTER/CLUSTER_ID")),
            Fact("HOSTS", joined("HOSTS/HOST/HOST_ID")),
            Fact("VNETS", joined("VNETS/VNET/VNET_ID")),
            Fact("DATASTORES", joined("DATASTORES/DATASTORE/DATASTORE_ID")),
        ),
    ),
    "group": Layout(
        "GROUP", (*_GLOBAL, Fact("USERS", _ids("USERS")), Fact("ADMINS", _ids("ADMINS")))
    ),
}  # fmt: skip

_QUOTAS = (
    Section("VM QUOTA", "VM_QUOTA/VM", tuple(
        Column(name, 12, _used_of(name))
        for name in ("VMS", "CPU", "MEMORY", "RUNNING_VMS", "RUNNING_CPU", "RUNNING_MEMORY",
                     "SYSTEM_DISK_SIZE")
    )),
    Section("DATASTORE QUOTA", "DATASTORE_QUOTA/DATASTORE", tuple(
        _column(name, left=False) for name in ("ID", "IMAGES", "IMAGES_USED", "SIZE", "SIZE_USED")
    )),
    Section("NETWORK QUOTA", "NETWORK_QUOTA/NETWORK", tuple(
        _column(name, left=False) for name in ("ID", "LEASES", "LEASES_USED")
    )),
    Section("IMAGE QUOTA", "IMAGE_QUOTA/IMAGE", tuple(
        _column(name, left=False) for name in ("ID", "RVMS", "RVMS_USED")
    )),
)  # fmt: skip


def emit_sheet(kind: Kind, element: Element) -> None:
    """Print all about one object, for people."""
    layout = _LAYOUTS.get(kind.name) or Layout(kind.noun.upper(), _GLOBAL)
    render.emit_title(f"{layout.title} {text_at(element, 'ID')} INFORMATION")
    render.emit_facts(_facts(layout, element))
    _emit_permissions(element)
    for section in (*layout.sections, *_QUOTAS):
        _emit_section(section, element)
    for title, path in layout.templates:
        render.emit_title(f"\n{title}")
        click.echo(template_text.dump(element.find(path)), nl=False)


def emit_quotas(element: Element) -> None:
    """Print the quotas of a user or group, or default quotas."""
    if current().json:
        render.emit_json(object_data(element))
        return
    for section in _QUOTAS:
        _emit_section(section, element)


def _facts(layout: Layout, element: Element) -> Iterator[tuple[str, str]]:
    for fact in layout.facts:
        text = fact.text(element)
        if not fact.optional or text != formats.MISSING:
            yield fact.label, text


def _emit_permissions(element: Element) -> None:
    if element.find("PERMISSIONS") is None:
        return
    render.emit_title("\nPERMISSIONS")
    render.emit_facts(
        (who, formats.rights("".join(text_at(element, f"PERMISSIONS/{who}_{r}") for r in "UMA")))
        for who in ("OWNER", "GROUP", "OTHER")
    )


def _emit_section(section: Section, element: Element) -> None:
    rows = element.findall(section.path)
    if not rows:
        return
    render.emit_title(f"\n{section.title}")
    heads = [render.Head(c.header or c.name, c.width, c.left) for c in section.columns]
    render.emit_table(heads, [[c.cell(row) for c in section.columns] for row in rows])
