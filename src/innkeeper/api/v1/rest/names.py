"""What XML-RPC calls what REST does: hooks are on its methods, whoever is asked."""

from typing import Final

from innkeeper.lifecycle.actions import ACTIONS

from .table import Action, Resource

#: What nouns and actions are called otherwise. Of the rest, the words are the same.
NOUNS: Final = {"network": "vn"}
VERBS: Final = {
    "create": "allocate", "set-quota": "quota", "add-admin": "addadmin", "remove-admin": "deladmin",
    "set-vlan-rules": "vlan", "enabled": "enable",
}  # fmt: skip
OTHERWISE: Final = {
    "vm": {
        **dict.fromkeys((*ACTIONS, "delete"), "action"),
        "attach-disk": "attach", "detach-disk": "detach", "resize-disk": "diskresize", "save-disk": "disksaveas",
        "attach-nic": "attachnic", "detach-nic": "detachnic", "update-nic": "updatenic",
        "update-configuration": "updateconf", "create-disk-snapshot": "disksnapshotcreate",
        "delete-disk-snapshot": "disksnapshotdelete", "revert-disk": "disksnapshotrevert",
        "rename-disk-snapshot": "disksnapshotrename", "create-snapshot": "snapshotcreate",
        "revert-snapshot": "snapshotrevert", "delete-snapshot": "snapshotdelete",
        "attach-security-group": "attachsg", "detach-security-group": "detachsg", "execute": "exec",
        "retry-execute": "retryexec", "cancel-execute": "cancelexec", "join-group": "vmgroupadd",
        "leave-group": "vmgroupdel", "cancel-backup": "backupcancel",
    },
    "host": dict.fromkeys(("enable", "disable", "offline"), "status"),
    "network": {
        "add-range": "add_ar", "update-range": "update_ar", "remove-range": "rm_ar", "free-range": "free_ar",
    },
    "vmgroup": {"add-role": "roleadd", "delete-role": "roledelete", "update-role": "roleupdate"},
    "vrouter": {"attach-nic": "attachnic", "detach-nic": "detachnic"},
    "zone": {"add-server": "addserver", "delete-server": "delserver", "reset-server": "resetserver"},
    "acl": {"create": "addrule", "delete": "delrule"},
}  # fmt: skip
_SCHEDULES: Final = {
    "schedule": "schedadd", "update-schedule": "schedupdate", "delete-schedule": "scheddelete",
}  # fmt: skip
#: Members of clusters, VDCs and (groups of) users.
_MEMBERS: Final = {
    f"{word}-{long}": f"{short}{member}"
    for word, short in (("add", "add"), ("remove", "del"))
    for long, member in (("host", "host"), ("datastore", "datastore"), ("network", "vnet"), ("cluster", "cluster"),
                         ("group", "group"))
}  # fmt: skip


def method_of(resource: Resource, action: Action) -> str:
    """The method that does the same."""
    kind, name = resource.kind.KIND, action.name
    if (kind, name) == ("host", "move"):
        return "one.cluster.addhost"
    own = {**VERBS, **_SCHEDULES, **_MEMBERS, **OTHERWISE.get(kind, {})}
    return f"one.{NOUNS.get(kind, kind)}.{own.get(name, name)}"
