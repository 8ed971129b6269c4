"""Declared profiles of hosts: what a machine is to be like, and where it is not. Pure.

A profile is declared for a host, or for a cluster and so for all of its hosts; where both say something about the same
thing the host's word counts. Agents compare (docs/agent-protocol.md); what they find that differs is the host's drift.
"""

import re
from typing import Annotated, Any

import msgspec

from innkeeper.model.errors import BadValue, must_be


class Bridge(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A bridge that a host must have: with this device plugged in (empty: none), and this MTU (0: any)."""

    name: str
    member: str = ""
    mtu: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class Folder(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A folder that a host must have and can write to: a mount point, if `mount`; with so many MiB free."""

    path: str
    mount: bool = False
    free_mib: Annotated[int, msgspec.Meta(ge=0)] = 0


class Profile(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a host is to be like. `agent`: its version; `repair`: what differs is put right as soon as it is seen."""

    bridges: tuple[Bridge, ...] = ()
    folders: tuple[Folder, ...] = ()
    sysctls: dict[str, str | int] = {}
    commands: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    agent: str = ""
    repair: bool = False


class Deviation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something about a host that is not as declared; `mends`: its agent can put it right."""

    what: str
    expected: str
    found: str
    mends: bool = False


EMPTY = Profile()

_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_SETTING = re.compile(r"[a-z0-9_]+([./][A-Za-z0-9_:@-]+)+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")


def read(declared: Any) -> Profile:
    """A profile from what JSON or TOML holds. Raises BadValue."""
    try:
        profile = msgspec.convert(declared, Profile)
    except msgspec.ValidationError as wrong:
        raise BadValue(f"no profile: {wrong}") from None
    for where, value, pattern, expected in _texts(profile):
        if not pattern.fullmatch(value):
            raise BadValue(must_be(where, expected, value[:60]))
    for folder in profile.folders:
        if not folder.path.startswith("/") or ".." in folder.path.split("/"):
            raise BadValue(must_be("folders: path", "absolute, without '..'", folder.path[:60]))
    _only_once("bridges", [bridge.name for bridge in profile.bridges])
    _only_once("folders", [folder.path for folder in profile.folders])
    return profile


def _texts(profile: Profile) -> list[tuple[str, str, re.Pattern[str], str]]:
    device = "an interface's name (1 to 15 letters, digits, '_', '.', '-')"
    found = [("bridges: name", bridge.name, _INTERFACE, device) for bridge in profile.bridges]
    found += [
        ("bridges: member", b.member, _INTERFACE, device) for b in profile.bridges if b.member
    ]
    setting = "a kernel setting such as net.ipv4.ip_forward"
    found += [("sysctls", name, _SETTING, setting) for name in profile.sysctls]
    found += [("commands", name, _NAME, "a command's name") for name in profile.commands]
    return found + [("packages", name, _NAME, "a package's name") for name in profile.packages]


def _only_once(where: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadValue(f"{where} must name each once, not {twice[0]!r} twice")


def together(of_cluster: Profile | None, of_host: Profile | None) -> Profile:
    """What a host is to be like: what its cluster says, and over it what is said of the host itself."""
    wide, own = of_cluster or EMPTY, of_host or EMPTY
    bridges: dict[str, Bridge] = {b.name: b for b in (*wide.bridges, *own.bridges)}
    folders: dict[str, Folder] = {f.path: f for f in (*wide.folders, *own.folders)}
    return Profile(
        bridges=tuple(bridges.values()),
        folders=tuple(folders.values()),
        sysctls={**wide.sysctls, **own.sysctls},
        commands=tuple(dict.fromkeys((*wide.commands, *own.commands))),
        packages=tuple(dict.fromkeys((*wide.packages, *own.packages))),
        agent=own.agent or wide.agent,
        repair=wide.repair if of_host is None else own.repair,
    )


def told(profile: Profile) -> dict[str, Any]:
    """A profile as agents and clients are told it."""
    found: dict[str, Any] = msgspec.to_builtins(profile)
    return found
