"""Virtual router documents (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.elements import identity, ids, lock, permissions
from innkeeper.api.xmlrpc.documents.plain import plain
from innkeeper.model.nouns import VRouter
from innkeeper.model.world import World


def router(record: VRouter, uname: str, gname: str, vms: tuple[int, ...]) -> str:
    """The whole document."""
    return (
        f"<VROUTER>{identity(record, uname, gname)}{permissions(record.permissions)}"
        f"{lock(record.lock)}{ids('VMS', vms)}{record.template.to_xml()}</VROUTER>"
    )


def _vms(world: World, record: VRouter) -> tuple[tuple[int, ...]]:
    return (tuple(sorted(world.router_vms.of(record.id))),)


parts = plain("vrouter", router, _vms)
