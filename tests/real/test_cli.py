"""The command line against a real guest: its serial port, its log, its network, its life by name."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.zone import Zone, wait_for

pytestmark = pytest.mark.real

NAME = "by-hand"
INN = [sys.executable, "-m", "innkeeper.cli.main"]
CTRL_C, CTRL_BRACKET = b"\x03", b"\x1d"

Run = Callable[..., subprocess.CompletedProcess[str]]
Do = Callable[..., Any]


@pytest.fixture(scope="module")
def environment(zone: Zone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user's environment: endpoint and credentials are found in the data folder."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("INN", "ONE"))
    }
    home = tmp_path_factory.mktemp("home")
    return kept | {"INN_DATA": str(zone.data), "HOME": str(home), "TERM": "xterm"}


@pytest.fixture(scope="module")
def inn(environment: dict[str, str]) -> Run:
    """Run `inn`, whatever comes of it."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*INN, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=330
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def do(inn: Run) -> Do:
    """Run a command that must succeed; its output."""

    def run(*arguments: str, stdin: str = "") -> str:
        done = inn(*arguments, stdin=stdin)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    return run


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ssh") / "key"
    line = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "by-hand", "-f", path]
    subprocess.run(line, check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def number(zone: Zone, do: Do, key: Path) -> Iterator[str]:
    """A VM made, waited for and ended with `inn` alone; its number. It lets the key in."""
    do("template", "create", "--name", "for-hands", "--cpu", "0.1", "--memory", "96", "--disk", "tiny",
       "--nic", "lan", "--ssh", f"{key}.pub", "--context", "SET_HOSTNAME=$NAME")  # fmt: skip
    made = do("template", "instantiate", "for-hands", "--name", NAME)
    address = do("vm", "wait", NAME, "--address", "--timeout", "300").strip()
    number = made.removeprefix("ID: ").strip()
    assert address == zone.address(int(number))
    yield number
    do("vm", "terminate", NAME, "--hard")
    do("vm", "wait", number, "done")
    do("template", "delete", "for-hands")


class Terminal:
    """`inn` at a pseudo terminal: keys go in, what is shown comes out."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*INN, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )  # fmt: skip
        os.close(theirs)
        self.shown = b""

    def until(self, text: bytes, seconds: float = 60.0, again: bytes = b"") -> None:
        """Reads until a text is shown that was not there before; types `again` whenever nothing comes for a second."""
        deadline, start = time.monotonic() + seconds, len(self.shown)
        while text not in self.shown[start:]:
            left = deadline - time.monotonic()
            assert left > 0, (text, self.shown)
            if select.select([self.ours], [], [], min(left, 1.0) if again else left)[0]:
                self.shown += os.read(self.ours, 4096)
            elif again:
                self.type(again)

    def is_raw(self) -> bool:
        local_modes: int = termios.tcgetattr(self.ours)[3]
        return not local_modes & termios.ICANON

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def test_a_person_talks_to_the_serial_console(
    environment: dict[str, str], number: str, do: Do
) -> None:
    with contextlib.closing(Terminal(environment, "vm", "console", NAME)) as terminal:
        wait_for(terminal.is_raw, "the terminal hands every key on", 30)
        terminal.type(b"\r")
        terminal.until(b"# ")
        terminal.type(b"echo console-$((6*7))\r")
        terminal.until(b"console-42")
        terminal.type(b"cat\r")
        terminal.until(b"mirror\r\nmirror", again=b"mirror\r")  # now it has the keys, not the shell
        terminal.type(CTRL_C)  # ends what runs in the guest, not the session
        terminal.until(b"# ")  # what is typed before the shell is back may get lost
        terminal.type(b"echo still-$((2+3))\r")
        terminal.until(b"still-5")
        terminal.type(CTRL_BRACKET)
        terminal.until(b"Console closed.")
        assert terminal.process.wait(30) == 0
        assert not terminal.is_raw()


def test_a_pipe_talks_to_the_serial_console(number: str, do: Do) -> None:
    shown = do("vm", "console", NAME, "--quiet-for", "3", stdin="\necho piped-$((40+2))\n")
    assert "piped-42" in shown


def test_the_log_holds_what_the_guest_wrote(number: str, do: Do) -> None:
    log = do("vm", "log", NAME)
    assert "TINY READY" in log and f"host={NAME}" in log
    assert "console-42" in log  # the console is in it, too
    assert "TINY READY" not in do("vm", "log", NAME, "-n", "1")


def test_the_log_of_qemu_has_its_command_line(number: str, do: Do) -> None:
    log = do("vm", "log", NAME, "--qemu")
    assert f"guest=one-{number}," in log and "-machine" in log


def test_a_person_logs_in_with_the_key_of_the_template(number: str, do: Do, key: Path) -> None:
    options = f"-i {key} -o BatchMode=yes -o UserKnownHostsFile={key}.known"
    said = do("vm", "ssh", NAME, "--ssh-options", options, "--", "hostname; echo ssh-$((6*7))")
    assert said.split() == [NAME, "ssh-42"]


def test_why_it_is_where_it_is(zone: Zone, number: str, do: Do) -> None:
    text = do("why", NAME)
    assert text.startswith(f"VM {number}: ")
    told = json.loads(do("why", NAME, "--json"))
    assert told["state"] == "RUNNING"
    [host] = told["hosts"]
    assert (host["host"], host["verdict"]) == (zone.host, "chosen")


def test_suspended_and_resumed_by_name_it_goes_on(number: str, do: Do, zone: Zone) -> None:
    boot = zone.answers(int(number))["boot_id"]
    do("vm", "suspend", NAME)
    do("vm", "wait", NAME, "suspended")
    assert zone.qemu_pid(int(number)) is None
    do("vm", "resume", NAME)
    do("vm", "wait", NAME, "--address", "--port", "80")
    assert zone.answers(int(number))["boot_id"] == boot


def test_the_story_tells_it_all(zone: Zone, number: str, do: Do) -> None:
    lines = do("vm", "story", NAME).splitlines()
    host = zone.api.host.info(zone.host).NAME
    told = iter(lines)
    for sentence in (
        "oneadmin makes it, PENDING",
        f"deploy begins on {host}",
        "deploy is done",
        "oneadmin asks for suspend",
        "SAVE_SUSPEND -> SUSPENDED",
        "oneadmin asks for resume",
        "BOOT_SUSPENDED -> RUNNING",
    ):
        assert any(line.endswith(sentence) for line in told), (sentence, lines)


def test_monitoring_shows_what_the_guest_uses(number: str, do: Do) -> None:
    def last() -> dict[str, Any] | None:
        samples = json.loads(do("vm", "monitoring", NAME, "--json"))
        # While it was suspended, only its disks were measured.
        return samples[-1] if samples and "MEMORY" in samples[-1] else None

    sample = wait_for(last, "the running guest was measured", 60)
    assert sample["ID"] == int(number) and sample["MEMORY"] > 0
    assert json.loads(do("host", "monitoring", "--json"))[0]["CAPACITY"]["USED_MEMORY"] > 0


def test_the_doctor_finds_nothing(number: str, do: Do) -> None:
    assert do("doctor") == "nothing is wrong\n"


def test_exit_codes(number: str, inn: Run, environment: dict[str, str]) -> None:
    codes = {
        ("vm", "show", NAME): 0,
        ("vm", "resume", NAME): 1,  # it runs
        ("vm", "wait", NAME, "nowhere"): 2,
        ("vm", "show", "nobody"): 3,
        ("vm", "console", "99999"): 3,
        ("vm", "list", "--user", "oneadmin", "--password", "wrong"): 4,
        ("vm", "list", "--endpoint", "http://127.0.0.1:1"): 5,
        ("vm", "wait", NAME, "poweroff", "--timeout", "0.2"): 6,
    }
    for line, code in codes.items():
        done = inn(*line)
        assert done.returncode == code, (line, done.stderr)
        assert "Traceback" not in done.stderr
