"""Images as other people's software wants them: written anew in one of the usual formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import MissingError
from ..tools import run
from .ceph import Pool
from .images import made, room
from .qcow2 import COPY_TIME, FORMATS, info
from .rbd import RbdPlace

#: What an image may go out as, and QEMU's name and options for it. A VHD has its exact size, not one rounded up.
OUTGOING = {
    "raw": ("raw", ()),
    "qcow2": ("qcow2", ()),
    "vmdk": ("vmdk", ()),
    "vmdk-stream": ("vmdk", ("-o", "subformat=streamOptimized")),
    "vdi": ("vdi", ()),
    "vhdx": ("vhdx", ()),
    "vpc": ("vpc", ("-o", "force_size=on")),
}


def export(request: Arguments) -> dict[str, Any]:
    """The verb ``image.export``: the image, without what it is layered on, as a file in another format."""
    into = Path(request.path("into"))
    stored = request.choice("format", FORMATS)
    image_format, options = OUTGOING[request.choice("as", tuple(OUTGOING))]
    words = ("convert", "-q", "-f", stored, "-O", image_format, *options)
    if "store" in request:
        _export_from_pool(request, into, words)
        return {"bytes": into.stat().st_size}
    origin = Path(request.path("path"))
    if not origin.exists():
        raise MissingError(str(origin))
    if not into.exists():
        with made(into) as part:
            room(into.parent, info(origin, stored).used)
            run("qemu-img", *words, str(origin), str(part), timeout=COPY_TIME)
    return {"bytes": into.stat().st_size}


def _export_from_pool(request: Arguments, into: Path, words: tuple[str, ...]) -> None:
    place = RbdPlace(Pool.described(request.part("store")), request.text("path"))
    if not place.there():
        raise place.missing()
    if not into.exists():
        with made(into) as part:
            place.pool.qemu_img(*words, image=place.name, after=(str(part),))
