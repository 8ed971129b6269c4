"""Commands in the guests of a simulated host: nothing runs, but they begin, go on, end and are lost as real ones do.

`sleep N` goes on until it has been looked at N times; everything else ends at once.
"""

import re
from typing import TYPE_CHECKING, Any

from .link import AgentError, Result

if TYPE_CHECKING:
    from .simulated import Guest

_SLEEP = re.compile(r"sleep (\d+)")


class Commands:
    """The part of a simulated host that runs them."""

    def _guest_exec(self, args: dict[str, Any]) -> None:
        raise AgentError("refused", f"VM {args['vm']} runs no commands: its host is simulated")

    def _guest_start(self, args: dict[str, Any]) -> Result:
        guest, command = self._running(args), str(args["command"])
        pid = int(args["generation"])
        slept = _SLEEP.fullmatch(command)
        guest.commands.setdefault(pid, int(slept[1]) if slept else 0)
        return {"pid": pid}

    def _guest_look(self, args: dict[str, Any]) -> Result:
        guest, pid = self._there(args), int(args["pid"])
        if guest is None or guest.state == "off":
            raise AgentError("refused", f"VM {args['vm']} is not running here")
        left = guest.commands.get(pid)
        if left is None:
            return {"state": "lost"}
        if left:
            guest.commands[pid] = left - 1
            return {"state": "running"}
        return {"state": "ended", "code": 0, "stdout": "", "stderr": "", "cut": False}

    def _guest_kill(self, args: dict[str, Any]) -> Result:
        guest, pid = self._admit(args), int(args.get("begun", args.get("pid", -1)))
        if guest is None or guest.state == "off" or pid not in guest.commands:
            return {"state": "lost"}
        if not guest.commands[pid]:
            return {"state": "ended", "code": 0, "stdout": "", "stderr": "", "cut": False}
        del guest.commands[pid]
        return {"state": "killed"}

    # -- what the host itself does (`simulated.py`)

    if TYPE_CHECKING:

        def _admit(self, args: dict[str, Any]) -> "Guest | None": ...
        def _running(self, args: dict[str, Any]) -> "Guest": ...
        def _there(self, args: dict[str, Any]) -> "Guest | None": ...
