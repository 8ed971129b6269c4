"""What agents are told about stores outside of VMs' folders, and about the disks in them (docs/agent-protocol.md)."""

from typing import Any

from innkeeper.model import storage
from innkeeper.model.objects import Datastore, Vm
from innkeeper.model.template import Vector, as_int
from innkeeper.model.world import World

Described = dict[str, Any]


def store(datastore: Datastore) -> Described:
    """A STORE: how it is reached, with its key."""
    template = datastore.template
    if datastore.tm_mad == "fs_lvm":
        group = f"vg-one-{datastore.id}"
        return {
            "store": datastore.id,
            "driver": "lvm",
            "group": group,
            "thin": storage.is_thin(datastore),
        }
    given = {"key": "CEPH_KEY", "secret": "CEPH_SECRET", "config": "CEPH_CONF"}
    return {
        "store": datastore.id,
        "driver": "rbd",
        "pool": storage.pool_of(datastore),
        "monitors": (template.get("CEPH_HOST") or "").split(),
        "user": template.get("CEPH_USER") or "libvirt",
        **{key: str(template.get(name)) for key, name in given.items() if template.get(name)},
    }


def for_image(datastore: Datastore) -> Described:
    """What verbs for images are told when the image lies in a pool; nothing when it is a file."""
    if not storage.in_pool(datastore):
        return {}
    return {"store": store(datastore), "spool": datastore.base_path}


def used(world: World, vm: Vm, disks: list[Described]) -> Described:
    """The argument with the stores of these disks; none when all are files."""
    numbers = sorted({disk["store"] for disk in disks if "store" in disk})
    found = [store(world.datastores[number]) for number in numbers if number in world.datastores]
    return {"stores": found} if found else {}


def disk(world: World, vm: Vm, vector: Vector) -> Described:
    """A DISK that is no file: which store it is in, its name there, and how it begins."""
    number, name = int(vector["DISK_ID"]), storage.technology(vm, vector)
    described: Described = {"disk": number, "format": "raw"}
    if "IMAGE_ID" in vector and name == storage.RBD:
        return described | _of_image(vm, vector)
    system = world.datastores[vm.history[-1].ds_id]
    in_pool = f"{storage.pool_of(system)}/one-sys-{vm.id}-{number}"
    place = in_pool if name == storage.RBD else f"lv-one-{vm.id}-{number}"
    return described | {"store": system.id, "name": place} | _content(world, vector)


def _of_image(vm: Vm, vector: Vector) -> Described:
    source = vector["SOURCE"]
    found: Described = {"store": int(vector["DATASTORE_ID"]), "kind": "link", "name": source}
    if vector.get("CLONE") == "YES":
        name = f"{source}-{vm.id}-{vector['DISK_ID']}"
        size = as_int(vector["SIZE"]) or None
        return found | {"kind": "clone", "image": source, "name": name, "size_mib": size}
    return found | ({"readonly": True} if vector.get("TYPE") == "CDROM" else {})


def _content(world: World, vector: Vector) -> Described:
    size = int(vector["SIZE"])
    if "IMAGE_ID" not in vector:
        kind = "swap" if vector.get("TYPE", "").lower() == "swap" else "empty"
        fs = {"fs": vector["FS"]} if kind == "empty" and vector.get("FS") else {}
        return {"kind": kind, "size_mib": size, **fs}
    image = world.images.get(int(vector["IMAGE_ID"]))
    base = f"bases/{image.checksum}" if image and image.checksum else vector["SOURCE"]
    return {
        "kind": "copy", "size_mib": size, "base": base, "origin": vector["SOURCE"],
        "base_format": vector.get("FORMAT", "raw"),
    }  # fmt: skip


def folder(world: World, vm: Vm) -> Described:
    """The argument that says where the VM's files lie, when that is a folder that hosts share; else none."""
    datastore = world.datastores.get(vm.history[-1].ds_id) if vm.history else None
    if datastore is None or datastore.tm_mad != "shared":
        return {}
    return {"store": datastore.base_path}


def shared(world: World, vm: Vm) -> Described:
    """The arguments that make a host remove also what others could use of the VM: it is gone for good, or anew."""
    outside = any(storage.technology(vm, disk) != storage.FILE for disk in vm.disks)
    return folder(world, vm) | ({"shared": True} if outside else {})
