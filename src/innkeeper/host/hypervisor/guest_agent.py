"""Commands inside a guest, by way of the QEMU guest agent that runs there.

What the guest answers is a stranger's word: everything in it is checked.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from ..errors import FailedError, GuestTimeoutError, RefusedError
from .binding import libvirt

#: Seconds that the guest's agent may take to answer.
_ANSWER = 10
#: Seconds that a guest which has just started has until its agent answers.
_PATIENCE = 20.0
#: Seconds between looks whether a command has ended: at first, and at last.
_FIRST_PAUSE, _LAST_PAUSE = 0.05, 1.0
#: Characters of base64 that are told of what a command wrote to each of its outputs.
_LONGEST = 1024 * 1024


def execute(domain: Any, command: str, stdin: str, seconds: float) -> dict[str, Any]:
    """Runs a command with the guest's shell, once, and waits until it has ended.

    GuestTimeoutError after ``seconds``: it goes on, and nobody hears of its end.
    """
    arguments = {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True}
    if stdin:
        arguments["input-data"] = stdin
    _await_agent(domain)
    pid = _ask(domain, "guest-exec", arguments).get("pid")
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while True:
        status = _ask(domain, "guest-exec-status", {"pid": pid})
        if status.get("exited"):
            return _told(status)
        if time.monotonic() > deadline:
            raise GuestTimeoutError(f"the command has not ended in {seconds:g} s; it goes on")
        time.sleep(pause)
        pause = min(2 * pause, _LAST_PAUSE)


def _await_agent(domain: Any) -> None:
    """Asked before the command, which must not be sent twice."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            _ask(domain, "guest-ping", {})
            return
        except RefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LAST_PAUSE)


def _ask(domain: Any, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from libvirt_qemu import qemuAgentCommand

    module = libvirt()
    line = json.dumps({"execute": command, "arguments": arguments})
    try:
        answer = json.loads(qemuAgentCommand(domain, line, _ANSWER, 0))["return"]
    except module.libvirtError as problem:
        if problem.get_error_code() == module.VIR_ERR_AGENT_UNRESPONSIVE:
            raise RefusedError(f"the guest of {domain.name()} has no agent that answers") from None
        raise
    except (ValueError, KeyError, TypeError):
        raise FailedError(f"the guest's agent answers {command} with nonsense") from None
    if not isinstance(answer, dict):
        raise FailedError(f"the guest's agent answers {command} with nonsense")
    return answer


def _told(status: dict[str, Any]) -> dict[str, Any]:
    """Exit code (128 and the signal's number, as shells say it) and outputs; ``cut`` when they were longer."""
    died = "exitcode" not in status
    code = status.get("signal", 0) if died else status["exitcode"]
    if type(code) is not int:
        raise FailedError("the guest's agent tells an exit code that is no number")
    outputs = {name: _base64(status.get(f"{short}-data")) for name, short in _OUTPUTS}
    cut = any(status.get(f"{short}-truncated") for _, short in _OUTPUTS)
    cut = cut or any(len(text) > _LONGEST for text in outputs.values())
    return {
        "code": 128 + code if died else code,
        "cut": cut,
        **{n: text[:_LONGEST] for n, text in outputs.items()},
    }


_OUTPUTS = (("stdout", "out"), ("stderr", "err"))


def _base64(text: Any) -> str:
    try:
        base64.b64decode(text or "", validate=True)
    except (ValueError, TypeError):
        raise FailedError("the guest's agent tells what is not base64") from None
    return text or ""
