"""The ways in which a request can fail, one class for each code of the protocol."""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """A request that failed; ``code`` says how, the text says why."""

    code: ClassVar[str] = "failed"

    def details(self) -> dict[str, object]:
        """Members of the answer besides ``code`` and ``message``."""
        return {}


class RefusedError(AgentError):
    """Will not work if tried again."""

    code = "refused"


class StaleError(AgentError):
    """A newer generation of this VM was seen here."""

    code = "stale"


class MissingError(AgentError):
    """The host lacks a file that the front end must bring first."""

    code = "missing"

    def __init__(self, file: str, message: str = "") -> None:
        super().__init__(message or f"there is no file {file} on this host")
        self.file = file

    def details(self) -> dict[str, object]:
        return {"file": self.file}


class GuestTimeoutError(AgentError):
    """The guest or a tool did not do it in time; the effect is unknown or partial."""

    code = "timeout"


class FailedError(AgentError):
    """The hypervisor or a tool said no; may work if tried again."""

    code = "failed"


class UnknownVerbError(AgentError):
    """No such verb."""

    code = "unknown-verb"


class BadArgsError(AgentError):
    """An argument is absent or of the wrong kind; ``argument`` names it."""

    code = "bad-args"

    def __init__(self, argument: str, expected: str, got: object) -> None:
        shown = "nothing" if got is None else f"{type(got).__name__} {str(got)[:80]!r}"
        super().__init__(f"{argument}: expected {expected}, got {shown}")
        self.argument = argument

    def details(self) -> dict[str, object]:
        return {"argument": self.argument}
