"""Guard: the hosts of a security group's VMs are told its changed rules, one VM after the other.

A VM that waits for that is `outdated` in its group. A guest that is off has no rules on its host: it gets the present
ones when it starts. A host that cannot be told leaves its VM among the `failed`, until the rules are committed again.
"""

from collections.abc import Iterable

from innkeeper.lifecycle import engine, guarding
from innkeeper.lifecycle.engine import Procedure, Step, register
from innkeeper.lifecycle.messages import Instruction
from innkeeper.model.indexes import security_groups_of
from innkeeper.model.objects import Operation, Record, SecurityGroup, Vm
from innkeeper.model.world import Transaction, World


def _tell(world: World, operation: Operation) -> Instruction | None:
    vm = world.vms[operation.args["vm"]]
    if vm.place is None or vm.id not in world.group_users.of(operation.target):
        return None
    about = {"vm": vm.id, "generation": vm.generation, "nics": guarding.nics(world, vm)}
    return Instruction(place=vm.place.host_id, verb="network.guard", args=about)


def _told(tx: Transaction, operation: Operation) -> None:
    group, vm = tx.world.security_groups[operation.target], tx.world.vms[operation.args["vm"]]
    if tx.world.operation_on(vm) is not None:
        group = tx.change(group, again=tuple(sorted({*group.again, vm.id})))
    _next(tx, group)


def _tell_again(tx: Transaction, rests: Record) -> None:
    """What was sent to a host while a VM was worked on may have been overtaken by changed rules, and come behind."""
    for number in sorted(security_groups_of(rests)) if isinstance(rests, Vm) else ():
        group = tx.world.security_groups.get(number)
        if group is not None and rests.id in group.again:
            left = tuple(vm for vm in group.again if vm != rests.id)
            begin(tx, tx.change(group, again=left), [rests.id])


engine.AT_REST.append(_tell_again)


def _not_told(tx: Transaction, operation: Operation) -> None:
    group, vm = tx.world.security_groups[operation.target], operation.args["vm"]
    if operation.results.get("code") == "stale":  # it has moved on since: once more
        _next(tx, tx.change(group, outdated=tuple(sorted({*group.outdated, vm}))))
        return
    tx.log(tx.world.vms[vm], "rules not changed", group=group.id, why=operation.failure)
    _next(tx, tx.change(group, failed=tuple(sorted({*group.failed, vm}))))


GUARD = register(
    Procedure(
        "guard",
        steps=(
            Step(
                "tell",
                why="the only one: a host replaces a VM's rules in one go",
                do=_tell,
            ),
        ),
        no_return="tell",
        finish=_told,
        fail=_not_told,
    )
)


def begin(tx: Transaction, group: SecurityGroup, vms: Iterable[int]) -> None:
    """These of the group's VMs have rules that are not right any more."""
    outdated = set(vms)
    failed = tuple(vm for vm in group.failed if vm not in outdated)
    outdated |= set(group.outdated)
    group = tx.change(group, outdated=tuple(sorted(outdated)), failed=failed)
    if tx.world.operation_on(group) is None:
        _next(tx, group)


def _next(tx: Transaction, group: SecurityGroup) -> None:
    """Goes on with the first VM that waits; those without a host, or without the group, need nothing."""
    users = tx.world.group_users.of(group.id)
    waiting = [vm for vm in group.outdated if vm in users and tx.world.vms[vm].place]
    failed, again = (tuple(v for v in vms if v in users) for vms in (group.failed, group.again))
    group = tx.change(group, outdated=tuple(waiting[1:]), failed=failed, again=again)
    if waiting:
        vm = tx.world.vms[waiting[0]]
        host_id = -1 if vm.place is None else vm.place.host_id
        engine.start(tx, GUARD, group, host_id=host_id, generation=vm.generation, vm=vm.id)
