"""Base images on hosts that do not see the front end's files: named by their content, brought once, when missed.

Theory of operation
-------------------
`disk.ensure` names each disk's base and its `origin`, the image's file on the front end. An agent beside the front end
uses that file. For any other host the name becomes `bases/<SHA-256 of the origin's content>` and the origin is left
out: a path means another file on another machine. The hash is taken from the file itself, not from the image's record,
whose hash is that of the bytes that were imported: those may have been unpacked or converted since. When the host
answers `missing`, the file is brought to it, once however many wait for it, and the request is made again. It comes
from another host that has it (`fanout.py`), and from the front end when none has: one host after the other, so that
the second finds the first to have it.

A disk that is not a layer over its base but the file itself (`link`) can only be brought when the guest will not write
to it; a persistent image would leave its changes behind on the host.
"""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any

from .fanout import FanOut
from .link import AgentError, Link, LinkLost

log = logging.getLogger(__name__)

#: Transfers at once, of the whole front end: each costs a good part of a processor for its cipher.
TRANSFERS = 2
#: Bytes read at a time.
PIECE = 1 << 20
#: What a file was when its hash was taken: size, modification and change time (ns), device, inode.
Stamp = tuple[int, int, int, int, int]

Disk = dict[str, Any]


class Bases:
    """What is known of the front end's image files, and what is on its way to hosts."""

    def __init__(self, neighbours: FanOut) -> None:
        self._neighbours = neighbours
        self._sources: dict[str, asyncio.Lock] = {}
        self._hashes: dict[str, tuple[Stamp, str]] = {}
        self._hashing: dict[str, asyncio.Task[str]] = {}
        self._transfers: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._lanes: dict[int, asyncio.Lock] = {}
        self._turn = asyncio.Semaphore(TRANSFERS)

    async def named(self, args: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """The arguments for a host elsewhere, and where the bases in them come from: file by hash."""
        origins: dict[str, str] = {}
        for key in ("disks", "attachments"):
            if args.get(key):
                named = [await self._elsewhere(each, origins) for each in args[key]]
                args = {**args, key: named}
        return args, origins

    async def _elsewhere(self, disk: Disk, origins: dict[str, str]) -> Disk:
        if not disk.get("base"):
            return disk
        origin = str(disk.get("origin") or disk["base"])
        if disk.get("kind") == "link" and not disk.get("readonly"):
            text = f"disk {disk.get('disk')} is the image {origin} itself, which only the front end's machine has"
            raise AgentError("refused", text)
        digest = await self._hash(origin)
        origins[digest] = origin
        kept = {name: value for name, value in disk.items() if name != "origin"}
        return kept | {"base": f"bases/{digest}"}

    async def _hash(self, path: str) -> str:
        """The hash of a file's content; taken anew when the file has changed."""
        try:
            stamp = stamp_of(path)
        except OSError as error:
            raise AgentError("missing", f"the front end lacks {path}: {error.strerror}") from None
        known = self._hashes.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        task = self._hashing.get(path)
        if task is None:
            task = self._hashing[path] = asyncio.create_task(self._hash_anew(path, stamp))
            task.add_done_callback(lambda _: self._hashing.pop(path, None))
            task.add_done_callback(_heard)
        return await asyncio.shield(task)

    async def _hash_anew(self, path: str, stamp: Stamp) -> str:
        try:
            digest = await asyncio.to_thread(sha256_of, path)
        except OSError as error:
            raise AgentError("missing", f"the front end cannot read {path}: {error}") from None
        self._hashes[path] = (stamp, digest)
        return digest

    async def bring(self, place: int, link: Link, origin: str, target: str, digest: str) -> None:
        """Brings a file to a host; who comes while it is on its way waits for the same transfer.

        Raises AgentError `failed` with the reason, or LinkLost.
        """
        key = (place, target)
        task = self._transfers.get(key)
        if task is None:
            lane = self._lanes.setdefault(place, asyncio.Lock())
            task = asyncio.create_task(self._transfer(lane, place, link, origin, target, digest))
            self._transfers[key] = task
            task.add_done_callback(lambda _: self._transfers.pop(key, None))
            task.add_done_callback(_heard)
        await asyncio.shield(task)

    async def _transfer(
        self,
        lane: asyncio.Lock,
        place: int,
        link: Link,
        origin: str,
        target: str,
        digest: str,
    ) -> None:
        """One file after the other to one host."""
        async with lane:
            if await self._neighbours.bring(place, link, digest):
                return
            async with self._sources.setdefault(digest, asyncio.Lock()):
                if not await self._neighbours.bring(place, link, digest):
                    await self._send(link, origin, target, digest)
                    self._neighbours.has(place, digest)

    async def _send(self, link: Link, origin: str, target: str, digest: str) -> None:
        """From the front end's own file."""
        async with self._turn:
            try:
                await link.upload(origin, target, digest)
            except (AgentError, LinkLost):
                raise
            except OSError as error:
                if link.lost.done():
                    raise LinkLost(link.lost.result()) from error
                raise AgentError("failed", f"bringing {origin} to the host: {error}") from error

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = [*self._transfers.values(), *self._hashing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _heard(task: "asyncio.Task[Any]") -> None:
    """A failure of which all who waited are gone shall not be reported as one that nobody heard of."""
    if not task.cancelled():
        task.exception()


def stamp_of(path: str) -> Stamp:
    """What tells that a file is still the one that it was."""
    now = Path(path).stat()
    return now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_dev, now.st_ino


def sha256_of(path: str) -> str:
    """The hash of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
