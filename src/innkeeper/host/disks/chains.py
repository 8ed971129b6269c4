"""Chains of backups in a datastore: a full copy, and increments over it, each file known by its hash.

The files themselves are never changed: how they lie over one another is told to QEMU each time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ..arguments import Arguments
from ..errors import RefusedError
from ..files import remove_parts, sync_folder
from ..tools import run
from .images import made, room
from .qcow2 import COPY_TIME, FORMATS, info


def take(request: Arguments) -> dict[str, Any]:
    """The verb ``backup.take``: the files that were brought are there, whole and durable."""
    for part in request.parts("files"):
        _check(part, part.path("into"))
    return {}


def verify(request: Arguments) -> dict[str, Any]:
    """The verb ``backup.verify``: which files are not what they were."""
    damaged = []
    for part in request.parts("files"):
        try:
            _check(part, part.path("path"))
        except RefusedError as problem:
            damaged.append({"name": part.text("name"), "why": str(problem)})
    return {"damaged": damaged}


def compose(request: Arguments) -> dict[str, Any]:
    """The verb ``backup.compose``: a disk as it was, of a full copy and the increments over it, first to last."""
    return _composed(request, request.choice("format", FORMATS, "qcow2"))


def merge(request: Arguments) -> dict[str, Any]:
    """The verb ``backup.merge``: the same for several disks."""
    image_format = request.choice("format", FORMATS, "qcow2")
    made = []
    for part in request.parts("disks"):
        made.append({"into": part.path("into"), **_composed(part, image_format)})
    return {"disks": made}


def _composed(request: Arguments, image_format: str) -> dict[str, Any]:
    into = Path(request.path("into"))
    parts = request.parts("chain")
    if not parts:
        raise request.bad("chain", "at least one file")
    if not into.exists():
        for part in parts:
            _check(part, part.path("path"))
        paths = [Path(part.path("path")) for part in parts]
        with made(into) as target:
            room(into.parent, sum(path.stat().st_size for path in paths))
            source = f"json:{json.dumps(_layered(paths))}"
            run(
                "qemu-img",
                "convert",
                "-q",
                "-O",
                image_format,
                source,
                str(target),
                timeout=COPY_TIME,
            )
            target.chmod(0o644)
    virtual = info(into, image_format).virtual_mib
    size = into.stat().st_size
    return {"format": image_format, "virtual_mib": virtual, "bytes": size, "sha256": _hash(into)}


def remove(request: Arguments) -> dict[str, Any]:
    """The verb ``backup.remove``: folders of backups, or files."""
    paths = request.raw("paths")
    if paths is None:
        paths = [request.path("path")]
    for path in paths:
        _remove(Path(Arguments({"paths": path}).path("paths")))
    return {}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        sync_folder(path.parent)
    elif path.exists():
        path.unlink()
    remove_parts(path)


def _layered(paths: list[Path]) -> dict[str, Any]:
    """The last file over all others, as QEMU's block layer takes it."""
    found: dict[str, Any] | None = None
    for path in paths:
        layer: dict[str, Any] = {
            "driver": "qcow2",
            "file": {"driver": "file", "filename": str(path)},
        }
        # A file that was written over another one names it: not here.
        found = {**layer, "backing": found}
    assert found is not None
    return found


def _check(part: Arguments, path: str) -> None:
    name, expected = part.text("name"), part.text("sha256")
    if not Path(path).exists():
        raise RefusedError(f"{name} is damaged: its file {path} is gone")
    found = _hash(Path(path))
    if found != expected:
        raise RefusedError(f"{name} is damaged: the SHA-256 of {path} is {found}, not {expected}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
