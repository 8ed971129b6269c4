"""The service that starts agents: whom it serves, what it starts, what it says at the end."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host import pack
from innkeeper.host.listener import MOST
from tests.host.client import wait_for

ROOT = os.geteuid() == 0
OTHER = pwd.getpwnam("nobody")


class Service:
    """A service for one user, on a data folder of its own."""

    def __init__(self, data: Path, user: str) -> None:
        self.data = data
        self.door = data / "host" / "agent.sock"
        self.archive = pack.build(data / "host" / "agent.pyz")
        self.log = data / "log"
        command = ["/usr/bin/python3", "-I", self.archive, "--listen", self.door, user, data]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)

    def connect(self) -> socket.socket:
        def tried() -> socket.socket | None:
            assert self.process.poll() is None, self.log.read_text()
            line = socket.socket(socket.AF_UNIX)
            line.settimeout(60)
            try:
                line.connect(str(self.door))
            except OSError:
                line.close()
                return None
            return line

        found: socket.socket = wait_for(tried, "the service")
        return found

    def agents(self) -> list[int]:
        """The processes that it has started and that live."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in task.read_text().split()]

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="inn-listener-", dir="/var/tmp"))
    folder.chmod(0o755)  # another user is to reach the socket
    (folder / "host").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    """A service for us."""
    service = Service(data, pwd.getpwuid(os.geteuid()).pw_name)
    yield service
    service.process.kill()
    service.process.wait()


def ask(line: socket.socket, verb: str, **args: Any) -> dict[str, Any]:
    line.sendall(json.dumps({"id": 1, "verb": verb, "args": args}).encode() + b"\n")
    return next_line(line)


def next_line(line: socket.socket) -> dict[str, Any]:
    return dict(json.loads(text)) if (text := received(line)) else {}


def received(line: socket.socket) -> bytes:
    """The next line that is not empty; nothing at the end."""
    text = b""
    while not text.endswith(b"\n") or not text.strip():
        if not (byte := line.recv(1)):
            return b""
        text += byte
    return text.strip()


def test_an_agent_serves_each_connection_and_ends_with_it(service: Service) -> None:
    first, second = service.connect(), service.connect()
    assert ask(first, "ping")["ok"] and ask(second, "ping")["ok"]
    assert len(service.agents()) == 2
    first.close()
    wait_for(lambda: len(service.agents()) == 1, "the first agent to end")
    assert ask(second, "ping")["ok"]
    second.close()
    assert service.door.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not ROOT, reason="root alone can become others")
def test_only_the_front_ends_user_is_served(data: Path) -> None:
    service = Service(data, OTHER.pw_name)
    try:
        with service.connect() as ours:  # modes do not stop root; it is no front end all the same
            assert ours.recv(1) == b""
        assert service.agents() == []
        assert (service.door.stat().st_uid, service.door.stat().st_gid) == OTHER[2:4]
        assert asked_by(OTHER.pw_uid, service.door).startswith(b'{"id":7,"ok":true')
        assert asked_by(OTHER.pw_uid - 1, service.door).strip() == b"EACCES"
    finally:
        assert service.end() == 0


def asked_by(uid: int, door: Path) -> bytes:
    """What a ping of this user gets."""
    script = (
        "import socket, sys, errno\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "try:\n    s.connect(sys.argv[1])\n"
        "except OSError as e:\n    sys.exit(print(errno.errorcode[e.errno]))\n"
        's.sendall(b\'{"id": 7, "verb": "ping", "args": {}}\\n\')\n'
        "print(s.makefile().readline())\n"
    )
    command = ["/usr/bin/python3", "-c", script, door]
    done = subprocess.run(
        command, user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True, check=True
    )
    return done.stdout


