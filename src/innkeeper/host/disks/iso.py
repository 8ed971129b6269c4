"""The context CD: an ISO 9660 image as OpenNebula's guests expect it, made with genisoimage."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..arguments import Arguments
from ..errors import BadArgsError
from ..files import written_beside
from ..tools import run

VOLUME = "CONTEXT"
_WORK = ".context-"


def files_of(request: Arguments) -> dict[str, str]:
    """The files to put on the CD, by name; no folders."""
    files = request.texts("files")
    for name in files:
        if not name or "/" in name or "\0" in name or name in (".", ".."):
            raise BadArgsError("files", "names without '/'", name)
    return files


def write(target: Path, files: dict[str, str], attachments: dict[str, Path] | None = None) -> None:
    """Replaces ``target`` with a CD that holds these files, and copies of others under their names.

    A CD that is plugged into a running guest keeps its content until the guest is shown the new one: its file is
    replaced, not changed.
    """
    for left in target.parent.glob(f"{_WORK}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_WORK) as name:
        folder = Path(name)
        for file_name, text in files.items():
            (folder / file_name).write_text(text, encoding="utf-8", newline="")
        for file_name, origin in (attachments or {}).items():
            shutil.copyfile(origin, folder / file_name)
        with written_beside(target) as part:
            run("genisoimage", "-quiet", "-o", str(part), "-V", VOLUME, "-J", "-R", str(folder))
            part.chmod(0o600)
