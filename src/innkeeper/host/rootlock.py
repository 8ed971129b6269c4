"""One agent at a time serves a root.

The lock is a POSIX record lock: the kernel drops it when its process dies, however it dies, and
tells who holds it. The front end starts a new agent only when it has given up the old one (a link
that hangs, say), so the newcomer wins: the old agent is asked to end, then killed. Every verb may
be cut anywhere, and guests do not depend on the agent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from pathlib import Path

from . import locks
from .errors import RefusedError

_PATIENCE = 5.0
_log = logging.getLogger(__name__)


class RootLock:
    """The lock on one root, held until the process ends."""

    def __init__(self, root: Path) -> None:
        self._path = root / "lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take_over(self) -> None:
        """Takes the lock; an older agent that holds it is ended first."""
        started = time.monotonic()
        while not locks.take(self._descriptor):
            waited = time.monotonic() - started
            if waited > 2 * _PATIENCE:
                raise RefusedError(f"another agent holds {self._path} and cannot be ended")
            self._end_holder(signal.SIGTERM if waited < _PATIENCE else signal.SIGKILL)
            time.sleep(0.05)

    def _end_holder(self, how: signal.Signals) -> None:
        process = locks.holder(self._descriptor)
        if process is None:
            return
        if process <= 0:
            raise RefusedError(f"an agent outside this process namespace holds {self._path}")
        _log.warning("ending the agent %d that holds %s", process, self._path)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, how)
