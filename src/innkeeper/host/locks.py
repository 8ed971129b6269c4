"""POSIX record locks: the kernel drops them when their process dies, and tells who holds them."""

from __future__ import annotations

import fcntl
import os
import struct

#: struct flock of fcntl(2) on 64-bit Linux: type, whence, start, length, process.
_FLOCK = struct.Struct("hhqqi4x")


def take(descriptor: int) -> bool:
    """Locks an open file; False when another process has it locked."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def holder(descriptor: int) -> int | None:
    """The process that keeps a file locked; None for none, 0 for one outside our namespace."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(process)
