"""Files that survive a crash: written beside, made durable, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PART_SUFFIX = ".part"


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Makes the content of a file durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Gives a path beside ``target`` to write to; when the block ends well, that becomes ``target``.

    The name holds this process's number: what a killed agent (or a tool that outlived it) still
    writes can never become ``target``, and is removed by whoever writes ``target`` next.
    """
    remove_parts(target)
    part = target.with_name(f".{target.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        yield part
        sync_file(part)
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def scratch(part: Path, purpose: str) -> Iterator[Path]:
    """Gives a path for what is needed on the way to ``part``; it is removed with the block."""
    path = part.with_name(f"{part.name.removesuffix(PART_SUFFIX)}.{purpose}{PART_SUFFIX}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def remove_parts(target: Path) -> None:
    """Removes what interrupted writers of ``target`` left beside it."""
    if not target.parent.is_dir():
        return
    ours = re.compile(rf"\.{re.escape(target.name)}\.\d+(\.[a-z]+)?{re.escape(PART_SUFFIX)}")
    for path in target.parent.iterdir():
        if ours.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_json(target: Path, value: Any, mode: int = 0o600) -> None:
    """Replaces a JSON file in one durable step."""
    with written_beside(target) as part:
        part.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
        part.chmod(mode)


def read_json(path: Path) -> Any:
    """The content of a JSON file, or None when there is no such file."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None


def remove_durably(path: Path) -> None:
    """Removes a file, if it is there, so that it stays removed."""
    if path.is_symlink() or path.exists():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
