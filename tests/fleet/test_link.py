"""Links over real child processes: agents that answer, and agents that misbehave."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from innkeeper.fleet import local
from innkeeper.fleet.link import LINE_LIMIT, AgentError, LinkLost, StreamLink
from innkeeper.fleet.local import open_child
from tests.fleet.loops import run_real, until, within

FAKE = str(Path(__file__).parent / "fake_agent.py")
Message = dict[str, Any]


class Opened:
    """A link to the fake agent, for `async with`."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log" / "agent.log"
        self.events: list[Message] = []

    async def __aenter__(self) -> Opened:
        self.link = await open_child([sys.executable, FAKE], self.log, self.events.append)
        return self

    async def __aexit__(self, *_: object) -> None:
        await within(self.link.close())

    async def ask(self, verb: str, **args: Any) -> Message:
        return await within(self.link.request(verb, args))

    async def refused(self, verb: str, **args: Any) -> AgentError:
        with pytest.raises(AgentError) as caught:
            await self.ask(verb, **args)
        return caught.value

    async def lost(self, verb: str, **args: Any) -> str:
        with pytest.raises(LinkLost) as caught:
            await self.ask(verb, **args)
        return str(caught.value)


def process_of(link: StreamLink) -> int:
    """The number of the agent's process: the only child of ours that is the fake agent."""
    found = []
    for number in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if FAKE.encode() in Path(f"/proc/{number}/cmdline").read_bytes():
            found.append(int(number))
    assert len(found) == 1
    return found[0]


def test_answers_find_whoever_asked_whatever_their_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            asked = [asyncio.create_task(agent.link.request("ignore", {})) for _ in range(3)]
            await asyncio.sleep(0)
            lines = [
                f'{{"id":{number},"ok":true,"result":{{"n":{number}}}}}\n' for number in (3, 1, 2)
            ]
            await agent.ask("raw", line="".join(lines) + '{"id":ID,"ok":true}\n')
            assert [answer["n"] for answer in await within(asyncio.gather(*asked))] == [1, 2, 3]

    run_real(main)


def test_a_thousand_requests_at_once_all_get_their_own_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            text = "x" * 3000  # three megabytes in all: far more than pipes hold
            answers = await asyncio.gather(
                *(agent.ask("echo", n=n, text=text) for n in range(1000))
            )
            assert [answer["n"] for answer in answers] == list(range(1000))

    run_real(main)


