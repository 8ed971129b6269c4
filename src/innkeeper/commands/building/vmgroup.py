"""VMGROUP: the role in a group that a VM has (spec: templates.md section 4.7)."""

from innkeeper.model.errors import must_be
from innkeeper.model.nouns import VmGroup
from innkeeper.model.template import Vector

from ..common import usable
from .draft import Draft, problem
from .named import owner_of, whole


def fill(draft: Draft) -> None:
    """Finds the group, which the caller must be allowed to use, and the role in it."""
    vectors = draft.template.vectors("VMGROUP")
    draft.template = draft.template.without("VMGROUP")
    if len(vectors) > 1:
        raise problem(f"A VM belongs to one VMGROUP, not {len(vectors)}.")
    for vector in vectors:
        group = usable(draft.world, VmGroup, _number(draft, vector), draft.caller)
        role = vector.get("ROLE", "")
        if group.role(role) is None:
            raise problem(must_be("ROLE of VMGROUP", f"a role of group {group.id}", role[:40]))
        draft.template = draft.template.with_(
            "VMGROUP", {"VMGROUP_ID": str(group.id), "ROLE": role}
        )


def _number(draft: Draft, vector: Vector) -> int:
    if "VMGROUP_ID" in vector:
        return whole(vector, "VMGROUP_ID")
    name = vector.get("VMGROUP_NAME", "")
    owner = owner_of(draft, vector, "VMGROUP")
    found = draft.world.names.find(VmGroup.KIND, name, owner)
    if found is None:
        raise problem(f"VMGROUP_NAME: user {owner} has no VM group {name[:40]!r}.")
    return found
