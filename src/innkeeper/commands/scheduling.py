"""Placement at work: a pass whenever there may be something new, never by the clock.

Wakes are gathered: any number of them before the loop comes round make one pass. After a pass that took long,
the next waits as long as that took, so that a long queue cannot starve the API.
"""

import asyncio

from innkeeper.lifecycle.operations import deploy
from innkeeper.model.objects import Vm
from innkeeper.model.quotas import full_cluster
from innkeeper.model.world import Transaction
from innkeeper.placement.decide import Decision, Policy, place

from . import migration
from .core import Core

#: Decisions carried out in one transaction.
PASS_LIMIT = 200


class Scheduler:
    """Asks placement where waiting VMs can run, and starts their deployment."""

    def __init__(self, core: Core, policy: Policy) -> None:
        self.core = core
        self.policy = policy
        self._due = False
        self._free_at = 0.0

    def wake(self) -> None:
        """There may be something to place."""
        pending = self.core.world.pending
        if not self._due and (pending.vms or pending.moving):
            self._due = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(loop.time(), self._free_at), self._pass)

    def _pass(self) -> None:
        self._due = False
        if self.core.failure:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        decisions = place(self.core.world, self.core.clock.time(), self.policy, PASS_LIMIT)
        if decisions:
            self._carry_out(decisions)
        ended = loop.time()
        self._free_at = ended + (ended - began)
        if sum(1 for d in decisions if d.host is not None) >= PASS_LIMIT:
            self.wake()

    def _carry_out(self, decisions: list[Decision]) -> None:
        """All in one transaction; if one of them breaks us, each in its own, so that only that VM goes on waiting."""
        try:
            self.core.transact(lambda tx: carry_out(tx, decisions), limited=False)
        except Exception as error:
            if self.core.failure:
                return
            if len(decisions) == 1:
                text = f"VM {decisions[0].vm} was placed and could not be deployed"
                context = {"message": text, "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
                return
            for decision in decisions:
                self._carry_out([decision])


def carry_out(tx: Transaction, decisions: list[Decision]) -> None:
    """Starts what was decided; a VM that fits nowhere is told why."""
    for decision in decisions:
        vm = tx.world.vms[decision.vm]
        if decision.host is None or decision.datastore is None:
            _tell_why(tx, vm, decision)
            continue
        host = tx.world.hosts[decision.host]
        if full_cluster(tx.world, vm, host.cluster_id, {}) is not None:
            continue  # the next pass will see that, too
        datastore = tx.world.datastores[decision.datastore]
        if vm.place is not None:
            migration.rehouse(tx, tx.change(vm, decision=decision.explanation), host, datastore)
        else:
            deploy.begin(tx, vm, host, datastore, decision=decision.explanation)


def _tell_why(tx: Transaction, vm: Vm, decision: Decision) -> None:
    """Writes the reason where OpenNebula's users look; only when it is a new one."""
    if vm.user_template.get("SCHED_MESSAGE") == decision.reason:
        return
    template = vm.user_template.with_("SCHED_MESSAGE", decision.reason)
    tx.change(vm, user_template=template, decision=decision.explanation)
    tx.log(vm, "not placed", why=decision.reason)
