"""Files that a VM boots from or finds on its context CD, named by `$FILE[...]` (spec: templates.md sections 4.2, 5).

The images are found and allowed here; which they are is kept by number, so that a later renaming changes nothing.
"""

import secrets

from innkeeper.model.errors import BadValue, Code, Refusal
from innkeeper.model.objects import Image, User
from innkeeper.model.states import ImageState, ImageType
from innkeeper.model.substitution import FileReference, file_references
from innkeeper.model.template import Vector, as_bool
from innkeeper.model.tokens import KEY

from ..common import usable
from .draft import Draft, problem
from .named import number_of

#: Attribute of OS -> the type of image that it names, and the path on the host in whose place it stands.
_BOOTED = {"KERNEL_DS": (ImageType.KERNEL, "KERNEL"), "INITRD_DS": (ImageType.RAMDISK, "INITRD")}
_GIVEN = ("ID", "SOURCE", "DSID", "TM", "CLUSTER_ID")
#: The setting of the world that says where guests find the front end.
ENDPOINT = "onegate-endpoint"


def fill(draft: Draft) -> None:
    """Completes OS and CONTEXT by the files that they name."""
    system = draft.template.vector("OS")
    if system is not None:
        draft.template = draft.template.with_("OS", _booted(draft, dict(system)))
    context = draft.template.vector("CONTEXT")
    if context is None:
        return
    made = dict(context)
    if made.get("FILES"):
        raise problem(
            "FILES of CONTEXT is not available: register the files as images, and name them in FILES_DS."
        )
    if made.get("FILES_DS"):
        made["FILES_DS"] = _on_cd(draft, made["FILES_DS"])
    if as_bool(made.get("TOKEN")):
        made["ONEGATE_ENDPOINT"] = _endpoint(draft)
        draft.template = draft.template.with_("CREATED_BY", str(draft.caller.uid))
        _give_key(draft)
    draft.template = draft.template.with_("CONTEXT", made)


def _booted(draft: Draft, system: Vector) -> Vector:
    for name, (kind, in_place_of) in _BOOTED.items():
        for part in _GIVEN:
            system.pop(f"{name}_{part}", None)
        if not system.get(name):
            continue
        found = _images(draft, system[name], f"{name} of OS", kind)
        if len(found) != 1:
            raise problem(f"{name} of OS must name one file, not {len(found)}.")
        datastore = draft.world.datastores[found[0].datastore_id]
        system.pop(in_place_of, None)
        system |= {
            f"{name}_ID": str(found[0].id),
            f"{name}_SOURCE": found[0].source,
            f"{name}_DSID": str(datastore.id),
            f"{name}_TM": datastore.tm_mad,
            f"{name}_CLUSTER_ID": ",".join(map(str, datastore.clusters)),
        }
    return system


def _on_cd(draft: Draft, text: str) -> str:
    found = _images(draft, text, "FILES_DS of CONTEXT", ImageType.CONTEXT)
    names = [image.name for image in found]
    for name in names:
        if "/" in name or name in ("context.sh", "token.txt") or names.count(name) > 1:
            raise problem(f"FILES_DS of CONTEXT: {name!r} cannot be the name of a file on the CD.")
    return " ".join(f"$FILE[IMAGE_ID={image.id}]" for image in found)


def _images(draft: Draft, text: str, where: str, kind: ImageType) -> list[Image]:
    try:
        references = file_references(text)
    except BadValue as wrong:
        raise problem(f"{where}: {wrong}.", wrong.mistake) from None
    return [_image(draft, reference, where, kind) for reference in references]


def _image(draft: Draft, reference: FileReference, where: str, kind: ImageType) -> Image:
    named = {
        "IMAGE_ID": reference.image_id, "IMAGE": reference.image,
        "IMAGE_UNAME": reference.owner_name, "IMAGE_UID": reference.owner_id,
    }  # fmt: skip
    vector = {name: str(value) for name, value in named.items() if value is not None}
    image = usable(draft.world, Image, number_of(draft, vector, "IMAGE"), draft.caller)
    if image.type is not kind:
        text = f"{where}: image {image.id} is of type {image.type.name}, not {kind.name}."
        raise problem(text)
    if image.state is not ImageState.READY:
        text = f"{where}: image {image.id} ({image.name}) is {image.state.name}."
        raise Refusal(Code.ACTION, text, image.id)
    draft.restrict(draft.world.datastores[image.datastore_id].clusters, f"image {image.id}")
    return image


def _endpoint(draft: Draft) -> str:
    found = next((s.value for s in draft.world.settings if s.name == ENDPOINT), "")
    if not found:
        raise problem(
            "TOKEN of CONTEXT: the front end's onegate.endpoint is not set, so that no guest could use it."
        )
    return found


def _give_key(draft: Draft) -> None:
    """The creator's tokens are made with a key that stays with him."""
    user: User = draft.world.users[draft.caller.uid]
    if not user.template.get(KEY):
        draft.tx.change(user, template=user.template.with_(KEY, secrets.token_hex(32)))
