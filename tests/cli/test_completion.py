"""The Tab key: in a real bash, and what the other shells are told."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import documents
from .conftest import CannedFrontEnd

PATIENCE = 60.0  # seconds; reached only when something is broken


@pytest.fixture
def front_end(canned: CannedFrontEnd) -> CannedFrontEnd:
    canned.documents |= {"vms": documents.VM_POOL, "hosts": documents.HOST_POOL}
    return canned


class Bash:
    """An interactive bash at a pseudo terminal, with `inn` on its path and completion set up."""

    def __init__(self, folder: Path) -> None:
        program = folder / "inn"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m innkeeper.cli.main "$@"\n')
        program.chmod(0o755)
        environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "TERM": "dumb"}
        environment |= {"PS1": "ready> ", "INPUTRC": "/dev/null", "HISTFILE": ""}
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"], env=environment, start_new_session=True,
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        self.until("ready> ")
        self.type('eval "$(inn completion bash)"\n')
        self.until("ready> ")

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def until(self, *texts: str) -> str:
        """All that is shown from now on, until these texts were among it."""
        shown, deadline = "", time.monotonic() + PATIENCE
        while not all(text in shown for text in texts):
            left = deadline - time.monotonic()
            assert left > 0 and self.process.poll() is None, (texts, shown)
            if select.select([self.ours], [], [], left)[0]:
                shown += os.read(self.ours, 4096).decode()
        return shown

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def bash(front_end: CannedFrontEnd, tmp_path: Path) -> Iterator[Bash]:
    shell = Bash(tmp_path)
    yield shell
    shell.close()


def test_tab_in_bash_completes_commands_and_names_and_the_line_runs(bash: Bash) -> None:
    bash.type("inn temp\t")
    bash.until("inn template ")
    bash.type("\x15inn vm reb\t")  # Ctrl-U begins the line anew
    bash.until("reboot ")
    bash.type("\x15inn vm deploy we\t")
    bash.until("deploy web ")
    bash.type("node1\x15inn host lis\t")
    bash.until("host list ")
    bash.type("--no-header\n")
    assert "node1" in bash.until("ready> ")


def test_two_tabs_in_bash_show_what_there_is(bash: Bash) -> None:
    bash.type("inn vm show w\t\t")
    bash.until("waiting-for-a-very-long-time", "web")
    bash.type("\x15inn user \t\t")
    bash.until("create", "login", "passwd")


def complete(words: str) -> list[str]:
    """What the completion code of every shell is told."""
    line = words.split(" ")
    done = subprocess.run(
        [sys.executable, "-m", "innkeeper.cli.main"],
        env={
            **os.environ,
            "_INN_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(line) - 1),
        },
        capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return [reply.partition(",")[2] for reply in done.stdout.splitlines() if reply]


def test_completion_knows_commands_and_the_names_of_objects(front_end: CannedFrontEnd) -> None:
    assert "terminate" in complete("inn vm te")
    assert complete("inn vm show w") == ["waiting-for-a-very-long-time", "web"]
    assert complete("inn vm deploy web node") == ["node0", "node1"]
    assert complete("inn host monitoring node1 node") == ["node0", "node1"]


def test_completion_asks_as_whom_the_line_says(
    front_end: CannedFrontEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN_ENDPOINT", "http://127.0.0.1:1")
    assert complete("inn vm show w") == []  # nobody there: no names, and no noise
    line = f"inn --endpoint {front_end.endpoint} --user bob --password pw vm show we"
    assert complete(line) == ["web"]
    assert front_end.secret == "bob:pw"
    assert complete(f"inn --endpoint {front_end.endpoint} --user bob vm show we") == []
