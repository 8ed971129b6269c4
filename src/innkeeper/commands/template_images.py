"""VM templates together with the images that their disks name: delete, chmod, copy, and look at both."""

from collections.abc import Iterator

from innkeeper.model.errors import Refusal, wrong_state
from innkeeper.model.objects import Image, Network, VmTemplate
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, Vector, as_int
from innkeeper.model.world import Transaction, World

from . import common, images, templates
from .common import need, usable

#: How a DISK or NIC names an image or network: replaced by its number in copies.
_IMAGE = ("IMAGE", "IMAGE_ID", "IMAGE_UID", "IMAGE_UNAME")


def _named(world: World, caller: Caller, vector: Vector, what: str) -> int | None:
    """The number of the image (IMAGE) or network (NETWORK) that a vector names, if it is there."""
    if f"{what}_ID" in vector:
        return as_int(vector[f"{what}_ID"])
    if what not in vector:
        return None
    owner = as_int(vector.get(f"{what}_UID"))
    if owner is None:
        owner = world.names.find("user", vector.get(f"{what}_UNAME", ""))
    return world.names.find(what.lower(), vector[what], caller.uid if owner is None else owner)


def images_of(world: World, caller: Caller, template: Template) -> Iterator[tuple[int, Image]]:
    """The images of a template's disks, each with the disk's place."""
    for place, disk in enumerate(template.vectors("DISK")):
        number = _named(world, caller, disk, "IMAGE")
        image = None if number is None else world.images.get(number)
        if image is not None:
            yield place, image


def delete(tx: Transaction, caller: Caller, template_id: int, recursive: bool) -> int:
    """Deletes a template, and its images where that is possible."""
    template = need(tx.world, VmTemplate, template_id, caller, Right.MANAGE)
    for _, image in images_of(tx.world, caller, template.template) if recursive else ():
        try:
            images.delete(tx, caller, image.id, force=False)
        except Refusal as refusal:
            tx.log(image, "not deleted with its template", why=refusal.text)
    return common.drop(tx, caller, template)


def chmod(
    tx: Transaction, caller: Caller, template_id: int, bits: tuple[int, ...], recursive: bool
) -> int:
    """Sets the permission bits of a template, and of its images."""
    common.chmod(tx, caller, VmTemplate, template_id, bits)
    template = tx.world.templates[template_id].template
    for _, image in images_of(tx.world, caller, template) if recursive else ():
        try:
            common.chmod(tx, caller, Image, image.id, bits)
        except Refusal as refusal:
            raise wrong_state(f"Cannot chmod image {image.id}: {refusal.text}", image.id) from None
    return template_id


def clone(tx: Transaction, caller: Caller, template_id: int, name: str, recursive: bool) -> int:
    """Copies a template, and its images as `<name>-disk-<n>`."""
    number = templates.clone(tx, caller, template_id, name)
    if recursive:
        _copy_images(tx, caller, number, name)
    return number


def _copy_images(tx: Transaction, caller: Caller, template_id: int, name: str) -> list[int]:
    """Gives a template copies of its images; returns their numbers."""
    record = tx.world.templates[template_id]
    disks = list(record.template.vectors("DISK"))
    copies = []
    for place, image in images_of(tx.world, caller, record.template):
        copy = images.clone(tx, caller, image.id, f"{name}-disk-{place}", -1)
        kept = {key: value for key, value in disks[place].items() if key not in _IMAGE}
        disks[place] = {**kept, "IMAGE_ID": str(copy)}
        copies.append(copy)
    if copies:
        tx.change(record, template=record.template.with_("DISK", *disks))
    return copies


def instantiate(
    tx: Transaction,
    caller: Caller,
    template_id: int,
    name: str,
    hold: bool,
    extra: str,
    persistent: bool,
) -> int:
    """Makes a VM from a template; `persistent` first makes a copy of it with persistent copies of its images."""
    if not persistent:
        return templates.instantiate(tx, caller, template_id, name, hold, extra)
    origin = usable(tx.world, VmTemplate, template_id, caller)
    templates.check_trusted(tx.world, caller, origin)
    copy = name or f"{origin.name}-copy"
    number = templates.clone(tx, caller, template_id, copy)
    for image_id in _copy_images(tx, caller, number, copy):
        images.persistent(tx, caller, image_id, wanted=True)
    return templates.make_vm(tx, caller, tx.world.templates[number], name, hold, extra)


def extended(world: World, caller: Caller, template: Template) -> Template:
    """A template whose DISKs and NICs tell about their images and networks; the caller needs USE on those."""
    disks = list(template.vectors("DISK"))
    for place, image in images_of(world, caller, template):
        need(world, Image, image.id, caller, Right.USE)
        disks[place] = {**disks[place], **_of_image(world, image)}
    nics = [_with_network(world, caller, nic) for nic in template.vectors("NIC")]
    for name, vectors in (("DISK", disks), ("NIC", nics)):
        if vectors:
            template = template.with_(name, *vectors)
    return template


def _of_image(world: World, image: Image) -> Vector:
    datastore = world.datastores.get(image.datastore_id)
    return {
        "IMAGE": image.name,
        "IMAGE_ID": str(image.id),
        "SIZE": str(image.size),
        "FORMAT": image.format,
        "SOURCE": image.source,
        "DATASTORE": datastore.name if datastore else "",
        "DATASTORE_ID": str(image.datastore_id),
    }


def _with_network(world: World, caller: Caller, nic: Vector) -> Vector:
    number = _named(world, caller, nic, "NETWORK")
    if number is None or number not in world.networks:
        return nic
    network = need(world, Network, number, caller, Right.USE)
    return {
        **nic,
        "NETWORK": network.name,
        "NETWORK_ID": str(number),
        "BRIDGE": network.bridge,
        "VN_MAD": network.vn_mad,
    }
