"""Technologies for disks: where the disks of a VM lie, as its record says. One table.

Images of a `ceph` datastore lie in its pool, and so do the disks that begin as them (clones) or are them. A `ceph`
system datastore has the volatile disks of its VMs in its pool, an `fs_lvm` one all disks but persistent images, in the
volume group `vg-one-<its number>` that the hosts share. All else are files.
"""

import posixpath

from .objects import Datastore, Host, Vm
from .template import Vector, as_bool

FILE, RBD, LVM = "file", "rbd", "lvm"
#: Transfer driver of a datastore -> the technology that its hosts need.
NEEDED = {"ceph": RBD, "fs_lvm": LVM}
#: OpenNebula's numbers of DISK_TYPE.
DISK_TYPES = {FILE: 0, LVM: 2, RBD: 3}
#: Datastores whose disks cannot go to another one: hosts share them.
SHARED = frozenset({"shared", *NEEDED})
#: How messages call them.
NAMES = {RBD: "RBD disks", LVM: "LVM disks"}
POOL = "one"


def pool_of(datastore: Datastore) -> str:
    """The pool of a `ceph` datastore."""
    return datastore.template.get("POOL_NAME") or POOL


def in_pool(datastore: Datastore) -> bool:
    """Whether a datastore's images lie in a pool of Ceph's."""
    return datastore.ds_mad == "ceph"


def image_source(datastore: Datastore, number: int) -> str:
    """Where a new image of a datastore lies."""
    if in_pool(datastore):
        return f"{pool_of(datastore)}/one-{number}"
    return posixpath.join(datastore.base_path, f"image-{number}")


def image_format(datastore: Datastore, otherwise: str) -> str:
    """The format of a new image: Ceph's have none but their own."""
    return "raw" if in_pool(datastore) else otherwise


def technology(vm: Vm, disk: Vector) -> str:
    """Where a disk of a VM lies, or would."""
    if disk.get("DISK_TYPE") == "RBD":
        return RBD
    system = vm.template.get("TM_MAD_SYSTEM") or ""
    if "IMAGE_ID" not in disk:
        return NEEDED.get(system, FILE)
    return LVM if system == "fs_lvm" and disk.get("CLONE") == "YES" else FILE


def disk_format(vm: Vm, disk: Vector) -> str:
    """As what QEMU reads a disk."""
    if technology(vm, disk) != FILE or disk.get("TYPE") == "CDROM":
        return "raw"
    return "qcow2" if disk.get("CLONE") == "YES" else disk.get("FORMAT", "raw")


def is_thin(datastore: Datastore | None) -> bool:
    """Whether an `fs_lvm` datastore has thin volumes, of which there are snapshots."""
    return datastore is not None and as_bool(datastore.template.get("LVM_THIN_ENABLE") or "NO")


def problem(host: Host, name: str) -> str:
    """Why a host cannot use a technology; empty when it can."""
    if name == FILE or host.simulated:
        return ""
    said = host.facts.get("storage", {}).get(name, "its agent does not know of it")
    return f"it cannot use {NAMES[name]}: {said}" if said else ""
