"""Security group documents (spec: xml-documents.md section 7)."""

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import identity, ids, owners, permissions
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.model.objects import SecurityGroup

#: VMs that have the rules, that wait for them, that are being told, that could not be told.
Lists = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
_LISTS = ("UPDATED_VMS", "OUTDATED_VMS", "UPDATING_VMS", "ERROR_VMS")


def group(record: SecurityGroup, uname: str, gname: str, vms: Lists) -> tuple[str]:
    """The whole document."""
    lists = "".join(ids(tag, numbers) for tag, numbers in zip(_LISTS, vms, strict=True))
    return (
        f"<SECURITY_GROUP>{identity(record, uname, gname)}{permissions(record.permissions)}"
        f"{lists}{record.template.to_xml()}</SECURITY_GROUP>",
    )


GROUP = Form("secgroup", group)


def parts(view: View, record: SecurityGroup) -> Parts:
    """The document of a security group."""
    uname, gname = owners(view.world, record)
    return view.cache.parts(GROUP, record, (uname, gname, _lists(view, record)))


def _lists(view: View, record: SecurityGroup) -> Lists:
    users = sorted(view.world.group_users.of(record.id))
    operation = view.world.operation_on(record)
    told = () if operation is None else (int(operation.args["vm"]),)
    outdated, updating, failed = (
        tuple(vm for vm in vms if vm in users) for vms in (record.outdated, told, record.failed)
    )
    elsewhere = {*outdated, *updating, *failed}
    return tuple(vm for vm in users if vm not in elsewhere), outdated, updating, failed
