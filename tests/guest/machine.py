"""A throw-away virtual machine run by QEMU directly, for testing guest images."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.guest.netns import NetworkNamespace

T = TypeVar("T")


def wait_for(probe: Callable[[], T | None], what: str, seconds: float = 300) -> T:
    """The first result of `probe` that is not None; a connection that fails counts as None."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = probe()
        except (OSError, subprocess.CalledProcessError):
            result = None
        if result is not None:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


def write_context(out: Path, variables: Mapping[str, str], files: Mapping[str, str] = {}) -> None:
    """A context CD as OpenNebula writes it: volume CONTEXT, shell assignments in context.sh."""
    folder = out.with_suffix(".d")
    folder.mkdir(exist_ok=True)
    lines = [f"{name}='{quoted(value)}'\n" for name, value in sorted(variables.items())]
    (folder / "context.sh").write_text("# Context variables\n" + "".join(lines))
    for name, content in files.items():
        (folder / name).write_text(content)
    command = ["genisoimage", "-quiet", "-o", str(out), "-V", "CONTEXT", "-J", "-R", str(folder)]
    subprocess.run(command, check=True)


def quoted(value: str) -> str:
    return value.replace("'", "'\\''")


class Machine:
    """QEMU with an overlay disk, in a network namespace with one tap for each MAC."""

    def __init__(
        self,
        folder: Path,
        space: NetworkNamespace,
        image: Path,
        cd: Path | None,
        nics: Sequence[tuple[str, str]],
        memory_mib: int = 96,
        disk_mib: int | None = None,
    ) -> None:
        self._folder, self._space = folder, space
        self.disk = folder / "disk.qcow2"
        overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", "qcow2"]
        size = [f"{disk_mib}M"] if disk_mib else []
        subprocess.run([*overlay, str(self.disk), *size], check=True)
        self._command = self._qemu_command(cd, nics, memory_mib)

    def _qemu_command(
        self, cd: Path | None, nics: Sequence[tuple[str, str]], memory_mib: int
    ) -> list[str]:
        command = ["qemu-system-x86_64", "-accel", "tcg,tb-size=64", "-cpu", "max", "-M", "pc"]
        command += ["-m", str(memory_mib), "-display", "none", "-vga", "none", "-nodefaults"]
        command += ["-serial", f"file:{self._folder}/serial.log"]
        command += ["-qmp", f"unix:{self._folder}/qmp,server,nowait"]
        command += ["-drive", f"file={self.disk},if=virtio,format=qcow2,cache=unsafe"]
        if cd:
            command += ["-drive", f"file={cd},media=cdrom,if=none,id=cd,format=raw"]
        command += ["-device", "ide-cd,drive=cd,id=cdrom" if cd else "ide-cd,id=cdrom"]
        for number, (tap, mac) in enumerate(nics):
            command += ["-netdev", f"tap,id=n{number},ifname={tap},script=no,downscript=no"]
            command += ["-device", f"virtio-net-pci,netdev=n{number},romfile=,mac={mac}"]
        return command

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._space.command(*self._command), stdin=subprocess.DEVNULL
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()

    def insert_cd(self, cd: Path) -> None:
        self.qmp("blockdev-change-medium", id="cdrom", filename=str(cd), format="raw")

    @property
    def console(self) -> str:
        """What the guest wrote on its serial port so far."""
        log = self._folder / "serial.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def qmp(self, command: str, **arguments: object) -> Any:
        """The result of one monitor command; events that come before it are skipped."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(f"{self._folder}/qmp")
            with link.makefile("rw") as stream:
                stream.readline()
                _exchange(stream, "qmp_capabilities", {})
                return _exchange(stream, command, arguments)


def _exchange(stream: Any, command: str, arguments: Mapping[str, object]) -> Any:
    stream.write(json.dumps({"execute": command, "arguments": dict(arguments)}) + "\n")
    stream.flush()
    for line in stream:
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]
    raise RuntimeError(f"{command}: QEMU closed its monitor")
