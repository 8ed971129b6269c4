"""Datastores."""

import base64
import re

from innkeeper.lifecycle.operations.backups import underway_into
from innkeeper.model import storage
from innkeeper.model.errors import Mistake, cannot_allocate, invalid, must_be, wrong_state
from innkeeper.model.objects import Datastore
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import DatastoreType
from innkeeper.model.template import Template
from innkeeper.model.world import Transaction, World

from .common import (
    check_create,
    check_free_name,
    check_right,
    creation_bits,
    drop,
    need,
    needed_name,
    parse,
    update,
)  # fmt: skip

TYPES = {f"{kind.name}_DS": kind for kind in DatastoreType}
#: Transfer drivers of this release: local qcow2 disks, a folder that hosts share, datastores without bytes, pools of
#: Ceph's, volume groups that hosts share.
TRANSFER = frozenset({"qcow2", "ssh", "local", "shared", "dummy", "ceph", "fs_lvm"})
IMAGE_DRIVERS = frozenset({"fs", "dummy", "ceph"})
#: What is shown in the place of the key, which nobody is shown; written back, it means the key that is there.
HIDDEN = "***"
_MONITOR = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:\d{1,5})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def allocate(tx: Transaction, caller: Caller, text: str, cluster_id: int, root: str) -> int:
    """Creates a datastore below `root` (the front end's datastore folder)."""
    template = parse(text)
    cluster = tx.world.clusters[0 if cluster_id < 0 else cluster_id]
    check_create(tx.world, caller, Datastore)
    if cluster_id > 0:
        check_right(tx.world, caller, Right.ADMIN, cluster)
    name = needed_name(template, Datastore)
    check_free_name(tx.world, Datastore, name)
    kind = _kind(template)
    ds_mad, tm_mad = _drivers(template, kind)
    _check_ceph(template, ds_mad, tm_mad)
    number = tx.new_id(Datastore)
    datastore = Datastore(
        id=number, name=name, uid=caller.uid, gid=caller.gid,
        permissions=creation_bits(tx.world, caller) | 0o040,
        ds_mad=ds_mad, tm_mad=tm_mad, base_path=_folder(template, kind, tm_mad) or f"{root}/{number}",
        type=kind, clusters=(cluster.id,), disk_type=_disk_type(kind, ds_mad, tm_mad),
        template=_completed(template, kind, tm_mad),
    )  # fmt: skip
    tx.put(datastore)
    tx.log(datastore, "created", by=caller.uid)
    tx.wake = True
    return number


def _kind(template: Template) -> DatastoreType:
    text = (template.get("TYPE") or "IMAGE_DS").upper()
    if text not in TYPES:
        raise cannot_allocate("datastore", must_be("TYPE", f"one of {', '.join(TYPES)}", text))
    return TYPES[text]


def _drivers(template: Template, kind: DatastoreType) -> tuple[str, str]:
    ds_mad, tm_mad = template.get("DS_MAD") or "", template.get("TM_MAD") or ""
    if kind is DatastoreType.SYSTEM:
        if ds_mad and ds_mad != "-":
            raise cannot_allocate("datastore", "DS_MAD must not be given for a SYSTEM_DS.")
        ds_mad = "-"
    elif ds_mad not in IMAGE_DRIVERS:
        wanted = ", ".join(sorted(IMAGE_DRIVERS))
        raise cannot_allocate("datastore", must_be("DS_MAD", f"one of {wanted}", ds_mad))
    if kind is DatastoreType.BACKUP:
        return ds_mad, "-"
    if tm_mad not in TRANSFER:
        wanted = ", ".join(sorted(TRANSFER))
        raise cannot_allocate("datastore", must_be("TM_MAD", f"one of {wanted}", tm_mad))
    if kind is DatastoreType.FILE and ds_mad == "ceph":
        raise cannot_allocate(
            "datastore", Mistake("DS_MAD of a FILE_DS", "fs: agents read its files", "ceph")
        )
    if kind is DatastoreType.IMAGE and (ds_mad == "ceph") != (tm_mad == "ceph"):
        raise cannot_allocate(
            "datastore", f"TM_MAD ceph goes with DS_MAD ceph, not {tm_mad!r} with {ds_mad!r}."
        )
    return ds_mad, tm_mad


def _disk_type(kind: DatastoreType, ds_mad: str, tm_mad: str) -> int:
    """OpenNebula's number of how disks there are reached."""
    of_images = storage.RBD if ds_mad == "ceph" else storage.FILE
    of_disks = storage.NEEDED.get(tm_mad, storage.FILE)
    return storage.DISK_TYPES[of_disks if kind is DatastoreType.SYSTEM else of_images]


