"""One agent at a time: the newcomer ends the one that holds the lock."""

import subprocess
import sys
from pathlib import Path

from innkeeper.host.rootlock import RootLock

_HOLDER = """
import signal, sys, time
from pathlib import Path
from innkeeper.host.rootlock import RootLock
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = RootLock(Path(sys.argv[1]))
lock.take_over()
print("held", flush=True)
time.sleep(600)
"""


def holder(folder: Path, kind: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder), kind], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "held\n"
    return process


def test_the_holder_is_asked_to_end(tmp_path: Path) -> None:
    process = holder(tmp_path, "polite")
    RootLock(tmp_path).take_over()
    assert process.wait(timeout=60) == -15


def test_a_holder_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = holder(tmp_path, "deaf")
    RootLock(tmp_path).take_over()
    assert process.wait(timeout=60) == -9


def test_a_lock_that_nobody_holds_is_taken(tmp_path: Path) -> None:
    process = holder(tmp_path, "polite")
    process.kill()
    process.wait()
    RootLock(tmp_path).take_over()
