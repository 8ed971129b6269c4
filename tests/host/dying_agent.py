"""Runs the packed agent and kills it just before the n-th thing that it does to its host.

Usage: dying_agent.py AGENT.pyz N. Counted are calls, on the threads that work on requests, that
change files, run programs or change domains; what the agent looks at is not counted.
"""

import os
import signal
import sys
import threading
from typing import Any

_FILES = {
    "chmod", "fsync", "ftruncate", "mkdir", "open", "rename", "replace", "rmdir", "symlink",
    "unlink", "write",
}  # fmt: skip
_DOMAINS = {
    "virDomainCreateXML", "virDomainDestroy", "virDomainSave", "virDomainRestoreFlags",
    "virDomainResume", "virDomainSuspend", "virDomainShutdownFlags",
}  # fmt: skip
_left = int(sys.argv[2])


def changes_something(function: Any) -> bool:
    module, name = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    if module == "posix":
        return name in _FILES
    return name == "fork_exec" or name in _DOMAINS


def count(_frame: Any, event: str, argument: Any) -> None:
    global _left
    if event != "c_call" or not changes_something(argument):
        return
    if threading.current_thread().name.startswith(("quick", "slow")):
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[1:2]
threading.setprofile(count)
from innkeeper_agent.__main__ import main  # type: ignore[import-not-found]  # noqa: E402

main()
