"""An XML-RPC load generator: N clients, each with one connection and one call at a time.

It speaks just enough HTTP to be fast (raw sockets, request bodies built before the clock starts),
so that it takes little of the machine that it measures. As a command:

    python bench/load.py http://127.0.0.1:2633/RPC2 --clients 8 --calls 10000 \\
        --session user:password one.vm.info 5

As a library: `load` within an event loop, or `load_apart` in a process of its own, whose CPU time is
then not charged to a server in the calling process. Parameters that look like integers or like true
and false are sent as such; `s:5` is the string 5.
"""

import argparse
import asyncio
import json
import sys
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

SUCCESS = b"<boolean>1</boolean>"
"""Within the first bytes of every answer of OpenNebula's kind that is not an error."""
LOOKED_AT = 400


@dataclass(frozen=True)
class Report:
    """Times in milliseconds, from the sending of a call to the last byte of its answer."""

    calls: int
    failures: dict[str, int]
    seconds: float
    rate: float
    p50: float
    p95: float
    p99: float
    worst: float
    received_bytes: int
    client_cpu_seconds: float

    def __str__(self) -> str:
        text = (
            f"{self.calls} calls in {self.seconds:.2f} s: {self.rate:.0f}/s, "
            f"p50 {self.p50:.2f} ms, p95 {self.p95:.2f} ms, p99 {self.p99:.2f} ms, "
            f"worst {self.worst:.2f} ms, {self.received_bytes / 1e6:.1f} MB, "
            f"client CPU {self.client_cpu_seconds:.2f} s"
        )
        return text + "".join(f"\n  {n} failed: {why}" for why, n in self.failures.items())


@dataclass
class Tally:
    """What all clients of one run share."""

    requests: list[bytes]
    calls: int
    sent: int = 0
    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def next_request(self) -> bytes | None:
        if self.sent == self.calls:
            return None
        self.sent += 1
        return self.requests[self.sent % len(self.requests)]


class Answer:
    """Reads one HTTP response piece by piece and remembers no more of it than its beginning."""

    def __init__(self) -> None:
        self.status = 0
        self.start = b""
        self.complete = False
        self.last = False
        self._head = b""
        self._chunked = False
        self._left = 0

    def feed(self, data: bytes) -> None:
        if not self.status:
            data = self._read_head(data)
        if self._chunked:
            self._read_chunks(data)
        elif self.status:
            self._take(data)
            self.complete = self._left == 0

    def _read_head(self, data: bytes) -> bytes:
        head, found, rest = (self._head + data).partition(b"\r\n\r\n")
        if not found:
            self._head = head
            return b""
        lines = head.lower().split(b"\r\n")
        self.status = int(lines[0].split(b" ")[1])
        headers = dict(line.split(b": ", 1) for line in lines[1:])
        self._chunked = headers.get(b"transfer-encoding") == b"chunked"
        self._left = int(headers.get(b"content-length", 0))
        self.last = headers.get(b"connection") == b"close"
        self._head = b""
        return rest

    def _take(self, data: bytes) -> bytes:
        """The body's part of `data` is used up; the rest comes back."""
        mine = data[: self._left]
        if len(self.start) < LOOKED_AT:
            self.start += mine[:LOOKED_AT]
        self._left -= len(mine)
        return data[len(mine) :]

    def _read_chunks(self, data: bytes) -> None:
        while data and not self.complete:
            if self._left:
                data = self._take(data)
                continue
            line, found, rest = (self._head + data).partition(b"\r\n")
            if not found:
                self._head = line
                return
            self._head, data = b"", rest
            if line == b"0":
                self.complete = True
            elif line:  # the empty line is the end of the chunk before
                self._left = int(line, 16)


