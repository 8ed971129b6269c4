"""A disk that forgets: what could be on it after a power cut at any moment of a recorded run.

Theory of operation
-------------------
`record` runs a program under strace and keeps, in order, what it did to the files of one folder
(make, write, cut to size, sync, remove) and what it said on its standard output.

`Disk` replays that. What a program wrote is certain only from the moment a sync of that file (for
a file's existence: of the folder) has come back. Until then each write may be there, or not, or in
part (a disk writes sectors of 512 bytes), independently of the writes before it: the kernel and
the disk write back in any order. `after_power_cut` draws one of these outcomes.

Files that are only mapped into memory (SQLite's `-shm`) are not followed; they mean nothing after
a power cut.
"""

import ast
import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink"
SECTOR = 512

LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<rest>.*)")
CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
FILE = re.compile(r"\d+<(?P<path>[^>]*)>")
BYTES = re.compile(r'"(?:\\x[0-9a-f]{2})*"')


@dataclass(frozen=True)
class Act:
    """One thing the program did: `what` is make, write, cut, sync, remove or say."""

    what: str
    file: str = ""
    data: bytes = b""
    offset: int = 0


def record(command: Sequence[str], folder: Path, log: Path) -> list[Act]:
    """Run the command to its end and return what it did to the files of `folder`."""
    strace = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(log)]
    subprocess.run([*strace, *command], check=True, stdout=subprocess.PIPE, timeout=300)
    acts = [act for call in _calls(log) if (act := _act(call, folder))]
    log.unlink()
    return acts


def _calls(log: Path) -> list[str]:
    """The finished calls, one a line, in the order of finishing."""
    begun: dict[str, str] = {}
    calls = []
    for line in log.read_text().splitlines():
        match = LINE.match(line)
        assert match, line
        pid, rest = match["pid"], match["rest"]
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
        elif resumed := RESUMED.match(rest):
            calls.append(begun.pop(pid) + resumed["rest"])
        else:
            calls.append(rest)
    return calls


def _act(line: str, folder: Path) -> Act | None:
    call = CALL.match(line)
    if not call or int(call["result"]) < 0:
        return None
    name, arguments = call["name"], call["arguments"]
    if name == "write" and arguments.startswith("1<"):
        return Act("say", data=_bytes(arguments))
    paths = [_text(path) for path in FILE.findall(line)] + [_text(t) for t in _texts(name, line)]
    inside = [path for path in paths if Path(path).parent == folder or Path(path) == folder]
    if not inside or inside[-1].endswith(("-shm", ".lock")):
        return None
    file = inside[-1]
    match name:
        case "openat":
            return Act("make", file) if "O_CREAT" in arguments else None
        case "pwrite64":
            return Act("write", file, _bytes(arguments), int(arguments.rpartition(", ")[2]))
        case "ftruncate":
            return Act("cut", file, offset=int(arguments.rpartition(", ")[2]))
        case "fsync" | "fdatasync":
            return Act("sync", file)
        case "unlink":
            return Act("remove", file)
    raise AssertionError(f"a call that is not followed: {line[:200]}")


def _texts(name: str, line: str) -> list[str]:
    return BYTES.findall(line) if name in ("openat", "unlink") else []


def _text(quoted: str) -> str:
    return _bytes(quoted).decode() if quoted.startswith('"') else _bytes(f'"{quoted}"').decode()


def _bytes(arguments: str) -> bytes:
    literal = re.search(r'"[^"]*"', arguments)
    assert literal, arguments[:200]
    value = ast.literal_eval("b" + literal[0])
    assert isinstance(value, bytes)
    return value


@dataclass
class File:
    """One file: what is certain, what may or may not have happened since, and if it is there."""

    certain: bytearray = field(default_factory=bytearray)
    pending: list[Act] = field(default_factory=list)
    there: bool = False
    there_for_certain: bool = False


class Disk:
    """The files of one folder, as far as a power cut would leave them."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._files: dict[str, File] = {}
        self.said = b""

    def do(self, act: Act) -> None:
        if act.what == "say":
            self.said += act.data
        elif act.what == "sync" and act.file == self._folder:
            for file in self._files.values():
                file.there_for_certain = file.there
        elif act.what == "make":
            if not (act.file in self._files and self._files[act.file].there):
                self._files[act.file] = File(there=True)
        elif act.what == "remove":
            self._files[act.file].there = False
        elif act.what == "sync":
            self._sync(self._files[act.file])
        else:
            self._files[act.file].pending.append(act)

    def _sync(self, file: File) -> None:
        for act in file.pending:
            _apply(file.certain, act)
        file.pending.clear()

    def everything(self) -> dict[str, bytes]:
        """The files as they are without a power cut, name by name."""
        for file in self._files.values():
            self._sync(file)
        files = self._files.items()
        return {Path(path).name: bytes(file.certain) for path, file in files if file.there}

    def after_power_cut(self, chance: random.Random) -> dict[str, bytes]:
        """One possible outcome, name by name. `chance` also draws how lucky we are."""
        luck = chance.choice([0.0, 0.5, 0.9, 1.0])
        outcome = {}
        for path, file in self._files.items():
            content = bytearray(file.certain)
            for act in file.pending:
                _apply_perhaps(content, act, luck, chance)
            there = file.there if chance.random() < luck else file.there_for_certain
            if there:
                outcome[Path(path).name] = bytes(content)
        return outcome


def _apply(content: bytearray, act: Act) -> None:
    if act.what == "cut":
        del content[act.offset :]
    content.extend(bytes(max(0, act.offset - len(content))))
    content[act.offset : act.offset + len(act.data)] = act.data


def _apply_perhaps(content: bytearray, act: Act, luck: float, chance: random.Random) -> None:
    """All of it, none of it, or some of the sectors that it touches."""
    if chance.random() < luck:
        _apply(content, act)
    elif act.what == "write" and chance.random() < 0.5:
        for start in range(0, len(act.data), SECTOR):
            if chance.random() < 0.5:
                piece = act.data[start : start + SECTOR]
                _apply(content, Act("write", act.file, piece, act.offset + start))
