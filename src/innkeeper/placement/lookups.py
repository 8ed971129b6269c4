"""Names in requirements and ranks: where the value of a name is found.

The order is OpenNebula's. Host: TEMPLATE/, HOST_SHARE/, MONITORING/CAPACITY/, the root, what its own probes tell, then
the template of its cluster. Datastore: TEMPLATE/, the root. A quoted name may be a path into the same document,
relative to any of these or absolute ("HOST_SHARE/MAX_CPU", "/HOST/ID", "CLUSTERS/ID").
FREE_* and USED_* are about capacity given to VMs, not about measured load: the same figures that decide.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from innkeeper.model.expressions import CURRENT_VMS, Lookup
from innkeeper.model.objects import Cluster, Datastore, Host
from innkeeper.model.template import Template

Values = Sequence[str]

#: Names whose values change when a VM comes or goes, and those that tell which VMs are there.
_USAGE = ("CPU_USAGE", "MEM_USAGE", "RUNNING_VMS")
_LOAD = frozenset((*_USAGE, "FREE_CPU", "FREE_MEMORY", "USED_CPU", "USED_MEMORY"))
_MEMBERS = frozenset((CURRENT_VMS, "VMS"))


class HostView(NamedTuple):
    """A host as expressions see it: CPU in 1/100 cores, memory in KiB."""

    host: Host
    cluster: Cluster | None
    max_cpu: int
    max_memory: int
    used_cpu: int
    used_memory: int
    #: VMs that are there, and VMs that the present pass has sent there.
    vms: Collection[int]
    joined: Collection[int]


Figures = Mapping[str, Callable[[HostView], object]]

_SHARE: Figures = {
    "MEM_USAGE": lambda v: v.used_memory,
    "CPU_USAGE": lambda v: v.used_cpu,
    "TOTAL_MEM": lambda v: v.host.total_memory,
    "TOTAL_CPU": lambda v: v.host.total_cpu,
    "MAX_MEM": lambda v: v.max_memory,
    "MAX_CPU": lambda v: v.max_cpu,
    "RUNNING_VMS": lambda v: len(v.vms) + len(v.joined),
}
_CAPACITY: Figures = {
    "FREE_CPU": lambda v: v.max_cpu - v.used_cpu,
    "FREE_MEMORY": lambda v: v.max_memory - v.used_memory,
    "USED_CPU": lambda v: v.used_cpu,
    "USED_MEMORY": lambda v: v.used_memory,
}
_ROOT: Figures = {
    "ID": lambda v: v.host.id,
    "NAME": lambda v: v.host.name,
    "STATE": lambda v: int(v.host.state),
    "PREV_STATE": lambda v: int(v.host.prev_state),
    "IM_MAD": lambda v: v.host.im_mad,
    "VM_MAD": lambda v: v.host.vm_mad,
    "CLUSTER_ID": lambda v: v.host.cluster_id,
    "CLUSTER": lambda v: v.cluster.name if v.cluster else "",
}
_FIGURES: Figures = {**_ROOT, **_CAPACITY, **_SHARE}

_DATASTORE: Mapping[str, Callable[[Datastore], object]] = {
    "ID": lambda d: d.id,
    "NAME": lambda d: d.name,
    "UID": lambda d: d.uid,
    "GID": lambda d: d.gid,
    "DS_MAD": lambda d: d.ds_mad,
    "TM_MAD": lambda d: d.tm_mad,
    "TYPE": lambda d: int(d.type),
    "DISK_TYPE": lambda d: d.disk_type,
    "STATE": lambda d: d.state,
    "TOTAL_MB": lambda d: d.total_mb,
    "FREE_MB": lambda d: d.free_mb,
    "USED_MB": lambda d: d.used_mb,
}


def depends_on_load(names: Iterable[str]) -> bool:
    """Whether an expression with these names may change its value when a VM comes to a host."""
    return depends_on_members(names) or any(name.rsplit("/", 1)[-1] in _LOAD for name in names)


def depends_on_members(names: Iterable[str]) -> bool:
    """Whether an expression with these names asks which VMs are on a host."""
    return any(not _MEMBERS.isdisjoint(name.split("/")) for name in names)


def host_lookup(view: HostView) -> Lookup:
    """The values of a host's attributes by name."""

    def find(name: str) -> Values:
        if "/" in name:
            return _first(_host_paths(name), lambda path: _host_at(view, path))
        if name == CURRENT_VMS:
            return _members(view)
        values = _texts(view.host.template, name)
        if not values and (figure := _FIGURES.get(name)) is not None:
            return (str(figure(view)),)
        if not values and name in view.host.told:
            return (view.host.told[name],)
        if not values and view.cluster is not None:
            return _texts(view.cluster.template, name)
        return values

    return find


def datastore_lookup(datastore: Datastore) -> Lookup:
    """The values of a datastore's attributes by name."""

    def find(name: str) -> Values:
        if "/" in name:
            return _first(_relative(name, "DATASTORE"), lambda path: _store_at(datastore, path))
        return _texts(datastore.template, name) or _store_at(datastore, [name])

    return find


def _texts(template: Template, name: str) -> Values:
    values = template.attributes.get(name, ())
    return tuple(value for value in values if isinstance(value, str))


def _members(view: HostView) -> Values:
    return tuple(str(number) for vms in (view.vms, view.joined) for number in vms)


def _first(paths: Iterable[list[str]], at: Callable[[list[str]], Values]) -> Values:
    return next((values for path in paths if (values := at(path))), ())


def _relative(name: str, root: str) -> list[list[str]]:
    """The places that a path may mean: itself when absolute, else below TEMPLATE/ and the root."""
    steps = [step for step in name.split("/") if step]
    if name.startswith("/"):
        return [steps[1:]] if steps[:1] == [root] else []
    return [["TEMPLATE", *steps], steps]


def _host_paths(name: str) -> list[list[str]]:
    paths = _relative(name, "HOST")
    if name.startswith("/"):
        return paths
    below_template, steps = paths
    shares = [["HOST_SHARE", *steps], ["MONITORING", "CAPACITY", *steps]]
    return [below_template, *shares, steps, ["CLUSTER_TEMPLATE", *steps]]


def _host_at(view: HostView, path: list[str]) -> Values:
    match path:
        case ["TEMPLATE", *steps]:
            told = view.host.told.get(steps[0]) if len(steps) == 1 else None
            return _in_template(view.host.template, steps) or (() if told is None else (told,))
        case ["CLUSTER_TEMPLATE", *steps] if view.cluster is not None:
            return _in_template(view.cluster.template, steps)
        case ["VMS", "ID"]:
            return _members(view)
        case ["HOST_SHARE", name] if name in _SHARE:
            return (str(_SHARE[name](view)),)
        case ["MONITORING", "CAPACITY", name] if name in _CAPACITY:
            return (str(_CAPACITY[name](view)),)
        case [name] if name in _ROOT:
            return (str(_ROOT[name](view)),)
    return ()


def _store_at(datastore: Datastore, path: list[str]) -> Values:
    match path:
        case ["TEMPLATE", *steps]:
            return _in_template(datastore.template, steps)
        case ["CLUSTERS", "ID"]:
            return tuple(str(number) for number in datastore.clusters)
        case [name] if name in _DATASTORE:
            return (str(_DATASTORE[name](datastore)),)
    return ()


def _in_template(template: Template, steps: list[str]) -> Values:
    if len(steps) == 1:
        return _texts(template, steps[0])
    if len(steps) == 2:
        vectors = template.attributes.get(steps[0], ())
        return tuple(v[steps[1]] for v in vectors if not isinstance(v, str) and steps[1] in v)
    return ()
