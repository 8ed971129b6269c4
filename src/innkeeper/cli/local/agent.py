"""This machine's agent, talked to while the front end is not running (docs/agent-protocol.md)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from innkeeper.cli.errors import CliError
from innkeeper.cli.local.folder import DataFolder

# The distribution's own Python: it is the one that has the libvirt bindings.
PYTHON = "/usr/bin/python3"
_SOURCES = Path(__file__).resolve().parents[3]
_COMMAND = [PYTHON, "-m", "innkeeper.host"]


#: Agents find the host's tools, and read their output, the same everywhere.
ENVIRONMENT = {"PATH": os.defpath + ":/usr/sbin:/sbin:/usr/local/sbin", "LC_ALL": "C.UTF-8"}


def _environment() -> dict[str, str]:
    return {**ENVIRONMENT, "PYTHONPATH": str(_SOURCES)}


def install(folder: DataFolder) -> bool:
    """Puts the agent, as one file, where nobody but root can change it; whether another one was there before."""
    before = folder.agent_file.read_bytes() if folder.agent_file.exists() else None
    _by_hand("--pack", folder.agent_file)
    return before is not None and before != folder.agent_file.read_bytes()


def ensure_libvirt(folder: DataFolder) -> str:
    """Makes sure that libvirt answers here: `found`, `systemd` or `started` (by us)."""
    return _by_hand("--libvirt-start", folder.libvirt)


def stop_libvirt(folder: DataFolder) -> None:
    """Stop the libvirt daemons that `ensure_libvirt` started for this folder, and no others."""
    _by_hand("--libvirt-stop", folder.libvirt)


def _by_hand(option: str, path: Path) -> str:
    command = [*_COMMAND, option, str(path)]
    try:
        done = subprocess.run(
            command, env=_environment(), cwd="/", capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise CliError(f"cannot run the agent with {PYTHON}: {error.strerror}") from error
    lines = done.stderr.strip().splitlines() or [""]
    if done.returncode != 0:
        raise CliError(f"the agent: {option}: {lines[-1]}")
    return lines[-1]


def owner(root: Path) -> str | None:
    """The zone that an agent's folder belongs to; None where no agent has worked."""
    try:
        return str(json.loads((root / "zone.json").read_text())["zone"])
    except (OSError, ValueError, KeyError):
        return None


class Agent:
    """The agent as a child process, one request at a time."""

    def __init__(self, root: Path, zone: str) -> None:
        self._hello = {"root": str(root), "zone": zone, "host": 0}
        self._number = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            _COMMAND, env=_environment(), cwd="/", text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self.facts = self.request("hello", self._hello)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def request(self, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one verb; the agent's refusal is a `CliError`."""
        assert self._process.stdin and self._process.stdout
        self._number += 1
        line = json.dumps({"id": self._number, "verb": verb, "args": args})
        try:
            self._process.stdin.write(line + "\n")
        except BrokenPipeError:
            raise CliError(f"the agent ended before {verb}") from None
        for text in self._process.stdout:
            answer = json.loads(text)
            if answer.get("id") == self._number and "ok" in answer:
                if answer["ok"]:
                    return dict(answer["result"])
                raise CliError(f"the agent: {verb}: {answer.get('message')}")
        raise CliError(f"the agent ended during {verb}")

    @property
    def has_hypervisor(self) -> bool:
        """Whether libvirt answered it."""
        return self.facts.get("accelerator") is not None
