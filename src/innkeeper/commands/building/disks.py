"""Disks: images found and allowed, volatile disks checked, targets given (spec: templates.md section 4.3)."""

import re

from innkeeper.lifecycle.operations.images import cloning
from innkeeper.model import storage
from innkeeper.model.errors import Code, Mistake, Refusal, must_be
from innkeeper.model.objects import Datastore, Image
from innkeeper.model.states import ImageState, ImageType
from innkeeper.model.template import Template, Vector, as_int

from ..common import usable
from . import tuning
from .draft import Draft, problem
from .named import number_of

USABLE = frozenset({ImageState.READY, ImageState.LOCKED})
DISK_TYPES = (ImageType.OS, ImageType.CDROM, ImageType.DATABLOCK)
#: Letters that devices begin with: each stands for a bus.
PREFIXES = ("vd", "sd", "hd", "xvd")
_TARGET = re.compile(rf"(?:{'|'.join(PREFIXES)})[a-z]{{1,2}}")
#: File systems that a new disk can be given.
FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"})
#: DISKs of one VM at most; MiB of one disk at most (a file has less than 2^63 bytes).
MAX_DISKS, MAX_SIZE = 256, 2**43
#: What the front end fills in.
_GIVEN = frozenset({
    "DISK_ID", "SOURCE", "ORIGINAL_SIZE", "IMAGE_STATE", "DISK_SNAPSHOT_TOTAL_SIZE", "CLONE", "SAVE", "PERSISTENT",
    "SHAREABLE", "DATASTORE", "DATASTORE_ID", "TM_MAD", "CLUSTER_ID", "CLONE_TARGET", "LN_TARGET", "DISK_TYPE",
    "CLONING", "ORDER", "ATTACH", "RESIZE",
})  # fmt: skip


def fill(draft: Draft) -> None:
    """Completes the draft's DISK vectors."""
    given = draft.template.vectors("DISK")
    if len(given) > MAX_DISKS:
        raise problem(f"A VM has at most {MAX_DISKS} DISKs, not {len(given)}.")
    for number, vector in enumerate(given):
        draft.disks.append(_made(draft, vector, number))
    _give_targets(draft)
    if draft.disks:
        draft.template = draft.template.with_("DISK", *draft.disks)


def _made(draft: Draft, vector: Vector, number: int) -> Vector:
    disk = {name: value for name, value in vector.items() if name not in _GIVEN}
    disk = tuning.checked(draft.number, number, disk)
    made = _volatile(draft, disk) if _is_volatile(disk) else _from_image(draft, disk)
    return {**made, "DISK_ID": str(number)}


def another(draft: Draft, vector: Vector, number: int, *, plugged: bool) -> Vector:
    """One more disk of a VM that has those of the draft; `plugged` into a guest that runs."""
    made = _made(draft, vector, number)
    if made.get("CLONING"):
        text = f"Cannot use image {made['IMAGE_ID']} ({made['IMAGE']}): it is LOCKED."
        raise Refusal(Code.ACTION, text, int(made["IMAGE_ID"]))
    context = draft.template.vector("CONTEXT") or {}
    taken = {disk["TARGET"] for disk in (*draft.disks, context) if "TARGET" in disk}
    target = made.get("TARGET")
    if target is not None:
        _check_target(target, "a DISK")
        if target in taken:
            raise problem(f"TARGET {target} is another disk's already.")
    cdrom = made.get("TYPE") == "CDROM" and not plugged
    _give_target(made, made.get("DEV_PREFIX", "hd" if cdrom else "sd"), taken)
    if plugged and made["TARGET"].startswith("hd"):
        wrong = Mistake("DEV_PREFIX or TARGET", "of sd or vd", made["TARGET"])
        raise problem(f"IDE disks cannot be plugged into a guest that runs: {wrong}.", wrong)
    return made


def _is_volatile(disk: Vector) -> bool:
    return "IMAGE" not in disk and "IMAGE_ID" not in disk


