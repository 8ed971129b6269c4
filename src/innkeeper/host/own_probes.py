"""Probes of the administrators' own: programs in the agent's folder ``probes.d`` that tell attributes of this machine.

Each is run once a round of monitoring, all side by side, and prints lines ``NAME=VALUE`` (OpenNebula's probes do the
same). Only programs that nobody but the agent's user can change are run. What a probe tells is taken as a whole or not
at all; what is wrong with a probe is told as the attribute `PROBES_FAILED`.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import time
from pathlib import Path

#: Seconds that the probes of a round may take together; characters of one's output, and attributes of all.
LIMIT = 5.0
LONGEST, MOST = 65536, 200
FAILED = "PROBES_FAILED"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_UNPRINTABLE = re.compile(r"[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unusable(Exception):
    """Why a probe tells nothing."""


def attributes(folder: Path, limit: float = LIMIT) -> dict[str, str]:
    """What all probes of a folder tell; empty where there are none."""
    ends = time.monotonic() + limit
    started = [(path.name, _started(path)) for path in _programs(folder)]
    told: dict[str, str] = {}
    failed = []
    for name, process in started:
        try:
            found = _read(_output(process, ends, limit))
            if len(told | found) > MOST:
                raise Unusable(f"with it there are more than {MOST} attributes")
            told |= found
        except Unusable as why:
            failed.append(f"{name}: {why}")
    if failed:
        told[FAILED] = "; ".join(failed)[:1000]
    return told


def _programs(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _started(path: Path) -> subprocess.Popen[bytes] | Unusable:
    try:
        for each in (path, path.parent):
            about = each.stat()
            if about.st_uid not in (0, os.geteuid()) or about.st_mode & (
                stat.S_IWGRP | stat.S_IWOTH
            ):
                return Unusable(f"others can change {each.name}")
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as broken:
        return Unusable(broken.strerror or "cannot be started")


def _output(process: subprocess.Popen[bytes] | Unusable, ends: float, limit: float) -> str:
    if isinstance(process, Unusable):
        raise process
    try:
        # One that has ended beside a slow one is still read.
        output, _ = process.communicate(timeout=max(0.1, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        raise Unusable(f"took more than {limit:g} s") from None
    if process.returncode:
        raise Unusable(f"ended with status {process.returncode}")
    if len(output) > LONGEST:
        raise Unusable(f"told more than {LONGEST} bytes")
    return output.decode(errors="replace")


def _read(output: str) -> dict[str, str]:
    """Lines ``NAME=VALUE``; a value may be quoted as in a shell."""
    told = {}
    for line in filter(None, map(str.strip, output.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise Unusable(f"{line[:60]!r} is not NAME=VALUE")
        try:
            text = " ".join(shlex.split(value))
        except ValueError as wrong:
            raise Unusable(f"{line[:60]!r}: {wrong}") from None
        told[name.strip().upper()] = _UNPRINTABLE.sub("", text)[:256]
    return told
