"""How a disk is read and written: cache, kind of I/O, serial number, throttles (spec: templates.md section 4.3)."""

from innkeeper.model.errors import must_be
from innkeeper.model.template import Vector, as_int

from .draft import problem

_WORDS = {
    "CACHE": ("default", "none", "writethrough", "writeback", "directsync", "unsafe"),
    "IO": ("native", "threads", "io_uring"),
    "DISCARD": ("ignore", "unmap"),
}
#: Limits on a disk's traffic, as libvirt calls them in capitals.
THROTTLES = (
    *(
        f"{kind}_{unit}_SEC{suffix}"
        for kind in ("TOTAL", "READ", "WRITE")
        for unit in ("BYTES", "IOPS")
        for suffix in ("", "_MAX", "_MAX_LENGTH")
    ),
    "SIZE_IOPS_SEC",
)


def checked(vm: int, number: int, disk: Vector) -> Vector:
    """A disk's tuning, checked and filled in."""
    made = dict(disk)
    for name, words in _WORDS.items():
        if name in made and (made[name] or words[0]).lower() not in words:
            raise problem(must_be(f"{name} of a DISK", f"one of {', '.join(words)}", made[name]))
    for name in THROTTLES:
        limit = as_int(made.get(name) or "0")
        if limit is None or limit < 0:
            raise problem(must_be(f"{name} of a DISK", "a whole number", made[name]))
    if made.get("SERIAL", "").lower() == "auto":
        made["SERIAL"] = f"{vm}-{number}"
    return made
