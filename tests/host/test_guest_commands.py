"""Commands in guests that nobody waits for: begun once, told again, ended; a guest's agent tells an end once only."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from innkeeper.host import guest_commands
from innkeeper.host.arguments import Arguments
from innkeeper.host.errors import AgentError, FailedError, RefusedError
from innkeeper.host.folders import Root
from innkeeper.host.hypervisor import guest_agent
from innkeeper.host.hypervisor.guest_agent import SaidNoError
from innkeeper.host.verbs import VERBS, Request

END = {"code": 3, "stdout": "", "stderr": "", "cut": False}


class Guest:
    """A guest's agent. `commands`: what is told when asked for one, once if it has ended."""

    def __init__(self) -> None:
        self.commands: dict[int, dict[str, Any] | None] = {}
        self.problem: AgentError | None = None
        self.killed: list[int] = []

    def begin(self, _domain: object, _command: str, _stdin: str) -> int:
        if self.problem is not None:
            raise self.problem
        pid = 70 + len(self.commands)
        self.commands[pid] = None
        return pid

    def look(self, _domain: object, pid: int) -> dict[str, Any] | None:
        if pid not in self.commands:
            raise SaidNoError("PID does not exist")
        return self.commands[pid] and self.commands.pop(pid)

    def kill(self, _domain: object, pid: int) -> None:
        self.killed.append(pid)
        del self.commands[pid]


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    guest = Guest()
    monkeypatch.setattr(guest_agent, "await_agent", lambda domain: None)
    for name in ("begin", "look", "kill"):
        monkeypatch.setattr(guest_agent, name, getattr(guest, name))
    return guest


class Host:
    """A root with VM 1, whose guest runs."""

    def __init__(self, path: Path) -> None:
        self.root = Root(str(path))
        self.root.claim("tests")
        self.root.folder(1).make(1)
        hypervisor = SimpleNamespace(running=lambda vm: "domain", find=lambda vm: "domain")
        self.service: Any = SimpleNamespace(root=self.root, hypervisor_of=lambda folder: hypervisor)

    def ask(self, verb: str, **args: Any) -> dict[str, Any]:
        request = Request(Arguments({"vm": 1, **args}), self.service, lambda *_: None, list)
        return VERBS[verb].run(request)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    assert guest_commands.__name__
    return Host(tmp_path)


def test_it_is_begun_once_and_its_end_is_told_again(host: Host, guest: Guest) -> None:
    for _ in range(2):
        assert host.ask("guest.start", generation=2, command="x") == {"pid": 70}
    assert list(guest.commands) == [70]
    assert host.ask("guest.look", pid=70) == {"state": "running"}
    guest.commands[70] = END
    for _ in range(2):
        assert host.ask("guest.look", pid=70) == {"state": "ended", **END}
    assert host.ask("guest.kill", generation=3, pid=70) == {"state": "ended", **END}
    assert host.ask("guest.start", generation=4, command="x") == {"pid": 70}, "the number again"
    assert host.ask("guest.look", pid=70) == {"state": "running"}
    assert host.ask("guest.look", pid=99) == {"state": "lost"}


def test_one_of_which_nobody_knows_whether_it_was_begun(host: Host, guest: Guest) -> None:
    guest.problem = FailedError("the connection is gone")
    with pytest.raises(FailedError):
        host.ask("guest.start", generation=2, command="x")
    guest.problem = None
    with pytest.raises(RefusedError, match="was not heard"):
        host.ask("guest.start", generation=2, command="x")
    assert host.ask("guest.kill", generation=3, begun=2) == {"state": "lost"}
    assert host.ask("guest.start", generation=4, command="x") == {"pid": 70}


def test_one_that_an_earlier_release_began_is_not_begun_again(host: Host, guest: Guest) -> None:
    folder = host.root.folder(1)
    folder.write(dataclasses.replace(folder.state(), executed=2))
    with pytest.raises(RefusedError, match="was not heard"):
        host.ask("guest.start", generation=2, command="x")
    assert guest.commands == {}


def test_one_that_the_guest_refuses_can_be_asked_for_again(host: Host, guest: Guest) -> None:
    guest.problem = SaidNoError("there is no /bin/sh")
    with pytest.raises(RefusedError, match="there is no"):
        host.ask("guest.start", generation=2, command="x")
    guest.problem = None
    assert host.ask("guest.start", generation=2, command="x") == {"pid": 70}


@pytest.mark.parametrize("which", [{"pid": 70}, {"begun": 2}])
def test_it_is_killed_once(host: Host, guest: Guest, which: dict[str, int]) -> None:
    host.ask("guest.start", generation=2, command="x")
    for _ in range(2):
        assert host.ask("guest.kill", generation=3, **which) == {"state": "killed"}
    assert guest.killed == [70]
    assert host.ask("guest.kill", generation=3, begun=1) == {"state": "lost"}
