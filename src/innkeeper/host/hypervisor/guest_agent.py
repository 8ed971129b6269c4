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
#: Seconds in which what is killed is gone.
_DYING = 10.0
#: Characters of base64 that are told of what a command wrote to each of its outputs.
_LONGEST = 1024 * 1024
#: How libvirt begins what a guest's agent itself says against a request.
_SAID_NO = "unable to execute QEMU agent command"

#: Ends a process (its number is put in) and all that descend from it, with what every guest with a shell has.
_KILL = r"""all=%d
while :; do
  more=
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    pid=${line%%%% *}
    set -- ${line##*) }
    case " $all " in *" $pid "*) ;; *" $2 "*) more="$more $pid" ;; esac
  done
  [ "$more" ] || break
  all="$all$more"
done
kill -9 $all
"""


class SaidNoError(RefusedError):
    """The guest's agent answered, and that it does not do this."""


def execute(domain: Any, command: str, stdin: str, seconds: float) -> dict[str, Any]:
    """Runs a command with the guest's shell, once, and waits until it has ended.

    GuestTimeoutError after ``seconds``: it goes on, and nobody hears of its end.
    """
    await_agent(domain)
    told = _ended(domain, begin(domain, command, stdin), seconds)
    if told is None:
        raise GuestTimeoutError(f"the command has not ended in {seconds:g} s; it goes on")
    return told


def await_agent(domain: Any) -> None:
    """Waits for the agent of a guest that has just started; to be asked before what must not be sent twice."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            _ask(domain, "guest-ping", {})
            return
        except RefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LAST_PAUSE)


def begin(domain: Any, command: str, stdin: str) -> int:
    """Begins a command with the guest's shell; the number of its process."""
    arguments = {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True}
    if stdin:
        arguments["input-data"] = stdin
    pid = _ask(domain, "guest-exec", arguments).get("pid")
    if type(pid) is not int:
        raise FailedError("the guest's agent tells a process number that is no number")
    return pid


def look(domain: Any, pid: int) -> dict[str, Any] | None:
    """How a command has ended, which its agent tells once; None while it runs.

    SaidNoError where the agent does not know it: the guest, or its agent, was started anew, or it was told before.
    """
    status = _ask(domain, "guest-exec-status", {"pid": pid})
    return _told(status) if status.get("exited") else None


def kill(domain: Any, pid: int) -> None:
    """Ends a command with all that it has started, and waits until it is gone."""
    _ended(domain, begin(domain, _KILL % pid, ""), _DYING)
    if _ended(domain, pid, _DYING) is None:
        raise GuestTimeoutError(f"the command (process {pid} of the guest) does not end")


def _ended(domain: Any, pid: int, seconds: float) -> dict[str, Any] | None:
    """How a command has ended; None when it has not after so many seconds."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while (told := look(domain, pid)) is None and time.monotonic() <= deadline:
        time.sleep(pause)
        pause = min(2 * pause, _LAST_PAUSE)
    return told


def _ask(domain: Any, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from libvirt_qemu import qemuAgentCommand

    module = libvirt()
    line = json.dumps({"execute": command, "arguments": arguments})
    try:
        answer = json.loads(qemuAgentCommand(domain, line, _ANSWER, 0))["return"]
    except module.libvirtError as problem:
        if problem.get_error_code() == module.VIR_ERR_AGENT_UNRESPONSIVE:
            raise RefusedError(f"the guest of {domain.name()} has no agent that answers") from None
        if _SAID_NO in str(problem):
            raise SaidNoError(f"the guest's agent: {problem}") from None
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
