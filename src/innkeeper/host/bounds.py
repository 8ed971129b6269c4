"""What an agent may be told by a front end that is not root (``--front-end``, see listener.py).

Theory of operation
-------------------
An agent works as root, and does what its front end says. Where that is another user of this machine, the agent's
folder is fixed, files may be named only in a few folders, hooks run as that user, and what would be root by another
name is refused: libvirt's XML as it is, kernel settings but those of networks and memory. Root says more in
``agent.toml`` of the agent's folder: ``folders`` (more of them) and ``raw`` (true: XML as it is).

Names are looked at when a request comes. The front end owns its datastores: it could put a link in a file's place
after that. So this keeps mistakes, and requests that were smuggled into a front end, from the machine's files; it is
no sandbox for somebody who runs programs as the front end's user.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any

from .errors import RefusedError

#: Folders of the data folder in which the front end may name files: its images, and what is on its way.
_SHARED = ("host", "datastores", "transit")
#: Kernel settings that cannot make a program run, nor show another's memory.
_SETTINGS = ("net", "vm")


@dataclasses.dataclass(frozen=True)
class Bounds:
    """A front end's user, and what it may ask for."""

    uid: int
    gid: int
    data: Path
    folders: tuple[Path, ...] = ()
    raw: bool = False

    @property
    def root(self) -> Path:
        """The only folder that the agent may have as its own."""
        return self.data / "host"

    def covers(self, path: str) -> bool:
        """Whether the front end may name this file, wherever links lead."""
        real = Path(path).resolve()
        allowed = (*(self.data / name for name in _SHARED), *self.folders)
        return any(real.is_relative_to(folder.resolve()) for folder in allowed)


_bounds: Bounds | None = None


def read(uid: int, gid: int, data: Path) -> Bounds:
    """The bounds of a front end, with what root has written about them. Raises RefusedError."""
    file = data / "host" / "agent.toml"
    try:
        said = tomllib.loads(file.read_text())
    except FileNotFoundError:
        said = {}
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise RefusedError(f"{file}: {problem}") from problem
    folders, raw = said.pop("folders", []), said.pop("raw", False)
    if not isinstance(folders, list) or not all(_absolute(each) for each in folders):
        raise RefusedError(f"{file}: folders: expected a list of absolute paths, got {folders!r}")
    if not isinstance(raw, bool):
        raise RefusedError(f"{file}: raw: expected true or false, got {raw!r}")
    if said:
        raise RefusedError(f"{file}: expected folders and raw, got {', '.join(sorted(said))}")
    return Bounds(uid, gid, data, tuple(Path(each) for each in folders), raw)


def _absolute(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/")


def keep(bounds: Bounds | None) -> None:
    """From now on this process keeps to these bounds; None: to none. It has one user, and so has this."""
    global _bounds
    _bounds = bounds


def check_path(path: str) -> None:
    """Refuses a file that the front end may not name."""
    if _bounds is not None and not _bounds.covers(path):
        raise RefusedError(
            f"{path} is in no folder that the front end may name here"
            f" ({_bounds.root}/agent.toml says which)"
        )


def check_root(path: str) -> None:
    """Refuses another folder than the agent's own."""
    if _bounds is not None and Path(path) != _bounds.root:
        raise RefusedError(f"this agent's folder is {_bounds.root}, not {path}")


def check_raw() -> None:
    """Refuses libvirt's XML as it is."""
    if _bounds is not None and not _bounds.raw:
        raise RefusedError(
            f"RAW is not allowed on this host, whose front end is not root: root may write"
            f" raw = true into {_bounds.root}/agent.toml"
        )


def may_set(setting: list[str]) -> bool:
    """Whether the front end may change a kernel setting."""
    return _bounds is None or setting[0] in _SETTINGS


def may_make(folder: Path) -> bool:
    """Whether the front end may have a folder made."""
    return _bounds is None or _bounds.covers(str(folder))


def front_end() -> dict[str, Any]:
    """As whom programs of the front end's are started (arguments of ``subprocess.Popen``)."""
    if _bounds is None:
        return {}
    return {"user": _bounds.uid, "group": _bounds.gid, "extra_groups": []}


def hand_over(path: Path) -> None:
    """Gives a file that the front end is to read or run to its user."""
    if _bounds is not None:
        os.chown(path, _bounds.uid, _bounds.gid, follow_symlinks=False)
