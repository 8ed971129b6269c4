"""Fetches files from another host, by its door: resumed where it broke off, and checked against the sender's hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import FailedError, RefusedError
from ..files import sync_file, sync_folder
from ..folders import VmFolder
from .give import HEADER, PIECE, pieces
from .tunnel import Tunnel


class Giver:
    """The other end, as long as one session with it stands."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes], where: str) -> None:
        self._requests = requests
        self._answers = answers
        self._where = where

    def ask(self, request: dict[str, Any]) -> Any:
        """One request; the first line of its answer."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError as broken:
            raise self._broken() from broken
        return self.line()

    def line(self) -> Any:
        """The next line of the answer."""
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise self._broken()
        said = json.loads(line)
        if isinstance(said, dict) and "error" in said:
            raise FailedError(f"{self._where}: {said['error']}")
        return said

    def exactly(self, count: int) -> bytes:
        """The next bytes of the answer."""
        data = self._answers.read(count)
        if len(data) < count:
            raise self._broken()
        return data

    def _broken(self) -> FailedError:
        return FailedError(f"{self._where} broke off")


@contextlib.contextmanager
def session(tunnel: Tunnel) -> Iterator[Giver]:
    """A session with the other host's giver."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *tunnel.command("give")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Giver(process.stdin, process.stdout, f"the host {tunnel.address}")
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


def bring(giver: Giver, name: str, target: Path, wanted: str | None = None) -> str:
    """Brings one file, whole, and gives its SHA-256, which must be the one that is `wanted`.

    What came of it before a break is not fetched again.
    """
    part = target.with_name(f".{target.name}.partial")
    for attempt in range(2):
        with part.open("r+b" if part.exists() else "w+b", buffering=0) as file:
            promised = _receive(giver, name, file)
            digest = hashlib.sha256()
            for _ in pieces(file, digest):
                pass
        if digest.hexdigest() == promised and wanted not in (None, promised):
            part.unlink()
            raise RefusedError(f"{name} has another content there: its hash is {promised}")
        if digest.hexdigest() == promised:
            part.chmod(0o600)
            sync_file(part)
            part.replace(target)
            sync_folder(target.parent)
            return promised
        part.unlink()
        if attempt:
            break
    raise FailedError(f"{name} is not what the other host sent: its hash differs, twice")


def bring_notes(giver: Giver, folder: VmFolder) -> None:
    """Brings what the other host knows of a VM, without which its snapshots and backups could not be gone on with."""
    notes = giver.ask({"notes": folder.vm})
    state = folder.state()
    state.domain, state.snapshots = notes["domain"], notes["snapshots"]
    folder.write(state)


def _receive(giver: Giver, name: str, file: IO[bytes]) -> str:
    start = os.fstat(file.fileno()).st_size // PIECE * PIECE
    size = int(giver.ask({"file": name, "from": start})["size"])
    os.ftruncate(file.fileno(), min(start, size))
    while True:
        offset, length = HEADER.unpack(giver.exactly(HEADER.size))
        if not length:
            break
        _write(file.fileno(), giver.exactly(length), offset)
    os.ftruncate(file.fileno(), size)
    return str(giver.line()["sha256"])


def _write(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
