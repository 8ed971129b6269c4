"""The load generator against the real listener: it must count what happened and nothing else."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvloop

from innkeeper.api.listener import serve
from innkeeper.api.messages import Request, Response
from innkeeper.api.routing import Route
from innkeeper.api.server import Application
from innkeeper.api.xmlrpc import wire

LOAD = Path(__file__).parents[2] / "bench" / "load.py"


class Counting:
    """Answers in all the ways that a server has, and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def rpc(self, method: str, parameters: list[Any]) -> bytes | AsyncIterator[bytes]:
        self.calls.append((method, parameters))
        if method == "one.pool":
            return wire.stream(wire.Raw(*[wire.escape("<VM/>" * 1000)] * 30), chunk=10_000)
        if method == "one.no":
            return wire.failure("[one.no] Error getting virtual machine [7].", 1024, 7)
        return wire.success("<VM/>" * 1000)

    async def last(self, request: Request) -> Response:
        self.calls.append(request.path)
        document = wire.success(1)
        return Response(document, headers=(("connection", "close"),))


async def _run(counting: Counting, path: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    app = Application(counting.rpc, [Route("POST", "/last", counting.last)])
    listener = await serve(app)
    url = "http://{}:{}".format(*listener.address) + path
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(LOAD), url, *arguments, "--json", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    await listener.stop()
    assert process.returncode is not None
    return process.returncode, json.loads(output)


def run(counting: Counting, path: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    return uvloop.run(_run(counting, path, *arguments))


def test_calls_arrive_as_typed_and_are_counted() -> None:
    counting = Counting()
    typed = ["one.vm.info", "5", "true", "s:7", "text", "--session", "u:p"]
    code, report = run(counting, "/RPC2", *typed, "--clients", "3", "--calls", "100")
    assert (code, report["calls"], report["failures"]) == (0, 100, {})
    assert counting.calls == [("one.vm.info", ["u:p", 5, True, "7", "text"])] * 100
    assert 0 < report["p50"] <= report["p95"] <= report["p99"] <= report["worst"]
    assert report["received_bytes"] > 100 * len(wire.success("<VM/>" * 1000))


def test_streamed_answers_are_read_to_their_end() -> None:
    counting = Counting()
    code, report = run(counting, "/RPC2", "one.pool", "--clients", "2", "--calls", "20")
    assert (code, report["calls"]) == (0, 20)
    assert report["received_bytes"] > 20 * 30 * len(wire.escape("<VM/>" * 1000))


def test_failures_are_told_apart() -> None:
    code, report = run(Counting(), "/RPC2", "one.no", "--clients", "2", "--calls", "10")
    assert code == 1
    ((why, count),) = report["failures"].items()
    assert "Error getting virtual machine" in why
    assert count == 10
    code, report = run(Counting(), "/nothing", "one.vm.info", "--calls", "10")
    assert (code, report["failures"]) == (1, {"HTTP 404": 10})


def test_connections_that_the_server_ends_are_made_anew() -> None:
    counting = Counting()
    code, report = run(counting, "/last", "one.vm.info", "--clients", "2", "--calls", "10")
    assert (code, report["calls"], report["failures"]) == (0, 10, {})
    assert counting.calls == ["/last"] * 10
