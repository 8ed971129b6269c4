"""Small worlds for the tests of placement. Amounts are in cores and GiB."""

from typing import Any

from innkeeper.model.objects import Cluster, Datastore, History, Host, Image, Vm
from innkeeper.model.states import DatastoreType, HostState, LcmState, VmState
from innkeeper.model.template import Template
from innkeeper.model.world import World

GIB = 1 << 20
"""KiB."""


def world_of(*records: Any) -> World:
    """A world of these records, with cluster 0 and its system datastore 0 unless others are given."""
    world = World()
    defaults = (cluster(0, "default"), store(0))
    for record in (*defaults, *records):
        world.load(record.KIND, record)
    return world


def cluster(number: int, name: str = "", text: str = "") -> Cluster:
    return Cluster(id=number, name=name or f"cluster{number}", template=Template.parse(text))


def host(number: int, cpu: float = 4, memory: float = 8, text: str = "", **fields: Any) -> Host:
    """A MONITORED host with this many cores and GiB."""
    described = {
        "name": f"node{number}",
        "im_mad": "kvm",
        "vm_mad": "kvm",
        "state": HostState.MONITORED,
        "total_cpu": round(cpu * 100),
        "total_memory": round(memory * GIB),
        "template": Template.parse(text),
    }
    return Host(id=number, **{**described, **fields})


def simulated(number: int, **fields: Any) -> Host:
    return host(number, vm_mad="dummy", im_mad="dummy", **fields)


def store(number: int, text: str = "", **fields: Any) -> Datastore:
    """A READY system datastore of cluster 0 that is not measured."""
    described = {
        "name": f"system{number}",
        "uid": 0,
        "gid": 0,
        "ds_mad": "-",
        "tm_mad": "qcow2",
        "base_path": f"/stores/{number}",
        "type": DatastoreType.SYSTEM,
        "template": Template.parse(text),
    }
    return Datastore(id=number, **{**described, **fields})


def image_store(number: int, **fields: Any) -> Datastore:
    return store(number, type=DatastoreType.IMAGE, ds_mad="fs", **fields)


def image(number: int, datastore: int) -> Image:
    return Image(id=number, name=f"image{number}", uid=0, gid=0, datastore_id=datastore)


def vm(
    number: int, cpu: float = 1, memory: float = 1, text: str = "", wishes: str = "", **fields: Any
) -> Vm:
    """A PENDING VM that asks for this many cores and GiB."""
    amounts = f"CPU = {cpu}\nMEMORY = {round(memory * 1024)}\n"
    described = {
        "name": f"vm{number}",
        "uid": 0,
        "gid": 0,
        "state": VmState.PENDING,
        "stime": 1000,
        "template": Template.parse(amounts + text),
        "user_template": Template.parse(wishes),
    }
    return Vm(id=number, **{**described, **fields})


def resident(number: int, on: int, cpu: float = 1, memory: float = 1, **fields: Any) -> Vm:
    """A VM that runs on a host."""
    stay = History(
        seq=0,
        host_id=on,
        hostname=f"node{on}",
        cluster_id=0,
        vm_mad="kvm",
        tm_mad="qcow2",
        ds_id=0,
        stime=1000,
    )
    running = {"state": VmState.ACTIVE, "lcm_state": LcmState.RUNNING, "history": (stay,)}
    return vm(number, cpu, memory, **{**running, **fields})
