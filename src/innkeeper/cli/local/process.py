"""The daemon as a process of this machine: started detached, found by its lock, stopped."""

from __future__ import annotations

import compileall
import fcntl
import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

from innkeeper.cli.client import tls_context
from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.local import view
from innkeeper.cli.local.account import Account
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress

START_SECONDS = 90
STOP_SECONDS = 60
_LOG_TAIL_BYTES = 2000
_PACKAGE = Path(__file__).resolve().parents[2]


def split_listen(listen: str) -> tuple[str, int]:
    """`HOST:PORT`, with an IPv6 address in brackets, as a pair."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise CliError(f"--listen: expected HOST:PORT, not {listen!r}", ExitCode.USAGE)
    return host.removeprefix("[").removesuffix("]"), int(port)


def reachable_address(listen: str) -> str:
    """The `HOST:PORT` at which a daemon that listens so is reached from this machine."""
    host, port = split_listen(listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def endpoint(folder: DataFolder, listen: str) -> str:
    """The URL of a daemon that listens so, from this machine."""
    return f"{folder.scheme()}://{reachable_address(listen)}"


def answers(folder: DataFolder, listen: str) -> bool:
    """Whether a front end says that it is well."""
    host, port = split_listen(reachable_address(listen))
    connection = http.client.HTTPConnection(host, port, timeout=5)
    if folder.scheme() == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=5, context=tls_context(True))
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def running_pid(folder: DataFolder) -> int | None:
    """The daemon that works on this folder: started by `inn up`, by systemd or by hand."""
    return lock_holder(folder.lock_file) or _started_pid(folder)


def lock_holder(path: Path) -> int | None:
    """Who holds a lock, by the number in its file. The lock goes with its process, so its word is certain.

    A process of another user than the file's does not hold it, whatever stands there.
    """
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = int(file.read())
                return pid if user_of(pid) == os.fstat(file.fileno()).st_uid else None
    except (OSError, ValueError):
        pass
    return None


def user_of(pid: int) -> int | None:
    """Whose a process is; None when there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[2]) for line in lines if line.startswith("Uid:"))


def _started_pid(folder: DataFolder) -> int | None:
    """The process in the pid file, if that is alive and a daemon on this folder.

    It may not have come to lock the database yet. A pid may belong to another by now.
    """
    try:
        pid = int(folder.pid_file.read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    return pid if "daemon" in words and str(folder.root) in words else None


def start(folder: DataFolder, listen: str, account: Account, progress: Progress) -> None:
    """Bring up the daemon unless it answers already; returns when it does."""
    if answers(folder, listen):
        return
    pid = running_pid(folder)
    if pid is None:
        progress.say(f"starting the front end on {listen}, log in {folder.log}")
        pid = _spawn(folder, listen, account)
    else:
        progress.say(f"waiting for the front end (process {pid})")
    progress.wait("the front end to answer", lambda: _started(pid, folder, listen), START_SECONDS)


def _spawn(folder: DataFolder, listen: str, account: Account) -> int:
    compileall.compile_dir(_PACKAGE, quiet=2)  # the front end itself may write nothing there
    daemon = [*_inn_command(), "daemon", "--data", str(folder.root), "--listen", listen]
    # Its log is opened by its user: root would follow where a link there leads.
    logged = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', str(folder.log), *daemon]
    with folder.start_log.open("wb") as log:
        process = subprocess.Popen(
            [*view.command(account, folder.host / "view"), *account.command(), *logged],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={
                **os.environ,
                "HOME": "/nonexistent",
                "USER": account.name,
                "LOGNAME": account.name,
            },
        )
    folder.pid_file.write_text(f"{process.pid}\n")
    folder.listen_file.write_text(f"{listen}\n")
    process.returncode = 0  # not ours to wait for: it outlives this command
    return process.pid


def _inn_command() -> list[str]:
    """How to run `inn` with this very interpreter."""
    script = Path(sys.executable).with_name("inn")
    return [sys.executable, str(script)] if script.exists() else [sys.executable, "-m", "innkeeper"]


def _started(pid: int, folder: DataFolder, listen: str) -> bool | None:
    if answers(folder, listen):
        return True
    if is_gone(pid):
        raise CliError(f"the front end ended at once; {folder.log} ends so:\n{log_tail(folder)}")
    return None


def log_tail(folder: DataFolder) -> str:
    """The last lines of the daemon's log, and what was said before it had one."""
    said = []
    for path in (folder.log, folder.start_log):
        try:
            said.append(path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip())
        except OSError as error:
            said.append(f"({path}: {error.strerror})")
    return "\n".join(text for text in said if text)


def give_up_root(folder: DataFolder, progress: Progress) -> None:
    """End a front end that runs as root, as older releases did."""
    pid = running_pid(folder)
    if pid is not None and user_of(pid) == 0:
        progress.say("the front end runs as root: starting it anew as a user of its own")
        stop(folder, progress)


def stop(folder: DataFolder, progress: Progress) -> None:
    """End the daemon and wait until it is gone; a daemon that does not run is fine."""
    pid = running_pid(folder)
    if pid is not None:
        end(pid, "the front end", progress)
    folder.pid_file.unlink(missing_ok=True)


def end(pid: int, what: str, progress: Progress) -> None:
    """End a process and wait until it is gone."""
    progress.say(f"stopping {what} (process {pid})")
    _signal(pid, signal.SIGTERM)
    try:
        progress.wait(f"{what} to end", lambda: is_gone(pid) or None, STOP_SECONDS)
    except CliError:
        progress.say(f"{what} does not end by itself: killing it")
        _signal(pid, signal.SIGKILL)
        progress.wait(f"{what}, which was killed,", lambda: is_gone(pid) or None, STOP_SECONDS)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits for its parent to notice has."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
