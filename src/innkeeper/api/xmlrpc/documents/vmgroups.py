"""VM group documents (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.elements import children, identity, lock, permissions
from innkeeper.api.xmlrpc.documents.plain import plain
from innkeeper.commands.vmgroups import members
from innkeeper.model.affinity import described
from innkeeper.model.nouns import Role, VmGroup
from innkeeper.model.world import World

#: The VMs of each role.
Vms = tuple[tuple[int, ...], ...]


def group(record: VmGroup, uname: str, gname: str, vms: Vms) -> str:
    """The whole document."""
    roles = "".join(_role(role, found) for role, found in zip(record.roles, vms, strict=True))
    return (
        f"<VM_GROUP>{identity(record, uname, gname)}{permissions(record.permissions)}"
        f"{lock(record.lock)}<ROLES>{roles}</ROLES>{record.template.to_xml()}</VM_GROUP>"
    )


def _role(role: Role, vms: tuple[int, ...]) -> str:
    shown = {**described(role), "ID": str(role.id)}
    if vms:
        shown["VMS"] = ",".join(map(str, vms))
    return f"<ROLE>{children(shown)}</ROLE>"


def _vms(world: World, record: VmGroup) -> tuple[Vms]:
    found = members(world, record)
    return (tuple(tuple(sorted(found[role.name])) for role in record.roles),)


parts = plain("vmgroup", group, _vms)
