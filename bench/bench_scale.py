"""A whole zone on the embedded store: 1,250 simulated hosts and 20,000 VMs whose templates have 10 KB each.

    python bench/bench_scale.py [--hosts N] [--vms N] [--seconds S] [--json FILE]

The mix of calls and the sizes are those for which OpenNebula publishes its means (8 cores, MySQL; "Large-scale
deployment" in its documentation): 30 % host.info, 20 % hostpool.info, 30 % vm.info, 20 % vmpool.info at 10, 20 and 30
calls a second. Beside each stands a bare ASGI application that answers as many bytes to the same mix.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from daemon import SESSION, Daemon
from load import call_body, load_apart
from paced import Kind, Paced, paced_apart
from table import Rows, commits, echo_server, parser, post, report

#: What OpenNebula's documentation gives for the same mix, in ms, by calls a second.
PUBLISHED = {
    10: {"host.info": 20, "hostpool.info": 40, "vm.info": 10, "vmpool.info": 780},
    20: {"host.info": 50, "hostpool.info": 70, "vm.info": 50, "vmpool.info": 1100},
    30: {"host.info": 60, "hostpool.info": 70, "vm.info": 60, "vmpool.info": 1270},
}
#: What we promise, in ms.
PROMISED = {"host.info": 5, "hostpool.info": 20, "vm.info": 5, "vmpool.info": 100}
SHARES = {"host.info": 0.3, "hostpool.info": 0.2, "vm.info": 0.3, "vmpool.info": 0.2}
#: VMs sent to the load generator at once.
BATCH = 2000
#: Clients that ask for changes, each for one after the other: what comes together is made durable together.
CLIENTS = 32


def body(number: int) -> str:
    """A VM template of about 10 KB, no two alike."""
    chance = random.Random(number)
    attributes = "\n".join(f'NOTE_{n}="{chance.randbytes(150).hex()}"' for n in range(24))
    script = chance.randbytes(1000).hex()
    return (
        f'NAME="vm-{number}"\nCPU="0.25"\nMEMORY="512"\nDISK=[IMAGE="disk"]\nNIC=[NETWORK="net"]\n'
        f'CONTEXT=[NETWORK="YES",START_SCRIPT="{script}"]\n{attributes}\n'
    )


async def furnish(daemon: Daemon, hosts: int) -> None:
    calls = [
        call_body("one.host.allocate", SESSION, f"node{n}", "dummy", "dummy", -1)
        for n in range(hosts)
    ]
    await load_apart(daemon.rpc, calls, 8, hosts)
    daemon.call(
        "vn.allocate",
        'NAME="net"\nVN_MAD="dummy"\nBRIDGE="br0"\nAR=[TYPE="IP4",IP="10.0.0.1",SIZE="60000"]',
        -1,
    )
    daemon.call("image.allocate", 'NAME="disk"\nSIZE="64"\nTYPE="DATABLOCK"\nFORMAT="qcow2"', 1)
    await until(daemon, 'innkeeper_hosts{state="MONITORED"}', hosts)
    await until(daemon, 'innkeeper_images{state="READY"}', 1)


async def until(daemon: Daemon, metric: str, count: int) -> None:
    while await asyncio.to_thread(daemon.metric, metric) < count:
        await asyncio.sleep(0.1)


async def fill(daemon: Daemon, rows: Rows, hosts: int, vms: int) -> None:
    """All VMs, from the first call until the last one runs."""
    bare = commits(daemon.data)
    before, began = transitions(daemon), time.perf_counter()
    for first in range(0, vms, BATCH):
        numbers = range(first, min(vms, first + BATCH))
        calls = [call_body("one.vm.allocate", SESSION, body(n), False) for n in numbers]
        sent = await load_apart(daemon.rpc, calls, CLIENTS, len(calls))
        if sent.failures:
            raise SystemExit(f"calls failed: {sent.failures}")
    await until(daemon, 'innkeeper_vms{phase="RUNNING"}', vms)
    seconds = time.perf_counter() - began
    rows.add("VMs from first submission to all RUNNING", vms / seconds, "VMs/s", "")
    rate = (transitions(daemon) - before) / seconds
    base = "bare SQLite commits/s", bare
    rows.add("durable life-cycle transitions while they came up", rate, "/s", "", *base)


async def turn_over(daemon: Daemon, rows: Rows, vms: int) -> None:
    """All VMs are powered off and resumed."""
    bare = commits(Path(tempfile.mkdtemp(dir=daemon.data)))
    before, began = transitions(daemon), time.perf_counter()
    for action, phase in (("poweroff-hard", "POWEROFF"), ("resume", "RUNNING")):
        calls = [call_body("one.vm.action", SESSION, action, n) for n in range(vms)]
        sent = await load_apart(daemon.rpc, calls, CLIENTS, vms)
        if sent.failures:
            raise SystemExit(f"calls failed: {sent.failures}")
        await until(daemon, f'innkeeper_vms{{phase="{phase}"}}', vms)
    rate = (transitions(daemon) - before) / (time.perf_counter() - began)
    base = "bare SQLite commits/s", bare
    rows.add("durable life-cycle transitions, all VMs off and on", rate, "/s", ">= 2,000", *base)


def transitions(daemon: Daemon) -> int:
    """How often a VM's state has changed, by the event log."""
    with closing(sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)) as db:
        query = "SELECT count(*) FROM events WHERE kind = 'vm' AND what = 'state'"
        return int(db.execute(query).fetchone()[0])


