"""Work that goes on beside everything else for as long as the front end runs."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def begun(work: Coroutine[Any, Any, None], doing: str) -> "asyncio.Task[None]":
    """A task for whoever keeps it. When it ends by our own defect, the loop's handler hears of it at once."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler({"message": doing, "exception": error})

    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    task.add_done_callback(ended)
    return task
