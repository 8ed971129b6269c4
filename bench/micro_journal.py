"""Durable transactions a second: the journal with 1, 8 and 64 callers that wait for each answer.

Beside it, on the same disk and in the same rounds: a bare sqlite3 loop that commits the same rows
one transaction at a time, and a bare loop of 4 KiB writes each with a sync. How fast a disk syncs
changes from minute to minute, so only the figures of one run may be compared; the ratio is the
journal's rate over the bare loop's. CPU time is that of the whole process.

Run: ``python bench/micro_journal.py [--folder F] [--rounds N] [--seconds S]``
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from innkeeper.store.journal import Batch, EventRow
from innkeeper.store.sqlite import SqliteJournal
from innkeeper.store.upgrade import open_database
from innkeeper.store.writer import PUT_COUNTER, PUT_EVENT, PUT_OBJECT, transaction

CALLERS = (1, 8, 64)
OBJECTS = 500


class Machine(msgspec.Struct, frozen=True):
    """As big as a VM's record: about 1 KB of JSON."""

    id: int
    name: str
    state: int
    changed: float
    template: str


class Rate(NamedTuple):
    per_second: float
    cpu_us: float
    wait_ms: float


def batch_of(n: int) -> Batch:
    """A step of a VM's life: its record, one counter, one line of the event log."""
    vm = Machine(n % OBJECTS, f"vm-{n % OBJECTS}", n % 7, n * 1.5, f"{n:06} " + "x" * 900)
    event = EventRow(n * 1.5, "vm", vm.id, "state", {"from": n % 7, "to": (n + 1) % 7})
    return Batch(n, (("vm", vm.id, vm),), (("step", n),), (event,))


def measured(work: Callable[[float], list[float]], seconds: float) -> Rate:
    """`work` runs until a deadline and returns how long each transaction was waited for."""
    cpu, begun = time.process_time(), time.perf_counter()
    waits = work(begun + seconds)
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    return Rate(len(waits) / took, used / len(waits) * 1e6, statistics.median(waits) * 1e3)


def bare_syncs(folder: Path) -> Callable[[float], list[float]]:
    def work(deadline: float) -> list[float]:
        waits, page = [], os.urandom(4096)
        with (folder / "probe").open("wb", buffering=0) as file:
            while (begun := time.perf_counter()) < deadline:
                file.write(page)
                os.fdatasync(file.fileno())
                waits.append(time.perf_counter() - begun)
        return waits

    return work


def bare_sqlite(folder: Path) -> Callable[[float], list[float]]:
    def work(deadline: float) -> list[float]:
        waits, encode = [], msgspec.json.encode
        with closing(open_database(folder / "bare.db")) as db:
            (n,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
            while (begun := time.perf_counter()) < deadline:
                n += 1
                ((kind, number, vm),), counters, (event,) = msgspec.structs.astuple(batch_of(n))[1:]
                with transaction(db):
                    db.execute(PUT_OBJECT, (kind, number, encode(vm)))
                    db.execute(PUT_COUNTER, counters[0])
                    row = (event.at, event.kind, event.id, event.what, encode(event.detail))
                    db.execute(PUT_EVENT, (n, *row))
                waits.append(time.perf_counter() - begun)
        return waits

    return work


def journal(folder: Path, callers: int) -> Callable[[float], list[float]]:
    def work(deadline: float) -> list[float]:
        return asyncio.run(wait_and_go_on(folder / "journal.db", callers, deadline))

    return work


async def wait_and_go_on(path: Path, callers: int, deadline: float) -> list[float]:
    loop, waits = asyncio.get_running_loop(), []

    async def caller(journal: SqliteJournal, first: int) -> None:
        n = first
        while (begun := time.perf_counter()) < deadline:
            n += callers
            durable = loop.create_future()
            journal.append(batch_of(n), durable.set_result)
            assert await durable is None
            waits.append(time.perf_counter() - begun)

    with closing(SqliteJournal(path, loop.call_soon_threadsafe)) as journal:
        start = journal.load().last_event
        await asyncio.gather(*(caller(journal, start + n) for n in range(callers)))
    return waits


def median(rates: list[Rate]) -> Rate:
    return Rate(*(statistics.median(column) for column in zip(*rates, strict=True)))


def report(results: dict[str, list[Rate]]) -> None:
    base = median(results["bare sqlite3"]).per_second
    print(f"{'':22} {'tx/s':>9} {'ratio':>7} {'CPU us/tx':>10} {'wait ms':>8}")
    for name, rates in results.items():
        rate = median(rates)
        ratio = f"{rate.per_second / base:7.2f}" if name != "bare syncs" else f"{'':7}"
        print(f"{name:22} {rate.per_second:9.0f} {ratio} {rate.cpu_us:10.1f} {rate.wait_ms:8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=None, help="a folder on the disk to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each line in each round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        contestants = {"bare syncs": bare_syncs(folder), "bare sqlite3": bare_sqlite(folder)}
        for callers in CALLERS:
            contestants[f"journal, {callers} waiting"] = journal(folder, callers)
        for work in contestants.values():
            work(time.perf_counter() + 0.05)  # makes the databases, imports what that needs
        results: dict[str, list[Rate]] = {name: [] for name in contestants}
        for _ in range(options.rounds):
            for name, work in contestants.items():
                results[name].append(measured(work, options.seconds))
    report(results)


if __name__ == "__main__":
    main()
