"""Placement at work: one VM that cannot be deployed does not keep the others waiting."""

import asyncio
from typing import Any

from innkeeper.commands.scheduling import Scheduler
from innkeeper.model.objects import Vm
from innkeeper.placement.decide import Policy
from tests.commands.realm import Realm


def test_a_vm_that_breaks_us_stands_alone(realm: Realm) -> None:
    realm.host()
    first, broken, last = (realm.vm(hold=False) for _ in range(3))
    bad = broken.template.with_("DISK", {"DISK_ID": "x"})
    realm.do(lambda tx: tx.change(tx.world.vms[broken.id], template=bad))
    reported: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context)
        )
        scheduler = Scheduler(realm.core, Policy())
        scheduler.wake()
        for _ in range(100):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert [phase(realm, vm) for vm in (first, broken, last)] == ["PROLOG", "PENDING", "PROLOG"]
    assert len(reported) == 1 and f"VM {broken.id}" in reported[0]["message"]


def phase(realm: Realm, vm: Vm) -> str:
    now = realm.world.vms[vm.id]
    return now.lcm_state.name if now.lcm_state else now.state.name
