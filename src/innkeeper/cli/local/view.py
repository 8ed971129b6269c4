"""Where the front end's code lies in a folder that is closed to its user (`/root`, say): a view in which it is reached.

Theory of operation
-------------------
A process of its own mount namespace sees, in the place of a closed folder, an empty one in which there is nothing but
the code, at the same path and not to be written to. What is mounted on the machine later is seen there too.
"""

from __future__ import annotations

import shlex
import stat
import sys
from pathlib import Path

from innkeeper.cli.errors import CliError
from innkeeper.cli.local.account import Account

_SOURCES = Path(__file__).resolve().parents[4]


def command(account: Account, stage: Path) -> list[str]:
    """What to put before a command of root's so that the user finds the code; nothing where it does anyway.

    `stage` is a folder of root's that is used on the way, and seen by nobody.
    """
    closed: dict[Path, list[Path]] = {}
    for needed in _needed():
        if not _may(needed, account, stat.S_IROTH | stat.S_IXOTH):
            raise CliError(
                f"{needed} is closed to the front end's user {account.name} (chmod o+rx)"
            )
        gate = _gate(needed, account)
        if gate is not None:
            closed.setdefault(gate, []).append(needed)
    if not closed:
        return []
    stage.mkdir(exist_ok=True)
    script = "\n".join(["umask 022", *_steps(closed, stage), 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-ec", script, "sh"]


def _needed() -> list[Path]:
    """The interpreter, what is installed for it, and the source tree when that is what runs."""
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    if (_SOURCES / "pyproject.toml").exists():
        found.append(_SOURCES)
    outer: list[Path] = []
    for path in sorted({each.resolve() for each in found}):
        if not any(path.is_relative_to(known) for known in outer):
            outer.append(path)
    return outer


def _gate(path: Path, account: Account) -> Path | None:
    """The first folder on the way to a path that the user cannot pass."""
    for parent in reversed(path.parents):
        if not _may(parent, account, stat.S_IXOTH):
            return parent
    return None


def _may(path: Path, account: Account, others: int) -> bool:
    """Whether the user has these rights, as they are written for others."""
    status = path.stat()
    if status.st_uid == account.uid:
        return status.st_mode >> 6 & others == others
    if status.st_gid in account.groups():
        return status.st_mode >> 3 & others == others
    return status.st_mode & others == others


def _steps(closed: dict[Path, list[Path]], stage: Path) -> list[str]:
    aside = shlex.quote(str(stage))
    steps = [f"mount -t tmpfs -o mode=700 innkeeper {aside}"]
    for number, (gate, inside) in enumerate(closed.items()):
        kept, shown = shlex.quote(str(stage / str(number))), shlex.quote(str(gate))
        steps += [f"mkdir {kept}", f"mount --rbind {shown} {kept}"]
        steps.append(f"mount -t tmpfs -o mode=711,size=1m innkeeper {shown}")
        for path in inside:
            origin = shlex.quote(str(stage / str(number) / path.relative_to(gate)))
            there = shlex.quote(str(path))
            steps += [f"mkdir -p {there}", f"mount --rbind {origin} {there}"]
            steps.append(f"mount -o remount,bind,ro {there}")
    return [*steps, f"umount -l {aside}"]
