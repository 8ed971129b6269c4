"""The audit log: who asked for what, from where, with what result and why.

Theory of operation
-------------------
An adapter says which call is being answered (`answering`). What that call changes is stored in one transaction with its
line here, so there is no change without a line and no line without a change; refusals have lines of their own. What
nobody asked for, such as what agents report, is told by the event log alone.

Lines are numbered without gaps, and each is chained to the one before by a hash (`link`), so that whoever changes,
takes out or inserts one has to make all later ones anew; whoever noted a number and its hash somewhere else sees that
(`inn audit verify`, which trusts nothing here). Nothing removes lines.

Secrets do not get here: of long texts and templates only their length and SHA-256 are told, of passwords nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from innkeeper.model.errors import Code, Refusal
from innkeeper.model.permissions import Caller
from innkeeper.store.journal import ORIGIN, AuditRow

#: Texts up to this many characters are told as they are, if they are no templates.
SHORT = 80
#: Refused logins told in one second at most; the line after says how many were left out.
REFUSED_LOGINS = 10
SECRET_NAMES: Final = frozenset({"password", "secret", "token", "session", "auth"})


@dataclass
class Call:
    """A call that is being answered: its protocol, the caller's address and port, what it is, and for whom.

    `name` is who the caller says to be, `caller` who that was found to be; `reads`: it changes nothing.
    """

    via: str
    address: str
    what: str
    reads: bool
    name: str = ""
    caller: Caller | None = None
    arguments: Iterable[tuple[str, Any]] = ()
    open: bool = True


_current: ContextVar[Call | None] = ContextVar("call", default=None)


@contextmanager
def answering(call: Call) -> Iterator[None]:
    """Within it, changes are those of this call. What the call leaves running behind it is not."""
    token = _current.set(call)
    try:
        yield
    finally:
        call.open = False
        _current.reset(token)


def current() -> Call | None:
    """The call that is being answered here, if there is one."""
    call = _current.get()
    return call if call is not None and call.open else None


def link(before: str, body: str) -> str:
    """The hash that chains a line to the one before."""
    return hashlib.sha256(f"{before}\n{body}".encode()).hexdigest()


class Trail:
    """The end of the chain, where lines are added."""

    def __init__(self) -> None:
        self.last = ORIGIN
        self._second = 0
        self._refused = 0
        self._left_out = 0

    def done(self, call: Call, at: float, result: object, changed: Iterable[str]) -> AuditRow:
        """The line of a call that changed objects (`vm 7`, ...)."""
        told = {"result": "done", **({"id": result} if type(result) is int else {})}
        return self._add(call, at, {**told, "changed": list(changed)})

    def refused(self, call: Call, at: float, refusal: Refusal) -> AuditRow | None:
        """The line of a refused call, if it has one: looking for what is not there is no matter for the log.

        Refused logins have none when there have been too many in this second.
        """
        if call.reads and refusal.code not in (Code.AUTHENTICATION, Code.AUTHORIZATION):
            return None
        if refusal.code is Code.AUTHENTICATION and self._flooded(int(at)):
            return None
        told = {"result": refusal.code.name, "why": refusal.text}
        return self._add(call, at, told)

    def _flooded(self, second: int) -> bool:
        if second != self._second:
            self._second, self._refused = second, 0
        self._refused += 1
        self._left_out += self._refused > REFUSED_LOGINS
        return self._refused > REFUSED_LOGINS

    def _add(self, call: Call, at: float, told: dict[str, Any]) -> AuditRow:
        number = self.last.seq + 1
        line = {"seq": number, "at": round(at, 3), **_asked(call), **told}
        if self._left_out:
            line["refused_logins_left_out"], self._left_out = self._left_out, 0
        body = msgspec.json.encode(line).decode()
        self.last = AuditRow(number, body, link(self.last.link, body))
        return self.last


def _asked(call: Call) -> dict[str, Any]:
    caller = call.caller
    who: dict[str, Any] = {"claims": call.name[:SHORT]}
    if caller:
        who = {"user": caller.name, "uid": caller.uid, "admin": caller.admin}
    arguments = {name: _shown(name, value) for name, value in call.arguments}
    return {**who, "via": call.via, "from": call.address, "what": call.what, "arguments": arguments}


def _shown(name: str, value: Any) -> Any:
    if name in SECRET_NAMES:
        return "***"
    if isinstance(value, str) and (len(value) > SHORT or "=" in value or "<" in value):
        digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
        return {"characters": len(value), "sha256": digest}
    return value if isinstance(value, (str, int, float, type(None))) else str(value)[:SHORT]
