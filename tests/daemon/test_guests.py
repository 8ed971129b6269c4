"""Consoles by way of a host's agent: one that cannot be opened, or is closed, leaves nothing behind."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.daemon.guests import FleetGuests
from innkeeper.daemon.streams import WINDOW
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle.machine import phase
from tests.commands.realm import Realm

Answer = Callable[[str], dict[str, Any]]


class Agents:
    """The part of a fleet that consoles need; `answer` says what an agent says, `asked` holds what it was asked."""

    def __init__(self, answer: Answer = lambda verb: {}) -> None:
        self.listeners: list[Callable[[int, dict[str, Any]], None]] = []
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.lost: asyncio.Future[str] | None = None

    def link(self, place: int) -> "Agents":
        """The link, of which consoles want to know whether it is lost."""
        self.lost = asyncio.get_running_loop().create_future()
        return self

    async def ask(
        self, place: int, verb: str, args: dict[str, Any], timeout: float = 30.0
    ) -> dict[str, Any]:
        """What the agent answers."""
        self.asked.append((verb, args))
        return self.answer(verb)

    def say(self, console: int, text: bytes = b"", **more: Any) -> None:
        """A console's event."""
        data = base64.b64encode(text).decode()
        for listener in list(self.listeners):
            listener(0, {"event": "console", "console": console, "data": data, **more})


def guests(realm: Realm, agents: Agents) -> FleetGuests:
    vm = realm.running()
    assert phase(vm) == "RUNNING"
    return FleetGuests(realm.world, agents)  # type: ignore[arg-type]


def test_a_console_that_cannot_be_opened_listens_no_more() -> None:
    def refuse(verb: str) -> dict[str, Any]:
        raise AgentError("refused", "it has no serial port")

    agents = Agents(refuse)
    with pytest.raises(GuestUnreachable, match="no serial port"):
        asyncio.run(guests(Realm(), agents).open_console(0, "serial"))
    assert agents.listeners == []


def test_a_console_that_nobody_waits_for_any_more_is_closed_on_its_host() -> None:
    agents = Agents()

    async def run() -> None:
        answered = asyncio.Event()

        async def ask(place: int, verb: str, args: dict[str, Any], timeout: float = 30.0) -> Any:
            agents.asked.append((verb, args))
            if verb == "console.open":
                await answered.wait()
            return {}

        agents.ask = ask  # type: ignore[method-assign]
        opening = asyncio.create_task(guests(Realm(), agents).open_console(0, "serial"))
        while not agents.asked:
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait({opening})
        while len(agents.asked) < 2:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert agents.asked[1] == ("console.close", {"console": 1})
    assert agents.listeners == []


def test_a_console_hears_its_own_guest_until_it_is_closed() -> None:
    agents = Agents()

    async def run() -> list[bytes]:
        console = await guests(Realm(), agents).open_console(0, "vnc")
        agents.say(console.number + 1, b"not ours")
        agents.say(console.number, b"login: ")
        agents.say(console.number, closed=True)
        heard = [data async for data in console.output()]
        await console.close()
        return heard

    assert asyncio.run(run()) == [b"login: "]
    assert agents.listeners == []
    assert agents.asked[0] == ("console.open", {"console": 1, "vm": 0, "kind": "vnc"})


def test_what_is_passed_on_is_told_and_nothing_before() -> None:
    """An agent that is told nothing sends no more than a window: a slow reader costs that, and no more."""
    agents = Agents()

    async def run() -> None:
        console = await guests(Realm(), agents).open_console(0, "vnc")
        piece = bytes(WINDOW // 8)
        for _ in range(8):
            agents.say(console.number, piece)
        output = console.output()
        assert await anext(output) == piece
        assert passed_on(agents) == []  # it is with the reader, who may be slow
        for _ in range(2):
            await anext(output)
        assert passed_on(agents) == [WINDOW // 4]
        for _ in range(5):
            await anext(output)
        agents.say(console.number, b"more")
        await anext(output)
        assert passed_on(agents) == [WINDOW // 4] * 4
        await console.close()

    asyncio.run(run())


def passed_on(agents: Agents) -> list[int]:
    return [args["bytes"] for verb, args in agents.asked if verb == "console.passed-on"]


def test_an_agent_that_sends_too_much_is_not_listened_to() -> None:
    agents = Agents()

    async def run() -> None:
        console = await guests(Realm(), agents).open_console(0, "serial")
        for _ in range(9):
            agents.say(console.number, bytes(WINDOW // 8))
        assert console.held > WINDOW and agents.listeners == []
        assert len([data async for data in console.output()]) == 8

    asyncio.run(run())


def test_a_console_ends_with_its_link() -> None:
    agents = Agents()

    async def run() -> None:
        console = await guests(Realm(), agents).open_console(0, "serial")
        assert agents.lost is not None
        agents.lost.set_result("the host went away")
        assert [data async for data in console.output()] == []

    asyncio.run(run())
    assert agents.listeners == []
