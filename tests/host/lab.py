"""A host for tests: namespaces of this machine with a network, processes, /run and a libvirt of their own.

What a test does in there cannot be mixed up with what else goes on here, so that it can compare
everything before and after; and when its first process is killed, everything in it dies.
Needs root. The folders of guests lie outside of /tmp's private folders, because QEMU runs as a
user of its own and must be able to reach them.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from innkeeper.host.pack import build
from tests.host.client import AgentClient, wait_for

_INIT = Path(__file__).parent / "lab-init.sh"
_CGROUPS = Path("/sys/fs/cgroup")
_NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup")


class Lab:
    """One such host, from ``with`` to its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"inn-{name}-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.agent_file = build(self.folder / "agent.pyz")
        self.agent_log = self.folder / "agent.log"
        self._groups: list[Path] = []

    def __enter__(self) -> Lab:
        self._make_groups()
        join = "".join(f"echo $$ > {group}/cgroup.procs;" for group in self._groups)
        unshare = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
        self._outer = subprocess.Popen(
            ["sh", "-c", f'{join} exec "$@"', "sh", *unshare, str(_INIT), self.name],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._outer.stdout is not None
        if self._outer.stdout.readline() != "up\n":
            raise RuntimeError("the host did not come up")
        self._first = children(self._outer.pid)[0]
        return self

    def __exit__(self, *_: object) -> None:
        self._outer.kill()
        self._outer.wait()
        assert self._outer.stdout is not None
        self._outer.stdout.close()
        for group in self._groups:
            wait_for(lambda group=group: _remove_group(group), f"{group} to be empty")
        shutil.rmtree(self.folder)

    def _make_groups(self) -> None:
        """A control group of our own in each hierarchy, so that it can be the host's root."""
        for procs in sorted(_CGROUPS.glob("*/cgroup.procs")):
            group = procs.parent / self.folder.name
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (procs.parent / setting).exists():
                    (group / setting).write_text((procs.parent / setting).read_text())
            self._groups.append(group)

    def command(self, *command: str) -> list[str]:
        """A command line that runs in this host."""
        return ["nsenter", "--target", str(self._first), *_NAMESPACES, "--", *command]

    def run(self, *command: str) -> str:
        """Runs a command in this host to its end and gives its output."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def agent(self) -> AgentClient:
        """Starts an agent in this host."""
        command = self.command("/usr/bin/python3", str(self.agent_file))
        return AgentClient(command, self.agent_log)


def children(process: int) -> list[int]:
    """The numbers of a process's children."""
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _remove_group(group: Path) -> bool:
    for inner in sorted(group.rglob("*/"), key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):
            inner.rmdir()
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True
