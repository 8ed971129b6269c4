"""Exit codes of `inn`, and the one kind of error that ends a command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of `inn` means; the root help prints the same table."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    UNREACHABLE = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


class CliError(Exception):
    """Ends the command with one line on standard error and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


class Refused(CliError):
    """The front end said no."""


_HTTP_STATUS = {
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    408: ExitCode.TIMED_OUT,
    502: ExitCode.UNREACHABLE,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.TIMED_OUT,
}


def exit_code_of_status(status: int) -> ExitCode:
    """The exit code for an HTTP status of 400 or more."""
    return _HTTP_STATUS.get(status, ExitCode.FAILED)
