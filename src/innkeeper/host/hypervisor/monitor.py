"""QEMU's own monitor (QMP), for what libvirt has no call for. libvirt marks a domain that was spoken to like this."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from typing import Any

from ..errors import FailedError, GuestTimeoutError

_DEVICE = re.compile(r"ua-disk-(\d+)")
_FILE = re.compile(r".*/disk\.(\d+)")
#: Seconds that QEMU has to write or read a guest's memory.
_JOB_TIME = 3600.0


@dataclasses.dataclass(frozen=True)
class Node:
    """A disk in QEMU's eyes: the node's name, its format, and the snapshots and bitmaps that lie in it."""

    name: str
    format: str
    readonly: bool
    snapshots: frozenset[str]
    bitmaps: frozenset[str]


def command(domain: Any, execute: str, **arguments: Any) -> Any:
    """What QEMU answers; FailedError with its own words when it will not."""
    import libvirt_qemu

    text = json.dumps({"execute": execute, "arguments": arguments})
    answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, text, 0))
    if "error" in answer:
        raise FailedError(f"QEMU: {answer['error'].get('desc', answer['error'])}")
    return answer.get("return")


def nodes(domain: Any) -> dict[int, Node]:
    """The guest's disks by number."""
    found = {}
    for drive in command(domain, "query-block"):
        inserted = drive.get("inserted")
        number = _number(drive.get("qdev", ""), inserted) if inserted else None
        if number is not None:
            image = inserted["image"]
            found[number] = Node(
                inserted["node-name"],
                inserted["drv"],
                bool(inserted["ro"]),
                frozenset(each["name"] for each in image.get("snapshots", ())),
                frozenset(each["name"] for each in inserted.get("dirty-bitmaps", ())),
            )
    return found


def _number(device: str, inserted: dict[str, Any]) -> int | None:
    found = _DEVICE.search(device) or _FILE.fullmatch(inserted.get("file", ""))
    return int(found[1]) if found else None


def job(domain: Any, name: str, tag: str, **arguments: Any) -> None:
    """Runs one of QEMU's jobs to its end; one of the same tag that is under way already is waited for."""
    identity = f"{name}-{tag}"
    if _state(domain, identity) is None:
        command(domain, name, **{"job-id": identity, "tag": tag, **arguments})
    deadline = time.monotonic() + _JOB_TIME
    while (found := _state(domain, identity)) is not None and found["status"] != "concluded":
        if time.monotonic() > deadline:
            raise GuestTimeoutError(f"QEMU has not done {name} in {_JOB_TIME:g} s")
        time.sleep(0.1)
    if found is not None:
        command(domain, "job-dismiss", id=identity)
        if found.get("error"):
            raise FailedError(f"QEMU: {found['error']}")


def _state(domain: Any, identity: str) -> dict[str, Any] | None:
    jobs: list[dict[str, Any]] = command(domain, "query-jobs")
    return next((each for each in jobs if each["id"] == identity), None)
