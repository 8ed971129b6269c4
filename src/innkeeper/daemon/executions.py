"""Looks after the commands that guests carry out for `one.vm.exec`, until they have ended."""

import asyncio
from collections.abc import Callable, Sequence

from innkeeper.commands import executing
from innkeeper.commands.core import Core
from innkeeper.fleet.fleet import Fleet
from innkeeper.fleet.link import AgentError
from innkeeper.lifecycle.operations import executing as work
from innkeeper.model.errors import Refusal
from innkeeper.model.objects import Vm
from innkeeper.model.world import Transaction
from innkeeper.store.journal import EventRow

from .tasks import begun

#: Seconds between looks at one: at first, and at last.
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
GONE = "nobody heard its end: the guest, or its agent, was started anew"
OFF = "its guest was switched off"


class Executions:
    """Asks the hosts. What runs is told by VMs' records, so that a front end that starts goes on with it."""

    def __init__(self, core: Core, fleet: Fleet, longest: float) -> None:
        self.core = core
        self.fleet = fleet
        self.longest = longest
        self._watched: dict[int, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Takes up what was begun before."""
        for number in executing.under_way(self.core.world):
            self._watch(number)

    def follow(self, events: Sequence[EventRow]) -> None:
        """There may be one more."""
        for row in events:
            if row.what == work.BEGUN:
                self._watch(row.id)

    async def stop(self) -> None:
        """Waits for nothing any more; what runs goes on."""
        tasks = list(self._watched.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, number: int) -> None:
        if number not in self._watched:
            work = self._until_ended(number)
            self._watched[number] = begun(work, f"looking after the command in VM {number}")

    async def _until_ended(self, number: int) -> None:
        pause, vms = FIRST_PAUSE, self.core.world.vms
        try:
            while (vm := vms.get(number)) is not None and vm.executing:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE)
                change = await self._news(vm)
                if change is not None:
                    self.core.transact(change, limited=False)
        except Refusal:
            pass  # the store failed: the next start goes on
        finally:
            del self._watched[number]

    async def _news(self, vm: Vm) -> Callable[[Transaction], None] | None:
        """What there is to write down of a VM's command, if anything."""
        number, since = vm.id, vm.executing
        if work.lost(vm):
            return lambda tx: executing.lost(tx, number, since, OFF)
        if not executing.to_ask(self.core.world, vm):
            return None
        if self.core.clock.time() > since + self.longest:
            return lambda tx: executing.overdue(tx, number, since, self.longest)
        pid = int((vm.template.vector(work.NAME) or {})["PID"])
        try:
            asked = {"vm": number, "pid": pid}
            found = await self.fleet.ask(vm.history[-1].host_id, "guest.look", asked)
        except AgentError:  # the host, or the guest's agent, is away
            return None
        if found["state"] == "lost":
            return lambda tx: executing.lost(tx, number, since, GONE)
        if found["state"] == "ended":
            return lambda tx: executing.ended(tx, number, since, found)
        return None
