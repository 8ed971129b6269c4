"""The core: what is shown is durable, also to those who only read."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from innkeeper.commands.core import Core
from innkeeper.model.errors import Refusal
from innkeeper.model.objects import Setting
from innkeeper.store.memory import MemoryJournal
from tests.commands.realm import Realm


class Clock:
    def time(self) -> float:
        return 0.0


class Slow:
    """A core whose journal makes things durable when it is told to."""

    def __init__(self) -> None:
        self.finish: list[Callable[[], None]] = []
        self.journal = MemoryJournal(self.finish.append)
        self.core = Core(self.journal, Clock())

    def put(self, number: int) -> int:
        setting = Setting(id=number, name="colour", value="blue")
        return self.core.transact(lambda tx: tx.put(setting))[1]


async def waits(work: "asyncio.Task[None]") -> bool:
    await asyncio.sleep(0)
    return not work.done()


def test_who_reads_waits_for_what_was_changed_before_and_not_for_what_came_behind() -> None:
    asyncio.run(_who_reads())


async def _who_reads() -> None:
    slow = Slow()
    await slow.core.settled()
    slow.put(1)
    reading = asyncio.create_task(slow.core.settled())
    assert await waits(reading)
    slow.put(2)
    slow.finish[0]()
    await reading
    later = asyncio.create_task(slow.core.settled())
    assert await waits(later)
    slow.finish[1]()
    await later


def test_reads_go_on_when_the_journal_has_failed() -> None:
    asyncio.run(_reads_go_on())


async def _reads_go_on() -> None:
    slow = Slow()
    slow.put(1)
    reading = asyncio.create_task(slow.core.settled())
    assert await waits(reading)
    slow.journal.fail("no space left")
    slow.finish[0]()
    await reading
    await slow.core.settled()
    with pytest.raises(Refusal, match="no space left"):
        slow.put(2)


def test_who_leaves_does_not_take_along_others_who_wait_for_the_same() -> None:
    asyncio.run(_who_leaves())


async def _who_leaves() -> None:
    slow = Slow()
    ticket = slow.put(1)
    leaving, changing = (asyncio.create_task(slow.core.durable(ticket)) for _ in range(2))
    assert await waits(leaving) and await waits(changing)
    leaving.cancel()
    assert await waits(changing)
    behind = asyncio.create_task(slow.core.settled())
    assert await waits(behind)
    slow.finish[0]()
    await asyncio.gather(changing, behind)
    assert leaving.cancelled()


def test_a_follower_that_breaks_is_told_of_and_harms_no_other() -> None:
    asyncio.run(_a_follower_breaks())


async def _a_follower_breaks() -> None:
    slow, told, heard = Slow(), [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def broken(_: object) -> None:
        raise OSError("is a directory")

    slow.core.followers += [broken, heard.append]
    setting = Setting(id=1, name="colour", value="blue")
    slow.core.transact(lambda tx: tx.log(tx.put(setting), "created"))
    slow.finish[0]()
    assert [len(events) for events in heard] == [1]
    assert [str(context["exception"]) for context in told] == ["is a directory"]


def test_an_operation_that_cannot_go_on_holds_up_no_other() -> None:
    asyncio.run(_an_operation_cannot_go_on())


async def _an_operation_cannot_go_on() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    realm = Realm()
    for number in range(3):
        realm.image(f"NAME=img-{number}\nSIZE=9", ready=False)
    first, second, third = realm.world.operations
    realm.do(lambda tx: tx.change(second, name="of a later release"))
    realm.asked.clear()
    realm.core.resume()
    assert [asked.operation for asked in realm.asked] == [first.id, third.id]
    assert [context["message"] for context in told] == [f"going on with operation {second.id}"]
    assert second.id in realm.world.operations
