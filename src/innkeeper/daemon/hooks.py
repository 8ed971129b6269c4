"""Runs what hooks ask for: on the front end, or on the host of the object, both by way of the agent there."""

import asyncio
import base64
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from innkeeper.commands import hooks
from innkeeper.commands.core import Core
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle.messages import FRONT_END
from innkeeper.model.errors import Refusal
from innkeeper.model.hooks import USUAL_TIME, invocation
from innkeeper.model.nouns import Hook, HookRun
from innkeeper.store.journal import EventRow

from .tasks import begun

#: Commands that run at once; seconds that an answer may take beside the command.
AT_ONCE, SLACK = 4, 30.0
#: Seconds for which an agent that is away is waited for, and between looks.
PATIENCE, AGAIN = 60, 1.0
#: Bytes of a script that is sent to a host.
LONGEST_SCRIPT = 1 << 20


class HookRunner:
    """Runs executions as they become due, a few at once. Scripts lie in `folder` unless their path is absolute."""

    def __init__(self, core: Core, fleet: Fleet, folder: Path) -> None:
        self.core = core
        self.fleet = fleet
        self.folder = folder
        self._due: deque[int] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Gives up what nobody hears of any more, and goes on with what had not begun."""
        self.core.transact(hooks.interrupted)
        self._due.extend(hooks.waiting(self.core.world))
        self._pump()

    def follow(self, events: Sequence[EventRow]) -> None:
        """There may be something new to run."""
        found = [row.detail["execution"] for row in events if row.what == hooks.DUE]
        if found:
            self._due.extend(number for number in found if isinstance(number, int))
            self._pump()

    async def stop(self) -> None:
        """Waits for nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pump(self) -> None:
        while self._due and len(self._tasks) < AT_ONCE:
            task = begun(self._run(self._due.popleft()), "carrying out a hook")
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self.core.failure:
            self._pump()

    async def _run(self, number: int) -> None:
        with suppress(Refusal):  # the store failed: the next start says what became of it
            begun = await self.core.run(lambda tx: hooks.begin(tx, number))
            if begun is not None:
                outcome = await self._outcome(*begun)
                await self.core.run(lambda tx: hooks.finish(tx, number, *outcome))

    async def _outcome(self, hook: Hook, run: HookRun) -> tuple[int, str, str]:
        place = run.host_id if run.host_id >= 0 else FRONT_END
        seconds = float(hook.template.get("TIMEOUT") or USUAL_TIME)
        try:
            asked = self._asked(hook, run, seconds)
            await self._reached(place)
            found = await self.fleet.ask(place, "hook.run", asked, seconds + SLACK)
        except (AgentError, OSError) as error:
            return hooks.UNKNOWN, "", hooks.encoded(f"it could not be run: {error}")
        return int(found["code"]), str(found["stdout"]), str(found["stderr"])

    async def _reached(self, place: int) -> None:
        """Waits until there is a link, for as long as that may be soon."""
        for _ in range(PATIENCE):
            try:
                self.fleet.link(place)
                return
            except AgentError:
                await asyncio.sleep(AGAIN)

    def _asked(self, hook: Hook, run: HookRun, seconds: float) -> dict[str, Any]:
        arguments, stdin = invocation(hook, run.payload)
        command = hook.template.get("COMMAND", "")
        asked: dict[str, Any] = {"arguments": arguments, "stdin": stdin, "seconds": seconds}
        path = Path(command)
        if path.is_absolute():
            return {**asked, "command": command}
        path = self.folder / command
        if run.host_id < 0:
            return {**asked, "command": str(path)}
        script = path.read_bytes()
        if len(script) > LONGEST_SCRIPT:
            raise OSError(
                f"{command} has {len(script)} bytes; {LONGEST_SCRIPT} can be sent to a host"
            )
        sent = base64.b64encode(script).decode()
        return {**asked, "command": path.name, "script": sent}
