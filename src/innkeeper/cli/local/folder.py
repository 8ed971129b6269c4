"""Where everything of one front end lies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from innkeeper.cli.session import data_folder

DEFAULT_LISTEN = "127.0.0.1:2633"


class DataFolder(NamedTuple):
    """The data folder; its layout is the daemon's, the paths here are those that people need."""

    root: Path

    @classmethod
    def find(cls, given: str | None) -> DataFolder:
        """The folder named on the command line, else by INN_DATA, else the default."""
        return cls((Path(given) if given else data_folder()).absolute())

    @property
    def credentials(self) -> Path:
        """`oneadmin:PASSWORD`, written by the daemon at its first start."""
        return self.root / "one_auth"

    @property
    def pid_file(self) -> Path:
        """The process that `inn up` started last."""
        return self.host / "daemon.pid"

    @property
    def lock_file(self) -> Path:
        """Locked by the daemon that works on this folder, however it was started; holds its pid."""
        return self.root / "db" / "innkeeper.db.lock"

    @property
    def endpoint_file(self) -> Path:
        """Where the daemon listens, as `http[s]://HOST:PORT`; written by it while it runs."""
        return self.root / "run" / "endpoint"

    @property
    def listen_file(self) -> Path:
        """The address that `inn up` last started the daemon on."""
        return self.host / "listen"

    @property
    def stopped_file(self) -> Path:
        """The numbers of the VMs that `inn down` powered off, for `inn up` to start again."""
        return self.host / "stopped-by-down"

    @property
    def log(self) -> Path:
        return self.root / "log" / "daemon.log"

    @property
    def guest_image(self) -> Path:
        return self.root / "guest" / "tiny.qcow2"

    @property
    def ssh_key(self) -> Path:
        return self.root / "ssh" / "id_ed25519"

    @property
    def host(self) -> Path:
        """What root keeps: the agent of this machine, what that keeps, notes of `inn up` and `inn down`."""
        return self.root / "host"

    @property
    def libvirt(self) -> Path:
        """The libvirtd that the agent runs where the machine has none."""
        return self.root / "libvirt"

    @property
    def agent_file(self) -> Path:
        """The agent of this machine, which nobody but root can change."""
        return self.host / "agent.pyz"

    @property
    def agent_socket(self) -> Path:
        """Where the front end asks root's service for an agent."""
        return self.host / "agent.sock"

    @property
    def agent_lock(self) -> Path:
        """Locked by that service; holds its pid."""
        return self.host / "agent.lock"

    @property
    def agent_log(self) -> Path:
        """What that service and its agents say."""
        return self.host / "agent.log"

    @property
    def start_log(self) -> Path:
        """What was said before the front end could write to its own log."""
        return self.host / "start.log"

    def stopped_by_down(self) -> list[int]:
        """The VMs that ran when `inn down` was called last."""
        try:
            return [int(word) for word in self.stopped_file.read_text().split()]
        except (OSError, ValueError):
            return []

    def note_stopped(self, numbers: Iterable[int]) -> None:
        """Remember them for the next `inn up`, with those that were noted and not started since."""
        noted = sorted({*self.stopped_by_down(), *numbers})
        self.stopped_file.parent.mkdir(parents=True, exist_ok=True)
        self.stopped_file.write_text("".join(f"{number}\n" for number in noted))

    def looks_like_ours(self) -> bool:
        """Whether a front end has lived here, so that the folder may be removed as a whole."""
        made = (self.credentials, self.pid_file, self.guest_image.parent)
        return any(path.exists() for path in made)

    def listen(self) -> str:
        """The daemon's address as `HOST:PORT`: as it says itself, else as it was last started."""
        for path in (self.endpoint_file, self.listen_file):
            try:
                text = path.read_text().strip()
            except OSError:
                continue
            if text:
                return text.rpartition("/")[2]
        return DEFAULT_LISTEN

    def scheme(self) -> str:
        """`https` when the daemon says that it speaks TLS."""
        try:
            return self.endpoint_file.read_text().partition(":")[0]
        except OSError:
            return "http"


def size_in_bytes(path: Path) -> int:
    """Bytes on disk below a path (sparse files count what they hold)."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_blocks * 512
            except OSError:
                continue
    return total
