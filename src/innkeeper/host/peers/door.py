"""The door by which one other host comes in: an sshd of our own, for one VM, for a short time.

Theory of operation
-------------------
Nothing is set up between hosts beforehand. When a VM (or a base) is to go from this host to another, the front end
tells this agent the other's public key (each told its own in ``hello``). The agent listens on a port; for whoever
comes it starts an ``sshd -i`` that takes that key alone, shows this root's own, and offers two things: sockets of the
other host in a folder here (a guest's stream goes through them), and the reading of files below the root (`give.py`).
So what goes between hosts is encrypted and authenticated on both ends, and the machine's own sshd and its settings are
not touched. A connection goes on when the agent ends; the door closes with the agent, or after a while.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from ..errors import FailedError, RefusedError
from .keys import key_file

#: The ports that are tried: those that libvirt's own migrations use, so that a firewall may know them.
PORTS = range(49152, 49216)
#: Seconds for which a door stands open.
OPEN_FOR = 3600.0
_SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
_SETTINGS = """\
HostKey {key}
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
PermitTTY no
X11Forwarding no
AllowAgentForwarding no
AllowTcpForwarding remote
AllowStreamLocalForwarding remote
StreamLocalBindMask 0000
StreamLocalBindUnlink yes
ClientAliveInterval 5
ClientAliveCountMax 3
ForceCommand exec {python} {agent} --give {root}
"""
_log = logging.getLogger(__name__)


class Doors:
    """The doors that stand open, by what they are for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, tuple[str, socket.socket]] = {}
        self._lock = threading.Lock()

    def open(self, name: str, key: str, *, once: bool = False) -> int:
        """Opens a door for the holder of a key (who comes `once`); its port. One that stands open for it stays."""
        if _SSHD is None:
            raise RefusedError("sshd is not installed on this host: no other host can come here")
        with self._lock:
            known = self._open.get(name)
            if known is not None and known[0] == key and known[1].fileno() >= 0:
                return int(known[1].getsockname()[1])
            self._close(name)
            listener = _listen()
            self._open[name] = key, listener
            settings = self._settings(name, key)
        work = threading.Thread(
            target=self._serve, args=(name, listener, settings, once), daemon=True
        )
        work.start()
        return int(listener.getsockname()[1])

    def close(self, name: str) -> None:
        """Nobody comes in any more; who is in stays."""
        with self._lock:
            self._close(name)

    def _close(self, name: str) -> None:
        known = self._open.pop(name, None)
        if known is not None:
            with contextlib.suppress(OSError):
                known[1].shutdown(socket.SHUT_RDWR)
            known[1].close()
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def _folder(self, name: str) -> Path:
        return self._root / "peer" / name

    def _settings(self, name: str, key: str) -> Path:
        folder = self._folder(name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "authorized_keys").write_text(f"{key}\n")
        text = _SETTINGS.format(
            key=key_file(self._root), folder=folder, root=self._root, python=sys.executable,
            agent=Path(sys.argv[0]).resolve(),
        )  # fmt: skip
        (folder / "sshd_config").write_text(text)
        return folder / "sshd_config"

    def _serve(self, name: str, listener: socket.socket, settings: Path, once: bool) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        try:
            while True:
                visitor, address = listener.accept()
                _log.info("%s comes to fetch %s", address[0], name)
                with visitor:
                    process = _let_in(visitor, settings)
                if once:
                    listener.close()
                    process.wait()
                    return
                threading.Thread(target=process.wait, daemon=True).start()
        except (OSError, ValueError):
            pass  # closed, or open for too long
        finally:
            with self._lock:
                known = self._open.get(name)
                if known is not None and known[1] is listener:  # else another stands there by now
                    self._close(name)


def _let_in(visitor: socket.socket, settings: Path) -> subprocess.Popen[bytes]:
    visitor.settimeout(None)
    assert _SSHD is not None
    return subprocess.Popen(
        [_SSHD, "-i", "-f", str(settings), "-E", str(settings.with_name("log"))],
        stdin=visitor.fileno(), stdout=visitor.fileno(), stderr=subprocess.DEVNULL,
        start_new_session=True, cwd="/", env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin")},
    )  # fmt: skip


def _listen() -> socket.socket:
    for port in PORTS:
        with contextlib.suppress(OSError):
            listener = socket.create_server(("", port), family=socket.AF_INET)
            listener.settimeout(OPEN_FOR)
            return listener
    raise FailedError(f"no TCP port from {PORTS.start} to {PORTS.stop - 1} is free")