def test_requests_leave_in_order_though_the_agent_reads_slowly(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            order: list[int] = []

            async def ask(number: int) -> None:
                await agent.ask("echo", text="x" * 100_000)
                order.append(number)

            await asyncio.gather(*(ask(number) for number in range(50)))
            assert order == list(range(50))

    run_real(main)


@pytest.mark.parametrize(
    "line",
    ["no json\n", "[1, 2]\n", "5\n", "null\n", '"event"\n', "\n", "\xff\xfe\n", "[" * 100_000 + "\n",
     '{"id": [1], "ok": true}\n', '{"id": "ID", "ok": true}\n', '{"id": 99999, "ok": true}\n', "{}\n"],
)  # fmt: skip
def test_garbage_is_passed_over_and_the_link_goes_on(tmp_path: Path, line: str) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            garbage = asyncio.create_task(agent.link.request("raw", {"line": line}))
            assert await agent.ask("echo", still="there") == {"still": "there"}
            assert not garbage.done() and not agent.link.lost.done()
            garbage.cancel()
            await asyncio.wait({garbage})

    run_real(main)


@pytest.mark.parametrize(
    "line", ['{"id": ID}\n', '{"id": ID, "ok": 1}\n', '{"id": ID, "ok": true, "result": [1]}\n']
)
def test_an_answer_that_makes_no_sense_is_a_failure(tmp_path: Path, line: str) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            error = await agent.refused("raw", line=line)
            assert error.code == "failed" and "makes no sense" in error.message

    run_real(main)


def test_a_refusal_keeps_its_code_and_details(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            line = '{"id": ID, "ok": false, "code": "missing", "message": "no", "file": "/b/1"}\n'
            error = await agent.refused("raw", line=line)
            assert (error.code, error.message, error.detail["file"]) == ("missing", "no", "/b/1")

    run_real(main)


def test_a_line_of_the_greatest_length_arrives_and_a_longer_one_does_no_harm(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            frame = len('{"id": 1, "ok": true, "result": {"text": ""}}\n')
            answer = await agent.ask("long", bytes=LINE_LIMIT - frame)
            assert len(answer["text"]) == LINE_LIMIT - frame
            longer = asyncio.create_task(
                agent.link.request("long", {"bytes": LINE_LIMIT - frame + 1})
            )
            longest = asyncio.create_task(agent.link.request("long", {"bytes": 3 * LINE_LIMIT}))
            assert await agent.ask("echo", still="there") == {"still": "there"}
            assert not longer.done() and not longest.done()
            for task in (longer, longest):
                task.cancel()
            await asyncio.wait({longer, longest})

    run_real(main)


def test_a_request_that_is_too_long_is_refused_here(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            error = await agent.refused("echo", text="x" * LINE_LIMIT)
            assert error.code == "bad-args" and str(LINE_LIMIT) in error.message
            assert await agent.ask("echo", still="there") == {"still": "there"}

    run_real(main)


def test_events_come_in_order_and_one_that_is_taken_badly_does_no_harm(tmp_path: Path) -> None:
    async def main() -> None:
        taken: list[int] = []

        def take(message: Message) -> None:
            if message["n"] == 1:
                raise KeyError("vm")
            taken.append(message["n"])

        link = await open_child([sys.executable, FAKE], tmp_path / "log", take)
        for number in range(3):
            await within(link.request("event", {"message": {"event": "x", "n": number}}))
        await within(link.close())
        assert taken == [0, 2]

    run_real(main)


def test_an_agent_that_ends_says_why_and_every_request_learns_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            waiting = [asyncio.create_task(agent.lost("ignore")) for _ in range(3)]
            why = await agent.lost("quit", status=3, last="ImportError: no libvirt")
            assert why == "the agent ended with exit status 3: ImportError: no libvirt"
            assert await asyncio.gather(*waiting) == [why] * 3
            assert agent.link.lost.result() == why
            assert await agent.lost("echo") == why

    run_real(main)


def test_an_agent_that_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            await agent.ask("echo")
            waiting = asyncio.create_task(agent.lost("ignore"))
            await asyncio.sleep(0)
            os.kill(process_of(agent.link), 9)
            assert await waiting == "the agent was killed by signal 9"

    run_real(main)


def test_half_an_answer_is_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            assert await agent.lost("half") == "the agent ended"

    run_real(main)


def test_an_agent_that_closes_its_output_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LAST_WORDS", 0.1)

    async def main() -> None:
        async with Opened(tmp_path) as agent:
            assert await agent.lost("mute") == "the agent closed its output"

    run_real(main)


def test_an_agent_that_reads_no_more_holds_up_nobody_who_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 0.2)

    async def main() -> None:
        async with Opened(tmp_path) as agent:
            await agent.ask("deaf")
            size = 1 << 20
            asked = [asyncio.create_task(agent.lost("echo", text="x" * size)) for _ in range(5)]
            await asyncio.sleep(0)
            await within(agent.link.close())
            assert await asyncio.gather(*asked) == ["closed"] * 5

    run_real(main)


def test_an_agent_that_outlives_its_input_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 0.2)

    async def main() -> None:
        async with Opened(tmp_path) as agent:
            await agent.ask("stubborn")
            process = process_of(agent.link)
            await within(agent.link.close())
            assert not Path(f"/proc/{process}").exists()

    run_real(main)


def test_closing_ends_the_agent_and_may_be_done_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            await agent.ask("echo")
            process = process_of(agent.link)
            waiting = asyncio.create_task(agent.lost("ignore"))
            await asyncio.sleep(0)
            await asyncio.gather(agent.link.close(), agent.link.close())
            assert await waiting == "closed"
            assert await agent.lost("echo") == "closed"
            await until(lambda: not Path(f"/proc/{process}").exists(), "the agent has ended")

    run_real(main)


def test_a_request_that_nobody_waits_for_any_more_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Opened(tmp_path) as agent:
            for _ in range(20):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(agent.link.request("ignore", {}), 0.001)
            assert await agent.ask("echo", still="there") == {"still": "there"}

    run_real(main)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await open_child([str(tmp_path / "nothing")], tmp_path / "log", print)

    run_real(main)