def mix(hosts: int, vms: int) -> dict[str, Kind]:
    calls = {
        "host.info": [call_body("one.host.info", SESSION, n) for n in range(hosts)],
        "hostpool.info": [call_body("one.hostpool.info", SESSION)],
        "vm.info": [call_body("one.vm.info", SESSION, n) for n in range(vms)],
        "vmpool.info": [call_body("one.vmpool.info", SESSION, -2, -1, -1, -1)],
    }
    return {name: Kind("/RPC2", bodies, SHARES[name]) for name, bodies in calls.items()}


async def steady(daemon: Daemon, rows: Rows, hosts: int, vms: int, seconds: float) -> None:
    calls = mix(hosts, vms)
    sizes = {
        name: len(await asyncio.to_thread(post, daemon.rpc, kind.bodies[0]))
        for name, kind in calls.items()
    }
    for rate in PUBLISHED:
        cpu = daemon.cpu()
        told = checked(await paced_apart(daemon.url, calls, rate, seconds))
        cpu = (daemon.cpu() - cpu) / seconds
        bare = await bare_mix(sizes, rate, seconds / 2)
        for kind, promised in PROMISED.items():
            rows.add(
                f"{kind} at {rate}/s, mean ({sizes[kind]:,} bytes; published: {PUBLISHED[rate][kind]} ms)",
                told.means[kind],
                "ms",
                f"<= {promised}",
                "ASGI echo, ms",
                bare.means[kind],
            )
        rows.add(f"CPU of the front end at {rate}/s", cpu * 100, "% of a core", "")


async def bare_mix(sizes: dict[str, int], rate: float, seconds: float) -> Paced:
    """The same mix, of empty calls, on a bare application that answers as many bytes."""
    with echo_server(sizes.values()) as url:
        calls = {name: Kind(f"/{size}", [b""], SHARES[name]) for name, size in sizes.items()}
        return checked(await paced_apart(url, calls, rate, seconds))


def checked(told: Paced) -> Paced:
    if told.failures:
        raise SystemExit(f"calls failed: {told.failures}")
    return told


async def saturate(daemon: Daemon, rows: Rows, hosts: int, vms: int, seconds: float) -> None:
    """Ever more calls a second, until they pile up."""
    calls, rate, best = mix(hosts, vms), 30.0, 0.0
    while True:
        rate *= 1.5
        told = checked(await paced_apart(daemon.url, calls, rate, seconds))
        best = max(best, told.answered)
        if told.answered < 0.9 * rate:
            break
    rows.add("the mix, pushed until calls pile up", best, "calls/s", "")


async def rest(daemon: Daemon, rows: Rows, interval: int) -> None:
    """Nobody asks: what is left is monitoring."""
    cpu, began = daemon.cpu(), time.perf_counter()
    await asyncio.sleep(2 * interval)
    share = (daemon.cpu() - cpu) / (time.perf_counter() - began)
    rows.add(f"monitoring all of it every {interval} s", share * 100, "% of a core", "<= 10")
    rows.add("memory of the front end", daemon.memory(), "MB", "< 1,000")


async def again(daemon: Daemon, rows: Rows, vms: int) -> None:
    """Killed and started again, until it shows the pool."""
    daemon.process.kill()
    daemon.process.wait()
    began = time.perf_counter()
    daemon.start()
    rows.add("restart, until it serves", time.perf_counter() - began, "s", "< 10")
    pool = call_body("one.vmpool.info", SESSION, -2, -1, -1, -1)
    await asyncio.to_thread(post, daemon.rpc, pool)
    rows.add("restart, until the first pool of all VMs", time.perf_counter() - began, "s", "")
    await until(daemon, 'innkeeper_vms{phase="RUNNING"}', vms)
    rows.add("memory after the restart", daemon.memory(), "MB", "< 1,000")


async def measure(daemon: Daemon, options: argparse.Namespace) -> Rows:
    rows, began = Rows(), time.perf_counter()
    hosts, vms = options.hosts, options.vms
    for stage in stages(daemon, rows, hosts, vms, options):
        print(f"{time.perf_counter() - began:6.1f} s: {stage.__name__}", file=sys.stderr)
        await stage
    return rows


def stages(
    daemon: Daemon, rows: Rows, hosts: int, vms: int, options: argparse.Namespace
) -> Iterator[Any]:
    yield furnish(daemon, hosts)
    yield fill(daemon, rows, hosts, vms)
    yield turn_over(daemon, rows, vms)
    yield steady(daemon, rows, hosts, vms, options.seconds)
    yield saturate(daemon, rows, hosts, vms, options.seconds / 2)
    yield rest(daemon, rows, options.interval)
    yield again(daemon, rows, vms)


def main() -> None:
    given = parser(__doc__)
    given.add_argument("--hosts", type=int, default=1250)
    given.add_argument("--vms", type=int, default=20_000)
    given.add_argument("--seconds", type=float, default=30, help="of each rate (default: 30)")
    given.add_argument("--interval", type=int, default=60, help="of monitoring, in s (default: 60)")
    options = given.parse_args()
    with tempfile.TemporaryDirectory(prefix="inn-bench-") as folder:
        daemon = Daemon(Path(folder), options.interval)
        try:
            rows = asyncio.run(measure(daemon, options))
        finally:
            daemon.stop()
    report(rows, options.json)


if __name__ == "__main__":
    main()