class Client(asyncio.Protocol):
    """One connection: sends the next call when the answer to the last one is complete."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.answer = Answer()
        self.sent_at = 0.0
        self.waiting = False
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        request = self.tally.next_request()
        if request is None:
            self.transport.close()
            return
        self.answer = Answer()
        self.waiting = True
        self.sent_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.tally.received += len(data)
        self.answer.feed(data)
        if not self.answer.complete:
            return
        self.tally.times.append(time.perf_counter() - self.sent_at)
        self.waiting = False
        self.judge()
        if self.answer.last:
            self.transport.close()
        else:
            self.send()

    def judge(self) -> None:
        if self.answer.status != 200:
            self.tally.failures[f"HTTP {self.answer.status}"] += 1
        elif SUCCESS not in self.answer.start:
            beginning = self.answer.start.partition(b"<methodResponse>")[2] or self.answer.start
            self.tally.failures[beginning[:200].decode(errors="replace")] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting:
            self.tally.failures["connection lost"] += 1
        if not self.closed.done():
            self.closed.set_result(None)


async def _keep_calling(tally: Tally, host: str, port: int) -> None:
    """One client, with a new connection whenever the server ended the last one."""
    loop = asyncio.get_running_loop()
    while tally.sent < tally.calls:
        try:
            _, client = await loop.create_connection(lambda: Client(tally), host, port)
        except OSError as error:
            tally.failures[f"no connection: {error}"] += 1
            return
        await client.closed


def wire_request(url: str, body: bytes) -> bytes:
    parts = urlsplit(url)
    head = (
        f"POST {parts.path or '/RPC2'} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        f"content-type: text/xml\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


async def load(url: str, bodies: Sequence[bytes], clients: int, calls: int) -> Report:
    """Send `calls` calls in all, taking `bodies` in turn, with `clients` of them under way."""
    tally = Tally([wire_request(url, body) for body in bodies], calls)
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 2633
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_keep_calling(tally, host, port) for _ in range(clients)))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    ordered = sorted(tally.times)
    return Report(
        calls=len(ordered),
        failures=dict(tally.failures),
        seconds=seconds,
        rate=len(ordered) / seconds,
        p50=_percentile(ordered, 0.50),
        p95=_percentile(ordered, 0.95),
        p99=_percentile(ordered, 0.99),
        worst=_percentile(ordered, 1.0),
        received_bytes=tally.received,
        client_cpu_seconds=cpu,
    )


async def load_apart(
    url: str, bodies: Sequence[bytes], clients: int, calls: int, within: float = 300.0
) -> Report:
    """`load` in a process of its own. RuntimeError if that is not done `within` seconds."""
    job = {
        "url": url,
        "bodies": [body.decode() for body in bodies],
        "clients": clients,
        "calls": calls,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        "--job",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            output, _ = await process.communicate(json.dumps(job).encode())
    except TimeoutError:
        process.kill()
        raise RuntimeError(f"the load generator was not done within {within} s") from None
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return Report(**json.loads(output))


def _run_job() -> None:
    job = json.load(sys.stdin)
    job["bodies"] = [body.encode() for body in job["bodies"]]
    print(json.dumps(asdict(uvloop.run(load(**job)))))


def typed(text: str) -> str | int | bool:
    """A parameter from the command line."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text.removeprefix("s:")


def call_body(method: str, *parameters: Any) -> bytes:
    return xmlrpc.client.dumps(tuple(parameters), method).encode()


def main() -> None:
    if sys.argv[1:] == ["--job"]:
        _run_job()
        return
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("url")
    options.add_argument("method")
    options.add_argument("parameters", nargs="*")
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--calls", type=int, default=10_000)
    options.add_argument("--session", help="user:password, sent as the first parameter")
    options.add_argument("--json", action="store_true", help="print the report as JSON")
    given = options.parse_intermixed_args()
    session = [given.session] if given.session else []
    body = call_body(given.method, *session, *map(typed, given.parameters))
    report = uvloop.run(load(given.url, [body], given.clients, given.calls))
    print(json.dumps(asdict(report)) if given.json else report)
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
