"""Why a VM waits, and why it is where it is.

A VM that waits is told from today's state: every check of every host. A VM that has a place is told from the
decision that was stored with it, and from what its host has now.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from innkeeper.model.objects import History, Vm
from innkeeper.model.states import VmState
from innkeeper.model.world import World

from . import units
from .advice import advice
from .columns import Mask
from .filters import FILTERS
from .records import Explanation, HostVerdict, Policy
from .request import Request, request_of, within_quotas
from .scores import scores
from .snapshot import Snapshot, snapshot_of
from .verdicts import checks, checks_of, masks

#: What lets a VM go on that does not wait for placement.
_NEXT = {
    VmState.HOLD: "release the VM: it is on hold",
    VmState.CLONING: "wait until its images are ready",
    VmState.CLONING_FAILURE: "recover the VM: an image could not be made ready",
    VmState.STOPPED: "resume the VM: it was stopped",
    VmState.UNDEPLOYED: "resume the VM: it was undeployed",
}
_BY_NAME = {each.name: each for each in FILTERS}


def explain(world: World, vm: Vm, now: float, policy: Policy | None = None) -> Explanation:
    """What is to be said about the placement of a VM, in any of its states.

    `policy` ranks the hosts that fit a waiting VM (default: as at its last decision).
    """
    if vm.state is VmState.DONE:
        return Explanation(vm.id, vm.state.name, "the VM is done", (), ())
    if vm.place is not None:
        return _of_placed(world, vm, vm.place, now)
    return _of_waiting(world, vm, now, policy or _last_policy(vm))


def _last_policy(vm: Vm) -> Policy:
    try:
        return Policy(vm.decision.get("policy", "striping"))
    except ValueError:
        return Policy()


# ---- waiting -------------------------------------------------------------------------------------


def _of_waiting(world: World, vm: Vm, now: float, policy: Policy) -> Explanation:
    snapshot = snapshot_of(world)
    request = within_quotas(world, vm, request_of(vm))
    answers = masks(snapshot, request)
    hosts = _verdicts(snapshot, request, answers, policy)
    fitting = sum(host.verdict == "fits" for host in hosts)
    lines: tuple[str, ...] = (_NEXT[vm.state],) if vm.state in _NEXT else ()
    if not fitting:
        lines += advice(snapshot, request, answers)
    summary = f"{vm.state.name} for {units.span(now - vm.stime)}: " + _tally(vm, hosts, fitting)
    return Explanation(vm.id, vm.state.name, summary, hosts, lines)


def _verdicts(
    snapshot: Snapshot, request: Request, answers: Sequence[Mask], policy: Policy
) -> tuple[HostVerdict, ...]:
    """All hosts: those that fit, best first; then the others, those with the fewest failures first."""
    values = scores(snapshot, policy, request.demand)
    failures = (~np.array(answers)).sum(axis=0)
    order = np.lexsort((np.where(failures == 0, -values, 0), failures)).tolist()
    return tuple(
        HostVerdict(
            snapshot.ids[row],
            snapshot.hosts[row].name,
            "refused" if failures[row] else "fits",
            None if failures[row] else float(values[row]),
            found,
        )
        for row, found in zip(order, checks(snapshot, request, order, answers), strict=True)
    )


def _tally(vm: Vm, hosts: Sequence[HostVerdict], fitting: int) -> str:
    if not hosts:
        return "there is no host"
    if fitting:
        offer = f"{fitting} of {units.counted(len(hosts), 'host')} can take it now"
        soon = ", the next pass places it" if vm.state is VmState.PENDING else ""
        return f"{offer} ({hosts[0].name} first){soon}"
    first: dict[str, int] = {each.name: 0 for each in FILTERS}
    for host in hosts:
        first[next(check.name for check in host.checks if not check.ok)] += 1
    causes = (f"{_BY_NAME[name].cause} ({count})" for name, count in first.items() if count)
    return f"none of {units.counted(len(hosts), 'host')} can take it: {', '.join(causes)}"


# ---- placed --------------------------------------------------------------------------------------


def _of_placed(world: World, vm: Vm, place: History, now: float) -> Explanation:
    state = vm.lcm_state.name if vm.state is VmState.ACTIVE else vm.state.name
    stored = vm.decision if vm.decision.get("chosen") == place.host_id else {}
    own, lines = _own_host(world, vm, place, stored)
    others = tuple(_told(v) for v in stored.get("hosts", ()) if v["host"] != own.host)
    summary = f"{state} on host {place.hostname} for {units.span(now - place.stime)}; "
    return Explanation(vm.id, state, summary + _how(stored, now), (own, *others), lines)


def _own_host(
    world: World, vm: Vm, place: History, stored: dict[str, Any]
) -> tuple[HostVerdict, tuple[str, ...]]:
    """The host where the VM is, as it would be judged today without this VM; and what is wrong with it.

    The space that the VM's disks need is there already, so it is not asked for.
    """
    snapshot = snapshot_of(world)
    row = snapshot.rows.get(place.host_id)
    score = stored.get("score")
    if row is None:
        return HostVerdict(place.host_id, place.hostname, "chosen", score, ()), ()
    snapshot.release(vm)
    request = msgspec.structs.replace(request_of(vm), disk=0)
    found = checks_of(snapshot, request, row)
    remedies = (_BY_NAME[c.name].remedy(snapshot, request, row) for c in found if not c.ok)
    own = HostVerdict(place.host_id, snapshot.hosts[row].name, "chosen", score, found)
    return own, tuple(line for line in remedies if line)


def _how(stored: dict[str, Any], now: float) -> str:
    if not stored:
        return "it was put there by request: no decision of placement is kept"
    score = units.plain(float(stored["score"]))
    text = f"chosen {units.span(now - stored['at'])} ago by {stored['policy']} (score {score}) "
    text += f"out of {units.counted(stored['considered'], 'host')}"
    refused = ", ".join(f"{count} by {name}" for name, count in stored["refused"].items())
    return f"{text}; refused: {refused}" if refused else text


def _told(verdict: dict[str, Any]) -> HostVerdict:
    """A verdict as it was stored: of a VM that was placed, these are hosts that could have taken it."""
    return HostVerdict(verdict["host"], verdict["name"], verdict["verdict"], verdict["score"], ())
