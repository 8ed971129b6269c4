"""A real sshd on the loop-back interface, with keys of its own; root's home is empty for its sessions."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from innkeeper.fleet.keys import KnownHosts, ensure_key
from innkeeper.fleet.ssh import Door

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")
needs_sshd = pytest.mark.skipif(SSHD is None or os.geteuid() != 0, reason="needs sshd and root")

_SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin yes
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""
#: `internal-sftp` runs inside of the session's sshd, which is then the process to stop or kill.


class Sshd:
    """One server; `start` and `stop` as often as a test likes.

    `ours` is the folder with the key of those who enter and the keys that they know; `hidden` are folders which
    sessions find empty.
    """

    def __init__(
        self, folder: Path, ours: Path, port: int = 0, hidden: Sequence[Path] = ()
    ) -> None:
        self.folder = folder
        self.port = port or _free_port()
        self.hidden = hidden
        self.process: subprocess.Popen[bytes] | None = None
        self.key = ours / "id_ed25519"
        self.known = KnownHosts(ours / "known_hosts")
        ensure_key(self.key)
        self.new_host_key()
        self.let_us_in()
        (folder / "sshd_config").write_text(_SETTINGS.format(port=self.port, folder=folder))

    @property
    def door(self) -> Door:
        """How our side enters."""
        folder = str(self.folder / "remote")
        return Door("127.0.0.1", self.key, self.known, self.port, folder)

    def let_us_in(self) -> None:
        public = self.key.with_name(self.key.name + ".pub").read_text()
        (self.folder / "authorized_keys").write_text(public)

    def new_host_key(self, kind: str = "ed25519") -> None:
        """Makes the server's key (anew)."""
        for path in self.folder.glob("host_key*"):
            path.unlink()
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", self.folder / "host_key"]
        subprocess.run(command, check=True)

    def start(self) -> None:
        if self.process is not None:
            return
        steps = ["set -e", "[ -d /run/sshd ] || { mount -t tmpfs tmpfs /run; mkdir /run/sshd; }"]
        steps += [f"mount -t tmpfs tmpfs {folder}" for folder in ("/root", *self.hidden)]
        private = "\n".join([*steps, f"exec {SSHD} -D -e -f {self.folder}/sshd_config"])
        with (self.folder / "sshd.log").open("ab") as log:
            command = ["unshare", "--mount", "sh", "-c", private]
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < deadline, "sshd did not come up"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(5)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
            with contextlib.suppress(OSError):
                return probe.recv(4) == b"SSH-"
            return False

    def sessions(self) -> list[int]:
        """The processes that serve connections."""
        assert self.process is not None
        return descendants(self.process.pid)

    def cut(self) -> None:
        """Kills the sessions: their connections end; the server stays."""
        for number in self.sessions():
            _signal(number, signal.SIGKILL)

    def stop(self) -> None:
        """Ends the server and its sessions."""
        if self.process is None:
            return
        numbers = self.sessions()
        self.process.kill()
        self.process.wait()
        self.process = None
        for number in numbers:
            _signal(number, signal.SIGKILL)


def descendants(process: int) -> list[int]:
    """A process's children and theirs."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    return [n for child in map(int, text.split()) for n in (child, *descendants(child))]


def _signal(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
