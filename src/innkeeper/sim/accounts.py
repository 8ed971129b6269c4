"""What users and groups take, in books of the checker's own: no transaction raises it beyond a limit.

What is over a limit that was lowered may stay. Counted is what only people raise: VMs, their CPU and memory, leases.
"""

from collections.abc import Iterator
from typing import Any

from innkeeper.model.objects import Group, Quota, User, Vm
from innkeeper.model.states import VmState
from innkeeper.model.world import World

#: `user` or `group` and its number; the kind of quota, the object's number, the metric.
Account = tuple[str, int, str, str, str]


class Accounts:
    """The books. `raised` are the accounts that the transaction under way has raised."""

    def __init__(self) -> None:
        self._taken: dict[Account, float] = {}
        self._before: dict[Account, float] = {}

    def vm(self, old: Vm | None, new: Vm) -> None:
        """Books a VM."""
        if old is not None and _same(old, new):
            return
        for vm, sign in ((old, -1), (new, 1)):
            for account, amount in _of(vm) if vm is not None else ():
                taken = self._taken.get(account, 0.0)
                self._before.setdefault(account, taken)
                self._taken[account] = round(taken + sign * amount, 6)

    def broken(self, world: World) -> Iterator[str]:
        """What the transaction that ends here should not have done."""
        for account, before in self._before.items():
            now = self._taken[account]
            limit = _limit(world, account)
            if now > before and now > limit + 1e-6:
                holder, number, kind, which, metric = account
                yield f"{holder} {number} takes {now} {metric} of {kind} {which}, and may take {limit}"
        self._before.clear()


def _same(old: Vm, new: Vm) -> bool:
    """Can nothing have changed that is counted here?"""
    live = (old.state is VmState.DONE) is (new.state is VmState.DONE)
    counted = old.template.shares(new.template, ("CPU", "MEMORY", "NIC", "NIC_ALIAS"))
    return live and counted and (old.uid, old.gid) == (new.uid, new.gid)


def _of(vm: Vm) -> Iterator[tuple[Account, float]]:
    if vm.state is VmState.DONE:
        return
    for holder in (("user", vm.uid), ("group", vm.gid)):
        yield (*holder, "VM", "", "VMS"), 1
        yield (*holder, "VM", "", "CPU"), vm.cpu
        yield (*holder, "VM", "", "MEMORY"), vm.memory
        for nic in (*vm.nics, *vm.aliases):
            yield (*holder, "NETWORK", nic["NETWORK_ID"], "LEASES"), 1


def _limit(world: World, account: Account) -> float:
    holder, number, kind, which, metric = account
    table: Any = world.users if holder == "user" else world.groups
    record: User | Group | None = table.get(number)
    if record is None or number == 0:
        return float("inf")
    defaults = [each.quotas for each in world.default_quotas if each.name == holder]
    for quotas in (record.quotas, *defaults):
        limit = _written(quotas, kind, which, metric)
        if limit != -1:
            return float("inf") if limit == -2 else limit
    return float("inf")


def _written(quotas: tuple[Quota, ...], kind: str, which: str, metric: str) -> float:
    for quota in quotas:
        if (quota.kind, quota.which) == (kind, which):
            return quota.limits.get(metric, -1)
    return -1
