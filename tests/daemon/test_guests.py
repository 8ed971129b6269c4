"""Consoles by way of a host's agent: one that cannot be opened, or is closed, leaves nothing behind."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.daemon.guests import FleetGuests
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle.machine import phase
from tests.commands.realm import Realm

Answer = Callable[[str], dict[str, Any]]


class Agents:
    """The part of a fleet that consoles need; `answer` says what an agent says."""

    def __init__(self, answer: Answer) -> None:
        self.listeners: list[Callable[[int, dict[str, Any]], None]] = []
        self.answer = answer

    async def ask(self, place: int, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        """What the agent answers."""
        return self.answer(verb)


def guests(realm: Realm, agents: Agents) -> FleetGuests:
    vm = realm.running()
    assert phase(vm) == "RUNNING"
    return FleetGuests(realm.world, agents)  # type: ignore[arg-type]


def test_a_console_that_cannot_be_opened_listens_no_more() -> None:
    def refuse(verb: str) -> dict[str, Any]:
        raise AgentError("refused", "it has no serial port")

    agents = Agents(refuse)
    with pytest.raises(GuestUnreachable, match="no serial port"):
        asyncio.run(guests(Realm(), agents).open_console(0))
    assert agents.listeners == []


def test_a_console_hears_its_own_guest_until_it_is_closed() -> None:
    agents = Agents(lambda verb: {"console": 4})

    def say(console: int, text: bytes = b"", **more: Any) -> None:
        data = base64.b64encode(text).decode()
        for listener in list(agents.listeners):
            listener(0, {"event": "console", "console": console, "data": data, **more})

    async def run() -> list[bytes]:
        console = await guests(Realm(), agents).open_console(0)
        say(3, b"not ours")
        say(4, b"login: ")
        say(4, closed=True)
        heard = [data async for data in console.output()]
        await console.close()
        return heard

    assert asyncio.run(run()) == [b"login: "]
    assert agents.listeners == []
