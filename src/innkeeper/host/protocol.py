"""The line protocol: requests in, answers and events out.

Theory of operation
-------------------
The main thread reads lines and never works. A request goes to a queue of its own key (its VM, or
the file that it makes), and each key's queue is worked off by one thread of a bounded pool at a
time: requests for one VM keep their order, others run beside each other. Verbs that wait long (a
guest shutting down, an image being copied) have a pool of their own, so that they never keep quick
ones waiting. One lock guards the output, so that lines never mix.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from .errors import AgentError, BadArgsError

LONGEST_LINE = 4 * 1024 * 1024
_log = logging.getLogger(__name__)

Message = dict[str, Any]


class Writer:
    """Writes whole lines to the front end, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Writes one message; a front end that went away is noticed by the reader, not here."""
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError as broken:
                _log.warning("cannot answer the front end: %s", broken)


def read_lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """The lines of a stream; None stands for a line that is too long, whose rest is skipped."""
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)
        yield None


def parse(line: bytes | None) -> Message:
    """A request; BadArgsError when the line is not one."""
    if line is None:
        raise BadArgsError("line", f"at most {LONGEST_LINE} bytes", "more")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as broken:
        raise BadArgsError("line", f"one JSON object ({broken})", line[:60]) from broken
    if not isinstance(message, dict):
        raise BadArgsError("line", "one JSON object", message)
    return message


def success(number: Any, result: Message) -> Message:
    """The answer to a request that worked."""
    return {"id": number, "ok": True, "result": result}


def failure(number: Any, problem: Exception) -> Message:
    """The answer to a request that did not work; what we did not foresee is ``failed``."""
    if isinstance(problem, AgentError):
        said = {"code": problem.code, "message": str(problem), **problem.details()}
    elif isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename else ""
        said = {"code": "failed", "message": f"{where}{problem.strerror or problem}"}
    else:
        said = {"code": "failed", "message": f"unexpected {type(problem).__name__}: {problem}"}
    return {"id": number, "ok": False, **said}


class Job:
    """A request that waits for its turn."""

    def __init__(self, verb: str, slow: bool, work: Callable[[], None]) -> None:
        self.verb = verb
        self.slow = slow
        self.work = work


class Dispatcher:
    """Runs jobs on threads: those of one key one after the other, in the order of ``submit``."""

    def __init__(self, quick: int = 16, slow: int = 16) -> None:
        self._pools = {
            False: ThreadPoolExecutor(quick, thread_name_prefix="quick"),
            True: ThreadPoolExecutor(slow, thread_name_prefix="slow"),
        }
        self._lock = threading.Lock()
        self._queues: dict[Hashable, deque[Job]] = {}

    def submit(self, key: Hashable, job: Job) -> None:
        """Queues a job; a key of None has no order."""
        if key is None:
            self._pools[job.slow].submit(job.work)
            return
        with self._lock:
            queue = self._queues.setdefault(key, deque())
            queue.append(job)
            if len(queue) > 1:
                return
        self._pools[job.slow].submit(self._run, key, job)

    def waiting(self, key: Hashable) -> list[str]:
        """The verbs that wait behind the one that runs for ``key``."""
        with self._lock:
            return [job.verb for job in list(self._queues.get(key, ()))[1:]]

    def _run(self, key: Hashable, job: Job) -> None:
        try:
            job.work()
        finally:
            self._next(key)

    def _next(self, key: Hashable) -> None:
        with self._lock:
            queue = self._queues[key]
            queue.popleft()
            if not queue:
                del self._queues[key]
                return
            following = queue[0]
        self._pools[following.slow].submit(self._run, key, following)
