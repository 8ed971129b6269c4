"""Gives files to another host that came in by a door: ``agent.pyz --give ROOT``, on standard input and output.

One request is one JSON line, ``{"list": vm}``, ``{"notes": vm}`` or ``{"file": "vms/12/disk.0", "from": bytes}``. The
list is one JSON line: the names of a VM's files; so are the notes: what a host must know of the VM to go on with its
snapshots and backups. A file comes as a line with its size, then pieces (offset and length as big-endian
numbers, then the bytes; holes are left out), then a piece of no length, and a line with the SHA-256 of the whole file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..folders import VmFolder

#: A piece's offset and length.
HEADER = struct.Struct(">QI")
PIECE = 1 << 20
#: What another host may read: disks and memory of a VM, bases.
_GIVEN = re.compile(r"vms/\d+/(disk\.\d+|checkpoint|nvram|serial\.log)|bases/[A-Za-z0-9_.-]+")


def give(root: Path, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Serves requests until they end."""
    for line in requests:
        request = json.loads(line)
        if "list" in request:
            _say(answers, files_of(root, int(request["list"])))
        elif "notes" in request:
            _say(answers, notes_of(root, int(request["notes"])))
        else:
            _send(root, str(request["file"]), int(request.get("from", 0)), answers)
        answers.flush()


def files_of(root: Path, vm: int) -> list[str]:
    """The files of a VM that go with it: not the links (what they lead to is another's), not our own notes."""
    folder = root / "vms" / str(vm)
    found = [f"vms/{vm}/{path.name}" for path in folder.iterdir() if not path.is_symlink()]
    return sorted(name for name in found if _GIVEN.fullmatch(name))


def notes_of(root: Path, vm: int) -> dict[str, Any]:
    """What the VM was last started with, and what its guest was like at each snapshot with memory."""
    state = VmFolder(root / "vms" / str(vm), vm).state()
    return {"domain": state.domain, "snapshots": state.snapshots}


def _say(answers: IO[bytes], said: Any) -> None:
    answers.write(json.dumps(said).encode() + b"\n")


def _send(root: Path, name: str, start: int, answers: IO[bytes]) -> None:
    if not _GIVEN.fullmatch(name):
        _say(answers, {"error": f"{name} is not for other hosts"})
        return
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as problem:
        _say(answers, {"error": f"{name}: {problem.strerror}"})
        return
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _say(answers, {"size": os.fstat(file.fileno()).st_size})
        digest = hashlib.sha256()
        for offset, data in pieces(file, digest):
            if offset + len(data) > start:
                answers.write(HEADER.pack(offset, len(data)))
                answers.write(data)
        answers.write(HEADER.pack(0, 0))
        _say(answers, {"sha256": digest.hexdigest()})


def pieces(file: IO[bytes], digest: Any) -> Iterator[tuple[int, bytes]]:
    """The pieces of a file that are no hole, in order; all of it goes into the hash, holes as zeros."""
    descriptor, at = file.fileno(), 0
    size = os.fstat(descriptor).st_size
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
            end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        except OSError:  # a hole up to the end
            start = end = size
        zeros(digest, start - at)
        os.lseek(descriptor, start, os.SEEK_SET)
        at = start
        while at < end:
            data = os.read(descriptor, min(PIECE, end - at))
            if not data:
                return
            digest.update(data)
            yield at, data
            at += len(data)


def zeros(digest: Any, count: int) -> None:
    """So many zeros into a hash."""
    blank = bytes(min(count, PIECE))
    while count > 0:
        digest.update(blank[: min(count, PIECE)])
        count -= PIECE
