"""The verbs by which commands run in guests; part of the table in `verbs.py`.

One that nobody waits for is begun, looked after and ended by verbs of their own. ``command.json`` in the VM's folder
tells of the last one: the generation with which it was begun, the number of its process, and, once that was seen, what
came of it: a guest's agent tells how a command ended once only.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from .arguments import Arguments
from .errors import RefusedError
from .files import read_json, remove_durably, write_json
from .folders import VmFolder
from .hypervisor import guest_agent
from .hypervisor.guest_agent import SaidNoError
from .verbs import Request, Result, per_vm, verb

#: Seconds that a command may take when the request does not say.
_USUAL_TIME = 60.0
_RUNNING, _LOST, _KILLED = {"state": "running"}, {"state": "lost"}, {"state": "killed"}


def _per_command(args: Arguments) -> Hashable:
    return ("command", args.integer("vm"))


def _noted(folder: VmFolder) -> dict[str, Any]:
    return read_json(folder.command) or {}


@verb("guest.exec", slow=True)
def _exec(request: Request) -> Result:
    args = request.args
    domain = request.hypervisor().running(args.integer("vm"))
    seconds = args.number("seconds", _USUAL_TIME)
    return guest_agent.execute(domain, args.text("command"), args.text("stdin", ""), seconds)


@verb("guest.start", per_vm, slow=True)
def _start(request: Request) -> Result:
    args, folder, generation = request.args, request.folder(), request.generation()
    command, stdin = args.text("command"), args.text("stdin", "")
    domain = request.hypervisor().running(folder.vm)
    noted = _noted(folder)
    if generation in (noted.get("generation"), folder.state().executed):
        if "pid" not in noted:
            raise RefusedError(f"whether the command was begun in VM {folder.vm} was not heard")
        return {"pid": noted["pid"]}
    guest_agent.await_agent(domain)
    write_json(folder.command, {"generation": generation})
    try:
        pid = guest_agent.begin(domain, command, stdin)
    except SaidNoError:
        remove_durably(folder.command)
        raise
    write_json(folder.command, {"generation": generation, "pid": pid})
    return {"pid": pid}


@verb("guest.look", _per_command)
def _look(request: Request) -> Result:
    folder = request.service.root.folder(request.args.integer("vm"))
    pid, noted = request.args.integer("pid"), _noted(folder)
    if noted.get("pid") == pid and "ended" in noted:
        return dict(noted["ended"])
    try:
        told = guest_agent.look(request.hypervisor().running(folder.vm), pid)
    except SaidNoError:
        return _LOST
    return _RUNNING if told is None else _note(folder, pid, {"state": "ended", **told})


@verb("guest.kill", per_vm, slow=True)
def _kill(request: Request) -> Result:
    folder, args = request.folder(), request.args
    noted = _noted(folder)
    begun = args.integer("begun", -1)
    pid = noted.get("pid") if begun == noted.get("generation") else args.integer("pid", -1)
    if noted.get("pid") == pid and "ended" in noted:
        return dict(noted["ended"])
    domain = request.hypervisor().find(folder.vm)
    if domain is None or pid is None or pid < 0:
        return _LOST
    try:
        told = guest_agent.look(domain, pid)
        if told is not None:
            return _note(folder, pid, {"state": "ended", **told})
        guest_agent.kill(domain, pid)
    except SaidNoError:
        return _LOST
    return _note(folder, pid, _KILLED)


def _note(folder: VmFolder, pid: int, ended: Result) -> Result:
    """Remembers what came of a command, if it is the one that was begun here."""
    noted = _noted(folder)
    if noted.get("pid") == pid:
        write_json(folder.command, {**noted, "ended": ended})
    return ended
