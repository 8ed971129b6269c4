"""A mix of XML-RPC calls at a given rate, however long the answers take (an open loop).

Each call has its time, by the clock alone; what it takes is counted from that time on, so that a server
that falls behind cannot hide it by being asked less.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop
from load import SUCCESS, Answer, wire_request


@dataclass(frozen=True)
class Paced:
    """`means` and `p95`: milliseconds by kind of call."""

    offered: float
    answered: float
    means: dict[str, float]
    p95: dict[str, float]
    failures: dict[str, int]
    received_bytes: int


@dataclass(frozen=True)
class Kind:
    """A kind of call: the path and the bodies that are sent there by chance, and its share of all calls."""

    path: str
    bodies: Sequence[bytes]
    share: float


class Connection(asyncio.Protocol):
    """Carries one call at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def call(self, request: bytes) -> asyncio.Future[Answer]:
        self.answer = Answer()
        self.received = 0
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.done

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.answer.feed(data)
        if self.answer.complete:
            self.done.set_result(self.answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("connection lost"))


class Mix:
    def __init__(self, url: str, kinds: Mapping[str, Kind]) -> None:
        parts = urlsplit(url)
        self.place = parts.hostname or "127.0.0.1", parts.port or 2633
        self.requests = {
            name: [wire_request(url + kind.path, body) for body in kind.bodies]
            for name, kind in kinds.items()
        }
        self.shares = {name: kind.share for name, kind in kinds.items()}
        self.idle: list[Connection] = []
        self.times: dict[str, list[float]] = defaultdict(list)
        self.failures: Counter[str] = Counter()
        self.received = 0

    async def one(self, kind: str, request: bytes, due: float) -> None:
        connection = self.idle.pop() if self.idle else await self.connect()
        try:
            answer = await connection.call(request)
        except ConnectionError as error:
            self.failures[str(error)] += 1
            return
        self.times[kind].append(time.perf_counter() - due)
        self.received += connection.received
        if SUCCESS not in answer.start:
            self.failures[answer.start[:200].decode(errors="replace")] += 1
        if not answer.last:
            self.idle.append(connection)

    async def connect(self) -> Connection:
        _, made = await asyncio.get_running_loop().create_connection(Connection, *self.place)
        return made

    async def run(self, rate: float, seconds: float, seed: int = 1) -> Paced:
        chance = random.Random(seed)
        count = int(rate * seconds)
        kinds = chance.choices(list(self.shares), list(self.shares.values()), k=count)
        begun = time.perf_counter()
        calls: list[asyncio.Task[None]] = []
        for number, kind in enumerate(kinds):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            request = chance.choice(self.requests[kind])
            calls.append(asyncio.create_task(self.one(kind, request, due)))
        await asyncio.gather(*calls)
        ended = time.perf_counter()
        return Paced(
            offered=rate,
            answered=count / (ended - begun),
            means={kind: 1000 * sum(t) / len(t) for kind, t in self.times.items()},
            p95={kind: 1000 * sorted(t)[int(len(t) * 0.95)] for kind, t in self.times.items()},
            failures=dict(self.failures),
            received_bytes=self.received,
        )


async def paced_apart(url: str, kinds: Mapping[str, Kind], rate: float, seconds: float) -> Paced:
    """The mix in a process of its own, whose CPU time is not the server's."""
    job: dict[str, Any] = {
        "url": url,
        "rate": rate,
        "seconds": seconds,
        "kinds": {
            name: [kind.path, [body.decode() for body in kind.bodies], kind.share]
            for name, kind in kinds.items()
        },
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(json.dumps(job).encode())
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return Paced(**json.loads(output))


def _run_job() -> None:
    job = json.load(sys.stdin)
    kinds = {
        name: Kind(path, [body.encode() for body in bodies], share)
        for name, (path, bodies, share) in job["kinds"].items()
    }
    report = uvloop.run(Mix(job["url"], kinds).run(job["rate"], job["seconds"]))
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    _run_job()