def _check_ceph(template: Template, ds_mad: str, tm_mad: str) -> None:
    """Refuses a pool that nobody could use, naming the attribute."""
    if "ceph" not in (ds_mad, tm_mad):
        return
    monitors = (template.get("CEPH_HOST") or "").split()
    if not monitors or not all(_MONITOR.fullmatch(each) for each in monitors):
        wrong = must_be(
            "CEPH_HOST", "the monitors' addresses, with spaces between them", " ".join(monitors)
        )
        raise cannot_allocate("datastore", wrong)
    for name in ("POOL_NAME", "CEPH_USER"):
        value = template.get(name)
        if value and not _NAME.fullmatch(value):
            raise cannot_allocate(
                "datastore", must_be(name, "letters, digits, '_', '.' and '-'", value)
            )
    key, secret = template.get("CEPH_KEY"), template.get("CEPH_SECRET")
    if not key and not secret:
        text = "CEPH_KEY (the user's key), or CEPH_SECRET (libvirt's secret on every host) must be given."
        raise cannot_allocate("datastore", text)
    if key and not _is_key(key):
        raise cannot_allocate(
            "datastore", "CEPH_KEY must be a key of cephx (40 characters of base64)."
        )


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 28
    except ValueError:
        return False


def _folder(template: Template, kind: DatastoreType, tm_mad: str) -> str:
    """Where hosts see a folder that they share: at the same path on all of them; empty when that is not said."""
    path = template.get("BASE_PATH") or ""
    if kind is not DatastoreType.SYSTEM or tm_mad != "shared":
        return ""
    if path and (not path.startswith("/") or ".." in path.split("/")):
        wrong = must_be("BASE_PATH", "an absolute path without '..'", path)
        raise cannot_allocate("datastore", wrong)
    return path.rstrip("/")


def _completed(template: Template, kind: DatastoreType, tm_mad: str) -> Template:
    template = template.without("NAME").with_("TYPE", f"{kind.name}_DS")
    shared = tm_mad == "dummy" or tm_mad in storage.SHARED
    if kind is DatastoreType.BACKUP:
        return template.without("TM_MAD")
    if kind is DatastoreType.SYSTEM:
        return template.with_("SHARED", "YES" if shared else "NO")
    clones = "SELF" if tm_mad == "ceph" else "SYSTEM"
    links = "NONE" if shared and tm_mad != "fs_lvm" else "SYSTEM"
    return template.with_("CLONE_TARGET", clones).with_("LN_TARGET", links)


def shown(template: Template) -> Template:
    """A datastore's template without the key to what lies there: that is for agents alone."""
    return template.with_("CEPH_KEY", HIDDEN) if template.get("CEPH_KEY") else template


def images_of(world: World, datastore_id: int) -> list[int]:
    """The numbers of a datastore's images."""
    return [image.id for image in world.images if image.datastore_id == datastore_id]


def delete(tx: Transaction, caller: Caller, datastore_id: int) -> int:
    """Deletes a datastore without images and disks of VMs, to which no backup is on its way."""
    datastore = need(tx.world, Datastore, datastore_id, caller, Right.MANAGE)
    images = images_of(tx.world, datastore_id)
    if images:
        raise wrong_state(
            f"Cannot delete datastore. Datastore {datastore_id} has images: {images}", datastore_id
        )
    users = [
        vm.id
        for vm in tx.world.vms
        if (vm.place is not None or vm.kept_on >= 0) and vm.history[-1].ds_id == datastore_id
    ]
    if users:
        raise wrong_state(
            f"Cannot delete datastore. Datastore {datastore_id} has VMs: {users[:10]}", datastore_id
        )
    if backed := underway_into(tx.world, datastore_id):
        raise wrong_state(
            f"Cannot delete datastore. VM {backed[0]} is being backed up into datastore {datastore_id}",
            datastore_id,
        )
    return drop(tx, caller, datastore)


def update_datastore(
    tx: Transaction, caller: Caller, datastore_id: int, text: str, append: int
) -> int:
    """Replaces or merges a datastore's template."""
    before = tx.world.datastores[datastore_id].template
    update(tx, caller, Datastore, datastore_id, text, append)
    datastore = tx.world.datastores[datastore_id]
    kept = before.only(("TYPE", "DS_MAD", "TM_MAD", "SHARED", "CLONE_TARGET", "LN_TARGET"))
    template = datastore.template.merged(kept)
    if template.get("CEPH_KEY") == HIDDEN:
        template = template.merged(before.only(("CEPH_KEY",)))
    _check_ceph(template, datastore.ds_mad, datastore.tm_mad)
    if template.get("POOL_NAME") != before.get("POOL_NAME") and images_of(tx.world, datastore_id):
        raise wrong_state(
            f"POOL_NAME of datastore {datastore_id} cannot change: it has images", datastore_id
        )
    tx.change(datastore, template=template)
    return datastore_id


def enable(tx: Transaction, caller: Caller, datastore_id: int, wanted: bool) -> int:
    """Lets a system datastore take new VMs, or not."""
    datastore = need(tx.world, Datastore, datastore_id, caller, Right.MANAGE)
    if datastore.type is not DatastoreType.SYSTEM:
        raise invalid("Only system datastores can be enabled and disabled", datastore_id)
    tx.change(datastore, state=0 if wanted else 1)
    tx.wake = True
    return datastore_id
