"""VM documents: the long body (`vm.info`, `infoextended`) and the short one (`vmpool.info`); spec: xml-documents.md 1.

A body is cut around what changes with every sample: parts that are kept, with LAST_POLL and MONITORING between them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from innkeeper.api.xmlrpc.documents import measures
from innkeeper.api.xmlrpc.documents.cache import Form, Parts, escaped
from innkeeper.api.xmlrpc.documents.elements import (
    cdata,
    children,
    identity,
    ids,
    lock,
    owners,
    permissions,
    text,
)
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.objects import DiskSnapshot, DiskSnapshots, History, Vm
from innkeeper.model.permissions import Caller, Right, may
from innkeeper.model.samples import Sample
from innkeeper.model.schedule import attributes
from innkeeper.model.states import VmState
from innkeeper.model.template import Template, Vector

_DISK = (
    "DISK_ID", "DATASTORE", "DATASTORE_ID", "IMAGE", "IMAGE_ID", "SIZE", "TYPE", "CLONE", "CLONE_TARGET", "LN_TARGET",
    "DISK_SNAPSHOT_TOTAL_SIZE",
)  # fmt: skip
_NIC_OPTIONAL = (
    "IP", "EXTERNAL_IP", "IP6", "IP6_ULA", "IP6_LINK", "IP6_GLOBAL", "NETWORK_MODE", "SCHED_REQUIREMENTS", "SCHED_RANK",
)  # fmt: skip
_NIC = ("MAC", "NETWORK", "NETWORK_ID", "NIC_ID", "SECURITY_GROUPS")
_USER = (
    "LABELS", "ERROR", "SCHED_MESSAGE", "SCHED_RANK", "SCHED_DS_RANK", "SCHED_REQUIREMENTS", "SCHED_DS_REQUIREMENTS",
    "USER_PRIORITY",
)  # fmt: skip


# ---- the long body ----------------------------------------------------------------------------


def long(vm: Vm, uname: str, gname: str) -> tuple[str, ...]:
    """Up to LAST_POLL, MONITORING, the schedule; the schedule; up to the history; all of it; its last record; end."""
    records = [history_record(vm.id, record) for record in vm.history]
    return (
        f"<VM>{identity(vm, uname, gname)}{permissions(vm.permissions)}<LAST_POLL>",
        f"</LAST_POLL>{_states(vm)}{lock(vm.lock)}<MONITORING>",
        f"</MONITORING>{_schedule_ids(vm)}{vm.template.to_xml().removesuffix(_END)}",
        "".join(
            [f"<SCHED_ACTION>{children(attributes(a, vm.id))}</SCHED_ACTION>" for a in vm.schedule]
        ),
        f"{_END}{vm.user_template.to_xml('USER_TEMPLATE')}<HISTORY_RECORDS>",
        "".join(records),
        "".join(records[-1:]),
        f"</HISTORY_RECORDS>{''.join(map(_disk_snapshots, vm.disk_snapshots))}"
        f"<BACKUPS><BACKUP_CONFIG>{children(vm.backup_config)}</BACKUP_CONFIG>"
        f"{ids('BACKUP_IDS', vm.backups)}</BACKUPS></VM>",
    )


def _disk_snapshots(of: DiskSnapshots) -> str:
    """One SNAPSHOTS element: those of a disk that has, or had, any."""
    each = "".join([_disk_snapshot(of, snapshot) for snapshot in of.snapshots])
    return (
        f"<SNAPSHOTS><ALLOW_ORPHANS><![CDATA[YES]]></ALLOW_ORPHANS><CURRENT_BASE>{of.current}</CURRENT_BASE>"
        f"<DISK_ID>{of.disk}</DISK_ID><NEXT_SNAPSHOT>{of.next}</NEXT_SNAPSHOT>{each}</SNAPSHOTS>"
    )


def _disk_snapshot(of: DiskSnapshots, snapshot: DiskSnapshot) -> str:
    active = "<ACTIVE><![CDATA[YES]]></ACTIVE>" if snapshot.id == of.current else ""
    standing = [str(each.id) for each in of.snapshots if each.parent == snapshot.id]
    children = cdata("CHILDREN", ",".join(standing)) if standing else ""
    name = cdata("NAME", snapshot.name) if snapshot.name else ""
    return (
        f"<SNAPSHOT>{active}{children}<DATE>{snapshot.date}</DATE><ID>{snapshot.id}</ID>{name}"
        f"<PARENT>{snapshot.parent}</PARENT><SIZE>{snapshot.size}</SIZE></SNAPSHOT>"
    )


_END = "</TEMPLATE>"


def _schedule_ids(vm: Vm) -> str:
    ids = "".join([f"<ID>{action.id}</ID>" for action in vm.schedule])
    return f"<SCHED_ACTIONS>{ids}</SCHED_ACTIONS>"


def discreet(vm: Vm, uname: str, gname: str) -> tuple[str, ...]:
    """The long body for those who may look at a VM but not handle it: without the password of its screen."""
    return long(msgspec.structs.replace(vm, template=_without_password(vm.template)), uname, gname)


def _without_password(template: Template) -> Template:
    graphics = template.vector("GRAPHICS")
    if graphics is None or "PASSWD" not in graphics:
        return template
    shown = {name: value for name, value in graphics.items() if name != "PASSWD"}
    return template.with_("GRAPHICS", shown)


def _states(vm: Vm) -> str:
    return (
        f"<STATE>{vm.state:d}</STATE><LCM_STATE>{vm.lcm_state:d}</LCM_STATE>"
        f"<PREV_STATE>{vm.prev_state:d}</PREV_STATE>"
        f"<PREV_LCM_STATE>{vm.prev_lcm_state:d}</PREV_LCM_STATE>{_times(vm)}"
    )


def _times(vm: Vm) -> str:
    return (
        f"<RESCHED>{vm.resched:d}</RESCHED><STIME>{vm.stime}</STIME><ETIME>{vm.etime}</ETIME>"
        f"{text('DEPLOY_ID', vm.deploy_id)}"
    )


def history_record(vm_id: int, stay: History) -> str:
    """One HISTORY element."""
    return (
        f"<HISTORY><OID>{vm_id}</OID><SEQ>{stay.seq}</SEQ>{text('HOSTNAME', stay.hostname)}"
        f"<HID>{stay.host_id}</HID><CID>{stay.cluster_id}</CID>"
        f"<STIME>{stay.stime}</STIME><ETIME>{stay.etime}</ETIME>"
        f"{cdata('VM_MAD', stay.vm_mad)}{cdata('TM_MAD', stay.tm_mad)}<DS_ID>{stay.ds_id}</DS_ID>"
        "<PLAN_ID>-1</PLAN_ID><ACTION_ID>-1</ACTION_ID>"
        f"<PSTIME>{stay.pstime}</PSTIME><PETIME>{stay.petime}</PETIME>"
        f"<RSTIME>{stay.rstime}</RSTIME><RETIME>{stay.retime}</RETIME>"
        f"<ESTIME>{stay.estime}</ESTIME><EETIME>{stay.eetime}</EETIME>"
        f"<ACTION>{stay.action}</ACTION><UID>{stay.uid}</UID><GID>{stay.gid}</GID>"
        f"{text('REQUEST_ID', stay.request_id)}</HISTORY>"
    )


# ---- the short body ---------------------------------------------------------------------------


def short(vm: Vm, uname: str, gname: str, sample: Sample | None) -> tuple[str]:
    """In one part: a pool of many thousands then asks for each VM once whether it is still right."""
    held = f"<LOCK><LOCKED>{vm.lock.level}</LOCKED></LOCK>" if vm.lock else ""
    return (
        f"<VM>{identity(vm, uname, gname)}<LAST_POLL>{sample.ts if sample else 0}"
        f"</LAST_POLL><STATE>{vm.state:d}</STATE><LCM_STATE>{vm.lcm_state:d}</LCM_STATE>"
        f"{_times(vm)}{held}<TEMPLATE>{_short_template(vm)}</TEMPLATE>"
        f"<MONITORING>{measures.of_vm_in_short(sample)}</MONITORING>"
        f"<USER_TEMPLATE>{_short_user_template(vm)}</USER_TEMPLATE>"
        f"<HISTORY_RECORDS>{_short_history(vm)}</HISTORY_RECORDS></VM>",
    )


def _short_template(vm: Vm) -> str:
    template = vm.template
    capacity = [cdata(name, template.get(name, "")) for name in ("CPU", "MEMORY")]
    cores = cdata("VCPU", template.get("VCPU", "")) if "VCPU" in template else "<VCPU></VCPU>"
    disks = [f"<DISK>{_all_of(disk, _DISK)}</DISK>" for disk in vm.disks]
    cards = [
        f"<NIC>{_those_of(nic, _NIC_OPTIONAL)}{_all_of(nic, _NIC)}</NIC>" for nic in _cards(vm)
    ]
    graphics = _without_password(template).vector("GRAPHICS")
    screen = [f"<GRAPHICS>{children(graphics)}</GRAPHICS>"] if graphics is not None else []
    return "".join([*capacity, cores, *disks, *cards, *screen])


def _cards(vm: Vm) -> list[Vector]:
    """NICs, aliases, and PCI devices that are NICs."""
    devices = (pci for pci in vm.template.vectors("PCI") if pci.get("TYPE") == "NIC")
    return [*vm.nics, *vm.aliases, *devices]


def _all_of(vector: Vector, names: tuple[str, ...]) -> str:
    return "".join(
        [cdata(name, vector[name]) if name in vector else f"<{name}></{name}>" for name in names]
    )


def _those_of(vector: Vector, names: tuple[str, ...]) -> str:
    return "".join([cdata(name, vector[name]) for name in names if name in vector])


def _short_user_template(vm: Vm) -> str:
    found = ((name, vm.user_template.get(name)) for name in _USER)
    return "".join([cdata(name, value) for name, value in found if value is not None])


def _short_history(vm: Vm) -> str:
    if not vm.history:
        return ""
    stay = vm.history[-1]
    return (
        f"<HISTORY><OID>{vm.id}</OID><SEQ>{stay.seq}</SEQ>{text('HOSTNAME', stay.hostname)}"
        f"<HID>{stay.host_id}</HID><CID>{stay.cluster_id}</CID><DS_ID>{stay.ds_id}</DS_ID>"
        f"{cdata('VM_MAD', stay.vm_mad)}{cdata('TM_MAD', stay.tm_mad)}"
        f"<ACTION>{stay.action}</ACTION></HISTORY>"
    )


# ---- with the cache ---------------------------------------------------------------------------

LONG = Form("vm long", long)
DISCREET = Form("vm discreet", discreet)
SHORT = Form("vm short", short)


def _kept(view: View, form: Form, vm: Vm, uses: tuple[Any, ...]) -> Parts:
    """VMs that are DONE may be many and are seldom asked for: they are rendered each time."""
    if vm.state is VmState.DONE:
        return escaped(form.render(vm, *uses))
    return view.cache.parts(form, vm, uses)


def _measured(view: View, vm: Vm, sample: Sample | None) -> bytes:
    """The figures of the long body."""
    if sample is None:
        return b""
    return view.cache.measured(LONG.name, vm.id, sample.ts, lambda: measures.of_vm(vm.id, sample))


def long_parts(view: View, caller: Caller, vm: Vm, *, all_history: bool) -> Parts:
    """The long body: with the schedule and all history records, or with the last record only."""
    form = LONG if may(view.world, caller, Right.MANAGE, vm) else DISCREET
    head, states, template, schedule, user, history, last, end = _kept(
        view, form, vm, owners(view.world, vm)
    )
    sample = view.monitoring.latest(Vm.KIND, vm.id)
    measured = _measured(view, vm, sample)
    records, schedule = (history, schedule) if all_history else (last, b"")
    return (
        head,
        measures.last_poll(sample),
        states,
        measured,
        template,
        schedule,
        user,
        records,
        end,
    )


def without_history(view: View, caller: Caller, vm: Vm) -> Parts:
    """The long body without its history records."""
    *head, _, end = long_parts(view, caller, vm, all_history=False)
    return (*head, b"", end)


def short_bodies(view: View, vms: Iterable[Vm]) -> Iterator[bytes]:
    """Short bodies, each in one piece. In a large pool most are kept, and what a kept one costs is what it costs."""
    kept, latest = view.cache.of(SHORT), view.monitoring.all_latest(Vm.KIND).get
    names: dict[tuple[int, int], tuple[str, str]] = {}
    for vm in vms:
        owner = vm.uid, vm.gid
        if owner not in names:
            names[owner] = owners(view.world, vm)
        uses = (*names[owner], latest(vm.id))
        entry = kept.get(vm.id)
        if entry is not None and entry.record is vm and entry.uses == uses:
            yield entry.parts[0]
        else:
            yield _kept(view, SHORT, vm, uses)[0]


def short_parts(view: View, vm: Vm) -> Iterator[bytes]:
    """The short body of one VM."""
    return short_bodies(view, (vm,))
