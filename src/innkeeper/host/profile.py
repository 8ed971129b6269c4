"""What this machine is declared to be like: where it is not, and putting that right.

Every part can be compared at any time and set at any time: setting what is right already changes nothing. Only what
cannot be made up by the machine itself is no matter of repair: a device that is missing, room on a disk, a mount,
a program. Those are told, for people to see to.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import bounds
from .arguments import Arguments
from .errors import AgentError
from .networks import bridge
from .networks.bridge import Link
from .tools import run

_SETTINGS = Path("/proc/sys")


@dataclasses.dataclass(frozen=True)
class Deviation:
    """Something that is not as declared. ``mend`` puts it right; None: it cannot be done from here."""

    what: str
    expected: str
    found: str
    mend: Callable[[], None] | None = None

    def told(self) -> dict[str, Any]:
        """As the front end is told it."""
        return {
            "what": self.what,
            "expected": self.expected,
            "found": self.found,
            "mends": self.mend is not None,
        }


class Keeper:
    """Knows what was declared, and looks after it. `version` is the agent's own."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._declared: Arguments | None = None

    def watch(self, declared: Arguments) -> None:
        """From now on this is what the machine is to be like."""
        list(_all(declared, self._version))  # what cannot be read is refused now
        self._declared = declared if declared.as_dict() else None

    def drift(self) -> list[dict[str, Any]] | None:
        """Where the machine is not as declared, after repair where that is wanted; None: nothing is declared."""
        if self._declared is None:
            return None
        if self._declared.flag("repair"):
            self.repair(self._declared)
        return [each.told() for each in _all(self._declared, self._version)]

    def repair(self, declared: Arguments) -> dict[str, Any]:
        """Puts right what can be, and tells what that was and what is left; what fails is left, with the reason."""
        repaired, failed = [], {}
        for each in list(_all(declared, self._version)):
            if each.mend is None:
                continue
            try:
                each.mend()
            except (AgentError, OSError) as problem:
                failed[each.what] = str(problem)
            else:
                repaired.append(each.told())
        left = [each.told() for each in _all(declared, self._version)]
        for told in left:
            if told["what"] in failed:
                told["found"] += f" (not repaired: {failed[told['what']]})"
        return {"repaired": repaired, "drift": left}


def _all(declared: Arguments, version: str) -> Iterator[Deviation]:
    bridges = declared.parts("bridges", required=False)
    if bridges:
        present = bridge.links()
        for each in bridges:
            yield from _bridge(each, present)
    for folder in declared.parts("folders", required=False):
        yield from _folder(folder)
    for name, value in sorted((declared.raw("sysctls") or {}).items()):
        yield from _setting(str(name), str(value))
    for command in declared.raw("commands") or ():
        if shutil.which(str(command)) is None:
            yield Deviation(f"command {command}", "there", "missing")
    yield from _packages([str(name) for name in declared.raw("packages") or ()])
    agent = declared.maybe_text("agent")
    if agent is not None and agent != version:
        yield Deviation("agent", agent, version)


def _bridge(declared: Arguments, present: dict[str, Link]) -> Iterator[Deviation]:
    name, what = declared.interface("name"), f"bridge {declared.interface('name')}"
    member = declared.interface("member") if declared.maybe_text("member") else None
    mtu = declared.integer("mtu", default=0) or None
    there = present.get(name)

    def ensure() -> None:
        bridge.ensure(name, mtu=mtu, phydev=member)

    if there is None:
        yield Deviation(what, "there", "missing", ensure)
        return
    if there.kind != "bridge":
        yield Deviation(what, "a bridge", there.kind or "a device")
        return
    if not there.up:
        yield Deviation(f"{what} state", "up", "down", ensure)
    if mtu is not None and there.mtu != mtu:
        yield Deviation(f"{what} mtu", str(mtu), str(there.mtu), ensure)
    if member is not None:
        yield from _member(what, member, name, present, ensure)


def _member(
    what: str, member: str, name: str, present: dict[str, Link], ensure: Callable[[], None]
) -> Iterator[Deviation]:
    device = present.get(member)
    if device is None:
        yield Deviation(f"{what} member", member, f"there is no device {member}")
    elif device.bridge != name:
        plugged = ", ".join(sorted(link.name for link in present.values() if link.bridge == name))
        # What is in use elsewhere is not taken away from there.
        free = not device.bridge and not device.addresses
        yield Deviation(f"{what} member", member, plugged or "none", ensure if free else None)


def _folder(declared: Arguments) -> Iterator[Deviation]:
    path = Path(declared.absolute("path"))
    what, wanted = f"folder {path}", declared.integer("free_mib", default=0)
    if not path.is_dir():
        other = path.exists() or path.is_symlink()
        people = other or declared.flag("mount") or not bounds.may_make(path)
        mend = None if people else lambda: path.mkdir(parents=True)
        yield Deviation(what, "a folder", "something else" if other else "missing", mend)
        return
    if declared.flag("mount") and not path.is_mount():
        yield Deviation(f"{what} mount", "mounted", "not mounted")
    if not os.access(path, os.W_OK):
        yield Deviation(f"{what} access", "writable", "not writable")
    free = shutil.disk_usage(path).free >> 20
    if free < wanted:
        yield Deviation(f"{what} room", f"{wanted} MiB free", f"{free} MiB free")


def _setting(name: str, value: str) -> Iterator[Deviation]:
    # Dots part the names, as sysctl(8) has it; with a slash in it, slashes do, and dots are part of names.
    parts = name.split("/") if "/" in name else name.split(".")
    file = _SETTINGS.joinpath(*parts)
    mend = None if not bounds.may_set(parts) else lambda: _write(file, value)
    what = f"sysctl {name}"
    if ".." in parts:
        return
    try:
        found = " ".join(file.read_text().split())
    except OSError as problem:
        yield Deviation(what, value, f"not readable ({problem.strerror})")
        return
    if found != " ".join(value.split()):
        yield Deviation(what, value, found, mend)


def _write(file: Path, value: str) -> None:
    file.write_text(f"{value}\n")


def _packages(names: list[str]) -> Iterator[Deviation]:
    if not names:
        return
    if shutil.which("dpkg-query") is None:
        yield Deviation("packages", ", ".join(names), "this machine has no dpkg")
        return
    shape = "${db:Status-Status} ${Package}\n"
    said = run("dpkg-query", "-W", "-f", shape, *names, good=(0, 1))
    there = {line.split()[1] for line in said.splitlines() if line.startswith("installed ")}
    for name in names:
        if name not in there:
            yield Deviation(f"package {name}", "installed", "missing")
