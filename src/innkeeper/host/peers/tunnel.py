"""The way to another host through its door: one ssh connection, which outlives the agent, over which the rest goes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..arguments import Arguments
from ..errors import FailedError, RefusedError
from .keys import key_file

#: Where sockets of migrations lie, the same on both hosts. QEMU's user must come through.
RUN = Path("/run/innkeeper")
#: Seconds that opening may take.
_OPENING = 30.0


def folder_of(name: str) -> Path:
    """Where the sockets of one transfer lie."""
    return RUN / name


def make_folder(name: str, user: tuple[int, int] | None) -> Path:
    """Makes that folder, for root and QEMU's user alone."""
    RUN.mkdir(mode=0o711, exist_ok=True)
    folder = folder_of(name)
    folder.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(folder, *user)
    return folder


def remove_folder(name: str) -> None:
    """Removes that folder and its sockets."""
    shutil.rmtree(folder_of(name), ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """A connection to another host's door, by the name of what it is for."""

    root: Path
    name: str
    address: str
    port: int
    host_key: str

    @classmethod
    def described(cls, root: Path, name: str, peer: Arguments) -> Tunnel:
        """Reads a PEER."""
        return cls(
            root, name, peer.text("address"), peer.integer("port", least=1, most=65535),
            peer.text("key"),
        )  # fmt: skip

    @property
    def _control(self) -> Path:
        return folder_of(self.name) / "ssh"

    def command(self, *words: str) -> list[str]:
        """A command line that speaks with the other host, over the connection that stands."""
        return ["ssh", "-S", str(self._control), "-o", "BatchMode=yes", "root@door", *words]

    def open(self, forwards: Sequence[tuple[Path, Path]] = ()) -> None:
        """Connects; each socket there (first) leads to one here (second). One that stands is used as it is."""
        if self.stands():
            return
        if shutil.which("ssh") is None:
            raise RefusedError("ssh is not installed on this host: it cannot go to another")
        known = folder_of(self.name) / "known"
        known.write_text(f"door {self.host_key}\n")
        remote = [word for there, here in forwards for word in ("-R", f"{there}:{here}")]
        options = {
            "BatchMode": "yes", "StrictHostKeyChecking": "yes", "UserKnownHostsFile": str(known),
            "GlobalKnownHostsFile": "/dev/null", "HostKeyAlias": "door", "HostName": self.address,
            "IdentitiesOnly": "yes", "ExitOnForwardFailure": "yes", "ConnectTimeout": "10",
            "ServerAliveInterval": "5", "ServerAliveCountMax": "3", "LogLevel": "ERROR", "Compression": "no",
        }  # fmt: skip
        line = [
            "ssh", "-F", "none", "-f", "-N", "-M", "-S", str(self._control), "-p", str(self.port),
            "-i", str(key_file(self.root)), *(f"-o{name}={value}" for name, value in options.items()),
            *remote, "root@door",
        ]  # fmt: skip
        log = folder_of(self.name) / "log"
        with log.open("wb") as said:
            # Not a child that dies with us: a guest may be on its way through it.
            status = _run(line, said.fileno())
        if status != 0:
            text = " ".join(log.read_text(errors="replace").split())[-300:]
            raise FailedError(f"cannot reach the host {self.address}, port {self.port}: {text}")

    def stands(self) -> bool:
        """Whether the connection stands."""
        return self._ask("check") == 0

    def close(self) -> None:
        """Ends the connection, if there is one, and removes what it needed."""
        self._ask("exit")
        remove_folder(self.name)

    def _ask(self, what: str) -> int:
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(self._control.stat().st_mode):
                line = ["ssh", "-S", str(self._control), "-O", what, "root@door"]
                return _run(line, subprocess.DEVNULL)
        return 255


def _run(line: Sequence[str], output: int) -> int:
    try:
        return subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=_OPENING,
            start_new_session=True, check=False,
        ).returncode  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise FailedError(f"{line[0]}: {problem}") from problem


def close(root: Path, name: str) -> None:
    """Ends a connection of which only the name is known."""
    Tunnel(root, name, "", 1, "").close()
