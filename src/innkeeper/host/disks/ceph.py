"""A pool of a Ceph cluster, by way of Ceph's own programs and QEMU's librbd.

Theory of operation
-------------------
Programs are told where the monitors are and what the key is by a configuration that lies in memory alone (memfd_create)
and that they inherit as an open file: it is in no file, in no argument and in no environment, and gone with them. Ceph
itself waits for ever when nobody answers, and when a pool is full; here it is given times, and what it says is put in
terms of the datastore.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from ..arguments import Arguments
from ..errors import AgentError, BadArgsError, FailedError, RefusedError
from ..tools import run

#: Seconds for the monitors to answer, and for one write to be taken.
_ANSWER, _WRITE = 10, 60
#: Seconds that a command may take which copies nothing.
_TIME = 300.0
#: Seconds that one may take which copies a whole image.
COPY_TIME = 6 * 3600.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MONITOR = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?")
#: What tells that nobody answers, that the key is not good, that there is no such pool, or no such driver.
_SILENT = re.compile(r"\(110\)|timed out|errno 110", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"couldn't connect to the cluster|error connecting: (Permission|Operation|Invalid)|errno (1|13|22|95)\]"
)
_FULL = re.compile(r"\((28|122)\)|No space left|Disk quota exceeded")
_NO_POOL = re.compile(r"error opening pool|unrecognized pool")
_NO_DRIVER = re.compile(
    r"Unknown (protocol|driver) 'rbd'|(cannot run|failed to execute) (rbd|ceph)"
)
ABSENT = re.compile(r"No such file or directory")


class NoPoolError(RefusedError):
    """There is no such pool, and so nothing in it."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """A pool, and as whom it is used. Without a key, the host's own configuration has it."""

    store: int
    name: str
    monitors: tuple[str, ...]
    user: str
    key: str = dataclasses.field(default="", repr=False)
    config: str = "/etc/ceph/ceph.conf"
    #: The number of the secret in which libvirt has the key.
    secret: str = ""

    @classmethod
    def described(cls, part: Arguments) -> Pool:
        """As the front end describes it (STORE in docs/agent-protocol.md)."""
        monitors = part.raw("monitors")
        good = isinstance(monitors, list) and monitors
        if not good or not all(isinstance(m, str) and _MONITOR.fullmatch(m) for m in monitors):
            raise part.bad("monitors", "a list of addresses such as 10.0.0.1:6789")
        pool, user = part.text("pool"), part.text("user")
        for key, value in (("pool", pool), ("user", user)):
            if not _NAME.fullmatch(value):
                raise part.bad(key, "letters, digits, '_', '.' and '-'")
        key = part.text("key", "")
        if key and not re.fullmatch(r"[A-Za-z0-9+/=]+", key):
            raise BadArgsError("key", "a key of cephx (base64)", "(not shown)")
        return cls(
            part.integer("store"), pool, tuple(monitors), user, key,
            part.path("config") if "config" in part else cls.config, part.text("secret", ""),
        )  # fmt: skip

    @property
    def hosts(self) -> tuple[tuple[str, str], ...]:
        """The monitors as libvirt wants them: name and port."""
        found = [_MONITOR.fullmatch(monitor) for monitor in self.monitors]
        return tuple((m[1].strip("[]"), m[2] or "6789") for m in found if m)

    # Asking

    @contextlib.contextmanager
    def configuration(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The path of a configuration for programs, and the open files that they must inherit to see it."""
        if not self.key:
            yield self.config, ()
            return
        lines = [
            "[global]", f"mon host = {','.join(self.monitors)}", f"key = {self.key}",
            "log file =", "admin socket =", f"client mount timeout = {_ANSWER}",
            f"rados mon op timeout = {_ANSWER}", f"rados osd op timeout = {_WRITE}",
        ]  # fmt: skip
        file = os.memfd_create("ceph.conf")
        try:
            os.write(file, "\n".join([*lines, ""]).encode())
            yield f"/dev/fd/{file}", (file,)
        finally:
            os.close(file)

    def rbd(self, *words: str, timeout: float = _TIME) -> str:
        """Runs ``rbd``; what it said."""
        return self._tool("rbd", *words, timeout=timeout)

    def _tool(self, program: str, *words: str, timeout: float = _TIME) -> str:
        with self.configuration() as (path, files), self.explaining():
            return run(program, "-c", path, "--id", self.user, *words, timeout=timeout, fds=files)

    def qemu_img(self, *words: str, image: str, after: tuple[str, ...] = ()) -> str:
        """Runs ``qemu-img`` with this image's address between the words."""
        with self.configuration() as (path, files), self.explaining():
            address = self._address(image, path)
            return run("qemu-img", *words, address, *after, timeout=COPY_TIME, fds=files)

    @contextlib.contextmanager
    def reading(self, image: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        """An image's address for QEMU's programs, and the open files that they must inherit to use it."""
        with self.configuration() as (path, files), self.explaining():
            yield self._address(image, path), files

    def copy(self, origin: str, into: str) -> None:
        """Copies an image, or one as it was at a snapshot (``pool/image@snapshot``), to one that depends on nothing.

        ``rbd cp`` (16.2) was seen to leave out of a clone's snapshot what the clone has of its parent.
        """
        with self.configuration() as (path, files), self.explaining():
            run(
                "qemu-img", "convert", "-q", "-U", "-f", "raw", "-O", "raw", self._address(origin, path),
                self._address(into, path), timeout=COPY_TIME, fds=files,
            )  # fmt: skip

    def _address(self, image: str, configuration: str) -> str:
        return f"rbd:{image}:id={self.user}:conf={configuration}"

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Puts what Ceph complains about in terms of the datastore."""
        try:
            yield
        except AgentError as problem:
            better = self._explained(str(problem))
            if better is None:
                raise
            raise better from problem

    def _explained(self, text: str) -> AgentError | None:
        where = f"datastore {self.store}"
        if _NO_DRIVER.search(text):
            missing = "qemu-block-extra" if "Unknown" in text else "ceph-common"
            return RefusedError(
                f"this machine cannot use RBD ({where}): the package {missing} is not installed"
            )
        if _SILENT.search(text) and ("connect" in text or "monclient" in text):
            return FailedError(
                f"the Ceph monitors of {where} do not answer: {', '.join(self.monitors)}"
            )
        if _UNKNOWN.search(text):
            return RefusedError(
                f"Ceph does not let client.{self.user} of {where} in: its key is wrong, or it is unknown"
            )
        if _FULL.search(text):
            return self.full()
        if _NO_POOL.search(text):
            return NoPoolError(
                f"{where}: there is no pool {self.name!r} in Ceph, or client.{self.user} may not use it"
            )
        if _SILENT.search(text) and self.room()["free_mib"] == 0:
            return self.full()
        return None

    def full(self) -> RefusedError:
        """What is said when there is no room."""
        return RefusedError(
            f"no room in the datastore: pool {self.name} of datastore {self.store} is full"
        )

    # Looking

    def info(self, image: str) -> dict[str, Any] | None:
        """What ``rbd info`` says of ``pool/image``; None when there is no such image."""
        try:
            found: dict[str, Any] = json.loads(self.rbd("info", image, "--format", "json"))
        except FailedError as problem:
            if ABSENT.search(str(problem)):
                return None
            raise
        return found

    def room(self) -> dict[str, int]:
        """Room in the pool in MiB, by its quota if it has one."""
        quota = self._ask("osd", "pool", "get-quota", self.name)
        pools = {pool["name"]: pool["stats"] for pool in self._ask("df")["pools"]}
        if self.name not in pools:
            # A pool that is new; its quota has shown that there is one.
            raise FailedError(
                f"Ceph has not measured pool {self.name} of datastore {self.store} yet"
            )
        used, free = int(pools[self.name]["stored"]), int(pools[self.name]["max_avail"])
        if quota.get("quota_max_bytes"):
            free = max(0, min(free, int(quota["quota_max_bytes"]) - used))
        return {"total_mib": (used + free) >> 20, "free_mib": free >> 20, "used_mib": used >> 20}

    def _ask(self, *words: str) -> Any:
        return json.loads(self._tool("ceph", *words, "--format", "json"))
