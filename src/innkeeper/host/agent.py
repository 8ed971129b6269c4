"""The agent's loop: requests from standard input to threads, answers and events to standard output."""

from __future__ import annotations

import logging
import os
import sys
from typing import IO, Any

from . import bounds, guest_commands, moves, reaching  # noqa: F401 - verbs of the last three enter the table
from .arguments import Arguments
from .errors import AgentError, RefusedError, UnknownVerbError
from .folders import Root
from .protocol import Dispatcher, Job, Message, Writer, failure, parse, read_lines, success
from .service import Service
from .verbs import VERBS, Request, Verb

DEFAULT_ROOT = "/var/lib/innkeeper/host"
#: Answered by the thread that reads, before ``hello`` and however busy the others are.
_IMMEDIATE = frozenset({"ping", "identify"})
_log = logging.getLogger(__name__)


class Agent:
    """Serves one front end over a pair of streams."""

    def __init__(self, requests: IO[bytes], answers: int) -> None:
        self._requests = requests
        self._writer = Writer(answers)
        self._dispatcher = Dispatcher()
        self._service: Service | None = None

    def run(self) -> None:
        """Works until the requests end."""
        for line in read_lines(self._requests):
            number = None
            try:
                message = parse(line)
                number = message.get("id")
                self._take(number, message)
            except Exception as problem:
                self._fail(number, "", problem)

    def _take(self, number: Any, message: Message) -> None:
        name = Arguments(message).text("verb")
        args = Arguments(message.get("args") or {}, "")
        if name == "hello":
            # Here, so that nothing that comes after it can overtake it.
            self._writer.send(success(number, self._hello(args)))
            return
        verb = VERBS.get(name)
        if verb is None:
            raise UnknownVerbError(f"there is no verb {name[:60]!r}")
        if self._service is None and name not in _IMMEDIATE:
            raise RefusedError("hello must come first")
        key = verb.queue(args)
        job = Job(name, verb.slow, lambda: self._work(number, name, verb, args, key))
        if name in _IMMEDIATE:
            job.work()
        else:
            self._dispatcher.submit(key, job)

    def _work(self, number: Any, name: str, verb: Verb, args: Arguments, key: Any) -> None:
        def progress(done: int, total: int | None) -> None:
            self._writer.send({"event": "progress", "id": number, "done": done, "total": total})

        request = Request(
            args=args,
            service=self._service,  # type: ignore[arg-type] # what comes before hello needs none
            progress=progress,
            waiting=lambda: self._dispatcher.waiting(key),
        )
        try:
            answer = success(number, verb.run(request))
        except Exception as problem:
            self._fail(number, name, problem)
        else:
            self._writer.send(answer)

    def _fail(self, number: Any, name: str, problem: Exception) -> None:
        known = explained(problem)
        if isinstance(known, AgentError | OSError):
            _log.info("request %s %s: %s", number, name, known)
        else:
            _log.exception("request %s %s", number, name)
        self._writer.send(failure(number, known))

    def _hello(self, args: Arguments) -> Message:
        zone = args.text("zone")
        path = args.path("root") if "root" in args else DEFAULT_ROOT
        bounds.check_root(path)
        hypervisor = args.choice("role", ("host", "store"), "host") == "host"
        service = self._service
        if service is not None and service.zone != zone:
            raise RefusedError(f"this agent serves zone {service.zone!r}")
        if service is None or service.root.path != Root(path).path:
            if service is not None:
                raise RefusedError(f"this agent serves {service.root.path}")
            service = Service(Root(path), zone, self._writer.send)
            service.root.claim(zone)
        if hypervisor:
            service.take_over()
        self._service = service
        return service.facts(hypervisor)


def explained(problem: Exception) -> Exception:
    """libvirt's errors as ours; others as they are."""
    if type(problem).__module__ != "libvirt":
        return problem
    from .hypervisor.binding import explained as libvirt_explained

    return libvirt_explained(problem)


def serve() -> None:
    """Serves standard input and output. What else prints there by mistake goes to the log."""
    answers = os.dup(sys.stdout.fileno())
    os.set_inheritable(answers, False)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Agent(sys.stdin.buffer, answers).run()
    _log.info("the front end is gone; ending")
    # Threads may be at work; every verb may be cut anywhere, and is sent again.
    sys.stderr.flush()
    os._exit(0)
