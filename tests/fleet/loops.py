"""Runs a test's coroutine on a real event loop, and proves that it left nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_real(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The coroutine's result; fails when tasks are left over or an exception was heard by nobody."""
    unheard: list[str] = []

    async def watched() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unheard.append(str(context)))
        result = await main()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left over: {left}"
        gc.collect()
        return result

    result = asyncio.run(watched())
    gc.collect()
    assert not unheard, "\n".join(unheard)
    return result


async def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """The condition's first true value; TimeoutError names it when it never comes."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (found := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.01)
    return found


async def within(work: Awaitable[T], seconds: float = 20.0) -> T:
    """The work's result; a test that hangs shall say where."""
    return await asyncio.wait_for(work, seconds)
