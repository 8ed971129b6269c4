"""The daemon as a process: addresses, pid files that lie, what is gone."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import process
from innkeeper.cli.local.folder import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    (tmp_path / "host").mkdir()
    return DataFolder(tmp_path)


@pytest.fixture
def sleeper(folder: DataFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like the daemon of this folder."""
    waits = "print(flush=True); input()"
    command = [sys.executable, "-c", waits, "daemon", "--data", str(folder.root)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.kill()
    child.communicate()


@pytest.mark.parametrize(
    ("listen", "reached"),
    [
        ("127.0.0.1:2633", "127.0.0.1:2633"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("[::]:2633", "[::1]:2633"),
        ("[fd00::1]:9", "[fd00::1]:9"),
        ("front.example:2633", "front.example:2633"),
    ],
)
def test_where_a_listening_daemon_is_reached(listen: str, reached: str) -> None:
    assert process.reachable_address(listen) == reached


@pytest.mark.parametrize("listen", ["2633", "host", "host:", ":1", "h:0", "h:65536", "h:x", ""])
def test_a_bad_address_is_refused_with_what_was_expected(listen: str) -> None:
    with pytest.raises(CliError, match="--listen: expected HOST:PORT"):
        process.split_listen(listen)


def test_the_pid_file_is_believed_only_for_a_daemon_of_this_folder(
    folder: DataFolder, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert process.running_pid(folder) is None
    folder.pid_file.write_text(f"{sleeper.pid}\n")
    assert process.running_pid(folder) == sleeper.pid
    folder.pid_file.write_text(f"{os.getpid()}\n")
    assert process.running_pid(folder) is None
    folder.pid_file.write_text("nonsense")
    assert process.running_pid(folder) is None


def test_who_holds_the_database_is_the_daemon_whatever_the_pid_file_says(
    folder: DataFolder,
) -> None:
    folder.lock_file.parent.mkdir()
    folder.lock_file.write_text(f"{os.getpid()}\n")
    assert process.running_pid(folder) is None
    with folder.lock_file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert process.running_pid(folder) == os.getpid()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")
def test_a_lock_of_the_front_ends_user_never_names_a_process_of_another(
    folder: DataFolder,
) -> None:
    """Else root would end whatever process its number is written there."""
    folder.lock_file.parent.mkdir()
    folder.lock_file.write_text(f"{os.getpid()}\n")
    os.chown(folder.lock_file, 65534, 65534)
    with folder.lock_file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert process.running_pid(folder) is None


def test_a_process_that_ended_is_gone_even_before_its_parent_noticed(
    sleeper: subprocess.Popen[bytes],
) -> None:
    assert not process.is_gone(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert process.is_gone(sleeper.pid)


def test_nobody_answers_at_a_free_port(folder: DataFolder) -> None:
    assert not process.answers(folder, "127.0.0.1:1")
