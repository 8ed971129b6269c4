"""Commands in guests, with an agent that says what a test wants; real ones are in tests/real."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from innkeeper.host.errors import AgentError, FailedError, GuestTimeoutError, RefusedError
from innkeeper.host.hypervisor import guest_agent


class Guest:
    """Answers requests one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = [json.dumps({"return": answer}) for answer in answers]
        self.asked: list[Any] = []
        #: How often its agent, which has only just started, does not answer.
        self.silent = 0

    def name(self) -> str:
        return "one-1"


@pytest.fixture(autouse=True)
def binding(monkeypatch: pytest.MonkeyPatch) -> None:
    class Error(Exception):
        def get_error_code(self) -> int:
            return 1 if self.args else 86

    def command(guest: Guest, line: str, _timeout: int, _flags: int) -> str:
        if json.loads(line)["execute"] == "guest-ping":
            guest.silent -= 1
            if guest.silent >= 0:
                raise Error
            return '{"return": {}}'
        guest.asked.append(json.loads(line))
        if "error" in guest.answers[0]:
            raise Error(f"unable to execute QEMU agent command 'x': {guest.answers[0]}")
        return guest.answers.pop(0) if len(guest.answers) > 1 else guest.answers[0]

    module = SimpleNamespace(libvirtError=Error, VIR_ERR_AGENT_UNRESPONSIVE=86)
    monkeypatch.setattr(guest_agent, "libvirt", lambda: module)
    monkeypatch.setattr(guest_agent, "_LAST_PAUSE", 0.01)
    monkeypatch.setitem(sys.modules, "libvirt_qemu", SimpleNamespace(qemuAgentCommand=command))


def b64(text: bytes) -> str:
    return b64encode(text).decode()


def test_a_command_that_takes_a_while() -> None:
    end = {"exited": True, "exitcode": 3, "out-data": b64(b"out"), "err-data": b64(b"err")}
    guest = Guest({"pid": 7}, {"exited": False}, {"exited": False}, end)
    found = guest_agent.execute(guest, "ls 'a b'", b64(b"in"), 60)
    assert found == {"code": 3, "cut": False, "stdout": b64(b"out"), "stderr": b64(b"err")}
    assert guest.asked[0] == {
        "execute": "guest-exec",
        "arguments": {
            "path": "/bin/sh", "arg": ["-c", "ls 'a b'"], "capture-output": True, "input-data": b64(b"in"),
        },
    }  # fmt: skip
    assert [asked["arguments"] for asked in guest.asked[1:]] == [{"pid": 7}] * 3


def test_a_guest_that_has_just_started_is_waited_for_and_asked_once() -> None:
    guest = Guest({"pid": 7}, {"exited": True, "exitcode": 0})
    guest.silent = 3
    assert guest_agent.execute(guest, "x", "", 60)["code"] == 0
    assert [asked["execute"] for asked in guest.asked] == ["guest-exec", "guest-exec-status"]


def test_a_guest_without_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_agent, "_PATIENCE", 0.05)
    guest = Guest({"pid": 7})
    guest.silent = 10**6
    with pytest.raises(RefusedError, match="no agent that answers"):
        guest_agent.execute(guest, "x", "", 60)
    assert not guest.asked


def test_a_command_that_a_signal_ended() -> None:
    guest = Guest({"pid": 7}, {"exited": True, "signal": 9, "out-truncated": True})
    found = guest_agent.execute(guest, "x", "", 60)
    assert (found["code"], found["cut"], found["stdout"]) == (137, True, "")


def test_a_command_that_does_not_end() -> None:
    with pytest.raises(GuestTimeoutError, match="it goes on"):
        guest_agent.execute(Guest({"pid": 7}, {"exited": False}), "x", "", 0.01)


def test_one_is_killed_with_what_it_has_started() -> None:
    guest = Guest(
        {"pid": 8},
        {"exited": True, "exitcode": 0},
        {"exited": False},
        {"exited": True, "signal": 9},
    )
    guest_agent.kill(guest, 7)
    shell, *script = guest.asked[0]["arguments"]["arg"]
    assert shell == "-c" and script[0].startswith("all=7\n")
    assert [asked["arguments"] for asked in guest.asked[1:]] == [{"pid": 8}, {"pid": 7}, {"pid": 7}]


def test_one_that_cannot_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_agent, "_DYING", 0.01)
    guest = Guest({"pid": 8}, {"exited": True, "exitcode": 0}, {"exited": False})
    with pytest.raises(GuestTimeoutError, match=r"process 7 of the guest\) does not end"):
        guest_agent.kill(guest, 7)


def test_the_script_that_kills_reaches_all_that_descend_and_nothing_else() -> None:
    tree = "sleep 60 & (sleep 60 & sh -c 'sleep 60; true' & wait) & wait"
    with (
        subprocess.Popen(["sh", "-c", f"{tree}; true"]) as meant,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        deadline = time.monotonic() + 30
        while len(family(meant.pid)) < 6:
            assert time.monotonic() < deadline, family(meant.pid)
            time.sleep(0.01)
        all_of_them = family(meant.pid)
        subprocess.run(["sh", "-c", guest_agent._KILL % meant.pid], check=True)
        assert meant.wait(30) == -signal.SIGKILL and other.poll() is None
        while any(runs(pid) for pid in all_of_them):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        other.kill()


def family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "end",
    [
        [],
        "x",
        {"exited": True, "exitcode": "x"},
        {"exited": True, "out-data": "!"},
        {"exited": True, "signal": []},
    ],
)
def test_nonsense_is_told_as_such(end: Any) -> None:
    with pytest.raises(AgentError) as caught:
        guest_agent.execute(Guest({"pid": 7}, end), "x", "", 60)
    assert isinstance(caught.value, FailedError)
