"""Root's service that starts this machine's agents for the front end (docs/agent-protocol.md)."""

from __future__ import annotations

import socket
import subprocess

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import process
from innkeeper.cli.local.account import Account
from innkeeper.cli.local.agent import ENVIRONMENT, PYTHON
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress

_START_SECONDS = 30


def start(folder: DataFolder, account: Account, progress: Progress) -> None:
    """Bring up the service unless it answers, or systemd does for it."""
    if answers(folder):
        return
    progress.say(f"starting the service for agents, log in {folder.agent_log}")
    command = [
        PYTHON, "-I", str(folder.agent_file), "--listen",
        str(folder.agent_socket), account.name, str(folder.root),
    ]  # fmt: skip
    with folder.agent_log.open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=ENVIRONMENT,
            start_new_session=True,
        )  # fmt: skip

    def begun() -> bool | None:
        if child.poll() is not None:
            raise CliError(f"the service for agents ended at once: see {folder.agent_log}")
        return answers(folder) or None

    progress.wait("the service for agents", begun, _START_SECONDS)
    child.returncode = 0  # not ours to wait for: it outlives this command


def answers(folder: DataFolder) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(folder.agent_socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise CliError(f"{folder.agent_socket}: {error}") from error
    return True


def running_pid(folder: DataFolder) -> int | None:
    """The service's process."""
    return process.lock_holder(folder.agent_lock)


def end(folder: DataFolder, progress: Progress) -> None:
    """End the service, and the agents with it; one that does not run is fine. systemd may start it again."""
    pid = running_pid(folder)
    if pid is not None:
        process.end(pid, "the service for agents", progress)


def stop(folder: DataFolder, progress: Progress) -> None:
    """The same for good."""
    end(folder, progress)
    folder.agent_socket.unlink(missing_ok=True)
