"""Makes sure that a libvirt daemon answers at ``qemu:///system``.

Theory of operation
-------------------
A daemon that answers is used as it is. Where systemd runs, it starts libvirtd. Elsewhere (a
container, a minimal system) we start virtlogd and libvirtd ourselves, with a configuration in a
folder of ours: access by root alone, over the unix socket. The machine's own files in /etc/libvirt
are read, never changed, so guests run as the distribution means them to, as their own user.

What was started is stopped again, by whom it was started for: our own daemons by their pid files, systemd's units by a
record in /run of what was active before (gone with the machine's uptime, as what it tells about is).

Without udev, /dev/kvm belongs to root alone. libvirtd then finds KVM while it probes QEMU, misses it
when it looks again as QEMU's user, and probes anew at every turn: starting a guest takes a minute.
So our libvirtd gets a private view of /dev/kvm with the owner and mode that udev would give it.

The pid files in the folder are the record of what we started: a daemon keeps its file locked while
it lives, so a number that was given to another process since is never mistaken for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import shlex
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import locks
from .accelerator import KVM_DEVICE
from .errors import FailedError
from .files import read_json, write_json
from .tools import run

_SOCKETS = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))
_LOG_SOCKET = Path("/run/libvirt/virtlogd-sock")
_SYSTEMD = Path("/run/systemd/system")
_UNITS = ("libvirtd*", "virtqemud*", "virtlogd*", "virtlockd*")
_BEFORE = Path("/run/innkeeper-libvirtd.json")
_GUESTS = Path("/run/libvirt/qemu")
#: A folder that every machine has: locked as it is, so that no lock file is left behind.
_MACHINE_LOCK = Path("/var/lib")
_PATIENCE = 30.0
_CONFIGURATION = """\
# Written by Innkeeper's agent for the libvirtd that it started; see its libvirtd.py.
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
log_outputs = "3:file:{log}"
"""
#: Puts a /dev/kvm that QEMU's group may open over the real one, for this command alone.
_WITH_KVM = """\
mount -t tmpfs -o mode=755,size=64k none {folder}
mknod -m 660 {folder}/kvm c {major} {minor}
chgrp {group} {folder}/kvm
mount --bind {folder}/kvm /dev/kvm
umount -l {folder}
exec "$@"
"""


def answers() -> bool:
    """Whether a libvirt daemon takes connections."""
    return any(_listening(path) for path in _SOCKETS)


def socket_path() -> Path:
    """Where the daemon takes connections."""
    for path in _SOCKETS:
        if _listening(path):
            return path
    raise FailedError("no libvirt daemon answers")


def ensure(folder: str) -> str:
    """Makes sure that libvirt answers; says how it came about: found, systemd or started."""
    with _alone():
        if answers():
            return "found"
        if _SYSTEMD.exists():
            _start_with_systemd(folder)
            return "systemd"
        _start_ourselves(Path(folder))
        return "started"


def stop(folder: str) -> None:
    """Stops the daemons that ``ensure`` started for this folder, and no others. Guests run on.

    Where systemd runs, what it started for us stays while a guest lives that somebody may want to manage.
    """
    with _alone():
        _stop_with_systemd(folder)
        for name in ("libvirtd", "virtlogd"):
            _stop(Path(folder) / f"{name}.pid")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    descriptor = os.open(_MACHINE_LOCK, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _active_units() -> list[str]:
    shown = run(
        "systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating", *_UNITS
    )
    return [line.split()[0] for line in shown.splitlines() if line.strip()]


def _start_with_systemd(folder: str) -> None:
    write_json(_BEFORE, {"folder": folder, "active": _active_units()})
    try:
        run("systemctl", "start", "libvirtd")
    except FailedError:
        # Distributions with one daemon a hypervisor.
        run("systemctl", "start", "virtqemud")
    _wait_for(answers, "libvirt was started by systemd and does not answer")


def _stop_with_systemd(folder: str) -> None:
    before = read_json(_BEFORE)
    if before is None or before["folder"] != folder or any(_GUESTS.glob("*.pid")):
        return
    started = [unit for unit in _active_units() if unit not in before["active"]]
    if started:
        run("systemctl", "stop", *started)
    _BEFORE.unlink()


def _start_ourselves(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not _listening(_LOG_SOCKET):
        run("virtlogd", "--daemon", "--pid-file", str(folder / "virtlogd.pid"))
        _wait_for(lambda: _listening(_LOG_SOCKET), "virtlogd does not answer")
    configuration = folder / "libvirtd.conf"
    configuration.write_text(_CONFIGURATION.format(log=folder / "libvirtd.log"))
    run(
        *_private_view(folder),
        "libvirtd", "--daemon", "--config", str(configuration),
        "--pid-file", str(folder / "libvirtd.pid"),
    )  # fmt: skip
    _wait_for(answers, f"libvirtd does not answer; its log is {folder}/libvirtd.log")


def _private_view(folder: Path) -> list[str]:
    """What to put before a command so that it sees a /dev/kvm that QEMU's group may open."""
    if not KVM_DEVICE.exists():
        return []
    status = KVM_DEVICE.stat()
    try:
        group = grp.getgrnam("kvm").gr_gid
    except KeyError:
        return []
    if status.st_gid == group or status.st_mode & 0o006 == 0o006:
        return []
    view = folder / "dev"
    view.mkdir(exist_ok=True)
    script = _WITH_KVM.format(
        folder=shlex.quote(str(view)),
        major=os.major(status.st_rdev),
        minor=os.minor(status.st_rdev),
        group=group,
    )
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-ec", script, "sh"]


def _stop(pid_file: Path) -> None:
    try:
        descriptor = os.open(pid_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        for how, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _PATIENCE)):
            process = locks.holder(descriptor)
            if not process:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, how)
            with contextlib.suppress(FailedError):
                _wait_for(lambda: not locks.holder(descriptor), "", patience)
    finally:
        os.close(descriptor)
    pid_file.unlink(missing_ok=True)


def _wait_for(condition: Callable[[], bool], complaint: str, patience: float = _PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise FailedError(complaint)
        time.sleep(0.02)
