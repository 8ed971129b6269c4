"""The front end's own user: of the system, without a shell, with no rights but its own."""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import Any, NamedTuple

from innkeeper.cli.errors import CliError
from innkeeper.cli.local.progress import Progress

NAME = "innkeeper"
_NO_RIGHTS = ["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]


class Account(NamedTuple):
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    def command(self) -> list[str]:
        """What to put before a command so that it runs as this user, and never as another one."""
        return [
            "setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", *_NO_RIGHTS, "--",
        ]  # fmt: skip

    def options(self) -> dict[str, Any]:
        """As whom `subprocess` is to run something; nobody else when that is us."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups()}

    def groups(self) -> list[int]:
        """The groups that the user is in."""
        return os.getgrouplist(self.name, self.gid)


def ensure(progress: Progress) -> Account:
    """The front end's user, made at the first call."""
    found = _known()
    if found is None:
        progress.say(f"making the system user {NAME}")
        _make()
        found = _known()
    if found is None:
        raise CliError(f"the user {NAME} was made and is not there")
    if found.uid == 0:
        raise CliError(f"the user {NAME} is root by another name: the front end must not be")
    return found


def _known() -> Account | None:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make() -> None:
    command = [
        "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
        "--shell", "/usr/sbin/nologin", "--comment", "Innkeeper front end", NAME,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise CliError(f"cannot make the user {NAME}: useradd: {error.strerror}") from error
    if done.returncode != 0:
        raise CliError(f"cannot make the user {NAME}: {done.stderr.strip()}")
