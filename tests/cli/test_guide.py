"""The user guide's examples, all of them and in their order, on a machine of their own (tests/real/machine.sh)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("INN_TEST_MACHINE") != "inside",
        reason="runs on a machine of its own: make test",
    ),
]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "user-guide.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


class Desk:
    """A folder to work in, a cloud, and a shell whose ssh leaves the user's own files alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        programs = folder / "bin"
        programs.mkdir()
        ssh = programs / "ssh"
        ssh.write_text(
            f'#!/bin/sh\nexec {shutil.which("ssh")} -o UserKnownHostsFile={folder}/known "$@"\n'
        )
        ssh.chmod(0o755)
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        cache = os.environ.get("INN_CACHE", "/var/cache/innkeeper")
        self.environment = os.environ | {
            "PATH": path,
            "INN_DATA": str(self.data),
            "INN_CACHE": cache,
        }

    def run(self, *line: str) -> str:
        done = subprocess.run(
            line, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def shell(self, script: str) -> str:
        own = script.replace("/var/tmp/data.qcow2", f"{self.folder}/data.qcow2")
        assert own == script or own.count(str(self.folder)) == script.count("/var/tmp/data")
        return self.run("bash", "-e", "-u", "-x", "-c", own)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    folder = Path(tempfile.mkdtemp(prefix="inn-guide-", dir="/var/tmp"))
    folder.chmod(0o755)
    desk = Desk(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    desk.run("inn", "up", "--listen", listen)
    desk.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "small-key")
    yield desk
    desk.run("inn", "down", "--purge")
    shutil.rmtree(folder)


def test_the_guide_has_examples() -> None:
    assert len(blocks("sh")) >= 7 and len(blocks("python")) == 2


@pytest.mark.parametrize("number", range(len(blocks("sh"))))
def test_the_guides_commands_work(desk: Desk, number: int) -> None:
    script = blocks("sh")[number]
    said = desk.shell(script)
    if "cat /etc/motd" in script:
        assert "hello from one" in said


@pytest.mark.parametrize(("number", "says"), [(0, r"[0-9.]+"), (1, r"\['[A-Z_]+'(, '[A-Z_]+')*\]")])
def test_the_guides_programs_work(desk: Desk, number: int, says: str) -> None:
    program = blocks("python")[number]
    url = (desk.data / "run" / "endpoint").read_text().strip()
    password = (desk.data / "one_auth").read_text().strip().partition(":")[2]
    for written, here in (("http://127.0.0.1:2633", url), ("PASSWORD", password)):
        assert program.count(written) == 1
        program = program.replace(written, here)
    assert re.fullmatch(says, desk.run(sys.executable, "-c", program).strip())
    assert desk.run("inn", "doctor").strip() == "nothing is wrong"
