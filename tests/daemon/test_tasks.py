"""Work beside everything else: a defect that ends it is heard of at once, though somebody keeps the task."""

import asyncio
from typing import Any

from innkeeper.daemon.tasks import begun


async def broken() -> None:
    raise KeyError("total_mib")


async def endless() -> None:
    await asyncio.Event().wait()


def test_a_defect_is_told_and_an_end_by_request_is_not() -> None:
    told: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        kept = [begun(broken(), "measuring"), begun(endless(), "waiting")]
        await asyncio.wait(kept[:1])
        kept[1].cancel()
        await asyncio.gather(*kept, return_exceptions=True)

    asyncio.run(run())
    assert [(context["message"], repr(context["exception"])) for context in told] == [
        ("measuring", "KeyError('total_mib')")
    ]
