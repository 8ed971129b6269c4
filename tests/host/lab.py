"""A host for tests: namespaces of this machine with a network, processes, /run and a libvirt of their own.

What a test does in there cannot be mixed up with what else goes on here, so that it can compare
everything before and after; and when its first process is killed, everything in it dies.
Needs root. The folders of guests lie outside of /tmp's private folders, because QEMU runs as a
user of its own and must be able to reach them.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from innkeeper.host.pack import build
from tests.host.client import AgentClient, wait_for

_INIT = Path(__file__).parent / "lab-init.sh"
_CGROUPS = Path("/sys/fs/cgroup")
_NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup")


class Machine:
    """Namespaces of this machine that look like a machine of its own, between ``up`` and ``down``.

    ``init`` is the command that becomes its first process; it says what it is at in lines of one word, the last
    of which is ``up``.
    """

    def __init__(self, name: str, init: Sequence[str | Path]) -> None:
        self.name = name
        self._init = init
        self._label = f"inn-{name}-{secrets.token_hex(4)}"
        self._groups: list[Path] = []
        self._outer: subprocess.Popen[str] | None = None
        self.first = 0

    def up(self) -> None:
        """Starts it and waits until it is ready."""
        self._make_groups()
        join = "".join(f"echo $$ > {group}/cgroup.procs;" for group in self._groups)
        unshare = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
        self._outer = subprocess.Popen(
            ["sh", "-c", f'{join} exec "$@"', "sh", *unshare, *self._init],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._get_ready()

    def _get_ready(self) -> None:
        self.said("up")

    def said(self, word: str) -> None:
        """Waits for what the first process says next."""
        assert self._outer is not None and self._outer.stdout is not None
        line = self._outer.stdout.readline()
        if line != f"{word}\n":
            raise RuntimeError(f"{self.name} did not come up: {line!r} instead of {word}")
        (self.first,) = children(self._outer.pid)

    @property
    def is_up(self) -> bool:
        """Does its first process live?"""
        return self._outer is not None and self._outer.poll() is None

    def go_on(self) -> None:
        """Lets the first process go on that waits for a line."""
        assert self._outer is not None and self._outer.stdin is not None
        self._outer.stdin.write("\n")
        self._outer.stdin.flush()

    def down(self) -> None:
        """Kills all its processes at once, as a power cut does."""
        if self._outer is None:
            return
        assert self._outer.stdin is not None and self._outer.stdout is not None
        self._outer.kill()
        self._outer.wait()
        self._outer.stdin.close()
        self._outer.stdout.close()
        self._outer = None
        for group in self._groups:
            wait_for(lambda group=group: _remove_group(group), f"{group} to be empty")
        self._groups.clear()

    def _make_groups(self) -> None:
        """A control group of our own in each hierarchy, so that it can be the host's root."""
        for procs in sorted(_CGROUPS.glob("*/cgroup.procs")):
            group = procs.parent / self._label
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (procs.parent / setting).exists():
                    (group / setting).write_text((procs.parent / setting).read_text())
            self._groups.append(group)

    def command(self, *command: str) -> list[str]:
        """A command line that runs in this machine."""
        return ["nsenter", "--target", str(self.first), *_NAMESPACES, "--", *command]

    def run(self, *command: str) -> str:
        """Runs a command in this machine to its end and gives its output."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout


class Lab(Machine):
    """A machine with an agent's file, from ``with`` to its end."""

    def __init__(self, name: str) -> None:
        super().__init__(name, [_INIT, name])
        self.folder = Path(tempfile.mkdtemp(prefix=f"inn-{name}-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.agent_file = build(self.folder / "agent.pyz")
        self.agent_log = self.folder / "agent.log"

    def __enter__(self) -> Lab:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        shutil.rmtree(self.folder)

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
