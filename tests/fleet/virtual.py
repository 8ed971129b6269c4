"""Runs a test of a fleet under virtual time, and proves that it leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from innkeeper.model.states import HostState
from innkeeper.sim.loop import VirtualLoop, run
from tests.fleet.scripted import Lab


def in_lab(
    test: Callable[[Lab], Awaitable[None]], hosts: int = 1, state: HostState = HostState.MONITORED
) -> None:
    """Runs the test with a fleet that has not been started; then closes the fleet."""

    async def main(loop: VirtualLoop) -> None:
        lab = Lab(hosts, state)
        await test(lab)
        links = [place.link for place in lab.places.values() if place.link is not None]
        await lab.fleet.close()
        assert all(link.closed for link in links)
        left = [task for task in loop.pending_tasks() if task is not asyncio.current_task()]
        assert not left, f"tasks left over: {left}"
        assert not lab.defects

    run(main, seed=1)
