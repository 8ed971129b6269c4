"""The link to an agent that another process started for us."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from innkeeper.fleet.link import LinkLost
from innkeeper.fleet.local import open_service
from tests.fleet.loops import run_real

ENDED = b'{"id": 2, "ok"\n{"event": "ended", "why": "the agent was killed by signal 9"}\n'


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one request, says something by itself, then ends in the middle of another answer."""
    number = json.loads(await reader.readline())["id"]
    writer.write(json.dumps({"event": "metrics"}).encode() + b"\n")
    writer.write(json.dumps({"id": number, "ok": True, "result": {"time": 1}}).encode() + b"\n")
    if await reader.readline():
        writer.write(ENDED)
    writer.close()


def test_requests_events_and_the_last_word(tmp_path: Path) -> None:
    async def main() -> None:
        events: list[dict[str, object]] = []
        server = await asyncio.start_unix_server(answer, tmp_path / "sock")
        link = await open_service(tmp_path / "sock", events.append)
        assert await link.request("ping", {}) == {"time": 1}
        assert link.shares_files and events == [{"event": "metrics"}]
        with pytest.raises(LinkLost, match="the agent was killed by signal 9"):
            await link.request("observe", {})
        assert await link.lost == "the agent was killed by signal 9"
        assert len(events) == 1
        await link.close()
        server.close()

    run_real(main)


def test_a_service_that_goes_without_a_word(tmp_path: Path) -> None:
    async def main() -> None:
        server = await asyncio.start_unix_server(lambda _, w: w.close(), tmp_path / "sock")
        link = await open_service(tmp_path / "sock", print)
        assert "did not say how" in await link.lost
        await link.close()
        server.close()

    run_real(main)


def test_no_service_is_named_with_its_socket(tmp_path: Path) -> None:
    async def main() -> None:
        for problem in ("No such file", "Connection refused"):
            with pytest.raises(
                OSError, match=f"agents does not answer at {tmp_path}/sock: {problem}"
            ):
                await open_service(tmp_path / "sock", print)
            if problem == "No such file":
                server = await asyncio.start_unix_server(answer, tmp_path / "sock")
                server.close()

    run_real(main)
