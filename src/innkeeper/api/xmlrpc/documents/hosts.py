"""Host documents (spec: xml-documents.md section 2). Memory in KiB, CPU in 1/100 cores, disk in MiB."""

from innkeeper.api.xmlrpc.documents import measures
from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import cdata, ids, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.objects import Cluster, Host
from innkeeper.model.template import Template
from innkeeper.placement.capacity import capacity

#: CPU, memory and disk that VMs take.
Taken = tuple[int, int, int]


def host(
    host: Host, cluster: Cluster | None, taken: Taken, vms: tuple[int, ...]
) -> tuple[str, str]:
    """Up to what MONITORING holds, and the end."""
    template = host.template.with_("ERROR", host.error) if host.error else host.template
    told = Template({name: (value,) for name, value in host.told.items()})
    template = told.merged(template).merged(_drift(host))
    return (
        f"<HOST><ID>{host.id}</ID>{text('NAME', host.name)}"
        f"<STATE>{host.state:d}</STATE><PREV_STATE>{host.prev_state:d}</PREV_STATE>"
        f"{cdata('IM_MAD', host.im_mad)}{cdata('VM_MAD', host.vm_mad)}"
        f"<CLUSTER_ID>{host.cluster_id}</CLUSTER_ID>{text('CLUSTER', cluster.name if cluster else '')}"
        f"{_share(host, cluster, taken, len(vms))}{ids('VMS', vms)}{template.to_xml()}<MONITORING>",
        "</MONITORING></HOST>",
    )


def _drift(host: Host) -> Template:
    """Where it is not as declared, as vectors of its template."""
    found = [
        {"WHAT": each.what, "EXPECTED": each.expected, "FOUND": each.found} for each in host.drift
    ]
    return Template({"DRIFT": tuple(found)} if found else {})


def _share(host: Host, cluster: Cluster | None, taken: Taken, vms: int) -> str:
    cpu, memory, disk = taken
    max_cpu, max_memory = capacity(host, cluster)
    return (
        f"<HOST_SHARE><MEM_USAGE>{memory}</MEM_USAGE><CPU_USAGE>{cpu}</CPU_USAGE>"
        f"<TOTAL_MEM>{host.total_memory}</TOTAL_MEM><TOTAL_CPU>{host.total_cpu}</TOTAL_CPU>"
        f"<MAX_MEM>{max_memory}</MAX_MEM><MAX_CPU>{max_cpu}</MAX_CPU>"
        f"<RUNNING_VMS>{vms}</RUNNING_VMS><VMS_THREAD>1</VMS_THREAD>"
        f"<DATASTORES><DISK_USAGE>{disk}</DISK_USAGE><FREE_DISK>0</FREE_DISK>"
        "<MAX_DISK>0</MAX_DISK><USED_DISK>0</USED_DISK></DATASTORES>"
        "<PCI_DEVICES></PCI_DEVICES><NUMA_NODES></NUMA_NODES></HOST_SHARE>"
    )


HOST = Form("host", host)


def parts(view: View, record: Host) -> Parts:
    """The document of a host."""
    room = view.world.occupancy.of(record.id)
    cluster = view.world.clusters.get(record.cluster_id)
    uses = (cluster, (room.cpu, room.memory, room.disk), tuple(room.vms))
    head, end = view.cache.parts(HOST, record, uses)
    sample = view.monitoring.latest(Host.KIND, record.id)
    if sample is None:
        return head, end
    measured = view.cache.measured(
        HOST.name, record.id, sample.ts, lambda: measures.of_host(record.id, sample)
    )
    return head, measured, end
