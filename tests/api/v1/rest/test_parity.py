"""What XML-RPC can do, REST can do: each method has its like, or is listed with the reason why not."""

from collections.abc import Iterator

from innkeeper.api.v1.rest.documents import REPORTS
from innkeeper.api.v1.rest.resources import RESOURCES
from innkeeper.api.v1.rest.table import Resource
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.lifecycle.actions import ACTIONS
from tests.api.xmlrpc.refusals import REFUSED

#: How REST calls what XML-RPC calls otherwise: an action, or the fields of PATCH.
ACTION = {
    "one.vm.attach": "attach-disk", "one.vm.detach": "detach-disk", "one.vm.diskresize": "resize-disk",
    "one.vm.disksaveas": "save-disk", "one.vm.attachnic": "attach-nic", "one.vm.detachnic": "detach-nic",
    "one.vm.updatenic": "update-nic", "one.vm.updateconf": "update-configuration",
    "one.vm.disksnapshotcreate": "create-disk-snapshot", "one.vm.disksnapshotdelete": "delete-disk-snapshot",
    "one.vm.disksnapshotrevert": "revert-disk", "one.vm.disksnapshotrename": "rename-disk-snapshot",
    "one.vm.snapshotcreate": "create-snapshot", "one.vm.snapshotrevert": "revert-snapshot",
    "one.vm.snapshotdelete": "delete-snapshot", "one.vm.attachsg": "attach-security-group",
    "one.vm.detachsg": "detach-security-group", "one.vm.exec": "execute", "one.vm.retryexec": "retry-execute",
    "one.vm.cancelexec": "cancel-execute", "one.vm.vmgroupadd": "join-group", "one.vm.vmgroupdel": "leave-group",
    "one.vm.schedadd": "schedule", "one.vm.schedupdate": "update-schedule", "one.vm.scheddelete": "delete-schedule",
    "one.vm.backupcancel": "cancel-backup", "one.host.status": "disable",
    "one.vn.add_ar": "add-range", "one.vn.update_ar": "update-range", "one.vn.rm_ar": "remove-range",
    "one.vn.free_ar": "free-range",
    "one.vmgroup.roleadd": "add-role", "one.vmgroup.roledelete": "delete-role", "one.vmgroup.roleupdate": "update-role",
    "one.vrouter.attachnic": "attach-nic", "one.vrouter.detachnic": "detach-nic",
    "one.backupjob.schedadd": "schedule", "one.backupjob.schedupdate": "update-schedule",
    "one.backupjob.scheddelete": "delete-schedule",
    "one.user.addgroup": "add-group", "one.user.delgroup": "remove-group",
    "one.group.addadmin": "add-admin", "one.group.deladmin": "remove-admin", "one.group.vlan": "set-vlan-rules",
    "one.user.quota": "set-quota", "one.group.quota": "set-quota",
    "one.zone.addserver": "add-server", "one.zone.delserver": "delete-server", "one.zone.resetserver": "reset-server",
    **{f"one.{noun}.{verb}{short}": f"{word}-{long}"
       for noun in ("cluster", "vdc") for verb, word in (("add", "add"), ("del", "remove"))
       for short, long in (("host", "host"), ("datastore", "datastore"), ("vnet", "network"), ("cluster", "cluster"),
                           ("group", "group"))},
}  # fmt: skip
PATCH = {
    "update": {"template", "merge"}, "rename": {"name"}, "chmod": {"permissions"}, "chown": {"uid", "gid"},
    "enable": {"enabled"}, "persistent": {"persistent"}, "chtype": {"type"}, "priority": {"priority"},
    "chgrp": {"gid"},
}  # fmt: skip
#: What nouns and resources call the same thing.
NOUNS = {"network": "vn"}
#: Methods that need no like of their own.
OTHERWISE = {
    "one.vmpool.infoextended": "lists show all of each VM",
    "one.vmpool.infoset": "a list is filtered, and objects are read one by one",
    "one.vmpool.calculateshowback": "there is nothing to calculate",
    "one.system.version": "GET /version",
    "one.userquota.update": "PUT /quotas/user",
    "one.groupquota.update": "PUT /quotas/group",
    "one.acl.info": "GET /acl",
}
#: Always refused, and of no use to people: what servers and database tools say to each other, plans, PCI devices.
NEVER = {
    name
    for name in REFUSED
    if name.endswith(("db", "replicate", "voterequest", "sql", "sqlquery", "pci"))
    or name.startswith(("one.cluster.", "one.image.snapshot"))
}


def resource_of(noun: str) -> Resource | None:
    found = (each for each in RESOURCES if NOUNS.get(each.kind.KIND, each.kind.KIND) == noun)
    return next(found, None)


def has(resource: Resource, name: str) -> bool:
    """Does the resource do what the method does?"""
    verb = name.rpartition(".")[2]
    fields = {field.name for change in resource.changes for field in change.fields}
    if verb in ("allocate", "addrule"):
        return resource.create is not None
    if verb in ("delete", "delrule"):
        return resource.delete is not None
    if verb == "info":
        return True
    if name == "one.vm.action":
        return all(resource.action(action) for action in ACTIONS)
    if PATCH.get(verb, {""}) <= fields:
        return True
    return resource.action(ACTION.get(name, verb)) is not None


def missing() -> Iterator[str]:
    reported = {method for _, method in REPORTS.values()}
    for name in METHODS.keys() - reported - OTHERWISE.keys() - NEVER:
        _, noun, _ = name.split(".")
        resource = resource_of(noun.removesuffix("pool"))
        if resource is None or not has(resource, name):
            yield name


def test_every_method_has_its_like() -> None:
    assert sorted(missing()) == []


def test_what_is_listed_exists_and_is_needed() -> None:
    assert set(OTHERWISE) | NEVER <= set(METHODS)
    known = {action.name for resource in RESOURCES for action in resource.actions}
    assert {action for name, action in ACTION.items() if name in METHODS} <= known