def test_nothing_that_comes_over_it_decides_what_is_started(service: Service) -> None:
    with service.connect() as line:
        line.sendall(b"\0--listen /tmp/x\n" + b"x" * (5 << 20) + b"\n\xff\xfe\n")
        answers = [next_line(line) for _ in range(3)]
        assert [answer["code"] for answer in answers] == ["bad-args"] * 3
        assert ask(line, "ping")["ok"]
        command = Path(f"/proc/{service.agents()[0]}/cmdline").read_bytes().split(b"\0")
    user = [str(number).encode() for number in (os.geteuid(), os.getegid())]
    archive, data = bytes(service.archive), bytes(service.data)
    assert command[1:-1] == [b"-I", archive, b"--front-end", *user, data]


def test_many_connections_are_bounded_and_the_next_is_told(service: Service) -> None:
    lines = [service.connect() for _ in range(MOST)]
    assert all(ask(line, "ping")["ok"] for line in lines)
    with service.connect() as one_more:
        assert f"{MOST} connections" in next_line(one_more)["why"]
        assert one_more.recv(1) == b""
    lines.pop().close()
    wait_for(lambda: len(service.agents()) == MOST - 1, "an agent to end")
    with service.connect() as again:
        assert ask(again, "ping")["ok"]
    for line in lines:
        line.close()


def test_how_an_agent_ended_is_said(service: Service) -> None:
    with service.connect() as line:
        assert ask(line, "ping")["ok"]
        os.kill(service.agents()[0], signal.SIGKILL)
        assert next_line(line) == {"event": "ended", "why": "the agent was killed by signal 9"}
        assert line.recv(1) == b""


def test_agents_end_with_a_service_that_is_told_to_end(service: Service) -> None:
    line = service.connect()
    assert ask(line, "ping")["ok"]
    agent = service.agents()[0]
    assert service.end() == 0
    assert not Path(f"/proc/{agent}").exists()
    line.close()


def test_agents_live_on_when_the_service_is_killed_and_the_next_takes_over(
    service: Service, data: Path
) -> None:
    line = service.connect()
    assert ask(line, "ping")["ok"]
    service.process.kill()
    service.process.wait()
    assert ask(line, "ping")["ok"]
    another = Service(data, pwd.getpwuid(os.geteuid()).pw_name)
    with another.connect() as second:
        assert ask(second, "ping")["ok"]
    assert ask(line, "ping")["ok"]
    line.close()
    assert another.end() == 0


def test_what_others_can_write_is_not_started(data: Path) -> None:
    us = pwd.getpwuid(os.geteuid()).pw_name
    (data / "host").chmod(0o777)
    service = Service(data, us)
    assert service.process.wait(30) == 1
    assert "can be changed by others" in service.log.read_text()


def test_a_second_service_and_a_wrong_user_are_refused(service: Service, data: Path) -> None:
    service.connect().close()
    second = Service(data, pwd.getpwuid(os.geteuid()).pw_name)
    assert second.process.wait(30) == 1
    assert "another process holds" in second.log.read_text()
    unknown = Service(data, "no-such-user")
    assert unknown.process.wait(30) == 1
    assert "there is no user no-such-user" in unknown.log.read_text()


def test_a_socket_of_systemds_is_served(data: Path) -> None:
    """As sd_listen_fds(3) has it: file 3, and who it is for."""
    door, archive = data / "host" / "agent.sock", pack.build(data / "host" / "agent.pyz")
    us = pwd.getpwuid(os.geteuid()).pw_name
    with socket.socket(socket.AF_UNIX) as bound, socket.socket(socket.AF_UNIX) as line:
        bound.bind(str(door))
        bound.listen()
        words = f'LISTEN_PID=$$ LISTEN_FDS=1 exec /usr/bin/python3 -I "$@" 3<&{bound.fileno()}'
        command = ["bash", "-c", words, "sh", archive, "--listen", door, us, data]
        process = subprocess.Popen(command, pass_fds=[bound.fileno()], stderr=subprocess.DEVNULL)
        try:
            line.connect(str(door))
            line.settimeout(60)
            assert ask(line, "ping")["ok"]
        finally:
            process.kill()
            process.wait()