def _volatile(draft: Draft, disk: Vector) -> Vector:
    kind = disk.get("TYPE", "").lower()
    if kind not in ("fs", "swap"):
        raise problem(
            f"DISK needs IMAGE, IMAGE_ID, or TYPE fs or swap; TYPE is {disk.get('TYPE')!r}."
        )
    size = as_int(disk.get("SIZE"))
    if size is None or not 0 < size <= MAX_SIZE:
        raise problem(must_be("SIZE of a volatile DISK", "a whole number of MB", disk.get("SIZE")))
    form = "raw" if kind == "swap" else disk.get("FORMAT", "raw")
    if form not in ("raw", "qcow2"):
        raise problem(must_be("FORMAT of a volatile DISK", "raw or qcow2", form))
    if disk.get("FS") and disk["FS"] not in FILE_SYSTEMS:
        listed = ", ".join(sorted(FILE_SYSTEMS))
        raise problem(must_be("FS of a volatile DISK", f"one of {listed}", disk["FS"]))
    return {
        **disk,
        "TYPE": kind,
        "FORMAT": form,
        "DRIVER": form,
        "SIZE": str(size),
        "ORIGINAL_SIZE": str(size),
    }


def _from_image(draft: Draft, disk: Vector) -> Vector:
    image = usable(draft.world, Image, number_of(draft, disk, "IMAGE"), draft.caller)
    datastore = draft.world.datastores[image.datastore_id]
    if image.type not in DISK_TYPES:
        raise problem(f"Image {image.id} is of type {image.type.name} and cannot be a DISK.")
    if image.state not in USABLE:
        raise Refusal(
            Code.ACTION,
            f"Cannot use image {image.id} ({image.name}): it is {image.state.name}.",
            image.id,
        )
    if image.persistent and draft.world.image_users.of(image.id):
        raise Refusal(
            Code.ACTION, f"Cannot use image {image.id}: it is persistent and in use.", image.id
        )
    if image.persistent and cloning(draft.world, image.id):
        text = f"Cannot use image {image.id}: it is persistent and being copied."
        raise Refusal(Code.ACTION, text, image.id)
    if any(other.get("IMAGE_ID") == str(image.id) for other in draft.disks) and image.persistent:
        raise problem(f"Persistent image {image.id} is named by two DISKs.")
    draft.restrict(datastore.clusters, f"image {image.id}")
    made = {**disk, **_of_image(image), **_of_datastore(datastore)}
    made["SIZE"] = str(_size(disk, image))
    made.setdefault("READONLY", image.template.get("READONLY") or "NO")
    if image.state is ImageState.LOCKED:
        made["CLONING"] = "YES"
        draft.waits = True
    if image.type is ImageType.CDROM:
        made["READONLY"] = "YES"
    else:
        made.setdefault("DEV_PREFIX", image.template.get("DEV_PREFIX") or "sd")
    return made


def _size(disk: Vector, image: Image) -> int:
    text = disk.get("SIZE", "")
    if not text:
        return image.size
    size = as_int(text)
    fixed = image.persistent or image.type is ImageType.CDROM
    if size is None or size < image.size or (fixed and size != image.size):
        expected = f"{image.size}" if fixed else f"at least {image.size}"
        raise problem(must_be(f"SIZE of the DISK of image {image.id}", f"{expected} MB", text))
    return size


def _of_image(image: Image) -> Vector:
    cdrom = image.type is ImageType.CDROM
    clone = not image.persistent and not cdrom
    made = {
        "IMAGE": image.name, "IMAGE_ID": str(image.id), "SOURCE": image.source,
        "ORIGINAL_SIZE": str(image.size), "FORMAT": image.format or "raw", "DRIVER": image.format or "raw",
        "IMAGE_STATE": str(int(image.state)), "TYPE": "CDROM" if cdrom else "FILE",
        "CLONE": "YES" if clone else "NO", "SAVE": "YES" if image.persistent else "NO",
        "DISK_SNAPSHOT_TOTAL_SIZE": "0",
    }  # fmt: skip
    return made | ({"PERSISTENT": "YES"} if image.persistent else {})


