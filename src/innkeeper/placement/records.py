"""What placement says: checks, verdicts, decisions, explanations."""

from typing import Any, Literal, get_args

import msgspec

PolicyName = Literal["striping", "packing", "load-aware", "fixed"]


class Policy(msgspec.Struct, frozen=True):
    """How hosts that fit are ranked when a VM has no SCHED_RANK of its own.

    striping: the host with the fewest VMs; packing: with the most; load-aware: with the most CPU that is
    not given away; fixed: with the highest PRIORITY attribute. ValueError for another name.
    """

    name: PolicyName = "striping"

    def __post_init__(self) -> None:
        known = get_args(PolicyName)
        if self.name not in known:
            raise ValueError(f"policy: expected one of {', '.join(known)}; got {self.name!r}")


class Check(msgspec.Struct, frozen=True):
    """One thing that a host must have for a VM: what was needed and what there was, in human units."""

    name: str
    needed: str
    had: str
    ok: bool


class HostVerdict(msgspec.Struct, frozen=True):
    """What was found about one host: "fits", "refused" or "chosen"; the score only of hosts that fit."""

    host: int
    name: str
    verdict: str
    score: float | None
    checks: tuple[Check, ...]


class Decision(msgspec.Struct, frozen=True):
    """Where a VM shall run; host and datastore are None when it fits nowhere now, `reason` says why.

    `explanation` is what `Vm.decision` keeps, to be told later by `explain`:

    =============  =======================================================================
    at             epoch seconds
    policy         name of the policy, or "SCHED_RANK" when the VM ranks hosts itself
    chosen, score  host number and its score; None when not placed
    considered     how many hosts were looked at
    refused        check name -> how many hosts failed it first; these add up to all refused
    needed         {"cpu": 1/100 cores, "memory": KiB, "disk": MiB}
    hosts          verdicts as small dicts: the chosen and the next best ones of a placed VM,
                   the nearest misses of one that is not: {"host", "name", "verdict", and
                   "score", or the "check" that failed first, with what the host "had" of
                   it where that is CPU or memory}
    =============  =======================================================================

    VMs of one pass that ask for the same may share the dict: it is not to be changed.
    """

    vm: int
    host: int | None
    datastore: int | None
    reason: str
    explanation: dict[str, Any]


class Explanation(msgspec.Struct, frozen=True):
    """The answer to "why is it pending" and "why is it here", ready to be shown."""

    vm: int
    state: str
    summary: str
    hosts: tuple[HostVerdict, ...]
    advice: tuple[str, ...]
