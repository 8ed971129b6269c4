"""What XML-RPC costs on the wire: microseconds to read calls and to write responses, and the CPU
time of the server for a whole call over HTTP beside a bare ASGI application on the same listener.

The clients run in a process of their own. All microseconds are CPU time of this process, the best
of several rounds.

Run: ``python bench/micro_wire.py [--rounds N] [--calls N]``
"""

import argparse
import time
import timeit
import xmlrpc.client
from collections.abc import Callable
from typing import Any

import uvloop
from load import Report, call_body, load_apart

from innkeeper.api.listener import serve
from innkeeper.api.messages import Receive, Scope, Send
from innkeeper.api.server import Application
from innkeeper.api.xmlrpc import wire

VM = (
    "<VM><ID>12</ID><UID>0</UID><GID>0</GID><NAME>web-12</NAME><LAST_POLL>1700000000</LAST_POLL>"
    "<TEMPLATE><CPU><![CDATA[1]]></CPU><MEMORY><![CDATA[512]]></MEMORY></TEMPLATE></VM>\n"
)
SMALL = VM * (4096 // len(VM))
LARGE = VM * (1_000_000 // len(VM))
ESCAPED = wire.escape(SMALL)
TEMPLATE = "".join(f'ATTRIBUTE_{n} = "value <{n}> & more"\n' for n in range(1050))


def microseconds(work: Callable[[], object], rounds: int) -> float:
    timer = timeit.Timer(work, timer=time.process_time)
    count, _ = timer.autorange()
    count = max(1, count // 4)
    return min(timer.repeat(repeat=rounds, number=count)) / count * 1e6


def print_wire(rounds: int) -> None:
    small_call = call_body("one.vm.info", "user:password", 12, False)
    large_call = call_body("one.template.allocate", "user:password", TEMPLATE)
    calls = [{"methodName": "one.vm.info", "params": ["user:password", n]} for n in range(150)]
    many_values = call_body("system.multicall", calls)
    works: dict[str, Callable[[], object]] = {
        f"read a call, {len(small_call)} B": lambda: wire.parse_call(small_call),
        f"read a call, {len(large_call) // 1000} KB template": lambda: wire.parse_call(large_call),
        "  the same with xmlrpc.client": lambda: xmlrpc.client.loads(large_call),
        f"read a multicall of 150, {len(many_values) // 1000} KB": lambda: wire.parse_call(
            many_values
        ),
        "write a success, integer": lambda: wire.success(12),
        "write a success, 4 KB text": lambda: wire.success(SMALL),
        "write a success, 4 KB escaped": lambda: wire.success(wire.Raw(ESCAPED)),
        "write a success, 1 MB text": lambda: wire.success(LARGE),
        "write a success, 1 MB of escaped parts": lambda: wire.success(wire.Raw(*[ESCAPED] * 250)),
        "  1 MB text with xmlrpc.client": lambda: xmlrpc.client.dumps(
            ([True, LARGE, 0],), methodresponse=True
        ),
        "write a failure": lambda: wire.failure("Error getting virtual machine [7].", 1024, 7),
    }
    for name, work in works.items():
        print(f"{name:44} {microseconds(work, rounds):10.1f} µs")


class Bare(Application):
    """Reads the body and returns a fixed document, with nothing in between."""

    document = wire.success(wire.Raw(ESCAPED))
    headers = [  # noqa: RUF012
        (b"content-type", b"text/xml"),
        (b"content-length", b"%d" % len(document)),
    ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.document})


async def answer(method: str, parameters: list[Any]) -> bytes:
    return wire.success(wire.Raw(ESCAPED))


async def over_http(app: Application, calls: int) -> tuple[float, Report]:
    """CPU microseconds of this process a call, and what the clients saw."""
    listener = await serve(app)
    url = "http://{}:{}/RPC2".format(*listener.address)
    bodies = [call_body("one.vm.info", "user:password", 12, False)]
    cpu = time.process_time()
    report = await load_apart(url, bodies, clients=8, calls=calls)
    cpu = time.process_time() - cpu
    await listener.stop()
    if report.failures:
        raise RuntimeError(str(report))
    return cpu / calls * 1e6, report


async def print_http(rounds: int, calls: int) -> None:
    doors = {"bare ASGI application": Bare(), "Application with XML-RPC": Application(answer)}
    best: dict[str, tuple[float, Report]] = {}
    for _ in range(rounds):
        for name, app in doors.items():
            figures = await over_http(app, calls)
            best[name] = min(best.get(name, figures), figures, key=lambda pair: pair[0])
    for name, (cpu, report) in best.items():
        print(f"{name:44} {cpu:10.1f} µs CPU a call; {report}")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--calls", type=int, default=5000)
    given = options.parse_args()
    print_wire(given.rounds)
    uvloop.run(print_http(given.rounds, given.calls))


if __name__ == "__main__":
    main()
