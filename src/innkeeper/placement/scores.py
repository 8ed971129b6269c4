"""How hosts that fit are ranked: the higher, the better; the lowest host number on ties.

Every policy is a rank expression, in the language in which VMs write their own SCHED_RANK; so an explanation
means the same for both. The expressions are those of OpenNebula's rank scheduler, policies 0, 1, 2 and 4.
"""

from .columns import Numbers
from .records import Policy, PolicyName
from .request import Demand
from .snapshot import Snapshot

RANKS: dict[PolicyName, str] = {
    "packing": "RUNNING_VMS",
    "striping": "-RUNNING_VMS",
    "load-aware": "FREE_CPU",
    "fixed": "PRIORITY",
}


def scores(snapshot: Snapshot, policy: Policy, demand: Demand) -> Numbers:
    """The score of every host for a VM, whether it fits or not."""
    return snapshot.rank(demand.rank or RANKS[policy.name])


def basis(policy: Policy, demand: Demand) -> str:
    """What the score comes from: the policy's name, or SCHED_RANK."""
    return "SCHED_RANK" if demand.rank else policy.name
