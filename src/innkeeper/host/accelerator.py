"""Which accelerator QEMU is to use, found out by trying it.

Theory of operation
-------------------
That ``/dev/kvm`` exists says little: nested and paravirtual KVM may start a guest and then die on
an instruction that every kernel uses, or run it a hundred times slower than emulation would. So a
guest is run under KVM, as the user that libvirt runs QEMU as, with the CPU that guests get:

1. a boot sector of ours, which enters 64-bit mode with paging, runs ``lock cmpxchg16b``, SSE2 and
   twenty million locked additions, and says OK (its source: tests/host/probe.s); emulation takes
   0.2 s for it. On other machines than x86_64 this step is left out.
2. where a kernel lies in /boot, that kernel, until it looks for its root disk.

Both are bounded in time. What was found is remembered for this kernel and this QEMU.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import platform
import pwd
import select
import subprocess
import tempfile
import time
import zlib
from pathlib import Path

from .errors import AgentError
from .files import read_json, write_json
from .tools import run

KVM_DEVICE = Path("/dev/kvm")
_SECTOR_TIME = 10.0
_KERNEL_TIME = 30.0
_ENOUGH_OUTPUT = 1 << 20
#: The boot sector: 512 bytes, compressed.
BOOT_SECTOR = zlib.decompress(
    base64.b64decode(
        "eNr7ZXig70bfgb4Lexhq/uxnENjJIPF59XE2BgFmBSCpwGwAJA2aGfgVHqTxKrAxMPArPUjbwSAAYtxI29nAwHCA"
        "3yiNl4ERKGDAr3AgrfnB7zReZgaGBn5GsRM1/EoHXqXVcDDsZ0hgYEjjf3/gM389u+EBw0u7gRoYdjIBiQ8e/Mf5"
        "S1U9mus5mErldjLoGjJ+8PjP/v9k6Q+PRntGILeUY4P/s5cbvJ+9TNvFyLqB8d2X198mMCCDWQoM/Aw7ahhGAYkg"
        "dBUAImlELQ=="
    )
)


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """``kvm`` or ``tcg``, and why."""

    name: str
    reason: str


def choose(
    memory: Path, qemu_version: str, user: tuple[int, int] | None, offered: bool
) -> Accelerator:
    """The accelerator for this host: from ``memory`` (a file) if nothing changed, else by trial.

    ``user``: the user and group number that guests run as; ``offered``: whether libvirt has KVM.
    """
    key = {
        "kernel": platform.release(),
        "qemu": qemu_version,
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "offered": offered,
    }
    known = read_json(memory)
    if known and all(known.get(name) == value for name, value in key.items()):
        return Accelerator(known["accelerator"], known["reason"])
    found = probe(user, offered)
    write_json(memory, {**key, "accelerator": found.name, "reason": found.reason})
    return found


def probe(user: tuple[int, int] | None, offered: bool) -> Accelerator:
    """Runs guests under KVM and says what came of it."""
    if not KVM_DEVICE.exists():
        return Accelerator("tcg", f"there is no {KVM_DEVICE}")
    if not offered:
        return Accelerator("tcg", f"libvirt has no KVM here ({KVM_DEVICE} may be closed to it)")
    # libvirtd may see another device than we do (our libvirtd.py arranges that): its word counts.
    if user is not None and not _may_open(user):
        user = None
    try:
        return _trials(user)
    except AgentError as problem:
        return Accelerator("tcg", f"KVM cannot be tried: {problem}")


def _may_open(user: tuple[int, int]) -> bool:
    status = KVM_DEVICE.stat()
    mine, group, others = status.st_mode >> 6, status.st_mode >> 3, status.st_mode
    groups = os.getgrouplist(_user_name(user[0]), user[1])
    bits = mine if status.st_uid == user[0] else group if status.st_gid in groups else others
    return bits & 6 == 6


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _trials(user: tuple[int, int] | None) -> Accelerator:
    proofs = []
    if platform.machine() == "x86_64":
        complaint, seconds = boot_sector_trial("kvm", user)
        if complaint:
            return Accelerator("tcg", f"a boot sector does not run under KVM: {complaint}")
        proofs.append(f"a boot sector ran under KVM in {seconds:.1f} s")
    if kernel := kernel_at_hand():
        complaint, seconds = kernel_trial("kvm", kernel, user)
        if complaint:
            return Accelerator("tcg", f"{kernel} does not boot under KVM: {complaint}")
        proofs.append(f"{kernel} booted in {seconds:.1f} s")
    if not proofs:
        return Accelerator("kvm", f"{KVM_DEVICE} can be opened; there was nothing to try it with")
    return Accelerator("kvm", ", ".join(proofs))


def kernel_at_hand() -> Path | None:
    """The newest readable kernel of this machine."""
    found = [path for path in Path("/boot").glob("vmlinuz-*") if os.access(path, os.R_OK)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def boot_sector_trial(
    accelerator: str, user: tuple[int, int] | None = None, cpu: str = "host"
) -> tuple[str, float]:
    """Runs our boot sector; what went wrong (or nothing), and the seconds that it took."""
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(BOOT_SECTOR)
        image.flush()
        Path(image.name).chmod(0o644)
        return _trial(
            [
                *_qemu(accelerator, cpu), "-m", "16", "-serial", "none", "-debugcon", "stdio",
                "-device", "isa-debug-exit,iobase=0x501",
                "-drive", f"file={image.name},format=raw,if=ide,snapshot=on",
            ],
            b"OK", _SECTOR_TIME, user,
        )  # fmt: skip


def kernel_trial(
    accelerator: str, kernel: Path, user: tuple[int, int] | None = None, cpu: str = "host"
) -> tuple[str, float]:
    """Boots a kernel until it looks for its root disk."""
    return _trial(
        [
            *_qemu(accelerator, cpu), "-m", "512", "-serial", "stdio", "-kernel", str(kernel),
            "-append", "console=ttyS0 panic=-1",
        ],
        b"Unable to mount root fs", _KERNEL_TIME, user,
    )  # fmt: skip


def _qemu(accelerator: str, cpu: str) -> list[str]:
    program = f"qemu-system-{platform.machine()}"
    return [
        program, "-accel", accelerator, "-nodefaults", "-display", "none", "-monitor", "none",
        "-no-reboot", "-cpu", cpu,
    ]  # fmt: skip


def _trial(
    command: list[str], sign: bytes, seconds: float, user: tuple[int, int] | None
) -> tuple[str, float]:
    started = time.monotonic()
    uid, gid = user or (os.getuid(), os.getgid())
    groups = os.getgrouplist(_user_name(uid), gid) if user else None
    try:
        qemu = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=uid if user else None,
            group=gid if user else None,
            extra_groups=groups,
            cwd="/",
        )
    except OSError as broken:
        return f"{command[0]}: {broken.strerror}", 0.0
    try:
        output = _read_until(qemu, sign, started + seconds)
    finally:
        qemu.kill()
        qemu.wait()
        if qemu.stdout:
            qemu.stdout.close()
    taken = time.monotonic() - started
    return ("" if sign in output else _complaint(output, taken)), taken


def _read_until(qemu: subprocess.Popen[bytes], sign: bytes, deadline: float) -> bytes:
    assert qemu.stdout is not None
    output = b""
    # After an internal error of KVM, QEMU stays there, stopped.
    while sign not in output and b"KVM internal error" not in output:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([qemu.stdout], [], [], left)[0]:
            break
        data = os.read(qemu.stdout.fileno(), 65536)
        if not data or len(output) > _ENOUGH_OUTPUT:
            break
        output += data
    return output


def _complaint(output: bytes, taken: float) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    telling = [line for line in lines if "error" in line.lower() or "qemu-system" in line]
    said = (telling or [line for line in lines if line] or ["it said nothing"])[0]
    return f"{said[:200]} (after {taken:.1f} s)"


def qemu_version() -> str:
    """The version of the QEMU that would be run; FailedError when there is none."""
    return run(f"qemu-system-{platform.machine()}", "--version").split("(")[0].split()[-1]
