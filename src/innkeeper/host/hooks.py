"""Commands of hooks: run on this machine, once, with an end and bounded output."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO, Any

from . import bounds
from .arguments import Arguments
from .files import written_beside

#: Bytes that are told of each output; the rest is read and dropped.
_LONGEST = 64 * 1024
#: Codes of what could not be started, and of what took too long.
_NOT_STARTED, _TOO_LONG = 126, 124
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(folder: Path, args: Arguments) -> dict[str, Any]:
    """Runs a command, or the script that came with it, which is kept in ``folder``.

    A front end that is not root gets nothing run as root: it is run as its own user.
    """
    command = _placed(folder, args) if "script" in args else args.absolute("command")
    arguments = args.raw("arguments") or []
    if not isinstance(arguments, list) or not all(isinstance(each, str) for each in arguments):
        raise args.bad("arguments", "a list of texts")
    stdin, seconds = args.text("stdin", default=""), args.number("seconds", default=60.0)
    try:
        process = subprocess.Popen(
            [command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd="/", env={"PATH": _PATH, "LANG": "C.UTF-8"}, start_new_session=True, **bounds.front_end(),
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return _told(_NOT_STARTED, b"", f"{command}: {error}".encode())
    return _ended(process, stdin.encode(), seconds)


def _placed(folder: Path, args: Arguments) -> str:
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.chmod(0o711)  # whoever runs a script there passes through
    path = folder / args.file_name("command")
    try:
        script = base64.b64decode(args.text("script", default=""), validate=True)
    except ValueError:
        raise args.bad("script", "base64") from None
    if not path.exists() or path.read_bytes() != script:
        with written_beside(path) as part:
            part.write_bytes(script)
    path.chmod(0o700)
    bounds.hand_over(path)
    return str(path)


def _ended(process: subprocess.Popen[bytes], stdin: bytes, seconds: float) -> dict[str, Any]:
    """Waits for the end; what has not ended in time is killed with all that it started."""
    streams: tuple[IO[bytes], ...] = (process.stdout, process.stderr)  # type: ignore[assignment]
    outputs = [bytearray(), bytearray()]
    threads = [
        threading.Thread(target=_drain, args=(stream, kept), daemon=True)
        for stream, kept in zip(streams, outputs, strict=True)
    ]
    threads.append(threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True))
    for thread in threads:
        thread.start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        code = _TOO_LONG
        outputs[1] += f"\nkilled: it had not ended in {seconds:g} s".encode()
    for thread in threads[:2]:
        thread.join(1.0)  # something that it started may hold the other end
    return _told(code if code >= 0 else 128 - code, bytes(outputs[0]), bytes(outputs[1]))


def _drain(stream: IO[bytes], kept: bytearray) -> None:
    with stream:
        while piece := os.read(stream.fileno(), 65536):
            kept += piece[: max(0, _LONGEST - len(kept))]


def _feed(stream: IO[bytes], text: bytes) -> None:
    with contextlib.suppress(OSError):
        stream.write(text)
    with contextlib.suppress(OSError):
        stream.close()


def _told(code: int, stdout: bytes, stderr: bytes) -> dict[str, Any]:
    return {
        "code": code,
        "stdout": base64.b64encode(stdout).decode(),
        "stderr": base64.b64encode(stderr).decode(),
    }
