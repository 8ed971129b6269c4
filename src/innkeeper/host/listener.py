"""``agent.pyz --listen SOCKET``: starts agents, as root, for a front end that is not.

Theory of operation
-------------------
The front end connects to a Unix socket that is its own user's alone; the kernel says who it is. For each connection
this very file, which only root can change, is started with the socket as input and output: nothing that comes over it
decides what is started, with which arguments, or in which environment. It is not read here at all.

When an agent has ended, a last line says how: ``{"event": "ended", "why"}``. Agents do not depend on this process,
and guests on neither.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import pwd
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import bounds
from .errors import RefusedError

#: Agents at once: a front end needs one, and another while the first is being ended.
MOST = 8
#: Seconds that agents have to end when this process is to, and that a last word may take.
PATIENCE, LAST_WORD = 10.0, 2.0
#: The first file that systemd hands over.
_HANDED = 3
_CREDENTIALS = struct.Struct("iII")
_ENVIRONMENT = {"PATH": os.defpath + ":/usr/sbin:/sbin:/usr/local/sbin", "LC_ALL": "C.UTF-8"}
_log = logging.getLogger(__name__)


def listen(path: Path, user: str, data: Path) -> None:
    """Serves connections of ``user`` until SIGTERM. Raises RefusedError when it cannot begin."""
    account = _account(user)
    agent = _checked(Path(sys.argv[0]).resolve())
    bounds.read(account.pw_uid, account.pw_gid, data)  # a mistake in it is told at once
    lock = _locked(path.with_suffix(".lock"))
    door = _handed_over() or _bound(path, account)
    command = [
        sys.executable, "-I", str(agent), "--front-end",
        str(account.pw_uid), str(account.pw_gid), str(data),
    ]  # fmt: skip
    try:
        Listener(door, account.pw_uid, command).run()
    finally:
        os.close(lock)


def _account(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise RefusedError(f"there is no user {user} on this machine") from None


def _checked(agent: Path) -> Path:
    """The file to start, if nobody but us can have written it."""
    for path in (agent, agent.parent):
        status = path.stat()
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise RefusedError(f"{path} can be changed by others: no agent is started from there")
    return agent


def _locked(path: Path) -> int:
    """One listener for a socket; the lock goes with its process, whose number it holds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RefusedError(f"another process holds {path}") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _handed_over() -> socket.socket | None:
    """The socket of systemd's socket unit (sd_listen_fds(3))."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    return socket.socket(fileno=_HANDED)


def _bound(path: Path, account: pwd.struct_passwd) -> socket.socket:
    """A socket of our own. Its folder is root's, so that nobody can put something else in its place."""
    door = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        door.bind(str(path))
    except OSError as problem:
        raise RefusedError(f"cannot listen at {path}: {problem}") from problem
    finally:
        os.umask(before)
    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    door.listen()
    return door


class Listener:
    """Takes connections of one user, and starts ``command`` for each."""

    def __init__(self, door: socket.socket, uid: int, command: list[str]) -> None:
        self._door = door
        self._uid = uid
        self._command = command
        self._lock = threading.Lock()
        self._served: dict[socket.socket, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []

    def run(self) -> None:
        """Works until SIGTERM or SIGINT; then the agents end, too."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_end)
        with contextlib.suppress(SystemExit):
            while True:
                connection, _ = self._door.accept()
                self.take(connection)
        self.end()

    def _told_to_end(self, *_: object) -> None:
        raise SystemExit

    def take(self, connection: socket.socket) -> None:
        """Serves one connection, beside the others, or closes it."""
        peer = peer_of(connection)
        if peer != self._uid:
            # `inn up` looks as root whether somebody is here.
            level = logging.WARNING if peer else logging.DEBUG
            _log.log(level, "refused: user %d is not the front end's (%d)", peer, self._uid)
            connection.close()
        elif len(self._served) >= MOST:
            _say(connection, f"the service for agents has {MOST} connections already")
        else:
            self._start(connection)

    def _start(self, connection: socket.socket) -> None:
        try:
            agent = subprocess.Popen(
                self._command, stdin=connection.fileno(), stdout=connection.fileno(), cwd="/", env=_ENVIRONMENT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as problem:
            _log.error("cannot start an agent: %s", problem)
            _say(connection, f"the agent could not be started: {problem}")
            return
        _log.info("agent %d started", agent.pid)
        with self._lock:
            self._served[connection] = agent
        thread = threading.Thread(target=self._attend, args=(connection, agent), daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _attend(self, connection: socket.socket, agent: subprocess.Popen[bytes]) -> None:
        status = agent.wait()
        _log.info("agent %d ended with %d", agent.pid, status)
        with self._lock:
            del self._served[connection]
        _say(connection, how_it_ended(status))

    def end(self) -> None:
        """Takes no more connections, and ends the agents: at the end of their input, or by force."""
        self._door.close()
        with self._lock:
            served = dict(self._served)
        for connection in served:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + PATIENCE
        for agent in served.values():
            try:
                agent.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                agent.kill()
        for thread in self._threads:
            thread.join(LAST_WORD)


def peer_of(connection: socket.socket) -> int:
    """The user that connected, as the kernel says (SO_PEERCRED, unix(7))."""
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(said)
    return int(uid)


def how_it_ended(status: int) -> str:
    """An agent's end for people; a negative status is a signal's number."""
    if not status:
        return "the agent ended"
    how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
    return f"the agent {how}"


def _say(connection: socket.socket, why: str) -> None:
    """The last line of a connection. The agent may have been cut in the middle of one."""
    line = b"\n" + json.dumps({"event": "ended", "why": why}).encode() + b"\n"
    with connection, contextlib.suppress(OSError):
        connection.settimeout(LAST_WORD)
        connection.sendall(line)
