"""Images as other people's software wants them: written anew in one of the usual formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import MissingError
from ..tools import run
from .images import made, room
from .qcow2 import COPY_TIME, FORMATS, info

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
    origin, into = Path(request.path("path")), Path(request.path("into"))
    stored = request.choice("format", FORMATS)
    image_format, options = OUTGOING[request.choice("as", tuple(OUTGOING))]
    if not origin.exists():
        raise MissingError(str(origin))
    if not into.exists():
        with made(into) as part:
            room(into.parent, info(origin, stored).used)
            run(
                "qemu-img", "convert", "-q", "-f", stored, "-O", image_format, *options, str(origin), str(part),
                timeout=COPY_TIME,
            )  # fmt: skip
    return {"bytes": into.stat().st_size}
