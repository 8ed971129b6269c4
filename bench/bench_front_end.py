"""The front end under load: 100 simulated hosts, 1,000 VMs, the real daemon in a process of its own.

    python bench/bench_front_end.py [--json FILE]

Each figure stands beside a baseline from the same run, so that the ratio means something on any machine: a bare ASGI
application on the same server that answers the same number of bytes, and a bare SQLite loop that
commits one row at a time with the same durability.
"""

import argparse
import asyncio
import base64
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import xmlrpc.client
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from load import Report, call_body, load_apart

PASSWORD = "bench"
SESSION = f"oneadmin:{PASSWORD}"
HOSTS, VMS, CLIENTS = 100, 1000, 8
TEMPLATE = """NAME="bench"
CPU="0.5"
MEMORY="512"
DISK=[IMAGE="disk"]
NIC=[NETWORK="net"]
GRAPHICS=[TYPE="vnc",LISTEN="0.0.0.0"]
CONTEXT=[NETWORK="YES",SET_HOSTNAME="$NAME",SSH_PUBLIC_KEY="$USER[SSH_PUBLIC_KEY]"]
SCHED_REQUIREMENTS="HYPERVISOR=\\"dummy\\""
"""
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


class Daemon:
    """The real daemon, as users start it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = (data / "log.txt").open("wb")
        settings = data / "innkeeper.toml"
        settings.write_text('[log]\nlevel = "warning"\n[monitoring]\ninterval = 5\n')
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "innkeeper.daemon",
                "--simulate",
                "--data",
                data,
                "--listen",
                "127.0.0.1:0",
            ],
            env={**os.environ, "INN_ADMIN_PASSWORD": PASSWORD},
            stdout=self.log,
            stderr=self.log,
        )
        endpoint = data / "run" / "endpoint"
        while not endpoint.exists():
            if self.process.poll() is not None:
                raise SystemExit((data / "log.txt").read_text())
            time.sleep(0.01)
        self.url = endpoint.read_text().strip()
        self.rpc = f"{self.url}/RPC2"
        self.proxy = xmlrpc.client.ServerProxy(self.rpc)

    def call(self, method: str, *params: Any) -> Any:
        answer = getattr(self.proxy, f"one.{method}")(SESSION, *params)
        if not answer[0]:
            raise SystemExit(f"one.{method}: {answer[1]}")
        return answer[1]

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics") as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
        return 0.0

    def cpu(self) -> float:
        """CPU seconds that the daemon has used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident memory in MB, now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return (
            next(int(li.split()[1]) for li in status.splitlines() if li.startswith("VmRSS")) / 1000
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()


def furnish(daemon: Daemon) -> int:
    """Hosts, a network, an image; returns the VM template."""
    for number in range(HOSTS):
        daemon.call("host.allocate", f"node{number}", "dummy", "dummy", -1)
    daemon.call(
        "vn.allocate",
        'NAME="net"\nVN_MAD="dummy"\nBRIDGE="br0"\nAR=[TYPE="IP4",IP="10.0.0.1",SIZE="60000"]',
        -1,
    )
    daemon.call("image.allocate", 'NAME="disk"\nSIZE="1024"\nTYPE="DATABLOCK"\nFORMAT="qcow2"', 1)
    template: int = daemon.call("template.allocate", TEMPLATE)
    while daemon.metric('innkeeper_hosts{state="MONITORED"}') < HOSTS:
        time.sleep(0.02)
    while daemon.metric('innkeeper_images{state="READY"}') < 1:
        time.sleep(0.02)
    return template


def first_step(daemon: Daemon, template: int) -> float:
    """Milliseconds from a VM's creation to the start of its deployment, by the event log; the VM is ended again."""
    vm = daemon.call("template.instantiate", template, "", False, "", False)
    events: dict[str, float] = {}
    while "deploy" not in events:
        request = urllib.request.Request(f"{daemon.url}/api/v1/vms/{vm}/story")
        request.add_header("Authorization", "Basic " + base64.b64encode(SESSION.encode()).decode())
        with urllib.request.urlopen(request) as reply:
            for event in json.load(reply)["events"]:
                events.setdefault(event["detail"].get("name", event["what"]), event["at"])
    while daemon.call("vm.info", vm).find("<LCM_STATE>3<") < 0:
        time.sleep(0.01)
    daemon.call("vm.action", "terminate-hard", vm)
    return (events["deploy"] - events["created"]) * 1000


async def until_running(daemon: Daemon, count: int) -> float:
    while await asyncio.to_thread(daemon.metric, 'innkeeper_vms{phase="RUNNING"}') < count:
        await asyncio.sleep(0.02)
    return time.perf_counter()


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


async def echo(sizes: list[int], calls: int) -> dict[int, Report]:
    """The same load on a bare ASGI application that answers as many bytes."""
    process = subprocess.Popen(
        [sys.executable, "-c", ECHO, *map(str, sizes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    port = int(process.stdout.readline())
    body = call_body("one.vm.info", SESSION, 1)
    try:
        return {
            size: await load_apart(
                f"http://127.0.0.1:{port}/{size}", [body], CLIENTS, calls if size < 100_000 else 50
            )
            for size in sizes
        }
    finally:
        process.stdin.close()
        process.wait()


async def measure(daemon: Daemon) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def row(
        what: str, figure: float, unit: str, promise: str, baseline: str = "", base: float = 0.0
    ) -> None:
        ratio = figure / base if base else None
        rows.append(
            {
                "what": what,
                "figure": figure,
                "unit": unit,
                "promise": promise,
                "baseline": baseline,
                "base": base,
                "ratio": ratio,
            }
        )

    template = furnish(daemon)
    bare = commits(daemon.data)

    idle = statistics.median(first_step(daemon, template) for _ in range(5))
    row("a VM submitted to an idle cloud: until its deployment starts", idle, "ms", "<= 50")

    cpu, began = daemon.cpu(), time.perf_counter()
    body = call_body("one.template.instantiate", SESSION, template, "", False, "", False)
    submission = asyncio.create_task(load_apart(daemon.rpc, [body], CLIENTS, VMS))
    ended = await until_running(daemon, VMS)
    await submission
    row(
        "VMs from first submission to all RUNNING",
        VMS / (ended - began),
        "VMs/s",
        ">= 200",
        "bare SQLite commits/s",
        bare,
    )
    row("CPU of the front end a VM", (daemon.cpu() - cpu) / VMS * 1000, "ms", "")
    row("memory with 100 hosts and 1,000 VMs", daemon.memory(), "MB", "<= 200")

    while "<CPU>" not in daemon.call("vm.info", VMS).split("</MONITORING>")[0]:
        await asyncio.sleep(0.1)  # documents with figures in them, as in a cloud that runs
    info = call_body("one.vm.info", SESSION, 500)
    size = len(await asyncio.to_thread(post, daemon.rpc, info))
    pool = call_body("one.vmpool.infoextended", SESSION, -2, -1, -1, -1)
    pool_size = len(await asyncio.to_thread(post, daemon.rpc, pool))
    bare_http = await echo([size, pool_size], 10_000)
    cpu = daemon.cpu()
    infos = await load_apart(
        daemon.rpc, [call_body("one.vm.info", SESSION, n) for n in range(VMS)], CLIENTS, 10_000
    )
    row(
        "one.vm.info",
        infos.rate,
        "/s",
        ">= 2,500",
        f"ASGI echo of {size} bytes/s",
        bare_http[size].rate,
    )
    row("one.vm.info, CPU of the front end", (daemon.cpu() - cpu) / infos.calls * 1e6, "us", "")
    pools = await load_apart(daemon.rpc, [pool], 1, 40)
    echo_pool = bare_http[pool_size].p50 / CLIENTS
    row(
        "one.vmpool.infoextended of 1,000 VMs, median",
        pools.p50,
        "ms",
        "<= 15",
        f"ASGI echo of {pool_size} bytes, ms",
        echo_pool,
    )

    bare = commits(Path(tempfile.mkdtemp(dir=daemon.data)))
    held = [
        call_body("one.vm.allocate", SESSION, TEMPLATE.replace('"bench"', f'"held-{n}"'), True)
        for n in range(2000)
    ]
    allocated = await load_apart(daemon.rpc, held, CLIENTS, len(held))
    row("durable one.vm.allocate", allocated.rate, "/s", ">= 500", "bare SQLite commits/s", bare)
    row("memory at the end (3,000 VMs)", daemon.memory(), "MB", "")
    failures = {
        **infos.failures,
        **pools.failures,
        **allocated.failures,
        **submission.result().failures,
    }
    if failures:
        raise SystemExit(f"calls failed: {failures}")
    return rows


def post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "text/xml"})
    with urllib.request.urlopen(request) as reply:
        data: bytes = reply.read()
        return data


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'figure':60} {'measured':>14} {'promise':>10}   baseline of the same run")
    for row in rows:
        measured = f"{row['figure']:,.1f} {row['unit']}"
        base = (
            f"{row['baseline']}: {row['base']:,.1f} (ratio {row['ratio']:.2f})"
            if row["baseline"]
            else ""
        )
        print(f"{row['what']:60} {measured:>14} {row['promise']:>10}   {base}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the rows as JSON too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inn-bench-") as folder:
        daemon = Daemon(Path(folder))
        try:
            rows = asyncio.run(measure(daemon))
        finally:
            daemon.stop()
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
