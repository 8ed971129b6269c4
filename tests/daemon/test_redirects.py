"""Redirects at work: real listeners of this process; what the guests' side does is told by the test."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from innkeeper.api.v1.ports import GuestUnreachable
from innkeeper.commands import nics, redirects, vms
from innkeeper.commands.redirects import Limits, Wish
from innkeeper.daemon.redirects import MOST, Redirector, SocketDoor, relay
from innkeeper.daemon.streams import WINDOW, FleetConnection, Streams
from innkeeper.model.objects import Redirect
from tests.commands.realm import ADMIN, Realm
from tests.daemon.test_guests import Agents

TEXT = "CPU=1\nMEMORY=128\nNIC=[NETWORK_ID=0]"
FIRST = 23200


class Wires:
    """Connections to guests, as `connect` makes them: each is an end that says what the test puts in it."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int, int]] = []
        self.open = 0
        self.unreachable = ""

    @asynccontextmanager
    async def __call__(self, vm: int, nic: int, port: int) -> AsyncIterator["Echo"]:
        if self.unreachable:
            raise GuestUnreachable(self.unreachable)
        self.made.append((vm, nic, port))
        self.open += 1
        try:
            yield Echo()
        finally:
            self.open -= 1


class Echo:
    """A guest that says what it hears, in capitals, and ends when it has heard all."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.over = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self._said.put_nowait(data.upper())

    async def finish(self) -> None:
        self._said.put_nowait(None)

    async def output(self) -> AsyncIterator[bytes]:
        while (data := await self._said.get()) is not None:
            yield data
        self.over.set()

    async def gone(self) -> None:
        await self.over.wait()


class Place(Realm):
    """A realm with a running VM, and its redirector."""

    def __init__(self) -> None:
        super().__init__()
        self.network()
        self.wires = Wires()
        self.number = self.running(TEXT).id
        self.limits = Limits(first=FIRST, last=FIRST + 99)
        self.begin()

    def begin(self) -> None:
        """A front end starts."""
        connect: Any = self.wires
        self.redirector = Redirector(self.core, connect, SocketDoor)
        self.core.followers[:] = [self.redirector.follow]
        self.redirector.start()

    def add(self, seconds: float = 60.0, port: int = 0) -> Redirect:
        wish = Wish(to=22, seconds=seconds, port=port)
        return self.do(lambda tx: redirects.add(tx, ADMIN, self.number, wish, self.limits))

    def remove(self, redirect: Redirect) -> None:
        self.do(lambda tx: redirects.remove(tx, ADMIN, self.number, redirect.id))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def asked(port: int, words: bytes = b"hello") -> bytes:
    """What the other end says to some words; nothing when it breaks off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(words)
        writer.write_eof()
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_redirect_leads_to_its_vm_until_it_is_removed() -> None:
    async def run() -> None:
        place = Place()
        made = place.add()
        assert await asked(made.port) == b"HELLO"
        assert place.wires.made == [(0, 0, 22)]
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        await until(lambda: place.wires.open == 1)
        place.remove(made)
        assert await reader.read() == b""  # what goes through it ends with it
        await until(lambda: not listening(made.port) and not place.wires.open)
        writer.close()

    asyncio.run(run())


def test_a_guest_that_cannot_be_reached() -> None:
    async def run() -> None:
        place = Place()
        made = place.add()
        place.wires.unreachable = "it is on no host"
        assert await asked(made.port) == b""
        place.wires.unreachable = ""
        assert await asked(made.port) == b"HELLO"
        place.redirector.stop()

    asyncio.run(run())


def test_it_ends_with_its_time_and_with_its_nic() -> None:
    async def run() -> None:
        place = Place()
        long, short = place.add(seconds=60), place.add(seconds=1)
        place.clock.now += 1
        place.redirector._look()
        await until(lambda: not listening(short.port))
        assert listening(long.port)
        assert [each.id for each in place.world.vms[0].redirects] == [long.id]
        place.do(lambda tx: nics.detach(tx, ADMIN, 0, 0))
        assert listening(long.port)
        place.finish()
        await until(lambda: not listening(long.port) and not place.world.vms[0].redirects)
        place.redirector.stop()

    asyncio.run(run())


def test_a_front_end_that_starts_opens_what_its_records_have() -> None:
    async def run() -> None:
        place = Place()
        kept, over = place.add(seconds=600), place.add(seconds=60)
        place.redirector.stop()
        await until(lambda: not listening(kept.port) and not listening(over.port))
        place.clock.now += 100
        place.begin()
        assert await asked(kept.port) == b"HELLO"
        assert not listening(over.port)
        await until(lambda: len(place.world.vms[0].redirects) == 1)
        place.redirector.stop()

    asyncio.run(run())


def test_a_port_of_another_program_is_told_and_tried_again() -> None:
    async def run() -> None:
        place = Place()
        with socket.create_server(("127.0.0.1", FIRST + 50)):
            made = place.add(port=FIRST + 50)
            assert "in use" in place.redirector.problem(made.id)
            place.redirector._look()
            assert place.redirector.problem(made.id)
        place.redirector._look()
        assert place.redirector.problem(made.id) == ""
        assert await asked(made.port) == b"HELLO"
        place.remove(made)
        assert not place.redirector._problems
        place.redirector.stop()

    asyncio.run(run())


