"""The front end under load: 100 simulated hosts, 1,000 VMs, the real daemon in a process of its own.

    python bench/bench_front_end.py [--json FILE]

Each figure stands beside a baseline from the same run, so that the ratio means something on any machine: a bare ASGI
application on the same server that answers the same number of bytes, and a bare SQLite loop that
commits one row at a time with the same durability.
"""

import asyncio
import base64
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daemon import SESSION, Daemon
from load import Report, call_body, load_apart
from table import Rows, commits, echo_server, parser, post, report

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


async def echo(sizes: list[int], calls: int) -> dict[int, Report]:
    """The same load on a bare ASGI application that answers as many bytes."""
    body = call_body("one.vm.info", SESSION, 1)
    with echo_server(sizes) as url:
        return {
            size: await load_apart(
                f"{url}/{size}", [body], CLIENTS, calls if size < 100_000 else 50
            )
            for size in sizes
        }


async def measure(daemon: Daemon) -> Rows:
    rows = Rows()
    row = rows.add
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


def main() -> None:
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="inn-bench-") as folder:
        daemon = Daemon(Path(folder))
        try:
            rows = asyncio.run(measure(daemon))
        finally:
            daemon.stop()
    report(rows, options.json)


if __name__ == "__main__":
    main()
