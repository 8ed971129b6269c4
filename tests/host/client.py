"""The front end's side of the agent's protocol, for tests: one child process and its messages."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Message = dict[str, Any]


class RefusalError(Exception):
    """An answer with ``ok: false``."""

    def __init__(self, answer: Message) -> None:
        super().__init__(f"{answer['code']}: {answer['message']}")
        self.answer = answer
        self.code = answer["code"]


class AgentClient:
    """A packed agent under the system's python3."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, bufsize=0
        )
        self._numbers = 0
        self._answers: dict[int, queue.Queue[Message]] = {}
        self.events: list[Message] = []
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if "event" in message:
                with self._arrived:
                    self.events.append(message)
                    self._arrived.notify_all()
            elif message["id"] in self._answers:
                self._answers[message["id"]].put(message)

    def send(self, verb: str, **args: Any) -> int:
        """Sends a request without waiting; gives its number."""
        self._numbers += 1
        self._answers[self._numbers] = queue.Queue()
        self.send_line(json.dumps({"id": self._numbers, "verb": verb, "args": args}).encode())
        return self._numbers

    def send_line(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    def answer(self, number: int, seconds: float = 120) -> Message:
        """The result that a request got; RefusalError when it got none."""
        message = self._answers[number].get(timeout=seconds)
        if not message["ok"]:
            raise RefusalError(message)
        result: Message = message["result"]
        return result

    def ask(self, verb: str, /, **args: Any) -> Message:
        return self.answer(self.send(verb, **args))

    def wait_event(
        self, wanted: Callable[[Message], bool], since: int = 0, seconds: float = 120
    ) -> Message:
        """The first event from number ``since`` on that is wanted."""
        deadline = time.monotonic() + seconds
        with self._arrived:
            while True:
                for event in self.events[since:]:
                    if wanted(event):
                        return event
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no such event among {self.events[since:]}")

    def close(self) -> int:
        """Ends the agent by ending its input; gives its exit status."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        status = self.process.wait(timeout=30)
        self._reader.join()
        self.process.stdout.close()
        self._log.close()
        return status

    def kill(self) -> None:
        """Ends the agent as a power cut would; nsenter(1) is between us and an agent in a lab."""
        inner = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for process in [*map(int, inner.split()), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.close()


def wait_for(probe: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """The first true result of ``probe``."""
    deadline = time.monotonic() + seconds
    while not (result := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)
    return result
