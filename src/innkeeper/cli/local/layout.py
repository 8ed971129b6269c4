"""Whose the parts of a data folder are: the front end's, or root's.

Theory of operation
-------------------
The folder itself is root's. The front end's group may make new things in it, but not take away or rename what is there
(the sticky bit). So the parts that are root's stay where they are, and root may trust what lies in them: the agent that
it starts, what agents keep, guests' disks, its own notes. In the front end's parts root writes nothing.

A folder of an older release, in which all is root's, is given to the front end part by part. A part's own folder
comes last: until then nobody else could have put anything into it, and what was interrupted is begun again.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from innkeeper.cli.errors import CliError
from innkeeper.cli.local import agent
from innkeeper.cli.local.account import Account
from innkeeper.cli.local.folder import DataFolder

#: The front end's parts, with the modes that they are made with.
_THEIRS = {
    "db": 0o700, "ssh": 0o700, "tls": 0o700, "log": 0o755, "run": 0o755, "datastores": 0o755,
    "transit": 0o755, "front-end": 0o755,
}  # fmt: skip
_OURS = ("host", "libvirt", "guest", "images", "hooks")
_OPEN_TO_ALL = 0o001


def prepare(folder: DataFolder, account: Account) -> bool:
    """Makes the parts of the data folder that are missing, and sees to it that each is whose it must be.

    True when this machine's agent was of another release: what runs of it is to end.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    _check_way(folder.root)
    os.chown(folder.root, 0, account.gid)
    folder.root.chmod(0o1775)
    for name in _OURS:
        _keep(folder.root / name)
    _take_notes(folder)
    for name, mode in _THEIRS.items():
        give(folder.root / name, account, mode)
    _give_file(folder.credentials, account)
    return agent.install(folder)


def _check_way(root: Path) -> None:
    """The front end and guests' hypervisors pass through all folders on the way."""
    for parent in root.resolve().parents:
        if not parent.stat().st_mode & _OPEN_TO_ALL:
            raise CliError(
                f"--data: neither the front end nor guests can reach {root}, because {parent} is closed to others"
            )


def _keep(path: Path) -> None:
    """A part that is root's, or root's link to a folder of root's."""
    path.mkdir(mode=0o755, exist_ok=True)
    for status in (path.lstat(), path.stat()):
        if status.st_uid != 0:
            raise CliError(
                f"{path} must be root's, and is user {status.st_uid}'s: what lies in it is not to be trusted"
            )


def _take_notes(folder: DataFolder) -> None:
    """What older releases noted in a part that is the front end's from now on."""
    old = folder.root / "run"
    if old.is_dir() and old.lstat().st_uid == 0:
        for path in (folder.listen_file, folder.stopped_file):
            with contextlib.suppress(FileNotFoundError):
                (old / path.name).rename(path)


def give(path: Path, account: Account, mode: int) -> None:
    """Makes a part the front end's; one that is already is left as it is."""
    if not os.path.lexists(path):
        path.mkdir(mode=mode)
    status = path.lstat()
    if status.st_uid == account.uid and stat.S_ISDIR(status.st_mode):
        return
    if status.st_uid != 0 and not stat.S_ISDIR(status.st_mode):
        raise CliError(f"{path} is no folder, and not root's: it is not followed")
    place = path.resolve()  # root may have put it on another disk
    owner = place.stat().st_uid
    if owner == account.uid:
        return
    for inner in _below(place):
        if inner.lstat().st_uid in (0, owner):
            os.chown(inner, account.uid, account.gid, follow_symlinks=False)
    os.chown(place, account.uid, account.gid)


def _below(place: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(place, topdown=False):
        yield from (Path(folder) / name for name in (*folders, *files))


def _give_file(path: Path, account: Account) -> None:
    """A file beside the parts, if it is root's alone."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and status.st_nlink == 1:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
