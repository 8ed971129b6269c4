"""Running the host's own programs."""

from __future__ import annotations

import subprocess

from .errors import FailedError, GuestTimeoutError

DEFAULT_TIMEOUT = 60.0


def run(
    *command: str,
    timeout: float = DEFAULT_TIMEOUT,
    stdin: str | None = None,
    memory_mib: int | None = None,
    good: tuple[int, ...] = (0,),
    fds: tuple[int, ...] = (),
) -> str:
    """Runs a program to its end and gives its standard output.

    The program dies with the agent (``setpriv --pdeathsig``), so that a killed agent leaves no
    copying behind. A failure raises FailedError with the program's own words; a program that
    takes more than ``timeout`` seconds is killed and raises GuestTimeoutError. It may take ``memory_mib``
    of address space, and ends well with one of the statuses ``good``. It inherits the open files ``fds``.
    """
    bounds = [] if memory_mib is None else ["prlimit", f"--as={memory_mib << 20}", "--"]
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "--", *bounds, *command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            pass_fds=fds,
        )
    except subprocess.TimeoutExpired as slow:
        raise GuestTimeoutError(f"{command[0]} took more than {timeout:g} s") from slow
    except OSError as broken:
        raise FailedError(f"cannot run {command[0]}: {broken.strerror}") from broken
    if done.returncode not in good:
        raise FailedError(f"{command[0]}: {_complaint(done.stderr, done.returncode)}")
    return done.stdout


def _complaint(stderr: str, status: int) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[:600] if lines else f"ended with status {status}"
