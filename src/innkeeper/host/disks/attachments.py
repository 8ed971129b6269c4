"""Files that go with a VM besides its disks: a kernel, an initial RAM disk, files for its context CD."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..arguments import Arguments
from ..errors import BadArgsError, MissingError
from ..files import remove_parts, written_beside
from .qcow2 import base_path


def described(request: Arguments, bases: Path) -> dict[str, Path]:
    """Where the request's attachments come from, by name."""
    found: dict[str, Path] = {}
    for part in request.parts("attachments", required=False):
        name = part.text("name")
        if "/" in name or name in (".", "..") or name in found:
            raise BadArgsError("attachments", "names without '/', each once", name)
        found[name] = base_path(part, bases)
    for path in found.values():
        if not path.exists():
            raise MissingError(str(path))
    return found


def ensure(attachments: dict[str, Path], folder: Path) -> None:
    """Copies what a VM boots from into its folder, so that it stays whatever becomes of the image."""
    for name, origin in attachments.items():
        if name not in ("kernel", "initrd"):
            raise BadArgsError("attachments", "kernel or initrd", name)
        target = folder / name
        remove_parts(target)
        if not target.exists():
            with written_beside(target) as part:
                shutil.copyfile(origin, part)
                part.chmod(0o644)
