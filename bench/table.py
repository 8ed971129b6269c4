"""What the benchmarks share: their table, and the baselines that each figure stands beside."""

import argparse
import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ECHO = """
import asyncio, sys
from innkeeper.api.listener import serve
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    body = BODIES[scope["path"]]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
BODIES = {f"/{n}": b"<boolean>1</boolean>".ljust(n, b"x") for n in map(int, sys.argv[1:])}
class Bare:
    from innkeeper.api.messages import Limits
    limits = Limits()
    async def __call__(self, scope, receive, send): await app(scope, receive, send)
    async def start(self): pass
    async def stop(self): pass
    def end_streams(self): pass
async def main():
    listener = await serve(Bare())
    print(listener.address[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await listener.stop()
import uvloop
uvloop.run(main())
"""


class Rows:
    """Figures, each with what is promised and with a baseline of the same run."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        what: str,
        figure: float,
        unit: str,
        promise: str,
        baseline: str = "",
        base: float = 0.0,
    ) -> None:
        self.rows.append(
            {
                "what": what,
                "figure": figure,
                "unit": unit,
                "promise": promise,
                "baseline": baseline,
                "base": base,
                "ratio": figure / base if base else None,
            }
        )


def commits(data: Path, count: int = 300) -> float:
    """Bare commits a second of one 4 KB row each, one after the other, as durable as the journal's."""
    with sqlite3.connect(data / "bare.db", isolation_level=None) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        began = time.perf_counter()
        for number in range(count):
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO t VALUES (?, ?)", (number, f"{number}".ljust(4000)))
            db.execute("COMMIT")
        return count / (time.perf_counter() - began)


@contextmanager
def echo_server(sizes: Iterable[int]) -> Iterator[str]:
    """The URL of a bare ASGI application that answers POST /SIZE with as many bytes."""
    process = subprocess.Popen(
        [sys.executable, "-c", ECHO, *map(str, sizes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()


def post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "text/xml"})
    with urllib.request.urlopen(request) as reply:
        data: bytes = reply.read()
        return data


def report(rows: Rows, file: Path | None) -> None:
    """Prints the table; writes it to `file` as JSON too."""
    print(f"{'figure':60} {'measured':>14} {'promise':>10}   baseline of the same run")
    for row in rows.rows:
        measured = f"{row['figure']:,.1f} {row['unit']}"
        base = (
            f"{row['baseline']}: {row['base']:,.1f} (ratio {row['ratio']:.2f})"
            if row["baseline"]
            else ""
        )
        print(f"{row['what']:60} {measured:>14} {row['promise']:>10}   {base}")
    if file:
        file.write_text(json.dumps(rows.rows, indent=1) + "\n")


def parser(text: str | None) -> argparse.ArgumentParser:
    given = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given.add_argument("--json", type=Path, help="write the rows as JSON too")
    return given
