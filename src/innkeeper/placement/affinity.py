"""What a VM's group asks of hosts: with which VMs of it the VM belongs, and from which it is kept apart.

Where the others are changes with every VM that a pass places, so what is found holds until the next one.
"""

from typing import NamedTuple

import numpy as np

from innkeeper.model import affinity
from innkeeper.model.affinity import APART, TOGETHER
from innkeeper.model.nouns import Role, VmGroup

from .columns import Mask
from .request import Membership, Request
from .snapshot import Snapshot

#: Hosts, each with the VMs there.
Places = dict[int, list[int]]


class Wish(NamedTuple):
    """What is asked: the role's own hosts (None: any), those it avoids, where its companions are, where its rivals."""

    role: Role
    together: Places
    apart: Places

    def refused(self, host: int) -> str:
        """Why a host will not do; empty when it will."""
        if self.role.hosts and host not in self.role.hosts:
            return "not one of the role's hosts"
        if host in self.role.avoided:
            return "one that the role avoids"
        if host in self.apart:
            return f"has {_listed(self.apart[host])} of the group"
        if self.together and host not in self.together:
            return "has no VM of the group that it belongs with"
        return ""


def wish(snapshot: Snapshot, member: Membership | None) -> Wish | None:
    """What the group of a VM asks for; None when it has none, or that asks for nothing."""
    group = snapshot.groups.get(member.group) if member else None
    role = group.role(member.role) if group and member else None
    if group is None or role is None or member is None:
        return None
    together, apart = (_places(snapshot, group, member, kind) for kind in (TOGETHER, APART))
    if not (role.hosts or role.avoided or together or apart):
        return None
    return Wish(role, together, apart)


def _places(snapshot: Snapshot, group: VmGroup, member: Membership, kind: str) -> Places:
    """Where the VMs are that a VM belongs with, or is kept apart from."""
    roles = affinity.companions(group, member.role, kind)
    found: Places = {}
    for vm, role in snapshot.members(group.id) if roles else ():
        host = snapshot.host_of(vm)
        if role in roles and vm != member.vm and host is not None:
            found.setdefault(host, []).append(vm)
    return found


def holds(snapshot: Snapshot, request: Request) -> Mask:
    """Which hosts the group lets the VM have."""
    found = wish(snapshot, request.demand.member)
    if found is None:
        return np.ones(len(snapshot), dtype=np.bool_)
    return np.array([not found.refused(number) for number in snapshot.ids], dtype=np.bool_)


def needed(snapshot: Snapshot, request: Request) -> str:
    """What is asked for, in words."""
    found = wish(snapshot, request.demand.member)
    if found is None or request.demand.member is None:
        return "nothing"
    role = found.role
    parts = [f"host {' or '.join(map(str, role.hosts))}"] if role.hosts else []
    parts += [f"not host {' or '.join(map(str, role.avoided))}"] if role.avoided else []
    parts += [f"the host of {_all(found.together)}"] if found.together else []
    parts += [f"a host without {_all(found.apart)}"] if found.apart else []
    return f"for role {role.name} of group {request.demand.member.group}: {', '.join(parts)}"


def had(snapshot: Snapshot, request: Request, row: int) -> str:
    """How a host answers to that."""
    found = wish(snapshot, request.demand.member)
    return (found.refused(snapshot.ids[row]) if found else "") or "as asked"


def remedy(snapshot: Snapshot, request: Request, row: int) -> str:
    """What would make a host that is refused for its VMs pass."""
    found = wish(snapshot, request.demand.member)
    rivals = found.apart.get(snapshot.ids[row]) if found else None
    return f"take {_listed(rivals)} elsewhere" if rivals else ""


def _all(places: Places) -> str:
    return _listed(sorted(vm for vms in places.values() for vm in vms))


def _listed(vms: list[int]) -> str:
    shown = ", ".join(map(str, vms[:10])) + (", ..." if len(vms) > 10 else "")
    return f"VM {shown}" if len(vms) == 1 else f"VMs {shown}"
