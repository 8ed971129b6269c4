"""What a host offers to VMs: its total minus what is reserved, in 1/100 cores and KiB.

RESERVED_CPU and RESERVED_MEM are OpenNebula's: an absolute amount, or a share of the total as "n%"; a
negative one offers more than there is (overcommit). An empty one on the host leaves it to its cluster.
"""

from innkeeper.model.objects import Cluster, Host
from innkeeper.model.template import as_float


def without_reserved(total: int, reserved: str) -> int:
    """A total minus a reservation; a text that is no reservation reserves nothing."""
    text = reserved.strip()
    share = text.endswith("%")
    amount = as_float(text.removesuffix("%").strip()) or 0.0
    left = total * (1 - amount / 100) if share else total - amount
    return max(0, int(left))


def reservation(host: Host, cluster: Cluster | None, name: str) -> str:
    """RESERVED_CPU or RESERVED_MEM as it counts for a host; empty when nothing is reserved."""
    own = host.template.get(name, "").strip()
    if own or cluster is None:
        return own
    return cluster.template.get(name, "").strip()


def capacity(host: Host, cluster: Cluster | None) -> tuple[int, int]:
    """What VMs may take of a host in all: (1/100 cores, KiB). OpenNebula shows it as MAX_CPU, MAX_MEM."""
    return (
        without_reserved(host.total_cpu, reservation(host, cluster, "RESERVED_CPU")),
        without_reserved(host.total_memory, reservation(host, cluster, "RESERVED_MEM")),
    )