def test_nothing_is_left_of_a_thousand_redirects() -> None:
    """Removed, run out, ended with their VMs, over front ends that start anew: no listener, task or file stays."""

    async def run() -> None:
        place = Place()
        await asked(place.add().port)
        before, tasks = descriptors(), len(asyncio.all_tasks())
        for cycle in range(1000):
            made = place.add(seconds=30)
            if cycle % 10 == 0:
                assert await asked(made.port) == b"HELLO"
            if cycle % 100 == 99:  # its VM ends, and another begins
                place.do(lambda tx: vms.act(tx, ADMIN, "terminate-hard", place.number))
                place.finish()
                place.number = place.running(TEXT).id
            elif cycle % 50 == 0:
                place.redirector.stop()
                place.begin()
            elif cycle % 3 == 0:
                place.clock.now += 31
                place.redirector._look()
            else:
                place.remove(made)
            await asyncio.sleep(0)
        place.clock.now += 61
        place.redirector._look()
        assert not place.world.redirects.ports and not place.redirector.open_ports
        await until(lambda: not place.wires.open and len(asyncio.all_tasks()) < tasks)
        await until(lambda: descriptors() < before)
        assert not any(map(listening, range(FIRST, FIRST + 100)))
        place.redirector.stop()

    asyncio.run(run())


def test_so_many_connections_at_most() -> None:
    async def run() -> None:
        place = Place()
        made = place.add()
        many = [await asyncio.open_connection("127.0.0.1", made.port) for _ in range(MOST)]
        await until(lambda: place.wires.open == MOST)
        assert await asked(made.port) == b""
        many[0][1].close()
        await until(lambda: place.wires.open == MOST - 1)
        assert await asked(made.port) == b"HELLO"
        place.redirector.stop()
        for _, writer in many:
            writer.close()
        await until(lambda: not place.wires.open)

    asyncio.run(run())


# ---- over a link -----------------------------------------------------------------------------------


def events_of(agents: Agents, number: int) -> Callable[..., None]:
    def say(**what: Any) -> None:
        for listener in list(agents.listeners):
            listener(0, {"event": "connection", "connection": number, **what})

    return say


async def opened(agents: Agents) -> FleetConnection:
    """A connection that an agent has opened."""
    made = FleetConnection(agents, 0, agents.link(0), 7)  # type: ignore[arg-type]
    await made.open(bridge="br0", addresses=["10.0.0.2"], port=22)
    events_of(agents, 7)(open=True)
    await made.opened()
    return made


def test_a_connection_that_the_guest_refuses() -> None:
    agents = Agents()

    async def run() -> None:
        with pytest.raises(GuestUnreachable, match="Connection refused"):
            async with Streams(agents).connection(0, "br0", ["10.0.0.2"], 22):  # type: ignore[arg-type]
                raise AssertionError

    async def refuse() -> None:
        await until(lambda: bool(agents.asked))
        events_of(agents, 1)(closed=True, why="Connection refused")

    async def both() -> None:
        await asyncio.gather(run(), refuse())

    asyncio.run(both())
    assert agents.listeners == []
    assert [verb for verb, _ in agents.asked] == ["connection.open", "connection.close"]


def test_what_the_guest_has_not_taken_is_not_followed_by_more_than_a_window() -> None:
    agents = Agents()

    async def run() -> None:
        connection = await opened(agents)
        say, piece = events_of(agents, 7), bytes(WINDOW // 4)
        writing = asyncio.create_task(write_all(connection, piece, 6))
        await until(lambda: sends(agents) == 4)
        await asyncio.sleep(0.02)
        assert sends(agents) == 4 and not writing.done()
        say(took=WINDOW // 4)
        await until(lambda: sends(agents) == 5)
        say(
            closed=True, why="Connection reset by peer"
        )  # the writer does not wait for a guest that is gone
        await writing
        assert sends(agents) == 5
        await connection.close()

    asyncio.run(run())
    assert agents.listeners == []


async def write_all(connection: FleetConnection, piece: bytes, times: int) -> None:
    for _ in range(times):
        await connection.write(piece)


def sends(agents: Agents) -> int:
    return sum(verb == "connection.send" for verb, _ in agents.asked)


def test_a_client_that_does_not_read_gets_all_in_the_end(tmp_path: Path) -> None:
    """The guest has said all and is gone long before the client reads: nothing is cut off."""
    agents = Agents()

    async def run() -> None:
        connection = await opened(agents)
        say = events_of(agents, 7)
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await relay(reader, writer, connection)
            writer.close()
            ended.set()

        server = await asyncio.start_unix_server(serve, tmp_path / "client")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "client")
        for _ in range(8):
            agents_data(say, b"x" * (WINDOW // 8))
        say(ended=True)
        writer.write(b"thanks")
        writer.write_eof()
        await until(lambda: agents.asked[-1][0] in ("connection.end", "connection.passed-on"))
        say(closed=True, why="")
        assert len(await reader.read()) == WINDOW
        await asyncio.wait_for(ended.wait(), 20)
        assert ("connection.end", {"connection": 7}) in agents.asked
        writer.close()
        server.close()

    asyncio.run(run())


def agents_data(say: Callable[..., None], data: bytes) -> None:
    import base64

    say(data=base64.b64encode(data).decode())


def test_a_link_that_is_lost_ends_what_goes_over_it() -> None:
    agents = Agents()

    async def run() -> None:
        connection = await opened(agents)
        assert agents.lost is not None
        agents.lost.set_result("the host went away")
        assert [data async for data in connection.output()] == []
        await connection.write(b"to nobody")
        await connection.gone()

    asyncio.run(run())
    assert agents.listeners == [] and sends(agents) == 0