def _of_datastore(datastore: Datastore) -> Vector:
    return {
        "DATASTORE": datastore.name,
        "DATASTORE_ID": str(datastore.id),
        "TM_MAD": datastore.tm_mad,
        **_of_pool(datastore),
        "CLUSTER_ID": ",".join(str(number) for number in datastore.clusters),
        "CLONE_TARGET": datastore.template.get("CLONE_TARGET") or "SYSTEM",
        "LN_TARGET": datastore.template.get("LN_TARGET") or "SYSTEM",
    }


def _of_pool(datastore: Datastore) -> Vector:
    """How a disk in a pool is reached, as OpenNebula shows it; its key is nobody's to see."""
    if not storage.in_pool(datastore):
        return {"DISK_TYPE": "FILE"}
    shown = ("CEPH_HOST", "CEPH_SECRET", "CEPH_USER", "CEPH_CONF")
    named = {name: datastore.template.get(name) or "" for name in shown}
    given = {name: value for name, value in named.items() if value}
    return {"DISK_TYPE": "RBD", "POOL_NAME": storage.pool_of(datastore), **given}


# ---- targets -------------------------------------------------------------------


def _rank(draft: Draft, disk: Vector) -> int:
    """OS images get their targets first, then CD-ROMs, then the rest."""
    if disk.get("TYPE") == "CDROM":
        return 1
    image = draft.world.images.get(int(disk["IMAGE_ID"])) if "IMAGE_ID" in disk else None
    return 0 if image is not None and image.type is ImageType.OS else 2


def _give_targets(draft: Draft) -> None:
    taken = set()
    for disk in draft.disks:
        target = disk.get("TARGET")
        if target is None:
            continue
        _check_target(target, "a DISK")
        if target in taken:
            raise problem(f"Two DISKs have the TARGET {target}.")
        taken.add(target)
    ranked = sorted(draft.disks, key=lambda disk: _rank(draft, disk))
    system = [disk for disk in ranked if _rank(draft, disk) == 0]
    for disk in system:
        _give_target(disk, disk.get("DEV_PREFIX", "sd"), taken)
    _give_context_target(draft, taken)
    for disk in ranked:
        prefix = "hd" if disk.get("TYPE") == "CDROM" else disk.get("DEV_PREFIX", "sd")
        _give_target(disk, prefix, taken)


def _check_target(target: str, whose: str) -> None:
    if not _TARGET.fullmatch(target):
        raise problem(must_be(f"TARGET of {whose}", "a device like vda", target))


def _give_target(disk: Vector, prefix: str, taken: set[str]) -> None:
    if "TARGET" not in disk:
        disk["TARGET"] = _free(prefix, taken)
        taken.add(disk["TARGET"])


def _give_context_target(draft: Draft, taken: set[str]) -> None:
    context = draft.template.vector("CONTEXT")
    if context is None:
        return
    target = context.get("TARGET") or _free(context.get("DEV_PREFIX", "hd"), taken)
    _check_target(target, "CONTEXT")
    if target in taken:
        raise problem(f"TARGET {target} of CONTEXT is a DISK's already.")
    taken.add(target)
    made = {**context, "TARGET": target, "DISK_ID": str(len(draft.disks))}
    draft.template = draft.template.with_("CONTEXT", made)


def context_place(draft: Draft, number: int) -> Vector:
    """Where a context CD is that a VM gets afterwards."""
    taken = {disk["TARGET"] for disk in draft.disks}
    return {"DISK_ID": str(number), "TARGET": _free("hd", taken)}


def _free(prefix: str, taken: set[str]) -> str:
    if prefix not in PREFIXES:
        raise problem(must_be("DEV_PREFIX", f"one of {', '.join(PREFIXES)}", prefix))
    index = 0
    while (target := prefix + _letters(index)) in taken:
        index += 1
    if prefix == "hd" and index > 3:
        raise problem("A VM has at most four hd devices.")
    return target


def _letters(index: int) -> str:
    """0 a, 1 b, ... 25 z, 26 aa."""
    text = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        text = chr(97 + digit) + text
    return text


def image_template(draft: Draft, disk: Vector) -> Template | None:
    """The template of a disk's image, for `$IMAGE[...]`."""
    image = draft.world.images.get(int(disk["IMAGE_ID"])) if "IMAGE_ID" in disk else None
    return image.template if image else None
